/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/random.h"
#include "durable_bench.h"

/*
 * A durable backend and the one in memory as its model: what is acknowledged goes to both, and both
 * have to give back the same.
 *
 * When the disk fails, the batch that was under way is unsure: it may be there, whole, or not.
 */
enum {
    TWINS_N_SENSORS = 4,
};

struct twins {
    struct durable_bench disk; /* open it, with options of its own */
    struct store_backend *model;
    struct random random;
    int64_t now_s[TWINS_N_SENSORS];
    struct reading last[STORE_BATCH_MAX_READINGS]; /* the last batch that was tried */
    size_t n_last;
    bool is_unsure; /* whether it is there */
};

/* The directory is made and not opened. */
void twins_init(struct twins *twins, uint64_t seed);
void twins_fini(struct twins *twins);

/* Commits to both. False: the disk's backend refused it, all of it and for good. */
bool twins_commit(struct twins *twins, const struct reading *readings, size_t n);

/* The same with `n` readings that may be newer than all, of the same time, late, very late, or
 * repeats; `lateness` is the percentage of late ones. */
bool twins_write(struct twins *twins, size_t n, uint64_t lateness);

/* Sends the last batch once more, as a client does that has no answer. */
bool twins_write_again(struct twins *twins);

/* After a new start: a batch that is unsure is there as a whole, or not. */
void twins_settle(struct twins *twins);

/* Every reading of every sensor, in both directions, ranges, statistics. */
void twins_compare(struct twins *twins);
