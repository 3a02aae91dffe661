/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of sorted blocks. The first block starts with room for a few readings and doubles, so that
 * a sensor with one reading costs little; all blocks but the last have been full once. A full block
 * that a late reading falls into is split in the middle. So a block in the middle holds at least
 * half of the maximum, and walking over n readings touches n / 512 blocks or fewer.
 *
 * Places are found by binary search, over the blocks by their first reading and then inside one.
 */
#include "store/blocks.h"

#include <string.h>

enum {
    BLOCK_FIRST_CAP = 2,
    BLOCK_NEXT_CAP = 256, /* of a block behind a full one: the sensor is known to be busy */
    BLOCKS_FIRST_CAP = 2,
};

static size_t block_size(uint32_t cap) {
    return sizeof(struct block) + cap * sizeof(struct kept);
}

static size_t list_size(uint32_t cap) {
    return cap * sizeof(struct block *);
}

void blocks_fini(struct blocks *blocks, struct budget *budget) {
    for (uint32_t i = 0; i < blocks->n; i++)
        budget_free(budget, blocks->list[i], block_size(blocks->list[i]->cap));
    budget_free(budget, blocks->list, list_size(blocks->cap));
    *blocks = (struct blocks){0};
}

/* Whether the reading comes before the place that is looked for: the first whose time compares with
 * `time` as `bound` or above. */
static inline bool is_before(const struct kept *reading, struct stats_instant time, int bound) {
    return stats_instant_compare(reading->time, time) < bound;
}

static struct place blocks_first(const struct blocks *blocks, struct stats_instant time,
                                 int bound) {
    uint32_t low = 0, high = blocks->n; /* blocks whose first reading is before: [0, low) */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_before(&blocks->list[middle]->readings[0], time, bound))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return (struct place){0, 0};
    const struct block *block = blocks->list[low - 1];
    uint32_t from = 1, to = block->n;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (is_before(&block->readings[middle], time, bound))
            from = middle + 1;
        else
            to = middle;
    }
    return from < block->n ? (struct place){low - 1, from} : (struct place){low, 0};
}

struct place blocks_first_from(const struct blocks *blocks, struct stats_instant time) {
    return blocks_first(blocks, time, 0);
}

struct place blocks_first_after(const struct blocks *blocks, struct stats_instant time) {
    return blocks_first(blocks, time, 1);
}

struct place blocks_forward(const struct blocks *blocks, struct place place, uint64_t n) {
    while (place.block < blocks->n) {
        uint32_t left = blocks->list[place.block]->n - place.at;
        if (n < left)
            return (struct place){place.block, place.at + (uint32_t)n};
        n -= left;
        place = (struct place){place.block + 1, 0};
    }
    return place;
}

bool blocks_back(const struct blocks *blocks, struct place *place, uint64_t n) {
    while (n > place->at) {
        if (place->block == 0) {
            place->at = 0;
            return false;
        }
        n -= place->at;
        place->block--;
        place->at = blocks->list[place->block]->n;
    }
    place->at -= (uint32_t)n;
    return true;
}

uint64_t blocks_count(const struct blocks *blocks, struct place from, struct place to) {
    uint64_t n = 0;
    for (; from.block < to.block; from = (struct place){from.block + 1, 0})
        n += blocks->list[from.block]->n - from.at;
    return n + to.at - from.at;
}

/* Puts an empty block at `index`; it has room for `cap` readings. */
static int blocks_add_block(struct blocks *blocks, uint32_t index, uint32_t cap,
                            struct budget *budget) {
    if (blocks->n == blocks->cap) {
        uint32_t bigger = blocks->cap ? 2 * blocks->cap : BLOCKS_FIRST_CAP;
        struct block **list =
            budget_grow(budget, blocks->list, list_size(blocks->cap), list_size(bigger));
        if (!list)
            return -ENOMEM;
        blocks->list = list;
        blocks->cap = bigger;
    }
    struct block *block = budget_alloc(budget, block_size(cap));
    if (!block)
        return -ENOMEM;
    block->cap = cap;
    memmove(&blocks->list[index + 1], &blocks->list[index], list_size(blocks->n - index));
    blocks->list[index] = block;
    blocks->n++;
    return 0;
}

/* Moves the upper half of the full block to a new one behind it. */
static int blocks_split(struct blocks *blocks, uint32_t index, struct budget *budget) {
    int r = blocks_add_block(blocks, index + 1, BLOCK_MAX_READINGS, budget);
    if (r)
        return r;
    struct block *block = blocks->list[index], *upper = blocks->list[index + 1];
    upper->n = block->n / 2;
    block->n -= upper->n;
    memcpy(upper->readings, &block->readings[block->n], upper->n * sizeof(struct kept));
    return 0;
}

static int blocks_grow(struct blocks *blocks, uint32_t index, struct budget *budget) {
    struct block *block = blocks->list[index];
    uint32_t bigger = 2 * block->cap;
    block = budget_grow(budget, block, block_size(block->cap), block_size(bigger));
    if (!block)
        return -ENOMEM;
    block->cap = bigger;
    blocks->list[index] = block;
    return 0;
}

/* Makes room at `*place`, and moves it along when its block is split. */
static int blocks_make_room(struct blocks *blocks, struct place *place, struct budget *budget) {
    struct block *block = blocks->list[place->block];
    if (block->n < block->cap)
        return 0;
    if (block->cap < BLOCK_MAX_READINGS)
        return blocks_grow(blocks, place->block, budget);
    int r = blocks_split(blocks, place->block, budget);
    if (r)
        return r;
    uint32_t lower = blocks->list[place->block]->n;
    if (place->at > lower)
        *place = (struct place){place->block + 1, place->at - lower};
    return 0;
}

/* Behind the newest, whose block is full, or the very first. */
static int blocks_open(struct blocks *blocks, struct budget *budget) {
    return blocks_add_block(blocks, blocks->n, blocks->n ? BLOCK_NEXT_CAP : BLOCK_FIRST_CAP,
                            budget);
}

int blocks_insert(struct blocks *blocks, struct place place, const struct kept *reading,
                  struct budget *budget) {
    int r = 0;
    if (place.at == 0 && place.block > 0 &&
        (place.block < blocks->n || blocks->list[place.block - 1]->n < BLOCK_MAX_READINGS)) {
        /* Between two blocks, or at the end of the last: behind the readings of the former. */
        place.block--;
        place.at = blocks->list[place.block]->n;
    }
    if (place.block == blocks->n)
        r = blocks_open(blocks, budget);
    if (r == 0)
        r = blocks_make_room(blocks, &place, budget);
    if (r)
        return r;
    struct block *block = blocks->list[place.block];
    struct kept *to = &block->readings[place.at];
    memmove(to + 1, to, (block->n - place.at) * sizeof(*to));
    *to = *reading;
    block->n++;
    return 0;
}
