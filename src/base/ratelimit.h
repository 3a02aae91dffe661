/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "base/err.h"

/*
 * A token bucket: how often something may happen.
 *
 * It holds up to `burst` tokens and gains `rate_per_s` of them every second. Time is handed in, so
 * that a test can live through an hour in a microsecond.
 */
struct ratelimit {
    uint64_t burst;
    uint64_t rate_per_s;
    uint64_t tokens;
    uint64_t refilled_at_ns;
};

enum {
    RATELIMIT_E_EMPTY = 1,
};

/* Starts full. `burst` and `rate_per_s` are at least 1. */
void ratelimit_init(struct ratelimit *limit, uint64_t burst, uint64_t rate_per_s, uint64_t now_ns);

/* Takes `n` tokens. Returns 0, or RATELIMIT_E_EMPTY and takes none. `now_ns` never runs backwards.
 */
MUST_USE int ratelimit_take(struct ratelimit *limit, uint64_t n, uint64_t now_ns);
