/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "proto/reading.h"
#include "store/batch.h"
#include "store/blocks.h"
#include "store/names.h"
#include "store/repeats.h"

/*
 * One sensor: its readings and their statistics. The writer thread changes it, any thread reads it;
 * the lock is held for a slice of readings or a page, never across I/O.
 */
struct series {
    pthread_mutex_t lock; /* the writer thread takes it only to change what follows */
    struct blocks blocks;
    struct stats stats;
    struct repeats *repeats; /* NULL until a group of equal time is large; the writer's alone */
    struct name id;
};

enum {
    SERIES_E_REPEAT = 1, /* it holds this reading already */
};

/* Copies the id. 0 or -ENOMEM. */
MUST_USE int series_new(struct bytes id, struct budget *budget, struct series **series);

/* NULL is fine. */
void series_free(struct series *series, struct budget *budget);

static inline struct bytes series_id(const struct series *series) {
    return name_bytes(&series->id);
}

/* The writer thread, with the lock held if other threads know the series. 0, SERIES_E_REPEAT or
 * -ENOMEM; then nothing has changed. */
MUST_USE int series_insert(struct series *series, const struct store_item *item,
                           struct budget *budget);

/* A copy of the statistics. Any thread. */
void series_stats(struct series *series, struct stats *stats);

/* Statistics of what lies in the range. Any thread. */
void series_range_stats(struct series *series, const struct store_range *range,
                        struct stats *stats);

/*
 * A walk through a time range. The two ends are marks that stay valid while readings are inserted:
 * a time, and how many readings of that time lie before. Newly arrived readings of a time come
 * after all others of it, so those before a mark stay the same.
 */
struct series_mark {
    struct stats_instant time;
    uint64_t n_before;
};

struct series_walk {
    struct series_mark from; /* what is left: from here on */
    struct series_mark to;   /* and before here */
    bool newest_first;
};

/* What lies in the query's range, up to the newest reading of this moment. Any thread. */
void series_walk_init(struct series_walk *walk, struct series *series,
                      const struct store_query *query);

/* Copies the next `max` readings or fewer; returns how many, 0 at the end. Any thread. */
size_t series_walk_next(struct series_walk *walk, struct series *series, struct reading *readings,
                        size_t max);
