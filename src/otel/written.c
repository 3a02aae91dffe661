/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said is written behind what was said before of its kind, in places that a span has from
 * its start and that nearly every span can do with: its end copies three pieces, however much was
 * said. What does not fit goes through the thread's scratch to a place twice as large as needed, so
 * that all places of a span together are a few times its size.
 *
 * An attribute that is set again stays where it was, and what is behind it makes room: one that is
 * set for ever costs its record a few times its largest size, not the sum of all.
 */
#include "otel/written.h"

static const struct otel_encoder *encoder_of(const struct record *record) {
    return record->recorder->encoders[RECORD_SPAN];
}

/* ---- places ---- */

/* It does not grow by itself: where it is not enough the encoder says so. Field by field: of an
 * initializer gcc makes a copy of what has just been written in smaller pieces, and the processor
 * waits for these. */
static void open_place(struct record *record, struct buf *out, size_t room) {
    out->data = record_take(record, room);
    out->start = out->end = 0;
    out->cap = out->max = room;
}

void written_open(struct record *record, struct otel_span_data *span) {
    open_place(record, &span->written_attributes, WRITTEN_ROOM_FOR_ATTRIBUTES);
    open_place(record, &span->written_events, WRITTEN_ROOM_FOR_EVENTS);
    open_place(record, &span->written_links, WRITTEN_ROOM_FOR_LINKS);
}

/* Twice as much as is wanted; where no block is so large, all of one. */
static uint8_t *take_larger(struct record *record, size_t wanted, size_t *room) {
    *room = 2 * wanted;
    uint8_t *data = record_alloc(record, *room);
    if (data)
        return data;
    data = record_alloc(record, wanted);
    if (!data)
        return NULL;
    *room = (size_t)(record->end - data);
    record->at = record->end;
    return data;
}

static bool move(struct record *record, struct buf *out, size_t wanted) {
    size_t room;
    uint8_t *data = take_larger(record, wanted, &room);
    if (!data)
        return false;
    memcpy(data, out->data, out->end);
    out->data = data;
    out->cap = out->max = room;
    return true;
}

static bool has_room(struct record *record, struct buf *out, size_t n) {
    return out->cap - out->end >= n || move(record, out, out->end + n);
}

static bool append(struct record *record, struct buf *out, struct bytes bytes) {
    if (!has_room(record, out, bytes.len))
        return false;
    memcpy(out->data + out->end, bytes.data, bytes.len);
    out->end += bytes.len;
    return true;
}

/* `old` is part of `out`. */
static bool replace(struct record *record, struct buf *out, struct bytes old, struct bytes bytes) {
    size_t at = (size_t)(old.data - out->data), behind = at + old.len;
    if (bytes.len > old.len && !has_room(record, out, bytes.len - old.len))
        return false;
    memmove(out->data + at + bytes.len, out->data + behind, out->end - behind);
    memcpy(out->data + at, bytes.data, bytes.len);
    out->end = out->end - old.len + bytes.len;
    return true;
}

/* This thread's scratch, empty; NULL: it has none. */
static struct buf *scratch_of(const struct record *record) {
    struct recorder_shard *shard = recorder_mine(record->recorder);
    if (!shard)
        return NULL;
    recorder_tidy_scratch(shard);
    buf_reset(&shard->scratch);
    return &shard->scratch;
}

/* For what did not fit behind the first `len` bytes. */
static struct buf *scratch_instead(const struct record *record, struct buf *out, size_t len) {
    out->end = len;
    return scratch_of(record);
}

/* ---- events, links and attributes ---- */

bool written_event(struct record *record, struct buf *out, const struct otel_event *event,
                   struct otel_lent lent) {
    const struct otel_encoder *encoder = encoder_of(record);
    size_t len = out->end;
    if (encoder->event(event, lent, out) == 0)
        return true;
    struct buf *scratch = scratch_instead(record, out, len);
    return scratch && encoder->event(event, lent, scratch) == 0 &&
           append(record, out, buf_bytes(scratch));
}

