/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/*
 * The memory of one thread's records: blocks that its owner takes, that any thread gives back, and
 * that the owner then takes again. The heap is asked only while more is needed than ever before, up
 * to OTEL_MAX_THREAD_BYTES.
 */
struct pool;

struct block {
    struct block *next; /* for whoever holds it */
    struct pool *owner;
    struct list all;
    unsigned size_class;
    _Alignas(max_align_t) uint8_t memory[];
};

/* Sizes of blocks, with what stands before their memory: the least is a small span as it waits for
 * its export, the largest is half of what a thread may have, 8 MiB. */
enum {
    POOL_LEAST = 512,
    POOL_CLASSES = 15, /* each twice the one before */
};

struct pool {
    struct block *free[POOL_CLASSES];
    struct block *found; /* have come back, and are not among the free ones yet */
    struct list all;
    size_t n_bytes; /* of all */
    size_t n_taken; /* and not found back yet */
    char apart[64];
    _Atomic(struct block *) returned; /* others write only this: on a cache line of its own */
    char apart_from_others[64];
};

void pool_init(struct pool *pool);

/* Frees all, wherever they are. */
void pool_fini(struct pool *pool);

/* The owner's thread. At least `size` bytes, with `next` NULL; NULL without memory or at the limit.
 */
struct block *pool_take(struct pool *pool, size_t size);

/* How much a block holds. */
size_t block_size(const struct block *block);

/* Any thread: a chain of blocks, linked by `next`, whoever their owners are. */
void pool_give_back(struct block *chain);

/* The same on the thread of `pool`, which is given its own at once. */
void pool_put(struct pool *pool, struct block *chain);

/* The owner's thread, or another one when that has ended. All that were taken are back. */
bool pool_is_home(struct pool *pool);
