/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/prometheus_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/utf8.h"

#define IN_LABEL "\""

void prometheus_put(struct prometheus_text *text, struct bytes bytes) {
    if (text->r == 0)
        text->r = buf_append(text->out, bytes);
}

void prometheus_put_str(struct prometheus_text *text, const char *str) {
    prometheus_put(text, bytes_str(str));
}

void prometheus_put_unsigned(struct prometheus_text *text, uint64_t value) {
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRIu64, value);
    prometheus_put_str(text, digits);
}

void prometheus_put_integer(struct prometheus_text *text, int64_t value) {
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRId64, value);
    prometheus_put_str(text, digits);
}

void prometheus_put_number(struct prometheus_text *text, double value) {
    if (isnan(value))
        prometheus_put_str(text, "NaN");
    else if (isinf(value))
        prometheus_put_str(text, value > 0 ? "+Inf" : "-Inf");
    else
        prometheus_put_str(text, decimal_format(value).text);
}

void prometheus_put_time(struct prometheus_text *text, uint64_t time_ns) {
    char digits[40];
    snprintf(digits, sizeof(digits), "%" PRIu64 ".%09" PRIu64, time_ns / NS_PER_S,
             time_ns % NS_PER_S);
    prometheus_put_str(text, digits);
}

/* One character, and what it is written as. Gives its length. */
static size_t put_character(struct prometheus_text *text, struct bytes rest, const char *special) {
    size_t len = utf8_length(rest);
    if (len == 0) {
        prometheus_put_str(text, "\xef\xbf\xbd");
        return 1;
    }
    uint8_t first = rest.data[0];
    if (first == '\n') {
        prometheus_put_str(text, "\\n");
        return len;
    }
    if (first == '\\' || (first != '\0' && strchr(special, first)))
        prometheus_put_str(text, "\\");
    prometheus_put(text, bytes_of(rest.data, len));
    return len;
}

static bool is_plain(uint8_t c, const char *special) {
    return c >= ' ' && c < 0x7f && c != '\\' && !strchr(special, c);
}

void prometheus_put_escaped(struct prometheus_text *text, struct bytes bytes, const char *special) {
    while (bytes.len > 0) {
        size_t n = 0; /* nearly all of it needs nothing */
        while (n < bytes.len && is_plain(bytes.data[n], special))
            n++;
        prometheus_put(text, bytes_of(bytes.data, n));
        bytes = bytes_from(bytes, n);
        if (bytes.len > 0)
            bytes = bytes_from(bytes, put_character(text, bytes, special));
    }
}

static void put_base64(struct prometheus_text *text, struct bytes bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t n = bytes.len - at < 3 ? bytes.len - at : 3;
        uint32_t group = 0;
        char out[4] = "====";
        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < n ? bytes.data[at + i] : 0);
        for (size_t i = 0; i <= n; i++)
            out[i] = digits[group >> (18 - 6 * i) & 63];
        prometheus_put(text, bytes_of(out, sizeof(out)));
    }
}

/* A JSON string inside a label: what JSON escapes is escaped once more. */
static void put_json_string(struct prometheus_text *text, struct bytes bytes) {
    prometheus_put_str(text, "\\\"");
    for (size_t at = 0; at < bytes.len;) {
        struct bytes rest = bytes_from(bytes, at);
        uint8_t c = rest.data[0];
        char escape[16];
        if (c == '"' || c == '\\')
            snprintf(escape, sizeof(escape), c == '"' ? "\\\\\\\"" : "\\\\\\\\");
        else if (c < ' ')
            snprintf(escape, sizeof(escape), "\\\\u%04x", c);
        else {
            at += put_character(text, rest, "");
            continue;
        }
        prometheus_put_str(text, escape);
        at++;
    }
    prometheus_put_str(text, "\\\"");
}

static void put_json_number(struct prometheus_text *text, double value) {
    if (isfinite(value)) {
        prometheus_put_number(text, value);
        return;
    }
    prometheus_put_str(text, "\\\""); /* JSON has no word for them */
    prometheus_put_str(text, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    prometheus_put_str(text, "\\\"");
}

static void put_element(struct prometheus_text *text, const struct otel_value *array, size_t i) {
    if (array->type == OTEL_TEXTS)
        put_json_string(text, array->texts[i]);
    else if (array->type == OTEL_BOOLEANS)
        prometheus_put_str(text, array->booleans[i] ? "true" : "false");
    else if (array->type == OTEL_INTEGERS)
        prometheus_put_integer(text, array->integers[i]);
    else
        put_json_number(text, array->numbers[i]);
}

static void put_array(struct prometheus_text *text, const struct otel_value *array) {
    prometheus_put_str(text, "[");
    for (size_t i = 0; i < array->n; i++) {
        prometheus_put_str(text, i ? "," : "");
        put_element(text, array, i);
    }
    prometheus_put_str(text, "]");
}

void prometheus_put_value(struct prometheus_text *text, const struct otel_value *value) {
    switch (value->type) {
    case OTEL_EMPTY:
        break;
    case OTEL_TEXT:
        prometheus_put_escaped(text, value->text, IN_LABEL);
        break;
    case OTEL_BOOLEAN:
        prometheus_put_str(text, value->boolean ? "true" : "false");
        break;
    case OTEL_INTEGER:
        prometheus_put_integer(text, value->integer);
        break;
    case OTEL_NUMBER:
        prometheus_put_number(text, value->number);
        break;
    case OTEL_BYTES:
        put_base64(text, value->text);
        break;
    default:
        put_array(text, value);
        break;
    }
}
