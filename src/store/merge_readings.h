/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/kept.h"
#include "store/sealed.h"

/* Readings of chunks, unpacked, merged and packed again. */

/* In order of time, equal times in order of arrival. Zeroed is empty. */
struct merge_readings {
    struct kept *list;
    size_t n, cap;
};

void merge_readings_fini(struct merge_readings *readings);

/* Appends all of a chunk. 0, -ENOMEM, or -EBADMSG when it is damaged or out of order. */
MUST_USE int merge_readings_load(struct merge_readings *readings, struct sealed_view *view,
                                 const struct sealed_head *head);

/* How many come before `time`. */
size_t merge_readings_before(const struct merge_readings *readings, struct stats_instant time);

/* Merges `n` readings, in order, that arrived after those of equal time. 0 or -ENOMEM. */
MUST_USE int merge_readings_add(struct merge_readings *readings, const struct kept *more, size_t n);

/*
 * Adds `n` readings as chunks with the place and rank of `like`: as few as can hold them, of nearly
 * the same size, and cut between two times wherever a group of equal times does not fill a chunk.
 * When it is more than one, the last holds half of what a chunk can at least. 0 or a negated errno.
 */
MUST_USE int merge_readings_write(struct sealed *sealed, const struct sealed_head *like,
                                  const struct kept *readings, size_t n);
