/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/* The `grpc-timeout` header: up to 8 digits and a unit of H M S m u n (gRPC over HTTP/2,
 * "Timeout"). */
#define GRPC_TIMEOUT_NONE UINT64_MAX

enum {
    GRPC_TIMEOUT_E_MALFORMED = 1,
};

MUST_USE int grpc_timeout_parse(struct bytes value, uint64_t *timeout_ns);

/* Rounds up where eight digits need a coarser unit. */
struct grpc_timeout_text {
    char text[16];
};
struct grpc_timeout_text grpc_timeout_format(uint64_t timeout_ns);
