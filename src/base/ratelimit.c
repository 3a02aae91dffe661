/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ratelimit.h"

#include "base/clock.h"

void ratelimit_init(struct ratelimit *limit, uint64_t burst, uint64_t rate_per_s, uint64_t now_ns) {
    *limit = (struct ratelimit){burst, rate_per_s, burst, now_ns};
}

static void ratelimit_refill(struct ratelimit *limit, uint64_t now_ns) {
    uint64_t ns_per_token = NS_PER_S / limit->rate_per_s;
    uint64_t gained = ns_per_token ? (now_ns - limit->refilled_at_ns) / ns_per_token : limit->burst;
    if (gained >= limit->burst - limit->tokens) {
        limit->tokens = limit->burst;
        limit->refilled_at_ns = now_ns;
        return;
    }
    limit->tokens += gained;
    limit->refilled_at_ns += gained * ns_per_token; /* the begun token is not lost */
}

int ratelimit_take(struct ratelimit *limit, uint64_t n, uint64_t now_ns) {
    ratelimit_refill(limit, now_ns);
    if (n > limit->tokens)
        return RATELIMIT_E_EMPTY;
    limit->tokens -= n;
    return 0;
}
