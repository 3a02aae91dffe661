/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/reading.h"

#include <endian.h>

#include "proto/wire.h"

enum field_id {
    FIELD_SENSOR_ID = 1,
    FIELD_TEMPERATURE = 2,
    FIELD_TIMESTAMP = 3,
    FIELD_NANOS = 4,
    FIELD_SEQUENCE = 5,
};

/* proto3 leaves out what is zero, bit for bit: -0.0 is written. */
static uint64_t double_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double double_of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* A field of a known number but another wire type is unknown too, as in Google's parsers. */
static void reading_take_field(struct reading *reading, const struct wire_field *field) {
    switch (field->id << 3 | field->type) {
    case FIELD_SENSOR_ID << 3 | WIRE_BYTES:
        reading->sensor_id = field->bytes;
        break;
    case FIELD_TEMPERATURE << 3 | WIRE_FIXED64:
        reading->temperature = double_of_bits(field->number);
        break;
    case FIELD_TIMESTAMP << 3 | WIRE_VARINT:
        reading->seconds = (int64_t)field->number;
        break;
    case FIELD_NANOS << 3 | WIRE_VARINT:
        reading->nanos = (int32_t)(uint32_t)field->number;
        break;
    case FIELD_SEQUENCE << 3 | WIRE_VARINT:
        reading->sequence = field->number;
        break;
    default:
        break;
    }
}

static int decode_any(struct bytes message, struct reading *reading) {
    struct wire_field field;
    int r;
    *reading = (struct reading){0};
    while ((r = wire_next(&message, &field)) == 0)
        reading_take_field(reading, &field);
    return r == WIRE_E_END ? 0 : READING_E_MALFORMED;
}

/*
 * The message as every client writes it: id and temperature there, the fields in order, the id's
 * length one byte. What is not so is left to decode_any(), which would give the same for all that
 * this takes, three times as slowly.
 */
#define TAG(id, type) ((id) << 3 | (type))

/* The varint field `tag`, if it is next. Returns what comes behind; NULL when it is cut off. */
static const uint8_t *take_varint_field(const uint8_t *at, const uint8_t *end, uint8_t tag,
                                        uint64_t *value) {
    if (!at || at == end || *at != tag)
        return at;
    at++;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        uint8_t byte = *at++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return at;
    }
    return NULL;
}

static bool decode_usual(struct bytes message, struct reading *reading) {
    enum {
        HEAD = 2,        /* tag and length of the id */
        TEMPERATURE = 9, /* with its tag */
    };
    const uint8_t *data = message.data;
    if (message.len < HEAD || data[0] != TAG(FIELD_SENSOR_ID, WIRE_BYTES) || data[1] >= 0x80)
        return false;
    const size_t id_end = HEAD + (size_t)data[1];
    if (message.len < id_end + TEMPERATURE || data[id_end] != TAG(FIELD_TEMPERATURE, WIRE_FIXED64))
        return false;
    uint64_t bits, seconds = 0, nanos = 0, sequence = 0;
    memcpy(&bits, data + id_end + 1, sizeof(bits));
    const uint8_t *end = data + message.len;
    const uint8_t *at = data + id_end + TEMPERATURE;
    at = take_varint_field(at, end, TAG(FIELD_TIMESTAMP, WIRE_VARINT), &seconds);
    at = take_varint_field(at, end, TAG(FIELD_NANOS, WIRE_VARINT), &nanos);
    at = take_varint_field(at, end, TAG(FIELD_SEQUENCE, WIRE_VARINT), &sequence);
    *reading = (struct reading){
        .sensor_id = bytes_of(data + HEAD, id_end - HEAD),
        .temperature = double_of_bits(le64toh(bits)),
        .seconds = (int64_t)seconds,
        .nanos = (int32_t)(uint32_t)nanos,
        .sequence = sequence,
    };
    return at == end;
}

int reading_decode(struct bytes message, struct reading *reading) {
    return decode_usual(message, reading) ? 0 : decode_any(message, reading);
}

static size_t varint_field_size(uint64_t value) {
    return value ? 1 + wire_varint_size(value) : 0;
}

size_t reading_encoded_size(const struct reading *reading) {
    size_t id_len = reading->sensor_id.len;
    size_t size = id_len ? 1 + wire_varint_size(id_len) + id_len : 0;
    size += double_bits(reading->temperature) ? 9 : 0;
    size += varint_field_size((uint64_t)reading->seconds);
    size += varint_field_size((uint64_t)(int64_t)reading->nanos);
    size += varint_field_size(reading->sequence);
    return size;
}

static uint8_t *put_varint_field(uint8_t *out, uint32_t id, uint64_t value) {
    if (value == 0)
        return out;
    return wire_put_varint(wire_put_tag(out, id, WIRE_VARINT), value);
}

uint8_t *reading_encode(const struct reading *reading, uint8_t *out) {
    if (reading->sensor_id.len) {
        out = wire_put_tag(out, FIELD_SENSOR_ID, WIRE_BYTES);
        out = wire_put_varint(out, reading->sensor_id.len);
        memcpy(out, reading->sensor_id.data, reading->sensor_id.len);
        out += reading->sensor_id.len;
    }
    uint64_t bits = double_bits(reading->temperature);
    if (bits) {
        out = wire_put_tag(out, FIELD_TEMPERATURE, WIRE_FIXED64);
        bits = htole64(bits);
        memcpy(out, &bits, 8);
        out += 8;
    }
    out = put_varint_field(out, FIELD_TIMESTAMP, (uint64_t)reading->seconds);
    out = put_varint_field(out, FIELD_NANOS, (uint64_t)(int64_t)reading->nanos);
    return put_varint_field(out, FIELD_SEQUENCE, reading->sequence);
}
