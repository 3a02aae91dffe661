/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "store/budget.h"
#include "store/kept.h"

/*
 * Readings of one sensor in order of time, equal times in order of arrival. A reading newer than
 * all is added at the end; a late one moves at most the rest of its block.
 */

/* Readings in a block. A late reading moves half of them on the average, 16 KiB: about what one
 * memory latency costs anyway. */
#define BLOCK_MAX_READINGS 1024

struct block {
    uint32_t n;
    uint32_t cap;
    struct kept readings[];
};

struct blocks {
    struct block **list;
    uint32_t n;
    uint32_t cap;
};

/* A reading's place. The end is {n, 0}; every other place holds a reading. */
struct place {
    uint32_t block;
    uint32_t at;
};

/* Zeroed blocks are empty ones. */
void blocks_fini(struct blocks *blocks, struct budget *budget);

static inline bool place_equal(struct place a, struct place b) {
    return a.block == b.block && a.at == b.at;
}

static inline struct kept *blocks_at(const struct blocks *blocks, struct place place) {
    return &blocks->list[place.block]->readings[place.at];
}

static inline struct place blocks_end(const struct blocks *blocks) {
    return (struct place){blocks->n, 0};
}

/* The newest reading; there is at least one. */
static inline const struct kept *blocks_newest(const struct blocks *blocks) {
    const struct block *last = blocks->list[blocks->n - 1];
    return &last->readings[last->n - 1];
}

/* The first reading that is not before `time`, or the end. */
struct place blocks_first_from(const struct blocks *blocks, struct stats_instant time);

/* The first reading after `time`, or the end. */
struct place blocks_first_after(const struct blocks *blocks, struct stats_instant time);

/* Moves on by `n` readings, to the end at most. */
struct place blocks_forward(const struct blocks *blocks, struct place place, uint64_t n);

/* Moves back by `n` readings. False if there are not so many; then `*place` is the first. */
bool blocks_back(const struct blocks *blocks, struct place *place, uint64_t n);

/* Readings from `from` on and before `to`, which is not before `from`. */
uint64_t blocks_count(const struct blocks *blocks, struct place from, struct place to);

/* Puts a reading at `place`, where the order wants it. 0, or -ENOMEM and nothing has changed. */
MUST_USE int blocks_insert(struct blocks *blocks, struct place place, const struct kept *reading,
                           struct budget *budget);
