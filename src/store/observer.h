/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/store.h"

/*
 * What the store tells of its work while it does it, for telemetry. Both callbacks run on the
 * writer thread, and everything that waits to be kept waits for them.
 */
struct store_commit {
    size_t n_batches;
    uint64_t n_readings;
    struct store_commit_mark mark; /* the observer's own: goes to each writer whose readings it
                                      kept, as it is at the end */

    /* At the end, of all writers together. */
    uint64_t accepted, duplicates, refused;
};

struct store_observer {
    void *user;
    void (*commit_started)(void *user, struct store_commit *commit);
    void (*commit_ended)(void *user, struct store_commit *commit);
};
