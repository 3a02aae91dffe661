/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merge sort by runs: what comes in is nearly in order most of the time, so the runs that are there
 * are taken as they are and merged two by two until one is left.
 */
#include "store/sorted.h"

#include <stdbool.h>
#include <string.h>

void sorted_merge(const struct kept *a, size_t n_a, const struct kept *b, size_t n_b,
                  struct kept *out) {
    const struct kept *a_end = a + n_a, *b_end = b + n_b;
    while (a < a_end && b < b_end)
        *out++ = stats_is_before(b->time, a->time) ? *b++ : *a++;
    if (a < a_end)
        memcpy(out, a, (size_t)(a_end - a) * sizeof(*a));
    else if (b < b_end)
        memcpy(out, b, (size_t)(b_end - b) * sizeof(*b));
}

/* Readings from `start` on that are in order already. */
static size_t run_length(const struct kept *readings, size_t start, size_t n) {
    size_t end = start + 1;
    while (end < n && stats_instant_compare(readings[end].time, readings[end - 1].time) >= 0)
        end++;
    return end - start;
}

/* Merges neighbouring runs of `from` into `to`. Returns whether one run is left. */
static bool merge_runs(const struct kept *from, size_t n, struct kept *to) {
    size_t n_runs = 0;
    for (size_t at = 0; at < n; n_runs++) {
        size_t a = run_length(from, at, n);
        size_t b = at + a < n ? run_length(from, at + a, n) : 0;
        sorted_merge(from + at, a, from + at + a, b, to + at);
        at += a + b;
    }
    return n_runs <= 1;
}

void sorted_sort(struct kept *readings, size_t n, struct kept *scratch) {
    if (n == 0 || run_length(readings, 0, n) == n)
        return;
    struct kept *from = readings, *to = scratch;
    bool is_sorted = false;
    while (!is_sorted) {
        is_sorted = merge_runs(from, n, to);
        struct kept *swap = from;
        from = to;
        to = swap;
    }
    if (from != readings)
        memcpy(readings, from, n * sizeof(*readings));
}

size_t sorted_first_from(const struct kept *readings, size_t n, struct stats_instant time) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stats_is_before(readings[middle].time, time))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
