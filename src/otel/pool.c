/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks come in a few sizes, and each size has its list of free ones, which only the owner
 * touches. What comes back is pushed on one list that all threads share with the owner. It never
 * pops from that list but takes all of it at once, so a block cannot be pushed, popped and pushed
 * again behind a slow thread's back: the swap of the head is all that is needed.
 *
 * What has come back was in another thread's hands, and is in no near cache: to look at a block
 * takes as long as 200 instructions, and the stores of who fills it wait for every line of it. So
 * it is looked at one at a time, as blocks are needed, and each is fetched one take ahead.
 *
 * Blocks are whole cache lines, so that it is not by chance, by where the heap has put them, that a
 * field lies across two lines or two pages: one that does in the block that a thread takes for each
 * of its spans costs them 15 ns.
 *
 * At the limit, free blocks of other sizes go back to the heap first: a thread whose work has
 * changed is not held to what it needed before.
 */
#include "otel/pool.h"

#include "base/mem.h"
#include "otel/limits.h"

enum {
    PREFETCHED = 12 * MEM_LINE, /* as much as the span of a call fills */
};

static size_t class_size(unsigned size_class) {
    return (size_t)POOL_LEAST << size_class;
}

size_t block_size(const struct block *block) {
    return class_size(block->size_class) - offsetof(struct block, memory);
}

void pool_init(struct pool *pool) {
    *pool = (struct pool){0};
    list_init(&pool->all);
}

static void block_free(struct block *block) {
    block->owner->n_bytes -= class_size(block->size_class);
    list_unlink(&block->all);
    mem_free(block);
}

void pool_fini(struct pool *pool) {
    LIST_FOR_EACH (link, &pool->all)
        block_free(CONTAINER_OF(link, struct block, all));
}

/* ---- the owner's side ---- */

static void keep(struct pool *pool, struct block *block) {
    block->next = pool->free[block->size_class];
    pool->free[block->size_class] = block;
    pool->n_taken--;
}

static void prefetch(const struct block *block) {
    const char *at = (const char *)block;
    for (size_t line = 0; block && line < PREFETCHED; line += MEM_LINE)
        __builtin_prefetch(at + line, 1);
}

/* One that has come back; NULL: none has. The next one comes into the cache while this one is in
 * use. */
static struct block *find_returned(struct pool *pool) {
    if (!pool->found)
        pool->found = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    struct block *block = pool->found;
    if (!block)
        return NULL;
    pool->found = block->next;
    prefetch(pool->found);
    return block;
}

static void free_all_of(struct pool *pool, unsigned size_class) {
    while (pool->free[size_class]) {
        struct block *block = pool->free[size_class];
        pool->free[size_class] = block->next;
        block_free(block);
    }
}

static bool make_room(struct pool *pool, size_t size) {
    for (unsigned i = 0; i < POOL_CLASSES; i++)
        if (pool->n_bytes + size > OTEL_MAX_THREAD_BYTES)
            free_all_of(pool, i);
    return pool->n_bytes + size <= OTEL_MAX_THREAD_BYTES;
}

static struct block *block_new(struct pool *pool, unsigned size_class) {
    size_t size = class_size(size_class);
    struct block *block = make_room(pool, size) ? mem_alloc_lines(size) : NULL;
    if (!block)
        return NULL;
    block->owner = pool;
    block->size_class = size_class;
    list_append(&pool->all, &block->all);
    pool->n_bytes += size;
    return block;
}

static struct block *pop_free(struct pool *pool, unsigned size_class) {
    while (!pool->free[size_class]) {
        struct block *found = find_returned(pool);
        if (!found)
            return NULL;
        keep(pool, found);
    }
    struct block *block = pool->free[size_class];
    pool->free[size_class] = block->next;
    return block;
}

struct block *pool_take(struct pool *pool, size_t size) {
    unsigned size_class = 0;
    while (class_size(size_class) - offsetof(struct block, memory) < size)
        if (++size_class == POOL_CLASSES)
            return NULL;
    struct block *block = pop_free(pool, size_class);
    if (!block)
        block = block_new(pool, size_class);
    if (!block)
        return NULL;
    block->next = NULL;
    pool->n_taken++;
    return block;
}

bool pool_is_home(struct pool *pool) {
    for (struct block *found; (found = find_returned(pool));)
        keep(pool, found);
    return pool->n_taken == 0;
}

/* ---- everybody's side ---- */

static void push(struct pool *owner, struct block *first, struct block *last) {
    last->next = atomic_load_explicit(&owner->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&owner->returned, &last->next, first,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

void pool_give_back(struct block *chain) {
    while (chain) {
        struct block *first = chain, *last = chain;
        while (last->next && last->next->owner == first->owner)
            last = last->next;
        chain = last->next;
        push(first->owner, first, last);
    }
}

void pool_put(struct pool *pool, struct block *chain) {
    while (chain) {
        struct block *block = chain;
        chain = block->next;
        if (block->owner == pool)
            keep(pool, block);
        else
            push(block->owner, block, block);
    }
}
