/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

#include <endian.h>

/* Google's parsers refuse messages that nest deeper; unknown groups are the only nesting read here.
 */
enum {
    WIRE_MAX_GROUP_DEPTH = 100
};

/* Bytes that a varint may take: Google's parsers refuse more, leading zeros included. */
enum {
    WIRE_VARINT_MAX = 10,
    WIRE_TAG_AND_LENGTH_MAX = 5,
};

static int wire_take_varint(struct bytes *rest, size_t max, uint64_t *value) {
    uint64_t v = 0;
    for (size_t i = 0; i < rest->len && i < max; i++) {
        uint8_t byte = rest->data[i];
        v |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte & 0x80)
            continue;
        *value = v;
        *rest = bytes_from(*rest, i + 1);
        return 0;
    }
    return WIRE_E_MALFORMED;
}

static int wire_take_bytes(struct bytes *rest, size_t n, struct bytes *taken) {
    if (n > rest->len)
        return WIRE_E_MALFORMED;
    *taken = bytes_of(rest->data, n);
    *rest = bytes_from(*rest, n);
    return 0;
}

static int wire_take_fixed(struct bytes *rest, size_t n, uint64_t *value) {
    struct bytes raw;
    uint64_t v = 0;
    if (wire_take_bytes(rest, n, &raw))
        return WIRE_E_MALFORMED;
    memcpy(&v, raw.data, n);
    *value = le64toh(v);
    return 0;
}

static int wire_take_tag(struct bytes *rest, uint32_t *id, enum wire_type *type) {
    uint64_t tag;
    if (wire_take_varint(rest, WIRE_TAG_AND_LENGTH_MAX, &tag) || tag > UINT32_MAX ||
        tag >> 3 == 0 || (tag & 7) > 5)
        return WIRE_E_MALFORMED;
    *id = (uint32_t)(tag >> 3);
    *type = (enum wire_type)(tag & 7);
    return 0;
}

/* The content of any field but a group. */
static int wire_take_value(struct bytes *rest, struct wire_field *field) {
    uint64_t len;
    switch (field->type) {
    case WIRE_VARINT:
        return wire_take_varint(rest, WIRE_VARINT_MAX, &field->number);
    case WIRE_FIXED64:
        return wire_take_fixed(rest, 8, &field->number);
    case WIRE_FIXED32:
        return wire_take_fixed(rest, 4, &field->number);
    case WIRE_BYTES:
        if (wire_take_varint(rest, WIRE_TAG_AND_LENGTH_MAX, &len))
            return WIRE_E_MALFORMED;
        return wire_take_bytes(rest, len, &field->bytes);
    default:
        return WIRE_E_MALFORMED;
    }
}

/* Everything up to the end of the group `id`, whose start has been read. */
static int wire_skip_group(struct bytes *rest, uint32_t id) {
    uint32_t open[WIRE_MAX_GROUP_DEPTH] = {id};
    size_t depth = 1;
    while (depth > 0) {
        struct wire_field inner;
        if (wire_take_tag(rest, &inner.id, &inner.type))
            return WIRE_E_MALFORMED;
        if (inner.type == WIRE_GROUP_START) {
            if (depth == WIRE_MAX_GROUP_DEPTH)
                return WIRE_E_MALFORMED;
            open[depth++] = inner.id;
        } else if (inner.type == WIRE_GROUP_END) {
            if (open[--depth] != inner.id)
                return WIRE_E_MALFORMED;
        } else if (wire_take_value(rest, &inner)) {
            return WIRE_E_MALFORMED;
        }
    }
    return 0;
}

int wire_next(struct bytes *rest, struct wire_field *field) {
    if (rest->len == 0)
        return WIRE_E_END;
    *field = (struct wire_field){0};
    if (wire_take_tag(rest, &field->id, &field->type))
        return WIRE_E_MALFORMED;
    if (field->type == WIRE_GROUP_START)
        return wire_skip_group(rest, field->id);
    return wire_take_value(rest, field);
}

size_t wire_varint_size(uint64_t value) {
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return (bits + 6) / 7;
}

uint8_t *wire_put_varint(uint8_t *out, uint64_t value) {
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

uint8_t *wire_put_tag(uint8_t *out, uint32_t id, enum wire_type type) {
    return wire_put_varint(out, (uint64_t)id << 3 | type);
}
