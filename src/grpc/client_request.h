/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/client_call.h"
#include "grpc/timeout.h"
#include "http2/limits.h"

/* The header block that opens a call (gRPC over HTTP/2, "Requests"). */

/* Fields that are not metadata, at most. */
#define CLIENT_REQUEST_FIXED 11

struct client_request {
    struct h2_field fields[H2_MAX_HEADER_FIELDS];
    size_t n;
    struct grpc_timeout_text timeout;
};

/* `timeout_ns` is what is left until the deadline, GRPC_TIMEOUT_NONE without one. Points into the
 * call and its channel. */
void client_request_write(struct client_request *request, const struct grpc_client_call *call,
                          uint64_t timeout_ns);
