/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/*
 * The protobuf wire format (protobuf.dev, "Encoding"), read by a cursor that never passes the end
 * of its bytes and never copies. For the hot message and for descriptors; everything else goes
 * through proto/message.h.
 */
enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP_START = 3,
    WIRE_GROUP_END = 4,
    WIRE_FIXED32 = 5,
};

enum {
    WIRE_E_END = 1,       /* no field is left */
    WIRE_E_MALFORMED = 2, /* the bytes are not a protobuf message */
};

/* One field as it stands in the bytes. `number` holds a varint or fixed value, `bytes` the content.
 */
struct wire_field {
    uint32_t id;
    enum wire_type type;
    uint64_t number;
    struct bytes bytes;
};

/*
 * Takes the next field off `rest`. Groups, which only old messages have, are skipped whole; they
 * come out as a WIRE_GROUP_START field without content. 0, WIRE_E_END or WIRE_E_MALFORMED.
 */
MUST_USE int wire_next(struct bytes *rest, struct wire_field *field);

/* Bytes that a varint takes: 1 to 10. */
size_t wire_varint_size(uint64_t value);

/* Writes a varint at `out`, which has room for it; returns where the next byte goes. */
uint8_t *wire_put_varint(uint8_t *out, uint64_t value);

/* Writes a field's tag. */
uint8_t *wire_put_tag(uint8_t *out, uint32_t id, enum wire_type type);
