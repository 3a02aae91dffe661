/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

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
