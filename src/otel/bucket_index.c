/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of positive numbers are in the order of the numbers, so those that begin alike are
 * neighbours. As many digits are taken as leave BUCKET_INDEX_CELLS between the least positive bound
 * and the greatest; the fewer bounds a cell has, the sooner a value is found.
 */
#include "otel/bucket_index.h"

#include <assert.h>
#include <math.h>

#include "otel/limits.h"

enum {
    LEAST_SHIFT = 40, /* more digits than these tell no bounds apart that people choose */
    MOST_SHIFT = 60,  /* all positive numbers in eight cells */
};

static_assert(OTEL_MAX_BOUNDS <= UINT16_MAX, "a cell can say where its bounds are");

static int64_t word_of(double number) {
    int64_t word;
    memcpy(&word, &number, sizeof(word));
    return word;
}

/* Cell 1 has the least positive bound; cell 0, where its word begins as that of zero does: zero has
 * two words, which must not be in two cells. Whether the greatest bound has a cell, too. */
static bool lay_out(struct bucket_index *index, double least, double greatest) {
    int64_t first = word_of(least) >> index->shift;
    index->lowest = first > 0 ? first - 1 : 0;
    index->last = (word_of(greatest) >> index->shift) - index->lowest;
    return index->last < BUCKET_INDEX_CELLS;
}

static void choose_cells(struct bucket_index *index, const double *bounds, size_t n_bounds) {
    size_t least = 0;
    while (least < n_bounds && bounds[least] <= 0)
        least++;
    if (least == n_bounds)
        return;
    index->shift = LEAST_SHIFT;
    while (!lay_out(index, bounds[least], bounds[n_bounds - 1]))
        index->shift++;
    assert(index->shift <= MOST_SHIFT);
}

static void count_bounds(struct bucket_index *index, const double *bounds, size_t n_bounds) {
    size_t at = 0;
    for (int64_t cell = 0; cell <= index->last; cell++) {
        size_t before = at;
        while (at < n_bounds && bucket_index_cell(index, bounds[at]) == cell)
            at++;
        index->first[cell] = (uint16_t)before;
        if (at - before > index->window)
            index->window = at - before;
    }
}

/* One that no value is above stands in for none. */
void bucket_index_init(struct bucket_index *index, const double *bounds, size_t n_bounds) {
    static const double none[] = {INFINITY};
    *index = (struct bucket_index){.bounds = n_bounds ? bounds : none, .window = 1};
    choose_cells(index, bounds, n_bounds);
    count_bounds(index, bounds, n_bounds);
    for (int64_t cell = 0; cell <= index->last && n_bounds; cell++)
        if (index->first[cell] > n_bounds - index->window)
            index->first[cell] = (uint16_t)(n_bounds - index->window);
}
