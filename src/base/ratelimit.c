/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ratelimit.h"

#include "base/clock.h"

void ratelimit_init(struct ratelimit *limit, uint64_t burst, uint64_t rate_per_s, uint64_t now_ns) {
    *limit = (struct ratelimit){burst, rate_per_s, burst, now_ns};
}

/* 128 bits: a day at a billion tokens a second passes 64. */
static void ratelimit_refill(struct ratelimit *limit, uint64_t now_ns) {
    unsigned __int128 earned_ns =
        (unsigned __int128)(now_ns - limit->refilled_at_ns) * limit->rate_per_s;
    unsigned __int128 gained = earned_ns / NS_PER_S;
    if (gained >= limit->burst - limit->tokens) {
        limit->tokens = limit->burst;
        limit->refilled_at_ns = now_ns;
        return;
    }
    limit->tokens += (uint64_t)gained;
    /* The begun token is not lost: the clock stands where the last whole one was earned. */
    limit->refilled_at_ns = now_ns - (uint64_t)(earned_ns % NS_PER_S / limit->rate_per_s);
}

int ratelimit_take(struct ratelimit *limit, uint64_t n, uint64_t now_ns) {
    ratelimit_refill(limit, now_ns);
    if (n > limit->tokens)
        return RATELIMIT_E_EMPTY;
    limit->tokens -= n;
    return 0;
}
