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
 * Cell 0 has what is below the least positive bound: zero, negative bounds and values.
 */
enum {
    BUCKET_INDEX_CELLS = 256, /* 32 powers of two in eighths */
};

struct bucket_index {
    unsigned shift;  /* what is cut off a number's word */
    unsigned window; /* the most bounds that a cell has */
    int64_t lowest;  /* cell 0, as a word that is cut */
    int64_t last;    /* cell */
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

/* The number of bounds that are below the value: the bucket that it belongs to. `bounds` are those
 * that the index was made of. */
static inline size_t bucket_index_find(const struct bucket_index *index, const double *bounds,
                                       double value) {
    size_t found = index->first[bucket_index_cell(index, value)];
    for (size_t n = index->window; n > 0; n /= 2) {
        size_t half = (n + 1) / 2;
        found += (bounds[found + half - 1] < value) * half;
    }
    return found;
}
