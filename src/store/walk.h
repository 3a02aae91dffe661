/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/snapshot.h"
#include "store/store.h"

/*
 * A walk through the readings of a sensor of the durable store, window by window: a window is one
 * main chunk with the late readings of its time. Between two windows nothing is held, neither a
 * view nor a lock; the place is a mark that stays valid while readings come and chunks are merged.
 */

/* The readings of `time` that lie before the mark are the first `n_before` of that time. */
struct walk_mark {
    struct stats_instant time;
    uint64_t n_before;
};

struct walk {
    struct history *history;
    bool newest_first;
    struct walk_mark from, to; /* what is left: from here on, and before here */

    struct kept *window; /* in order of time */
    size_t n, cap;
    size_t begin, end; /* what of it is not given yet */
};

/* What lies in the query's range, up to the newest reading of this moment. */
void walk_init(struct walk *walk, struct history *history, const struct store_query *query);
void walk_fini(struct walk *walk);

/* Whether walk_next() has to load a window first, for which it needs a view. */
static inline bool walk_is_empty(const struct walk *walk) {
    return walk->begin == walk->end;
}

/* Loads the next window; it stays empty at the end. Any thread. 0 or a negated errno. */
MUST_USE int walk_load(struct walk *walk, struct sealed_view *view);

/* Copies the next `max` readings of the window or fewer; returns how many. */
size_t walk_next(struct walk *walk, struct reading *readings, size_t max);
