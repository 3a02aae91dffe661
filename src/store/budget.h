/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * Memory under a limit. One thread allocates, any thread may look at what is used. A limit that is
 * reached and memory that runs out are the same to the caller: NULL.
 */
struct budget {
    size_t limit_bytes; /* 0: none */
    _Atomic size_t used_bytes;
};

/* What the heap adds to an allocation, at most. */
#define BUDGET_HEAP_OVERHEAD 16

static inline size_t budget_used(const struct budget *budget) {
    return atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
}

static inline void budget_set(struct budget *budget, size_t used_bytes) {
    atomic_store_explicit(&budget->used_bytes, used_bytes, memory_order_relaxed);
}

/* Counts `n_bytes` as used. 0 or -ENOMEM. */
MUST_USE static inline int budget_take(struct budget *budget, size_t n_bytes) {
    size_t used = budget_used(budget);
    if (budget->limit_bytes && n_bytes > budget->limit_bytes - used)
        return -ENOMEM;
    budget_set(budget, used + n_bytes);
    return 0;
}

static inline void budget_give(struct budget *budget, size_t n_bytes) {
    budget_set(budget, budget_used(budget) - n_bytes);
}

/* Zeroed; NULL at the limit. */
static inline void *budget_alloc(struct budget *budget, size_t size) {
    if (budget_take(budget, size + BUDGET_HEAP_OVERHEAD))
        return NULL;
    void *p = mem_zalloc(1, size);
    if (!p)
        budget_give(budget, size + BUDGET_HEAP_OVERHEAD);
    return p;
}

/* Grows what has `size` bytes (`p` may be NULL with 0 of them); on NULL it is untouched. */
static inline void *budget_grow(struct budget *budget, void *p, size_t size, size_t bigger) {
    size_t more = bigger - size + (p ? 0 : BUDGET_HEAP_OVERHEAD);
    if (budget_take(budget, more))
        return NULL;
    void *grown = mem_resize(p, 1, bigger);
    if (!grown)
        budget_give(budget, more);
    return grown;
}

/* NULL is fine. */
static inline void budget_free(struct budget *budget, void *p, size_t size) {
    if (!p)
        return;
    budget_give(budget, size + BUDGET_HEAP_OVERHEAD);
    mem_free(p);
}
