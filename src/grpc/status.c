/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/status.h"

#include "http2/session.h"

static const char *const status_names[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

const char *grpc_status_name(enum grpc_status status) {
    size_t i = (size_t)status;
    return i < ARRAY_LEN(status_names) ? status_names[i] : "UNKNOWN";
}

enum grpc_status grpc_status_parse(struct bytes value) {
    unsigned code = 0;
    if (value.len == 0 || value.len > 2)
        return GRPC_UNKNOWN;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return GRPC_UNKNOWN;
        code = code * 10 + (value.data[i] - '0');
    }
    return code < ARRAY_LEN(status_names) ? (enum grpc_status)code : GRPC_UNKNOWN;
}

enum grpc_status grpc_status_of_h2_error(uint32_t error) {
    switch (error) {
    case H2_REFUSED_STREAM:
    case H2_CONNECTION_LOST:
        return GRPC_UNAVAILABLE;
    case H2_CANCEL:
        return GRPC_CANCELLED;
    case H2_ENHANCE_YOUR_CALM:
        return GRPC_RESOURCE_EXHAUSTED;
    case H2_INADEQUATE_SECURITY:
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_INTERNAL;
    }
}

enum grpc_status grpc_status_of_http(struct bytes http_status) {
    static const struct {
        const char *http;
        enum grpc_status status;
    } rows[] = {
        {"400", GRPC_INTERNAL},      {"401", GRPC_UNAUTHENTICATED}, {"403", GRPC_PERMISSION_DENIED},
        {"404", GRPC_UNIMPLEMENTED}, {"429", GRPC_UNAVAILABLE},     {"431", GRPC_INTERNAL},
        {"502", GRPC_UNAVAILABLE},   {"503", GRPC_UNAVAILABLE},     {"504", GRPC_UNAVAILABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bytes_equal_str(http_status, rows[i].http))
            return rows[i].status;
    return GRPC_UNKNOWN;
}

/* Printable ASCII but the percent sign stands for itself. */
static bool stands_for_itself(uint8_t byte) {
    return byte >= 0x20 && byte <= 0x7E && byte != '%';
}

int grpc_status_message_encode(struct bytes text, struct buf *out) {
    static const char digits[] = "0123456789ABCDEF";
    uint8_t *at;
    int r = buf_reserve(out, 3 * text.len, &at);
    if (r)
        return r;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (stands_for_itself(byte)) {
            at[n++] = byte;
            continue;
        }
        at[n++] = '%';
        at[n++] = (uint8_t)digits[byte >> 4];
        at[n++] = (uint8_t)digits[byte & 15];
    }
    buf_commit(out, n);
    return 0;
}

static int hex_value(uint8_t digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

/* The byte that `%XX` at the start of `coded` stands for, or -1. */
static int escaped_byte(struct bytes coded) {
    if (coded.len < 3 || coded.data[0] != '%')
        return -1;
    int high = hex_value(coded.data[1]), low = hex_value(coded.data[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

int grpc_status_message_decode(struct bytes coded, struct buf *out) {
    uint8_t *at;
    int r = buf_reserve(out, coded.len, &at);
    if (r)
        return r;
    size_t n = 0;
    while (coded.len > 0) {
        int byte = escaped_byte(coded);
        at[n++] = byte >= 0 ? (uint8_t)byte : coded.data[0];
        coded = bytes_from(coded, byte >= 0 ? 3 : 1);
    }
    buf_commit(out, n);
    return 0;
}
