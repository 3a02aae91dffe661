/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <assert.h>

#include "base/mem.h"

int ring_init(struct ring *ring, size_t n_slots) {
    assert(n_slots > 0 && (n_slots & (n_slots - 1)) == 0);
    ring->slots = mem_new_array(void *, n_slots);
    if (!ring->slots)
        return -ENOMEM;
    ring->n_slots = n_slots;
    atomic_init(&ring->pushed, 0);
    atomic_init(&ring->popped, 0);
    return 0;
}

void ring_fini(struct ring *ring) {
    mem_free(ring->slots);
    ring->slots = NULL;
}

int ring_push(struct ring *ring, void *object) {
    size_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    if (pushed - atomic_load_explicit(&ring->popped, memory_order_acquire) == ring->n_slots)
        return RING_E_FULL;
    ring->slots[pushed & (ring->n_slots - 1)] = object;
    atomic_store_explicit(&ring->pushed, pushed + 1, memory_order_release);
    return 0;
}

void *ring_pop(struct ring *ring) {
    size_t popped = atomic_load_explicit(&ring->popped, memory_order_relaxed);
    if (popped == atomic_load_explicit(&ring->pushed, memory_order_acquire))
        return NULL;
    void *object = ring->slots[popped & (ring->n_slots - 1)];
    atomic_store_explicit(&ring->popped, popped + 1, memory_order_release);
    return object;
}

/* `popped` first: read the other way round it could have passed what was read of `pushed`. */
size_t ring_length(const struct ring *ring) {
    size_t popped = atomic_load(&ring->popped);
    return atomic_load(&ring->pushed) - popped;
}
