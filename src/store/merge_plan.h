/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/sealed.h"

/* Which chunks are due for merging: decided by their heads alone. */

/* Heads in an array that grows. Zeroed is empty. */
struct merge_heads {
    struct sealed_head *list;
    size_t n, cap;
};

/* 0 or -ENOMEM. */
MUST_USE int merge_heads_append(struct merge_heads *heads, const struct sealed_head *head);
void merge_heads_fini(struct merge_heads *heads);

/* The newest main chunks that are looked at. In a row of so many some are due, whatever they are.
 */
#define MERGE_MAX_RUN 64

/*
 * Of the newest mains, newest first, up to MERGE_MAX_RUN of them: which are to be merged. `*n` 0:
 * none; else the `*n` from `*from` on.
 */
void merge_plan_run(const struct merge_heads *newest_first, size_t *from, size_t *n);

/*
 * Of lates by rank, oldest first: as above. What is chosen is never the older part of one rank: it
 * gets the rank of its last one, and would come behind the younger part, as a new chunk.
 */
void merge_plan_late_run(const struct merge_heads *by_rank, size_t *from, size_t *n);

/* Sorts by first. */
void merge_plan_sort(struct merge_heads *heads);

/* Lates, sorted by first: the earliest instant that more than MERGE_MAX_DEPTH of them cover. */
bool merge_plan_is_crowded(const struct merge_heads *by_first, struct stats_instant *instant);

/*
 * Lates in order of rank: those that came last and are small enough to be made one, two of them at
 * least covering the instant. Gives the first of them; all others of them follow it. `n` if there
 * are none.
 */
size_t merge_plan_small(const struct merge_heads *by_rank, struct stats_instant instant);

/* Lates that a window reads; those that begin at one instant are taken together, however many they
 * are. */
#define MERGE_MAX_WINDOW 16

/*
 * Lates that cover no instant too often, sorted by first: the earliest window of time in which they
 * are one chunk's worth, and become fewer when they are made one and cut at the window's ends.
 * False: there is none; then of any dozen neighbours some hold more than a chunk can.
 */
bool merge_plan_neighbours(const struct merge_heads *by_first, struct stats_instant *from,
                           struct stats_instant *to);

bool merge_covers(const struct sealed_head *head, struct stats_instant instant);
