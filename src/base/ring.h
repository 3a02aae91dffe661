/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>

#include "base/err.h"

/*
 * A ring of pointers from exactly one thread to exactly one other. Neither ever waits: a full ring
 * is an outcome, an empty one is NULL. What was written before a push is seen after the matching
 * pop.
 */
struct ring {
    void **slots;
    size_t n_slots; /* a power of two */
    /* The two ends live on cache lines of their own, wherever on the heap the ring lies. */
    char apart[64];
    _Atomic size_t pushed;
    char apart_too[64];
    _Atomic size_t popped;
    char apart_from_others[64];
};

enum {
    RING_E_FULL = 1,
};

/* `n_slots` is a power of two. 0 or -ENOMEM. */
MUST_USE int ring_init(struct ring *ring, size_t n_slots);

/* Frees the slots, not what is still in them. */
void ring_fini(struct ring *ring);

/* The sending thread only. `object` is not NULL. */
MUST_USE int ring_push(struct ring *ring, void *object);

/* The receiving thread only. */
void *ring_pop(struct ring *ring);

/* How many are in it at this moment. Any thread. */
size_t ring_length(const struct ring *ring);
