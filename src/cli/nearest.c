/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nearest.h"

#include <stdbool.h>
#include <string.h>

/* Longer texts are nobody's typing error. */
enum {
    NEAREST_MAX_LEN = 40
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool is_swapped(const char *a, size_t i, const char *b, size_t j) {
    return i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
}

/* Levenshtein's distance and, as one edit too, neighbours that have changed places: row by row. */
static size_t distance(const char *a, const char *b) {
    size_t rows[3][NEAREST_MAX_LEN + 1], *row = rows[0], *before = rows[1], *earlier = rows[2];
    size_t len = strlen(b);
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t *free_row = earlier;
        earlier = before;
        before = row;
        row = free_row;
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t replaced = before[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, least(before[j], row[j - 1]) + 1);
            if (is_swapped(a, i, b, j))
                row[j] = least(row[j], earlier[j - 2] + 1);
        }
    }
    return row[len];
}

const char *nearest_name(const char *text, const char *(*name_at)(size_t i), size_t n) {
    const char *nearest = NULL;
    size_t len = strlen(text);
    size_t best = (len < 3 ? 1 : len / 3) + 1;
    if (len > NEAREST_MAX_LEN)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t edits = distance(text, name_at(i));
        if (edits < best) {
            best = edits;
            nearest = name_at(i);
        }
    }
    return nearest;
}
