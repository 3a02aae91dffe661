/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "base/bytes.h"

/* gRPC's status codes (grpc/doc/statuscodes.md). */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

/* `RESOURCE_EXHAUSTED` and so on; `UNKNOWN` for a number that is none. */
const char *grpc_status_name(enum grpc_status status);

/* The value of `grpc-status`; what is no code counts as UNKNOWN (gRPC over HTTP/2, "Responses"). */
enum grpc_status grpc_status_parse(struct bytes value);

/* What a client reports when a stream was reset with an HTTP/2 error code. */
enum grpc_status grpc_status_of_h2_error(uint32_t error);

/* What a client reports when the answer had no grpc-status but this `:status`
 * (grpc/doc/http-grpc-status-mapping.md). */
enum grpc_status grpc_status_of_http(struct bytes http_status);

/* `grpc-message`: percent-coded UTF-8. Appends the coded form. 0, BUF_E_FULL or -ENOMEM. */
MUST_USE int grpc_status_message_encode(struct bytes text, struct buf *out);

/* Appends the decoded form; a bad escape is taken as it stands. 0, BUF_E_FULL or -ENOMEM. */
MUST_USE int grpc_status_message_decode(struct bytes coded, struct buf *out);
