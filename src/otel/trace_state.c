/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tracestate` (W3C Trace Context level 2, section 3.3): what other tracing systems want to find
 * again behind us. Nothing of it is ours to read but one key; so it is checked once, when it comes,
 * and then carried as the text it is.
 *
 * Level 2's keys are a superset of level 1's, which had a rule for where an `@` may stand.
 */
#include "otel/propagation.h"
#include "otel/text_list.h"

enum {
    MAX_KEY = 256,
    MAX_VALUE = 256,
};

static bool is_lower_or_digit(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

static bool is_key(struct bytes key) {
    if (key.len == 0 || key.len > MAX_KEY || !is_lower_or_digit(key.data[0]))
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (!is_lower_or_digit(key.data[i]) && (!key.data[i] || !strchr("_-*/@", key.data[i])))
            return false;
    return true;
}

/* Blanks in front belong to it; those at its end were trimmed with the member. */
static bool is_value(struct bytes value) {
    if (value.len == 0 || value.len > MAX_VALUE)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7e || value.data[i] == '=')
            return false;
    return true;
}

/* Not text_split(): a key has no blanks around it, and a value keeps those in front. */
static bool split(struct bytes member, struct bytes *key, struct bytes *value) {
    const uint8_t *equals = member.len ? memchr(member.data, '=', member.len) : NULL;
    if (!equals)
        return false;
    *key = bytes_of(member.data, (size_t)(equals - member.data));
    *value = bytes_from(member, key->len + 1);
    return true;
}

static bool is_among(struct bytes key, const struct bytes *keys, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (bytes_equal(key, keys[i]))
            return true;
    return false;
}

int otel_trace_state_check(struct bytes field) {
    struct bytes member, key, value, keys[OTEL_MAX_TRACE_STATE_MEMBERS];
    size_t n = 0;
    while (text_list_next(&field, ',', &member)) {
        if (member.len == 0)
            continue;
        if (n == OTEL_MAX_TRACE_STATE_MEMBERS || !split(member, &key, &value) || !is_key(key) ||
            !is_value(value) || is_among(key, keys, n))
            return OTEL_E_MALFORMED;
        keys[n++] = key;
    }
    return 0;
}

struct bytes otel_trace_state_get(struct bytes field, const char *name) {
    struct bytes member, key, value;
    while (text_list_next(&field, ',', &member))
        if (split(member, &key, &value) && bytes_equal_str(key, name))
            return value;
    return (struct bytes){0};
}