bool written_link(struct record *record, struct buf *out, const struct otel_link *link,
                  struct otel_lent lent) {
    const struct otel_encoder *encoder = encoder_of(record);
    size_t len = out->end;
    if (encoder->link(link, lent, out) == 0)
        return true;
    struct buf *scratch = scratch_instead(record, out, len);
    return scratch && encoder->link(link, lent, scratch) == 0 &&
           append(record, out, buf_bytes(scratch));
}

static bool add(struct record *record, struct buf *out, struct bytes key,
                const struct otel_value *value) {
    const struct otel_encoder *encoder = encoder_of(record);
    size_t len = out->end;
    if (encoder->attribute(key, value, out) == 0)
        return true;
    struct buf *scratch = scratch_instead(record, out, len);
    return scratch && encoder->attribute(key, value, scratch) == 0 &&
           append(record, out, buf_bytes(scratch));
}

static bool set_again(struct record *record, struct buf *out, struct bytes old, struct bytes key,
                      const struct otel_value *value) {
    struct buf *scratch = scratch_of(record);
    return scratch && encoder_of(record)->attribute(key, value, scratch) == 0 &&
           replace(record, out, old, buf_bytes(scratch));
}

static bool set(struct record *record, struct otel_span_data *span, size_t n_max, struct bytes key,
                const struct otel_value *value) {
    struct buf *out = &span->written_attributes;
    struct bytes old;
    if (key.len == 0)
        return false;
    if (attributes_may_have(&span->attributes, key) &&
        encoder_of(record)->find(buf_bytes(out), key, &old))
        return set_again(record, out, old, key, value);
    if (span->attributes.n >= n_max || !add(record, out, key, value))
        return false;
    span->attributes.n++;
    return true;
}

/* An array is cut in a copy, which nobody needs once it is written: its place is free again, unless
 * what is written lies behind it. */
static bool set_cut(struct record *record, struct otel_span_data *span,
                    const struct attribute_limits *limits, struct bytes key,
                    const struct otel_value *value) {
    struct otel_value cut;
    if (!attributes_cut_value(record, limits, value, &cut))
        return false;
    const uint8_t *behind = record->at;
    bool is_set = set(record, span, limits->n, key, &cut);
    if (cut.type == OTEL_TEXTS && record->at == behind)
        record->at = (uint8_t *)(uintptr_t)cut.texts;
    return is_set;
}

void written_set(struct record *record, struct otel_span_data *span,
                 const struct attribute_limits *limits, struct bytes key,
                 const struct otel_value *value) {
    bool is_set = limits->value_length == SIZE_MAX ? set(record, span, limits->n, key, value)
                                                   : set_cut(record, span, limits, key, value);
    if (!is_set)
        span->attributes.n_dropped++;
}

/* ---- what was prepared ---- */

static bool has_any(const struct record *record, const struct otel_span_data *span,
                    const struct otel_prepared *prepared) {
    const struct otel_encoder *encoder = encoder_of(record);
    uint64_t keys = span->attributes.keys;
    struct bytes there = buf_bytes(&span->written_attributes), found;
    if ((keys & prepared->all_keys) == 0)
        return false;
    for (size_t i = 0; i < prepared->set->n; i++)
        if ((keys & prepared->keys[i]) == prepared->keys[i] &&
            encoder->find(there, prepared->set->attributes[i].key, &found))
            return true;
    return false;
}

bool written_set_prepared(struct record *record, struct otel_span_data *span, size_t n_max,
                          const struct otel_prepared *prepared) {
    struct bytes written = buf_bytes(&prepared->written);
    if (written.len == 0 || span->attributes.n + prepared->set->n > n_max ||
        has_any(record, span, prepared) || !append(record, &span->written_attributes, written))
        return false;
    span->attributes.keys |= prepared->all_keys;
    span->attributes.n += (uint32_t)prepared->set->n;
    return true;
}
