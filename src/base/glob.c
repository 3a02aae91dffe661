/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

#include <string.h>

/* How many bytes the character at `at` has; a stray byte counts as one. */
static size_t character_length(struct bytes name, size_t at) {
    size_t n = 1;
    while (at + n < name.len && (name.data[at + n] & 0xC0) == 0x80)
        n++;
    return n;
}

/*
 * One `*` is remembered at a time: when what follows it does not fit, it takes one byte more. An
 * earlier `*` never needs to be tried again, since the later one can take whatever the earlier
 * would have.
 */
bool glob_matches(struct bytes pattern, struct bytes name) {
    size_t p = 0, n = 0;
    size_t star = SIZE_MAX, star_took_to = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            star_took_to = n;
        } else if (p < pattern.len && pattern.data[p] == '?') {
            n += character_length(name, n);
            p++;
        } else if (p < pattern.len && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++star_took_to;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*')
        p++;
    return p == pattern.len;
}

bool glob_is_pattern(struct bytes pattern) {
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.data[i] == '*' || pattern.data[i] == '?')
            return true;
    return false;
}

/* Where the character before `at` starts, as character_length() sees characters. */
static size_t character_before(struct bytes text, size_t at) {
    at--;
    while (at > 0 && (text.data[at] & 0xC0) == 0x80)
        at--;
    return at;
}

/* Whether one character matches both, of which none is a `*`. */
static bool characters_overlap(struct bytes a, size_t i, struct bytes b, size_t j) {
    size_t len = character_length(a, i);
    if (a.data[i] == '?' || b.data[j] == '?')
        return true;
    return len == character_length(b, j) && memcmp(a.data + i, b.data + j, len) == 0;
}

/* Which tails of `b` overlap with the tail of `a` that is looked at, and with the next shorter one.
 */
struct overlap_rows {
    bool *here, *next;
};

/* Whether `a` from `i` on and `b` from `j` on overlap. */
static bool tails_overlap(struct bytes a, size_t i, struct bytes b, size_t j,
                          const struct overlap_rows *rows) {
    const bool *here = rows->here, *next = rows->next;
    bool a_ends = i == a.len, b_ends = j == b.len;
    size_t after = b_ends ? j : j + character_length(b, j);
    if (a_ends && b_ends)
        return true;
    if (!a_ends && a.data[i] == '*')
        return next[j] || (!b_ends && here[after]);
    if (!b_ends && b.data[j] == '*')
        return here[after] || (!a_ends && next[j]);
    return !a_ends && !b_ends && characters_overlap(a, i, b, j) && next[after];
}

/* From the ends to the beginnings, a row of answers for each character of `a`. */
bool glob_overlaps(struct bytes a, struct bytes b) {
    bool room[2][GLOB_OVERLAP_MAX + 1] = {{false}};
    struct overlap_rows rows = {room[0], room[1]};
    if (a.len > GLOB_OVERLAP_MAX || b.len > GLOB_OVERLAP_MAX)
        return true;
    for (size_t i = a.len;; i = character_before(a, i)) {
        for (size_t j = b.len;; j = character_before(b, j)) {
            rows.here[j] = tails_overlap(a, i, b, j, &rows);
            if (j == 0)
                break;
        }
        if (i == 0)
            return rows.here[0];
        rows = (struct overlap_rows){rows.next, rows.here};
    }
}
