/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/backoff.h"

#include "base/clock.h"

uint64_t grpc_backoff_ns(unsigned n_failed, double jitter) {
    double wait_s = GRPC_BACKOFF_FIRST_S;
    for (unsigned i = 1; i < n_failed && wait_s < GRPC_BACKOFF_MAX_S; i++)
        wait_s *= GRPC_BACKOFF_MULTIPLIER;
    if (wait_s > GRPC_BACKOFF_MAX_S)
        wait_s = GRPC_BACKOFF_MAX_S;
    wait_s *= 1 + GRPC_BACKOFF_JITTER * (2 * jitter - 1);
    return (uint64_t)(wait_s * (double)NS_PER_S);
}
