/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "store/store.h"

/*
 * What one loop turn of one worker brought: readings in order of arrival. It travels to the writer
 * and comes back with the outcome of each run written in it; then it is emptied and used again, so
 * a reading costs no allocation.
 */
struct store_item {
    uint32_t name; /* which of `names` */
    int32_t nanos;
    int64_t seconds;
    uint64_t sequence;
    double temperature;
};

/* A sensor's id, where it lies in `text`. Readings in a row of one sensor share it. */
struct store_name {
    uint32_t at;
    uint32_t len;
};

/* Readings in a row of one writer. */
struct store_run {
    struct store_writer *writer;
    uint32_t first;
    uint32_t n;
    struct store_outcome outcome;
};

struct store_batch {
    struct store_item *items;
    struct store_name *names;
    struct store_run *runs;
    size_t n_items, n_names, n_runs;
    size_t cap; /* of each of the three: there are never more names or runs than items */
    struct buf text;
    struct store_commit_mark mark; /* of the commit it was in */
};

void store_batch_init(struct store_batch *batch);
void store_batch_fini(struct store_batch *batch);

/* Empties it and keeps the memory. */
void store_batch_reset(struct store_batch *batch);

enum {
    STORE_BATCH_E_FULL = 1,
};

/* 0, STORE_BATCH_E_FULL or -ENOMEM; then nothing has changed. */
MUST_USE int store_batch_append(struct store_batch *batch, struct store_writer *writer,
                                const struct reading *reading);

/* `n` readings in a row of one sensor: counts in the outcome what it takes. 0, or why it does not
 * take the next: -EUSERS, there are too many sensors; all else counts as want of memory. */
typedef int (*store_put_fn)(void *user, struct bytes id, const struct store_item *items, uint32_t n,
                            struct store_outcome *outcome);

/* Puts the run's readings up to the first that is refused, and completes the outcome. Of a writer
 * that was refused something before, nothing is put any more. */
void store_batch_put_run(const struct store_batch *batch, struct store_run *run, store_put_fn put,
                         void *user);

struct bytes store_batch_name(const struct store_batch *batch, const struct store_item *item);
