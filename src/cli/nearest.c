/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nearest.h"

#include <string.h>

/* Longer texts are nobody's typing error. */
enum {
    NEAREST_MAX_LEN = 40
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Levenshtein's distance: insertions, deletions and replacements, row by row. */
static size_t distance(const char *a, const char *b) {
    size_t row[NEAREST_MAX_LEN + 1];
    size_t len = strlen(b);
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[len];
}

const char *nearest_name(const char *text, const char *(*name_at)(size_t i), size_t n) {
    const char *nearest = NULL;
    size_t len = strlen(text);
    size_t best = len / 3 + 2;
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
