/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/*
 * Memory that lives as long as a call: many small pieces, freed together. The newest block is kept
 * across arena_reset(), so an arena that is used again, and fits in one, allocates nothing.
 */
struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* in the newest */
    size_t total;               /* bytes handed out since the last reset */
    size_t max;
};

/* Hands out at most `max` bytes between two resets; allocates nothing yet. */
void arena_init(struct arena *arena, size_t max);
void arena_fini(struct arena *arena);
void arena_reset(struct arena *arena);

/* Aligned for any type, not zeroed. NULL at the limit or when memory runs out. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of the bytes. 0 or -ENOMEM. */
MUST_USE int arena_copy(struct arena *arena, struct bytes bytes, struct bytes *copy);
