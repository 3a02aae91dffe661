/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/mem.h"

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(max_align_t) uint8_t memory[];
};

enum {
    ARENA_ALIGN = _Alignof(max_align_t)
};

/* A call's metadata and state fit into one; larger pieces get a block of their own size. */
enum {
    ARENA_BLOCK_SIZE = 2048
};

void arena_init(struct arena *arena, size_t max) {
    *arena = (struct arena){.max = max};
}

static void arena_free_blocks(struct arena_block *block) {
    while (block) {
        struct arena_block *older = block->older;
        mem_free(block);
        block = older;
    }
}

void arena_fini(struct arena *arena) {
    arena_free_blocks(arena->blocks);
    arena->blocks = NULL;
}

void arena_reset(struct arena *arena) {
    arena->used = arena->total = 0;
    if (!arena->blocks)
        return;
    arena_free_blocks(arena->blocks->older);
    arena->blocks->older = NULL;
}

static struct arena_block *arena_add_block(struct arena *arena, size_t size) {
    if (size < ARENA_BLOCK_SIZE)
        size = ARENA_BLOCK_SIZE;
    struct arena_block *block = mem_alloc(sizeof(*block) + size);
    if (!block)
        return NULL;
    *block = (struct arena_block){arena->blocks, size};
    arena->blocks = block;
    arena->used = 0;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size) {
    if (size > arena->max - arena->total)
        return NULL;
    size_t rounded = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_block *block = arena->blocks;
    if (!block || rounded > block->size - arena->used)
        block = arena_add_block(arena, rounded);
    if (!block)
        return NULL;
    void *piece = block->memory + arena->used;
    arena->used += rounded;
    arena->total += size;
    return piece;
}

int arena_copy(struct arena *arena, struct bytes bytes, struct bytes *copy) {
    uint8_t *data = arena_alloc(arena, bytes.len);
    if (!data)
        return -ENOMEM;
    if (bytes.len)
        memcpy(data, bytes.data, bytes.len);
    *copy = bytes_of(data, bytes.len);
    return 0;
}
