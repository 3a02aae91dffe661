/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/text_list.h"

#include <strings.h>

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

struct bytes text_trim(struct bytes text) {
    while (text.len > 0 && is_blank(text.data[0]))
        text = bytes_from(text, 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

bool text_list_next(struct bytes *rest, char separator, struct bytes *member) {
    if (!rest->data)
        return false;
    const uint8_t *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    *member = text_trim(bytes_of(rest->data, len));
    *rest = end ? bytes_from(*rest, len + 1) : (struct bytes){0};
    return true;
}

bool text_split(struct bytes text, char at, struct bytes *before, struct bytes *after) {
    const uint8_t *found = text.len ? memchr(text.data, at, text.len) : NULL;
    if (!found)
        return false;
    size_t len = (size_t)(found - text.data);
    *before = text_trim(bytes_of(text.data, len));
    *after = text_trim(bytes_from(text, len + 1));
    return true;
}

bool text_is_word(struct bytes text, const char *word) {
    size_t len = strlen(word);
    return text.len == len && (len == 0 || strncasecmp((const char *)text.data, word, len) == 0);
}

static bool is_token_character(uint8_t byte) {
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'))
        return true;
    if (byte >= '0' && byte <= '9')
        return true;
    return byte != 0 && strchr("!#$%&'*+-.^_`|~", byte);
}

bool text_is_token(struct bytes text) {
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_character(text.data[i]))
            return false;
    return text.len > 0;
}

static int hex_value(uint8_t digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The byte that `%XX` at the start of `coded` stands for, or -1. */
static int escaped_byte(struct bytes coded) {
    if (coded.len < 3)
        return -1;
    int high = hex_value(coded.data[1]), low = hex_value(coded.data[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

int text_percent_decode(struct bytes coded, char *out, size_t *n) {
    int r = 0;
    *n = 0;
    while (coded.len > 0) {
        int byte = coded.data[0] == '%' ? escaped_byte(coded) : coded.data[0];
        bool is_escape = coded.data[0] == '%' && byte >= 0;
        if (byte < 0) {
            byte = '%';
            r = TEXT_E_STRAY_PERCENT;
        }
        out[(*n)++] = (char)byte;
        coded = bytes_from(coded, is_escape ? 3 : 1);
    }
    return r;
}
