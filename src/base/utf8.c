/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

static bool is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

/* The smallest and largest second byte that may follow `first`: this is where RFC 3629 is strict.
 */
static bool second_fits(uint8_t first, uint8_t second) {
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return is_continuation(second);
    }
}

static size_t sequence_length(uint8_t first) {
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    if (first >= 0xF0 && first <= 0xF4)
        return 4;
    return 0;
}

size_t utf8_length(struct bytes text) {
    if (text.len == 0)
        return 0;
    uint8_t first = text.data[0];
    if (first < 0x80)
        return 1;
    size_t n = sequence_length(first);
    if (n == 0 || n > text.len || !second_fits(first, text.data[1]))
        return 0;
    for (size_t k = 2; k < n; k++)
        if (!is_continuation(text.data[k]))
            return 0;
    return n;
}

bool utf8_is_valid(struct bytes text) {
    while (text.len > 0) {
        size_t n = utf8_length(text);
        if (n == 0)
            return false;
        text = bytes_from(text, n);
    }
    return true;
}

bool utf8_has_control(struct bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte < 0x20 || byte == 0x7F)
            return true;
        if (byte == 0xC2 && i + 1 < text.len && text.data[i + 1] < 0xA0)
            return true;
    }
    return false;
}

size_t utf8_cut(const char *text, size_t max) {
    size_t n = strnlen(text, max + 1);
    if (n <= max)
        return n;
    n = max;
    while (n > 0 && is_continuation((uint8_t)text[n]))
        n--;
    return n;
}
