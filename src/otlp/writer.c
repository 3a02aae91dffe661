/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/writer.h"

#include <assert.h>

#include "base/utf8.h"

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

void otlp_close_any(struct otlp_writer *writer, struct otlp_open message) {
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

static uint64_t copy_word(uint8_t *out, const uint8_t *in) {
    uint64_t word;
    memcpy(&word, in, sizeof(word));
    memcpy(out, &word, sizeof(word));
    return word;
}

static uint32_t copy_half_word(uint8_t *out, const uint8_t *in) {
    uint32_t half;
    memcpy(&half, in, sizeof(half));
    memcpy(out, &half, sizeof(half));
    return half;
}

/* Copies and looks at as much at a time as there is, the last piece overlapping the one before. All
 * that is seen, or-ed together. */
static uint64_t copy_and_see(uint8_t *out, struct bytes text) {
    const uint8_t *in = text.data;
    size_t n = text.len;
    uint64_t seen = 0;
    if (n >= 16) {
        for (size_t at = 16; at < n; at += 16)
            seen |= copy_word(out + at - 16, in + at - 16) | copy_word(out + at - 8, in + at - 8);
        return seen | copy_word(out + n - 16, in + n - 16) | copy_word(out + n - 8, in + n - 8);
    }
    if (n >= 8)
        return copy_word(out, in) | copy_word(out + n - 8, in + n - 8);
    if (n >= 4)
        return copy_half_word(out, in) | copy_half_word(out + n - 4, in + n - 4);
    for (size_t at = 0; at < n; at++)
        seen |= out[at] = in[at];
    return seen;
}

static uint8_t *write_length(uint8_t *at, size_t len) {
    if (len > OTLP_SHORT)
        return wire_put_varint(at, len);
    *at = (uint8_t)len;
    return at + 1;
}

/* Whether all were ASCII. */
static bool copy_ascii(uint8_t *out, struct bytes text) {
    return (copy_and_see(out, text) & UINT64_C(0x8080808080808080)) == 0;
}

OTLP_SELDOM static void put_mended(struct otlp_writer *writer, uint32_t id, struct bytes text) {
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
    uint8_t *at = otlp_room(writer, OTLP_ROOM_VARINT + text.len);
    if (!at)
        return;
    at = write_length(otlp_write_tag(at, id, WIRE_BYTES), text.len);
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

void otlp_put_written(struct otlp_writer *writer, struct bytes fields) {
    uint8_t *at = fields.len ? otlp_room(writer, fields.len) : NULL;
    if (!at)
        return;
    memcpy(at, fields.data, fields.len);
    otlp_wrote(writer, at + fields.len);
}

static void put_any_bytes(struct otlp_writer *writer, uint32_t id, struct bytes bytes) {
    uint8_t *at = otlp_room(writer, OTLP_ROOM_VARINT + bytes.len);
    if (!at)
        return;
    at = write_length(otlp_write_tag(at, id, WIRE_BYTES), bytes.len);
    if (bytes.len)
        memcpy(at, bytes.data, bytes.len);
    otlp_wrote(writer, at + bytes.len);
}

void otlp_put_bytes(struct otlp_writer *writer, uint32_t id, struct bytes bytes) {
    if (bytes.len)
        put_any_bytes(writer, id, bytes);
}

static void put_any_varint(struct otlp_writer *writer, uint32_t id, uint64_t value) {
    uint8_t *at = otlp_room(writer, OTLP_ROOM_VARINT);
    if (at)
        otlp_wrote(writer, wire_put_varint(otlp_write_tag(at, id, WIRE_VARINT), value));
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

/* ---- attributes ---- */

/*
 * Nearly every attribute is short: all lengths in it are one byte, and are filled in behind what
 * has been written. What is not is written as any other message.
 */
enum {
    SHORT_OVERHEAD = 17, /* tags and lengths, and a value that is no text, at the most */
    SHORT_TEXTS = OTLP_SHORT - SHORT_OVERHEAD,
};

/* Its key, and the text that it may be, together; over SHORT_TEXTS for what is not short. */
static size_t short_texts(struct bytes key, const struct otel_value *value) {
    size_t len = value->type == OTEL_TEXT ? value->text.len : 0;
    bool is_short = value->type < OTEL_BYTES && len <= SHORT_TEXTS && key.len <= SHORT_TEXTS;
    return is_short && key.len > 0 ? key.len + len : SHORT_TEXTS + 1;
}

/* NULL: it is not ASCII, and what is written does not count. */
static uint8_t *write_short_text(uint8_t *at, uint32_t id, struct bytes text) {
    at = otlp_write_tag(at, id, WIRE_BYTES);
    *at++ = (uint8_t)text.len;
    return copy_ascii(at, text) ? at + text.len : NULL;
}

/* As above. */
static uint8_t *write_short_value(uint8_t *at, const struct otel_value *value) {
    switch (value->type) {
    case OTEL_TEXT:
        return write_short_text(at, ANY_STRING, value->text);
    case OTEL_BOOLEAN:
        at = otlp_write_tag(at, ANY_BOOL, WIRE_VARINT);
        *at = value->boolean;
        return at + 1;
    case OTEL_INTEGER:
        at = otlp_write_tag(at, ANY_INT, WIRE_VARINT);
        return wire_put_varint(at, (uint64_t)value->integer);
    case OTEL_NUMBER:
        at = otlp_write_tag(at, ANY_DOUBLE, WIRE_FIXED64);
        memcpy(at, &value->number, sizeof(value->number));
        return at + sizeof(value->number);
    default:
        return at;
    }
}

/* False: it is not short, not ASCII, or there is no room; nothing is written. */
static bool put_short_attribute(struct otlp_writer *writer, uint32_t id, struct bytes key,
                                const struct otel_value *value) {
    size_t texts = short_texts(key, value);
    if (texts > SHORT_TEXTS || id > OTLP_SHORT_TAG)
        return false;
    uint8_t *at = otlp_room(writer, SHORT_OVERHEAD + texts);
    if (!at)
        return false;
    uint8_t *pair = otlp_write_tag(at, id, WIRE_BYTES) + 1;
    at = write_short_text(pair, KEY_VALUE_KEY, key);
    if (!at)
        return false;
    uint8_t *any = otlp_write_tag(at, KEY_VALUE_VALUE, WIRE_BYTES) + 1;
    at = write_short_value(any, value);
    if (!at)
        return false;
    any[-1] = (uint8_t)(at - any);
    pair[-1] = (uint8_t)(at - pair);
    otlp_wrote(writer, at);
    return true;
}

OTLP_SELDOM static void put_any_attribute(struct otlp_writer *writer, uint32_t id, struct bytes key,
                                          const struct otel_value *value) {
    struct otlp_open pair = otlp_open(writer, id, 1);
    otlp_put_text(writer, KEY_VALUE_KEY, key);
    struct otlp_open any = otlp_open(writer, KEY_VALUE_VALUE, 1);
    otlp_put_value(writer, value);
    otlp_close(writer, any);
    otlp_close(writer, pair);
}

void otlp_put_attribute(struct otlp_writer *writer, uint32_t id, struct bytes key,
                        const struct otel_value *value) {
    if (!put_short_attribute(writer, id, key, value))
        put_any_attribute(writer, id, key, value);
}

void otlp_put_kept(struct otlp_writer *writer, struct otlp_attribute_ids ids,
                   const struct otel_kept_attributes *kept) {
    for (const struct otel_kept_attribute *at = kept->first; at; at = at->next)
        otlp_put_attribute(writer, ids.attributes, at->attribute.key, &at->attribute.value);
    otlp_put_varint(writer, ids.dropped, kept->n_dropped);
}
