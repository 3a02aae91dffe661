/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of blocks of sorted pointers, two levels deep: a binary search over the blocks by their
 * first id, another inside one. Adding moves at most one block and, at a split, the list: at ten
 * million sensors 300 KB once in 256 additions. Sensors that come in order of their ids, as when
 * somebody numbers them, fill the blocks to the brim.
 *
 * Readers hold the lock for one slice of pointers, then match patterns and read statistics without
 * it, and seek their place again. The writer thread goes before waiting readers: a busy dashboard
 * must not keep new sensors out.
 */
#include "store/names.h"

#include <string.h>

#include "base/glob.h"

/* Pointers in a block: 4 KiB, moved in well under a microsecond. */
#define NAMES_BLOCK_MAX 512

struct names_block {
    size_t n;
    struct name *names[NAMES_BLOCK_MAX];
};

struct names_place {
    size_t block, at;
};

int names_init(struct names *names, size_t max) {
    *names = (struct names){.max = max};
    pthread_rwlockattr_t prefer_writer;
    pthread_rwlockattr_init(&prefer_writer);
    pthread_rwlockattr_setkind_np(&prefer_writer, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int r = pthread_rwlock_init(&names->lock, &prefer_writer);
    pthread_rwlockattr_destroy(&prefer_writer);
    return -r;
}

static size_t list_size(size_t cap) {
    return cap * sizeof(struct names_block *);
}

void names_fini(struct names *names, struct budget *budget) {
    for (size_t i = 0; i < names->n_blocks; i++)
        budget_free(budget, names->blocks[i], sizeof(struct names_block));
    budget_free(budget, names->blocks, list_size(names->cap_blocks));
    pthread_rwlock_destroy(&names->lock);
}

static int bytes_compare(struct bytes a, struct bytes b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* The first of the block's names that is `id` or after. */
static size_t block_search(const struct names_block *block, struct bytes id) {
    size_t low = 0, high = block->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(name_bytes(block->names[middle]), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where `id` is, or would be added: at most one behind the last of a block. {0, 0} if empty. */
static struct names_place names_search(const struct names *names, struct bytes id) {
    size_t low = 0, high = names->n_blocks; /* blocks that start with `id` or before: [0, low) */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(name_bytes(names->blocks[middle]->names[0]), id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return (struct names_place){0, 0};
    return (struct names_place){low - 1, block_search(names->blocks[low - 1], id)};
}

static int names_add_block(struct names *names, size_t index, struct budget *budget) {
    if (names->n_blocks == names->cap_blocks) {
        size_t bigger = names->cap_blocks ? 2 * names->cap_blocks : 2;
        struct names_block **blocks =
            budget_grow(budget, names->blocks, list_size(names->cap_blocks), list_size(bigger));
        if (!blocks)
            return -ENOMEM;
        names->blocks = blocks;
        names->cap_blocks = bigger;
    }
    struct names_block *block = budget_alloc(budget, sizeof(*block));
    if (!block)
        return -ENOMEM;
    memmove(&names->blocks[index + 1], &names->blocks[index], list_size(names->n_blocks - index));
    names->blocks[index] = block;
    names->n_blocks++;
    return 0;
}

/* Makes room at `*place`, whose block is full, by a new block behind it. */
static int names_split(struct names *names, struct names_place *place, struct budget *budget) {
    int r = names_add_block(names, place->block + 1, budget);
    if (r)
        return r;
    struct names_block *lower = names->blocks[place->block];
    struct names_block *upper = names->blocks[place->block + 1];
    bool is_newest = place->at == lower->n && place->block + 2 == names->n_blocks;
    upper->n = is_newest ? 0 : lower->n / 2;
    lower->n -= upper->n;
    memcpy(upper->names, &lower->names[lower->n], upper->n * sizeof(struct name *));
    if (is_newest || place->at > lower->n)
        *place = (struct names_place){place->block + 1, place->at - lower->n};
    return 0;
}

static int names_insert(struct names *names, struct names_place place, struct name *name,
                        struct budget *budget) {
    int r = 0;
    if (names->n_blocks == 0)
        r = names_add_block(names, 0, budget);
    else if (names->blocks[place.block]->n == NAMES_BLOCK_MAX)
        r = names_split(names, &place, budget);
    if (r)
        return r;
    struct names_block *block = names->blocks[place.block];
    memmove(&block->names[place.at + 1], &block->names[place.at],
            (block->n - place.at) * sizeof(struct name *));
    block->names[place.at] = name;
    block->n++;
    names->n++;
    return 0;
}

int names_add(struct names *names, struct name *name, struct budget *budget) {
    if (names->n == names->max)
        return NAMES_E_FULL;
    struct names_place place = names_search(names, name_bytes(name));
    pthread_rwlock_wrlock(&names->lock);
    int r = names_insert(names, place, name, budget);
    pthread_rwlock_unlock(&names->lock);
    return r;
}

struct name *names_find(struct names *names, struct bytes id) {
    struct name *found = NULL;
    pthread_rwlock_rdlock(&names->lock);
    if (names->n > 0) {
        struct names_place place = names_search(names, id);
        const struct names_block *block = names->blocks[place.block];
        if (place.at < block->n && bytes_equal(name_bytes(block->names[place.at]), id))
            found = block->names[place.at];
    }
    pthread_rwlock_unlock(&names->lock);
    return found;
}

/* What a name must start with to match. */
static struct bytes pattern_prefix(struct bytes pattern) {
    size_t len = 0;
    while (len < pattern.len && pattern.data[len] != '*' && pattern.data[len] != '?')
        len++;
    return bytes_of(pattern.data, len);
}

static bool starts_with(struct bytes name, struct bytes prefix) {
    return name.len >= prefix.len && bytes_compare(bytes_of(name.data, prefix.len), prefix) == 0;
}

void names_walk_init(struct names_walk *walk, struct names *names,
                     const struct store_filter *filter, struct bytes after) {
    struct bytes a = pattern_prefix(filter->pattern), b = pattern_prefix(filter->allowed);
    walk->names = names;
    walk->filter = *filter;
    walk->prefix = a.len > b.len ? a : b;
    walk->is_whole = !glob_is_pattern(filter->pattern) || !glob_is_pattern(filter->allowed);
    walk->is_at_end = !starts_with(walk->prefix, a.len > b.len ? b : a);
    walk->is_from_skipped = after.len > 0 && bytes_compare(after, walk->prefix) >= 0;
    walk->from = walk->is_from_skipped ? after : walk->prefix;
    walk->n = walk->at = 0;
}

static void walk_fill(struct names_walk *walk) {
    struct names *names = walk->names;
    walk->n = walk->at = 0;
    pthread_rwlock_rdlock(&names->lock);
    struct names_place place = names_search(names, walk->from);
    while (walk->n < NAMES_SLICE && place.block < names->n_blocks) {
        const struct names_block *block = names->blocks[place.block];
        if (place.at == block->n) {
            place = (struct names_place){place.block + 1, 0};
            continue;
        }
        struct name *name = block->names[place.at++];
        if (!walk->is_from_skipped || !bytes_equal(name_bytes(name), walk->from))
            walk->slice[walk->n++] = name;
    }
    pthread_rwlock_unlock(&names->lock);
    if (walk->n > 0) {
        walk->from = name_bytes(walk->slice[walk->n - 1]);
        walk->is_from_skipped = true;
    }
}

static bool is_beyond(const struct names_walk *walk, struct bytes id) {
    return !starts_with(id, walk->prefix) || (walk->is_whole && id.len > walk->prefix.len);
}

struct name *names_walk_next(struct names_walk *walk) {
    while (!walk->is_at_end) {
        if (walk->at == walk->n)
            walk_fill(walk);
        struct name *name = walk->n > 0 ? walk->slice[walk->at++] : NULL;
        if (!name || is_beyond(walk, name_bytes(name))) {
            walk->is_at_end = true;
            return NULL;
        }
        if (glob_matches(walk->filter.pattern, name_bytes(name)) &&
            glob_matches(walk->filter.allowed, name_bytes(name)))
            return name;
    }
    return NULL;
}
