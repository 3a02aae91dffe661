/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/bench_settings.h"
#include "cli/client.h"

/* Asks the server how many readings it holds. */
struct bench_count {
    struct client *client;
    enum bench_verify_how how;
    const char *prefix; /* statistics: of the run's sensors */

    /* The answer is in `n_held`. Not called when the call fails: that was said and has finished the
     * client. */
    void (*counted)(struct bench_count *count);
    uint64_t n_held;
};

/* BENCH_VERIFY_NONE counts nothing and answers at once. */
void bench_count_start(struct bench_count *count);
