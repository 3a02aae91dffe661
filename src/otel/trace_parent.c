/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `traceparent` (W3C Trace Context, section 3.2):
 *
 *     00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *     ^  ^ trace id                       ^ span id        ^ flags
 *     version
 *
 * Level 2 is version 00 too; it gives the second flag its meaning. What a higher version appends is
 * behind another dash and not looked at; of its flags only the first is known to mean the same.
 */
#include "otel/propagation.h"
#include "otel/text_list.h"

enum {
    VERSION_AT = 0,
    TRACE_ID_AT = 3,
    SPAN_ID_AT = 36,
    FLAGS_AT = 53,
};

/* Upper case is not allowed here, unlike in `%XX`. */
static int hex_value(uint8_t digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool read_hex(const uint8_t *digits, uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(digits[2 * i]), low = hex_value(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool has_form_of_version(struct bytes field, uint8_t version) {
    if (version == 0xff)
        return false;
    if (version == 0 || field.len == OTEL_TRACE_PARENT_LEN)
        return field.len == OTEL_TRACE_PARENT_LEN;
    return field.data[OTEL_TRACE_PARENT_LEN] == '-';
}

int otel_trace_parent_parse(struct bytes field, struct otel_span_context *context) {
    struct otel_span_context read = {.is_remote = true};
    uint8_t version;
    field = text_trim(field);
    if (field.len < OTEL_TRACE_PARENT_LEN)
        return OTEL_E_MALFORMED;
    const uint8_t *data = field.data;
    if (data[TRACE_ID_AT - 1] != '-' || data[SPAN_ID_AT - 1] != '-' || data[FLAGS_AT - 1] != '-')
        return OTEL_E_MALFORMED;
    if (!read_hex(data + VERSION_AT, &version, 1) || !has_form_of_version(field, version) ||
        !read_hex(data + TRACE_ID_AT, read.trace_id.bytes, sizeof(read.trace_id.bytes)) ||
        !read_hex(data + SPAN_ID_AT, read.span_id.bytes, sizeof(read.span_id.bytes)) ||
        !read_hex(data + FLAGS_AT, &read.flags, 1) || !otel_span_context_is_valid(&read))
        return OTEL_E_MALFORMED;
    read.flags &= version == 0 ? OTEL_FLAG_SAMPLED | OTEL_FLAG_RANDOM : OTEL_FLAG_SAMPLED;
    context->trace_id = read.trace_id;
    context->span_id = read.span_id;
    context->flags = read.flags;
    context->is_remote = true;
    return 0;
}

void otel_trace_parent_format(const struct otel_span_context *context,
                              char out[OTEL_TRACE_PARENT_LEN + 1]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t flags = context->flags & (OTEL_FLAG_SAMPLED | OTEL_FLAG_RANDOM);
    memcpy(out, "00-", 3);
    otel_trace_id_format(&context->trace_id, out + TRACE_ID_AT);
    otel_span_id_format(&context->span_id, out + SPAN_ID_AT);
    out[SPAN_ID_AT - 1] = out[FLAGS_AT - 1] = '-';
    out[FLAGS_AT] = digits[flags >> 4];
    out[FLAGS_AT + 1] = digits[flags & 15];
    out[OTEL_TRACE_PARENT_LEN] = '\0';
}
