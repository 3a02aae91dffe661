/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/writer.h"

#include <assert.h>

#include "base/utf8.h"

/* A tag and a varint, at the most. */
enum {
    ROOM_VARINT = 15
};

/* opentelemetry/proto/common/v1/common.proto */
enum {
    KEY_VALUE_KEY = 1,
    KEY_VALUE_VALUE = 2,
    ANY_STRING = 1,
    ANY_BOOL = 2,
    ANY_INT = 3,
    ANY_DOUBLE = 4,
    ANY_ARRAY = 5,
    ANY_BYTES = 7,
    ARRAY_VALUES = 1,
};

uint8_t *otlp_make_room(struct otlp_writer *writer, size_t n) {
    uint8_t *at = NULL;
    int r = buf_reserve(writer->out, n, &at);
    if (r == 0)
        return at;
    if (writer->error == 0)
        writer->error = r;
    return NULL;
}

/* ---- nesting ---- */

struct otlp_open otlp_open(struct otlp_writer *writer, uint32_t id, size_t n_length) {
    uint8_t *at = otlp_room(writer, ROOM_VARINT);
    if (at)
        otlp_wrote(writer, wire_put_tag(at, id, WIRE_BYTES) + n_length);
    return (struct otlp_open){buf_len(writer->out), n_length};
}

/* The content from `start` on gets `n` more bytes in front of it. */
static void move_content(struct otlp_writer *writer, size_t start, size_t n) {
    uint8_t *end = otlp_room(writer, n);
    if (!end)
        return;
    struct buf *out = writer->out;
    memmove(out->data + out->start + start + n, out->data + out->start + start,
            buf_len(out) - start);
    otlp_wrote(writer, end + n);
}

void otlp_close(struct otlp_writer *writer, struct otlp_open message) {
    struct buf *out = writer->out;
    if (writer->error)
        return;
    size_t len = buf_len(out) - message.start;
    size_t n_length = wire_varint_size(len);
    if (n_length > message.n_length) {
        move_content(writer, message.start, n_length - message.n_length);
    } else if (n_length < message.n_length) {
        uint8_t *content = out->data + out->start + message.start;
        memmove(content - (message.n_length - n_length), content, len);
        out->end -= message.n_length - n_length;
    }
    if (writer->error == 0)
        wire_put_varint(out->data + out->start + message.start - message.n_length, len);
}

/* ---- texts ---- */

/* Copies and looks at eight bytes at a time, the last eight overlapping those before. Whether all
 * were ASCII. */
static bool copy_ascii(uint8_t *out, struct bytes text) {
    uint64_t word, seen = 0;
    if (text.len < sizeof(word)) {
        for (size_t i = 0; i < text.len; i++)
            seen |= out[i] = text.data[i];
        return seen < 0x80;
    }
    for (size_t at = 0; at < text.len - sizeof(word); at += sizeof(word)) {
        memcpy(&word, text.data + at, sizeof(word));
        memcpy(out + at, &word, sizeof(word));
        seen |= word;
    }
    memcpy(&word, text.data + text.len - sizeof(word), sizeof(word));
    memcpy(out + text.len - sizeof(word), &word, sizeof(word));
    return ((seen | word) & UINT64_C(0x8080808080808080)) == 0;
}

static void put_mended(struct otlp_writer *writer, uint32_t id, struct bytes text) {
    static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
    struct otlp_open mended = otlp_open(writer, id, 2);
    while (text.len > 0) {
        size_t n = utf8_length(text);
        uint8_t *at = otlp_room(writer, 4);
        if (!at)
            return;
        memcpy(at, n ? (const char *)text.data : replacement, n ? n : 3);
        otlp_wrote(writer, at + (n ? n : 3));
        text = bytes_from(text, n ? n : 1);
    }
    otlp_close(writer, mended);
}

void otlp_put_any_text(struct otlp_writer *writer, uint32_t id, struct bytes text) {
    uint8_t *at = otlp_room(writer, ROOM_VARINT + text.len);
    if (!at)
        return;
    at = wire_put_tag(at, id, WIRE_BYTES);
    at = wire_put_varint(at, text.len);
    if (copy_ascii(at, text) || utf8_is_valid(text))
        otlp_wrote(writer, at + text.len);
    else
        put_mended(writer, id, text); /* over it */
}

