/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/*
 * Attributes: a key and a value (OpenTelemetry specification, "Common", attribute; OTLP AnyValue).
 * Passed in they are borrowed for the time of the call. Keys and texts are UTF-8; what is not is
 * mended on the way out (each bad byte becomes U+FFFD), never refused.
 */
enum otel_type {
    OTEL_EMPTY,
    OTEL_TEXT,
    OTEL_BOOLEAN,
    OTEL_INTEGER,
    OTEL_NUMBER,
    OTEL_BYTES,
    OTEL_TEXTS, /* from here on arrays, of `n` elements */
    OTEL_BOOLEANS,
    OTEL_INTEGERS,
    OTEL_NUMBERS,
};

struct otel_value {
    enum otel_type type;
    uint32_t n; /* elements of an array */
    union {
        struct bytes text; /* of OTEL_BYTES too */
        bool boolean;
        int64_t integer;
        double number;
        const struct bytes *texts;
        const bool *booleans;
        const int64_t *integers;
        const double *numbers;
    };
};

struct otel_attribute {
    struct bytes key; /* not empty */
    struct otel_value value;
};

/* Field by field: of an initializer gcc makes a copy of what has just been written in smaller
 * pieces, and the processor waits for these: 10 ns a value. */
static inline struct otel_value otel_empty(enum otel_type type) {
    struct otel_value value;
    value.type = type;
    value.n = 0;
    value.text.data = NULL;
    value.text.len = 0;
    return value;
}

static inline struct otel_value otel_text(struct bytes text) {
    struct otel_value value = otel_empty(OTEL_TEXT);
    value.text.data = text.data;
    value.text.len = text.len;
    return value;
}

static inline struct otel_value otel_str(const char *text) {
    return otel_text(bytes_str(text));
}

static inline struct otel_value otel_boolean(bool boolean) {
    struct otel_value value = otel_empty(OTEL_BOOLEAN);
    value.boolean = boolean;
    return value;
}

static inline struct otel_value otel_integer(int64_t integer) {
    struct otel_value value = otel_empty(OTEL_INTEGER);
    value.integer = integer;
    return value;
}

static inline struct otel_value otel_number(double number) {
    struct otel_value value = otel_empty(OTEL_NUMBER);
    value.number = number;
    return value;
}

/* The `i`-th element of an array, as a value of its own. */
static inline struct otel_value otel_element(const struct otel_value *array, size_t i) {
    switch (array->type) {
    case OTEL_TEXTS:
        return otel_text(array->texts[i]);
    case OTEL_BOOLEANS:
        return otel_boolean(array->booleans[i]);
    case OTEL_INTEGERS:
        return otel_integer(array->integers[i]);
    case OTEL_NUMBERS:
        return otel_number(array->numbers[i]);
    default:
        return otel_empty(OTEL_EMPTY);
    }
}

static inline struct otel_attribute otel_attribute(const char *key, struct otel_value value) {
    return (struct otel_attribute){bytes_str(key), value};
}

/* Attributes as they are kept in a span, an event, a link or a log record: in order of their
 * setting, each key once. */
struct otel_kept_attribute {
    struct otel_kept_attribute *next;
    struct otel_attribute attribute;
};

struct otel_kept_attributes {
    struct otel_kept_attribute *first, *last;
    uint64_t keys; /* two bits for each, which they share with others (attributes.c) */
    uint32_t n;
    uint32_t n_dropped; /* over the limit, or there was no room */
};

/* Who made it: a library's name and version (instrumentation scope). Borrowed texts. */
struct otel_scope {
    struct bytes name;
    struct bytes version;
    struct bytes schema_url;
};
