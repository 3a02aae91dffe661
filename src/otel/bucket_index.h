/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Where among a histogram's bounds to look for a value: the leading bits of a number, its exponent
 * and some digits, are the number of a cell, and a cell says which bounds lie in it. Bounds grow
 * with what they measure, so in most histograms no cell has more than one, and one comparison finds
 * the bucket. No branch depends on the value.
 *
 * Cell 0 has what is below the least positive bound, zero and all that is negative among it.
 */
enum {
    BUCKET_INDEX_CELLS = 256, /* 32 powers of two in eighths */
};

struct bucket_index {
    const double *bounds; /* borrowed */
    size_t window;        /* the most bounds that a cell has, at least 1 */
    int64_t lowest;       /* cell 0, as a word that is cut */
    int64_t last;         /* cell */
    unsigned shift;       /* what is cut off a number's word */
    /* Of each cell: bounds that are below it, but at least `window` before the end. */
    uint16_t first[BUCKET_INDEX_CELLS];
};

/* `bounds` ascend, there are at most OTEL_MAX_BOUNDS. */
void bucket_index_init(struct bucket_index *index, const double *bounds, size_t n_bounds);

static inline int64_t bucket_index_cell(const struct bucket_index *index, double value) {
    int64_t word;
    memcpy(&word, &value, sizeof(word));
    int64_t cell = (word >> index->shift) - index->lowest;
    cell = cell < 0 ? 0 : cell;
    return cell > index->last ? index->last : cell;
}

/* The number of bounds that are below the value: the bucket that it belongs to. */
static inline size_t bucket_index_find(const struct bucket_index *index, double value) {
    const double *bounds = &index->bounds[index->first[bucket_index_cell(index, value)]];
    for (size_t n = index->window; __builtin_expect(n > 1, false); n -= n / 2)
        bounds += (bounds[n / 2 - 1] < value) * (n / 2);
    return (size_t)(bounds - index->bounds) + (*bounds < value);
}