void otlp_put_text(struct otlp_writer *writer, uint32_t id, struct bytes text) {
    if (text.len)
        otlp_put_any_text(writer, id, text);
}

/* ---- other fields ---- */

static void put_any_bytes(struct otlp_writer *writer, uint32_t id, struct bytes bytes) {
    uint8_t *at = otlp_room(writer, ROOM_VARINT + bytes.len);
    if (!at)
        return;
    at = wire_put_tag(at, id, WIRE_BYTES);
    at = wire_put_varint(at, bytes.len);
    if (bytes.len)
        memcpy(at, bytes.data, bytes.len);
    otlp_wrote(writer, at + bytes.len);
}

void otlp_put_bytes(struct otlp_writer *writer, uint32_t id, struct bytes bytes) {
    if (bytes.len)
        put_any_bytes(writer, id, bytes);
}

static void put_any_varint(struct otlp_writer *writer, uint32_t id, uint64_t value) {
    uint8_t *at = otlp_room(writer, ROOM_VARINT);
    if (at)
        otlp_wrote(writer, wire_put_varint(wire_put_tag(at, id, WIRE_VARINT), value));
}

void otlp_put_varint(struct otlp_writer *writer, uint32_t id, uint64_t value) {
    if (value)
        put_any_varint(writer, id, value);
}

void otlp_put_any_fixed64(struct otlp_writer *writer, uint32_t id, uint64_t value) {
    uint8_t *at = otlp_room(writer, OTLP_ROOM_FIXED64);
    if (at)
        otlp_wrote(writer, otlp_write_fixed64(at, id, value));
}

void otlp_put_fixed64(struct otlp_writer *writer, uint32_t id, uint64_t value) {
    if (value)
        otlp_put_any_fixed64(writer, id, value);
}

void otlp_put_any_double(struct otlp_writer *writer, uint32_t id, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    otlp_put_any_fixed64(writer, id, bits);
}

void otlp_put_packed64(struct otlp_writer *writer, uint32_t id, const void *values, size_t n) {
    static_assert(BYTE_ORDER == LITTLE_ENDIAN, "the values would have to be turned round");
    otlp_put_bytes(writer, id, bytes_of(values, n * sizeof(uint64_t)));
}

/* ---- values ---- */

static void put_array(struct otlp_writer *writer, const struct otel_value *array) {
    struct otlp_open values = otlp_open(writer, ANY_ARRAY, 1);
    for (size_t i = 0; i < array->n; i++) {
        struct otel_value element = otel_element(array, i);
        struct otlp_open value = otlp_open(writer, ARRAY_VALUES, 1);
        otlp_put_value(writer, &element);
        otlp_close(writer, value);
    }
    otlp_close(writer, values);
}

void otlp_put_value(struct otlp_writer *writer, const struct otel_value *value) {
    switch (value->type) {
    case OTEL_EMPTY:
        return;
    case OTEL_TEXT:
        otlp_put_any_text(writer, ANY_STRING, value->text);
        return;
    case OTEL_BOOLEAN:
        put_any_varint(writer, ANY_BOOL, value->boolean);
        return;
    case OTEL_INTEGER:
        put_any_varint(writer, ANY_INT, (uint64_t)value->integer);
        return;
    case OTEL_NUMBER:
        otlp_put_any_double(writer, ANY_DOUBLE, value->number);
        return;
    case OTEL_BYTES:
        put_any_bytes(writer, ANY_BYTES, value->text);
        return;
    default:
        put_array(writer, value);
    }
}

void otlp_put_attribute(struct otlp_writer *writer, uint32_t id,
                        const struct otel_attribute *attribute) {
    struct otlp_open pair = otlp_open(writer, id, 1);
    otlp_put_text(writer, KEY_VALUE_KEY, attribute->key);
    struct otlp_open value = otlp_open(writer, KEY_VALUE_VALUE, 1);
    otlp_put_value(writer, &attribute->value);
    otlp_close(writer, value);
    otlp_close(writer, pair);
}

void otlp_put_kept(struct otlp_writer *writer, struct otlp_attribute_ids ids,
                   const struct otel_kept_attributes *kept) {
    for (const struct otel_kept_attribute *at = kept->first; at; at = at->next)
        otlp_put_attribute(writer, ids.attributes, &at->attribute);
    otlp_put_varint(writer, ids.dropped, kept->n_dropped);
}
