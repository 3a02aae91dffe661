/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where records become bytes. An encoder writes to the thread's scratch, which is as large as the
 * largest was so far; what it has written is copied to where it stays, in one piece that is no
 * larger than it has to be.
 *
 * The record's own memory is free before the encoded one asks for some: it is what this thread's
 * next record takes, while it is still in the nearest cache.
 */
#include "otel/encoded_record.h"

#include "otel/log_record.h"
#include "otel/span_record.h"

/* ---- the end of a record ---- */

/* Its scope; NULL when it does not fit. */
static const struct otel_scope *write_record(struct buf *scratch, enum record_kind kind,
                                             const struct record *record) {
    const struct otel_encoder *encoder = record->recorder->encoders[kind];
    buf_reset(scratch);
    if (kind == RECORD_SPAN) {
        const struct otel_span_data *span = &CONTAINER_OF(record, struct span_record, record)->data;
        return encoder->span(span, scratch) ? NULL : span->scope;
    }
    const struct otel_log_data *log = &CONTAINER_OF(record, struct log_record, record)->data;
    return encoder->log(log, scratch) ? NULL : log->scope;
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

struct record *encoded_record_of(struct recorder_shard *shard, enum record_kind kind,
                                 struct record *record) {
    struct recorder *recorder = record->recorder;
    const struct otel_scope *scope = write_record(&shard->scratch, kind, record);
    record_free_here(shard, record);
    struct record *encoded = scope ? copy_out(recorder, shard, scope) : NULL;
    recorder_tidy_scratch(shard);
    return encoded;
}
