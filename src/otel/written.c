/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said is written where it stays: at the end of what the record has taken of its newest
 * block. Only what does not fit there goes through the thread's scratch, and so does an attribute
 * that is set again: it takes the place of the one before if it fits; otherwise it gets a place
 * twice as large as needed, so that an attribute that is set for ever with ever longer texts costs
 * its record a few times its last size, not the sum of all.
 */
#include "otel/written.h"

static const struct otel_encoder *encoder_of(const struct record *record) {
    return record->recorder->encoders[RECORD_SPAN];
}

/* ---- places ---- */

/* What is free of the newest block, behind what stands before the bytes. It does not grow: where it
 * is not enough the encoder says so. */
static struct buf place_of(const struct record *record) {
    struct otel_written *written = (void *)record->at;
    size_t free = (size_t)(record->end - record->at);
    size_t cap = free > sizeof(*written) ? free - sizeof(*written) : 0;
    return (struct buf){.data = written->bytes, .cap = cap, .max = cap};
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

/* With a place of `times` as much as it needs. */
static struct otel_written *copy_out(struct record *record, const struct buf *scratch,
                                     size_t times) {
    struct bytes bytes = buf_bytes(scratch);
    struct otel_written *written = bytes.len < UINT32_MAX / times
                                       ? record_alloc(record, sizeof(*written) + times * bytes.len)
                                       : NULL;
    if (!written)
        return NULL;
    memcpy(written->bytes, bytes.data, bytes.len);
    written->len = (uint32_t)bytes.len;
    written->cap = (uint32_t)(times * bytes.len);
    return written;
}

static bool append(struct otel_written_list *list, struct otel_written *written) {
    written->next = NULL;
    if (list->last)
        list->last->next = written;
    else
        list->first = written;
    list->last = written;
    return true;
}

static bool keep_place(struct record *record, struct otel_written_list *list,
                       const struct buf *place) {
    struct otel_written *written = record_take(record, sizeof(*written) + place->end);
    written->len = written->cap = (uint32_t)place->end;
    return append(list, written);
}

static bool keep_scratch(struct record *record, struct otel_written_list *list,
                         const struct buf *scratch) {
    struct otel_written *written = copy_out(record, scratch, 1);
    return written && append(list, written);
}

/* ---- events and links ---- */

bool written_event(struct record *record, struct otel_written_list *list,
                   const struct otel_event *event, struct otel_lent lent) {
    const struct otel_encoder *encoder = encoder_of(record);
    struct buf place = place_of(record), *scratch;
    if (encoder->event(event, lent, &place) == 0)
        return keep_place(record, list, &place);
    scratch = scratch_of(record);
    return scratch && encoder->event(event, lent, scratch) == 0 &&
           keep_scratch(record, list, scratch);
}

bool written_link(struct record *record, struct otel_written_list *list,
                  const struct otel_link *link, struct otel_lent lent) {
    const struct otel_encoder *encoder = encoder_of(record);
    struct buf place = place_of(record), *scratch;
    if (encoder->link(link, lent, &place) == 0)
        return keep_place(record, list, &place);
    scratch = scratch_of(record);
    return scratch && encoder->link(link, lent, scratch) == 0 &&
           keep_scratch(record, list, scratch);
}

/* ---- attributes ---- */

static bool add(struct record *record, struct otel_written_list *list, struct bytes key,
                const struct otel_value *value) {
    const struct otel_encoder *encoder = encoder_of(record);
    struct buf place = place_of(record), *scratch;
    if (encoder->attribute(key, value, &place) == 0)
        return keep_place(record, list, &place);
    scratch = scratch_of(record);
    return scratch && encoder->attribute(key, value, scratch) == 0 &&
           keep_scratch(record, list, scratch);
}

/* Where the list leads to the attribute of this key; NULL: it has none. */
static struct otel_written **find(const struct record *record, struct otel_written_list *list,
                                  struct bytes key) {
    const struct otel_encoder *encoder = encoder_of(record);
    for (struct otel_written **at = &list->first; *at; at = &(*at)->next)
        if (encoder->has_key(bytes_of((*at)->bytes, (*at)->len), key))
            return at;
    return NULL;
}

static bool put_in_place_of(struct record *record, struct otel_written_list *list,
                            struct otel_written **at, const struct buf *scratch) {
    struct otel_written *old = *at;
    struct bytes bytes = buf_bytes(scratch);
    if (bytes.len <= old->cap) {
        memcpy(old->bytes, bytes.data, bytes.len);
        old->len = (uint32_t)bytes.len;
        return true;
    }
    struct otel_written *written = copy_out(record, scratch, 2);
    if (!written)
        return false;
    written->next = old->next;
    *at = written;
    if (list->last == old)
        list->last = written;
    return true;
}

static bool replace(struct record *record, struct otel_written_list *list, struct otel_written **at,
                    struct bytes key, const struct otel_value *value) {
    struct buf *scratch = scratch_of(record);
    return scratch && encoder_of(record)->attribute(key, value, scratch) == 0 &&
           put_in_place_of(record, list, at, scratch);
}

static bool set(struct record *record, struct otel_span_data *span, size_t n_max, struct bytes key,
                const struct otel_value *value) {
    struct otel_written_list *list = &span->written_attributes;
    if (key.len == 0)
        return false;
    if (attributes_may_have(&span->attributes, key)) {
        struct otel_written **at = find(record, list, key);
        if (at)
            return replace(record, list, at, key, value);
    }
    if (span->attributes.n >= n_max || !add(record, list, key, value))
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

static bool has_any(const struct record *record, struct otel_span_data *span,
                    const struct otel_prepared *prepared) {
    uint64_t keys = span->attributes.keys;
    for (size_t i = 0; i < prepared->set->n; i++)
        if ((keys & prepared->keys[i]) == prepared->keys[i] &&
            find(record, &span->written_attributes, prepared->set->attributes[i].key))
            return true;
    return false;
}

/* They lie there already, one behind the other. */
static void append_all(struct otel_span_data *span, uint8_t *at,
                       const struct otel_prepared *prepared) {
    size_t n = prepared->set->n;
    for (size_t i = 0; i < n; i++) {
        struct otel_written *written = (void *)at;
        at += sizeof(*written) + ((written->len + 7) & ~(size_t)7);
        append(&span->written_attributes, written);
        span->attributes.keys |= prepared->keys[i];
    }
    span->attributes.n += (uint32_t)n;
}

bool written_set_prepared(struct record *record, struct otel_span_data *span, size_t n_max,
                          const struct otel_prepared *prepared) {
    struct bytes written = buf_bytes(&prepared->written);
    if (written.len == 0 || span->attributes.n + prepared->set->n > n_max ||
        has_any(record, span, prepared))
        return false;
    uint8_t *place = record_alloc(record, written.len);
    if (!place)
        return false;
    memcpy(place, written.data, written.len);
    append_all(span, place, prepared);
    return true;
}
