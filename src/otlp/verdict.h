/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otlp/sender.h"

/*
 * What follows from an answer (OTLP specification 1.5 and later, "Failures", "Retryable response
 * codes"; of gRPC and of HTTP):
 *
 *     delivered   some of it may have been rejected: that is never sent again
 *     try again   after `wait_ns`, if the receiver asked for it, otherwise after the back-off
 *     give up     sending it again would bring the same answer
 */
enum otlp_course {
    OTLP_DELIVERED,
    OTLP_TRY_AGAIN,
    OTLP_GIVE_UP,
};

struct otlp_verdict {
    enum otlp_course course;
    bool has_wait; /* the receiver has said how long */
    uint64_t wait_ns;
    uint64_t n_rejected;    /* of what was delivered */
    const char *error_type; /* `UNAVAILABLE`, `503`, `no_answer`, `rejected`; NULL: all is well */
    struct err_text words;  /* what went wrong, or what the receiver wants to tell; may be empty */
};

/* error_type is a constant. */
void otlp_judge(const struct otlp_answer *answer, struct otlp_verdict *verdict);
