/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/span_context.h"

static void format_hex(const uint8_t *bytes, size_t n, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 0x0f];
    }
    *out = '\0';
}

void otel_trace_id_format(const struct otel_trace_id *id, char out[33]) {
    format_hex(id->bytes, sizeof(id->bytes), out);
}

void otel_span_id_format(const struct otel_span_id *id, char out[17]) {
    format_hex(id->bytes, sizeof(id->bytes), out);
}
