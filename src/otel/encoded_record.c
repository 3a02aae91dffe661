/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where records become bytes. They are written where they stay: into a record that is as large as
 * they will most likely need. What does not fit there is written to the thread's scratch, which is
 * as large as the largest was so far, and copied in one piece that is no larger than it has to be.
 *
 * The record's own memory is what this thread's next record takes, while it is still in the nearest
 * cache.
 */
#include "otel/encoded_record.h"

#include "otel/log_record.h"
#include "otel/span_record.h"

enum {
    /* Of a span, but for its texts and what is written already: times, ids, flags, counts, and the
     * lengths of all. Of a log record nobody has counted: the smallest block is large enough for
     * most. */
    HEAD = 160,
};

static const struct otel_span_data *span_of(const struct record *record) {
    return &CONTAINER_OF(record, struct span_record, record)->data;
}

static const struct otel_log_data *log_of(const struct record *record) {
    return &CONTAINER_OF(record, struct log_record, record)->data;
}

static const struct otel_scope *scope_of(enum record_kind kind, const struct record *record) {
    return kind == RECORD_SPAN ? span_of(record)->scope : log_of(record)->scope;
}

static size_t likely_size(enum record_kind kind, const struct record *record) {
    if (kind == RECORD_LOG)
        return 0;
    const struct otel_span_data *span = span_of(record);
    return HEAD + span->name.len + span->context.trace_state.len + span->status_text.len +
           buf_len(&span->written_attributes) + buf_len(&span->written_events) +
           buf_len(&span->written_links);
}

static int write_record(enum record_kind kind, const struct record *record, struct buf *out) {
    const struct otel_encoder *encoder = record->recorder->encoders[kind];
    return kind == RECORD_SPAN ? encoder->span(span_of(record), out)
                               : encoder->log(log_of(record), out);
}

/* NULL: there is no room, or it is not enough. */
static struct record *write_in_place(struct recorder_shard *shard, enum record_kind kind,
                                     const struct record *record) {
    struct encoded_record *encoded =
        record_new(record->recorder, shard, sizeof(*encoded), likely_size(kind, record));
    if (!encoded)
        return NULL;
    size_t room = (size_t)(encoded->record.end - encoded->record.at);
    struct buf out = {.data = encoded->record.at, .cap = room, .max = room};
    if (write_record(kind, record, &out)) {
        record_free_here(shard, &encoded->record);
        return NULL;
    }
    encoded->data = (struct otel_encoded){scope_of(kind, record), buf_bytes(&out)};
    return &encoded->record;
}

static struct record *copy_out(struct recorder *recorder, struct recorder_shard *shard,
                               const struct otel_scope *scope) {
    struct bytes written = buf_bytes(&shard->scratch);
    struct encoded_record *encoded = record_new(recorder, shard, sizeof(*encoded) + written.len, 0);
    if (!encoded)
        return NULL;
    uint8_t *bytes = (uint8_t *)(encoded + 1);
    memcpy(bytes, written.data, written.len);
    encoded->data = (struct otel_encoded){scope, bytes_of(bytes, written.len)};
    return &encoded->record;
}

/* The record is gone before the encoded one asks for memory: there may be no more. */
static struct record *write_by_scratch(struct recorder_shard *shard, enum record_kind kind,
                                       struct record *record) {
    struct recorder *recorder = record->recorder;
    const struct otel_scope *scope = scope_of(kind, record);
    buf_reset(&shard->scratch);
    int r = write_record(kind, record, &shard->scratch);
    record_free_here(shard, record);
    struct record *encoded = r == 0 ? copy_out(recorder, shard, scope) : NULL;
    recorder_tidy_scratch(shard);
    return encoded;
}

struct record *encoded_record_of(struct recorder_shard *shard, enum record_kind kind,
                                 struct record *record) {
    struct record *encoded = write_in_place(shard, kind, record);
    if (!encoded)
        return write_by_scratch(shard, kind, record);
    record_free_here(shard, record);
    return encoded;
}
