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

static inline struct otel_value otel_text(struct bytes text) {
    return (struct otel_value){.type = OTEL_TEXT, .text = text};
}

static inline struct otel_value otel_str(const char *text) {
    return otel_text(bytes_str(text));
}

static inline struct otel_value otel_boolean(bool boolean) {
    return (struct otel_value){.type = OTEL_BOOLEAN, .boolean = boolean};
}

static inline struct otel_value otel_integer(int64_t integer) {
    return (struct otel_value){.type = OTEL_INTEGER, .integer = integer};
}

static inline struct otel_value otel_number(double number) {
    return (struct otel_value){.type = OTEL_NUMBER, .number = number};
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
    uint32_t n;
    uint32_t n_dropped; /* over the limit, or there was no room */
};

/* Who made it: a library's name and version (instrumentation scope). Borrowed texts. */
struct otel_scope {
    struct bytes name;
    struct bytes version;
    struct bytes schema_url;
};
