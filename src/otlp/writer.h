/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <endian.h>

#include "base/buf.h"
#include "otel/value.h"
#include "proto/wire.h"

/*
 * Writes protobuf messages that nest, in one pass, at the end of a buffer.
 *
 *     struct otlp_open span = otlp_open(writer, SPANS, 2);
 *     otlp_put_text(writer, NAME, data->name);
 *     otlp_close(writer, span);
 *
 * How long a message is shows only at its end, so its length gets as many bytes as it is expected
 * to need, and what is in it is moved by the difference when that was wrong: the bytes are always
 * the shortest, as Google's protobuf writes them. Fields with the value 0 are left out, as there.
 *
 * The first error stays in `error`, and what is written after it counts for nothing: so only who
 * began looks.
 */
struct otlp_writer {
    struct buf *out;
    int error; /* 0, BUF_E_FULL or -ENOMEM */
};

/* A message that is being written. */
struct otlp_open {
    size_t start;    /* of its content, from the buffer's first byte */
    size_t n_length; /* bytes in front of it for its length */
};

/* Out of the way of what is written for every span. */
#define OTLP_SELDOM __attribute__((noinline, cold))

/* Room for `n` bytes, or NULL: then `error` is set. */
OTLP_SELDOM uint8_t *otlp_make_room(struct otlp_writer *writer, size_t n);

static inline uint8_t *otlp_room(struct otlp_writer *writer, size_t n) {
    const struct buf *out = writer->out;
    return out->cap - out->end >= n ? out->data + out->end : otlp_make_room(writer, n);
}

/* Everything before `at`, which is in the room that was given, has been written. */
static inline void otlp_wrote(struct otlp_writer *writer, const uint8_t *at) {
    writer->out->end = (size_t)(at - writer->out->data);
}

enum {
    OTLP_ROOM_VARINT = 15, /* a tag and a varint, at the most */
    OTLP_SHORT = 127,      /* a length of one byte */
    OTLP_SHORT_TAG = 15,   /* the field of a tag of one byte */
};

/* A tag where there is room; what follows it. */
static inline uint8_t *otlp_write_tag(uint8_t *at, uint32_t id, enum wire_type type) {
    if (id > OTLP_SHORT_TAG)
        return wire_put_tag(at, id, type);
    *at = (uint8_t)(id << 3 | (uint32_t)type);
    return at + 1;
}

/* `n_length`: bytes that its length is likely to take; 1 up to 127 bytes, 2 up to 16 KiB, 3 up to 2
 * MiB. */
static inline struct otlp_open otlp_open(struct otlp_writer *writer, uint32_t id, size_t n_length) {
    uint8_t *at = otlp_room(writer, OTLP_ROOM_VARINT);
    if (at)
        otlp_wrote(writer, otlp_write_tag(at, id, WIRE_BYTES) + n_length);
    return (struct otlp_open){buf_len(writer->out), n_length};
}

/* The rest of otlp_close(), which is one byte for nearly all. */
OTLP_SELDOM void otlp_close_any(struct otlp_writer *writer, struct otlp_open message);

static inline void otlp_close(struct otlp_writer *writer, struct otlp_open message) {
    struct buf *out = writer->out;
    size_t len = buf_len(out) - message.start;
    if (writer->error == 0 && message.n_length == 1 && len <= OTLP_SHORT)
        out->data[out->start + message.start - 1] = (uint8_t)len;
    else
        otlp_close_any(writer, message);
}

/* A text; bytes that are no UTF-8 become U+FFFD. The first leaves an empty one out, the second,
 * for what is one of several kinds, does not. */
void otlp_put_text(struct otlp_writer *writer, uint32_t id, struct bytes text);
void otlp_put_any_text(struct otlp_writer *writer, uint32_t id, struct bytes text);

/* Whole fields, as they are. */
void otlp_put_written(struct otlp_writer *writer, struct bytes fields);

void otlp_put_bytes(struct otlp_writer *writer, uint32_t id, struct bytes bytes);
void otlp_put_varint(struct otlp_writer *writer, uint32_t id, uint64_t value);
void otlp_put_fixed64(struct otlp_writer *writer, uint32_t id, uint64_t value);

/* These write 0 too: for what is one of several kinds, or may be there or not. */
void otlp_put_any_fixed64(struct otlp_writer *writer, uint32_t id, uint64_t value);
void otlp_put_any_double(struct otlp_writer *writer, uint32_t id, double value);

/* A packed list of 64-bit values as they are in memory. */
void otlp_put_packed64(struct otlp_writer *writer, uint32_t id, const void *values, size_t n);

/* ---- what all signals have ---- */

/* The fields of an AnyValue. */
void otlp_put_value(struct otlp_writer *writer, const struct otel_value *value);

/* A KeyValue. */
void otlp_put_attribute(struct otlp_writer *writer, uint32_t id, struct bytes key,
                        const struct otel_value *value);

/* Where attributes are, and how many were dropped. */
struct otlp_attribute_ids {
    uint32_t attributes, dropped;
};
void otlp_put_kept(struct otlp_writer *writer, struct otlp_attribute_ids ids,
                   const struct otel_kept_attributes *kept);

/* ---- for many fields at once: each writes at `at`, where there is room, and gives what follows */

enum {
    OTLP_ROOM_FIXED64 = 10, /* with a tag of two bytes */
    OTLP_ROOM_FIXED32 = 6,
    OTLP_ROOM_ID = 19, /* a trace id, or a span id */
};

static inline uint8_t *otlp_write_fixed64(uint8_t *at, uint32_t id, uint64_t value) {
    uint64_t raw = htole64(value);
    at = otlp_write_tag(at, id, WIRE_FIXED64);
    memcpy(at, &raw, sizeof(raw));
    return at + sizeof(raw);
}

static inline uint8_t *otlp_write_fixed32(uint8_t *at, uint32_t id, uint32_t value) {
    uint32_t raw = htole32(value);
    at = otlp_write_tag(at, id, WIRE_FIXED32);
    memcpy(at, &raw, sizeof(raw));
    return at + sizeof(raw);
}

/* `n` is at most 16. */
static inline uint8_t *otlp_write_id(uint8_t *at, uint32_t id, const uint8_t *bytes, size_t n) {
    at = otlp_write_tag(at, id, WIRE_BYTES);
    *at++ = (uint8_t)n;
    memcpy(at, bytes, n);
    return at + n;
}
