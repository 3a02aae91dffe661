/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/* What a receiver answers, read from its bytes. All borrows from them. */
enum {
    OTLP_E_MALFORMED = 1, /* the bytes are no such message */
};

/* partial_success of an Export...ServiceResponse; the same numbers for every signal. */
struct otlp_partial {
    uint64_t n_rejected;  /* a negative number counts as 0 */
    struct bytes message; /* empty: none */
};

/* 0 or OTLP_E_MALFORMED. */
MUST_USE int otlp_partial_read(struct bytes response, struct otlp_partial *partial);

/* google.rpc.Status, with the google.rpc.RetryInfo among its details if there is one. */
struct otlp_rpc_status {
    struct bytes message;
    bool has_retry_info;
    uint64_t retry_ns;
};

/* 0 or OTLP_E_MALFORMED. */
MUST_USE int otlp_rpc_status_read(struct bytes bytes, struct otlp_rpc_status *status);
