/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks come in a few sizes, and each size has its list of free ones, which only the owner
 * touches. What comes back is pushed on one list that all threads share with the owner. It never
 * pops from that list but takes all of it at once, so a block cannot be pushed, popped and pushed
 * again behind a slow thread's back: the swap of the head is all that is needed.
 *
 * At the limit, free blocks of other sizes go back to the heap first: a thread whose work has
 * changed is not held to what it needed before.
 */
#include "otel/blocks.h"

#include "base/mem.h"
#include "otel/limits.h"

static size_t class_size(unsigned size_class) {
    return (size_t)BLOCKS_LEAST << (2 * size_class);
}

size_t block_size(const struct block *block) {
    return class_size(block->size_class) - offsetof(struct block, memory);
}

void blocks_init(struct blocks *blocks) {
    *blocks = (struct blocks){0};
    list_init(&blocks->all);
}

static void block_free(struct block *block) {
    block->owner->n_bytes -= class_size(block->size_class);
    list_unlink(&block->all);
    mem_free(block);
}

void blocks_fini(struct blocks *blocks) {
    LIST_FOR_EACH (link, &blocks->all)
        block_free(CONTAINER_OF(link, struct block, all));
}

/* ---- the owner's side ---- */

static void find_returned(struct blocks *blocks) {
    struct block *block = atomic_exchange_explicit(&blocks->returned, NULL, memory_order_acquire);
    while (block) {
        struct block *next = block->next;
        block->next = blocks->free[block->size_class];
        blocks->free[block->size_class] = block;
        blocks->n_taken--;
        block = next;
    }
}

static void free_all_of(struct blocks *blocks, unsigned size_class) {
    while (blocks->free[size_class]) {
        struct block *block = blocks->free[size_class];
        blocks->free[size_class] = block->next;
        block_free(block);
    }
}

static bool make_room(struct blocks *blocks, size_t size) {
    for (unsigned i = 0; i < BLOCKS_CLASSES; i++)
        if (blocks->n_bytes + size > OTEL_MAX_THREAD_BYTES)
            free_all_of(blocks, i);
    return blocks->n_bytes + size <= OTEL_MAX_THREAD_BYTES;
}

static struct block *block_new(struct blocks *blocks, unsigned size_class) {
    size_t size = class_size(size_class);
    struct block *block = make_room(blocks, size) ? mem_alloc(size) : NULL;
    if (!block)
        return NULL;
    block->owner = blocks;
    block->size_class = size_class;
    list_append(&blocks->all, &block->all);
    blocks->n_bytes += size;
    return block;
}

static struct block *pop_free(struct blocks *blocks, unsigned size_class) {
    if (!blocks->free[size_class])
        find_returned(blocks);
    struct block *block = blocks->free[size_class];
    if (block)
        blocks->free[size_class] = block->next;
    return block;
}

struct block *blocks_take(struct blocks *blocks, size_t size) {
    unsigned size_class = 0;
    while (class_size(size_class) - offsetof(struct block, memory) < size)
        if (++size_class == BLOCKS_CLASSES)
            return NULL;
    struct block *block = pop_free(blocks, size_class);
    if (!block)
        block = block_new(blocks, size_class);
    if (!block)
        return NULL;
    block->next = NULL;
    blocks->n_taken++;
    return block;
}

bool blocks_are_home(struct blocks *blocks) {
    find_returned(blocks);
    return blocks->n_taken == 0;
}

/* ---- everybody's side ---- */

static void push(struct blocks *owner, struct block *first, struct block *last) {
    last->next = atomic_load_explicit(&owner->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&owner->returned, &last->next, first,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

void blocks_give_back(struct block *chain) {
    while (chain) {
        struct block *first = chain, *last = chain;
        while (last->next && last->next->owner == first->owner)
            last = last->next;
        chain = last->next;
        push(first->owner, first, last);
    }
}
