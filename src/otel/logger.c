/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log record is made, filled and queued in one go. A body or a text that finds no room is left
 * out and counts as a dropped attribute, so that what there is still arrives, and says that it is
 * not whole.
 */
#include "otel/logger.h"

#include "base/clock.h"
#include "otel/attributes.h"
#include "otel/log_record.h"
#include "otel/scopes.h"

enum {
    ROOM = 512, /* for texts and attributes: a line and a few of these */
};

static void copy_text(struct log_record *log, struct bytes text, struct bytes *copy) {
    if (!record_copy(&log->record, text, copy))
        log->data.attributes.n_dropped++;
}

static void fill(struct log_record *log, const struct otel_log_record *from) {
    const struct recorder_limits *limits = &log->record.recorder->limits[RECORD_LOG];
    copy_text(log, from->severity_text, &log->data.severity_text);
    copy_text(log, from->event_name, &log->data.event_name);
    if (!attributes_copy_value(&log->record, &from->body, &log->data.body))
        log->data.attributes.n_dropped++;
    attributes_set_all(&log->record, &log->data.attributes, &limits->attributes, from->attributes,
                       from->n_attributes);
}

static void set_context(struct otel_log_data *data, const struct otel_context *context) {
    data->context = context->span;
    data->context.trace_state = (struct bytes){0}; /* it is borrowed, and no log record has one */
}

void otel_logger_emit(struct otel_logger *logger, const struct otel_log_record *record) {
    if (!logger)
        return;
    struct recorder *recorder = logger->scoped.recorder;
    struct recorder_shard *shard = recorder_mine(recorder);
    recorder_count(recorder, shard, COUNT_LOGS);
    struct log_record *log = record_new(recorder, shard, sizeof(*log), ROOM);
    if (!log) {
        recorder_count(recorder, shard, COUNT_NO_ROOM + RECORD_LOG);
        return;
    }
    uint64_t now_ns = clock_wall_ns();
    log->data = (struct otel_log_data){
        .scope = &logger->scoped.scope,
        .time_ns = record->time_ns ? record->time_ns : now_ns,
        .observed_ns = now_ns,
        .severity = record->severity,
    };
    set_context(&log->data, record->context ? record->context : otel_context_current());
    fill(log, record);
    recorder_queue(shard, RECORD_LOG, &log->record);
}
