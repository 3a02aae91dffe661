/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A run of bytes that somebody else owns: a piece of a buffer, a header's value, a sensor's name.
 * It is passed by value, is never terminated, and is valid as long as its owner says.
 */
struct bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len) {
    return (struct bytes){(const uint8_t *)data, len};
}

static inline struct bytes bytes_str(const char *text) {
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The same for ids and other short texts on hot paths, where the call of memcmp is most of the
 * cost: eight bytes at a time, the last eight overlapping those before. */
static inline bool bytes_equal_short(struct bytes a, struct bytes b) {
    uint64_t x, y;
    if (a.len != b.len || a.len < sizeof(x))
        return bytes_equal(a, b);
    for (size_t at = 0; at < a.len - sizeof(x); at += sizeof(x)) {
        memcpy(&x, a.data + at, sizeof(x));
        memcpy(&y, b.data + at, sizeof(y));
        if (x != y)
            return false;
    }
    memcpy(&x, a.data + a.len - sizeof(x), sizeof(x));
    memcpy(&y, b.data + b.len - sizeof(y), sizeof(y));
    return x == y;
}

static inline bool bytes_equal_str(struct bytes a, const char *text) {
    return bytes_equal(a, bytes_str(text));
}

static inline bool bytes_start_with(struct bytes a, const char *prefix) {
    size_t len = strlen(prefix);
    return a.len >= len && (len == 0 || memcmp(a.data, prefix, len) == 0);
}

/* What is left after the first `n` bytes; `n` is at most `a.len`. */
static inline struct bytes bytes_from(struct bytes a, size_t n) {
    return (struct bytes){n ? a.data + n : a.data, a.len - n};
}

/* For printf's "%.*s": `printf("%.*s", BYTES_ARGS(name))`. */
#define BYTES_ARGS(b) (int)(b).len, (const char *)(b).data
