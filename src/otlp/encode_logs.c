/* SPDX-License-Identifier: Apache-2.0 */
/* A log record as OTLP has it (opentelemetry/proto/logs/v1/logs.proto). */
#include "otlp/encode_items.h"

enum {
    LOG_TIME = 1,
    LOG_SEVERITY = 2,
    LOG_SEVERITY_TEXT = 3,
    LOG_BODY = 5,
    LOG_ATTRIBUTES = 6,
    LOG_DROPPED_ATTRIBUTES = 7,
    LOG_FLAGS = 8,
    LOG_TRACE_ID = 9,
    LOG_SPAN_ID = 10,
    LOG_OBSERVED = 11,
    LOG_EVENT_NAME = 12,
};

static void put_context(struct otlp_writer *writer, const struct otel_span_context *context) {
    if (!otel_span_context_is_valid(context))
        return;
    uint8_t *at = otlp_room(writer, 2 * OTLP_ROOM_ID + OTLP_ROOM_FIXED32);
    if (!at)
        return;
    at = otlp_write_id(at, LOG_TRACE_ID, context->trace_id.bytes, 16);
    at = otlp_write_id(at, LOG_SPAN_ID, context->span_id.bytes, 8);
    if (context->flags)
        at = otlp_write_fixed32(at, LOG_FLAGS, context->flags);
    otlp_wrote(writer, at);
}

static void put_body(struct otlp_writer *writer, const struct otel_value *body) {
    if (body->type == OTEL_EMPTY)
        return;
    struct otlp_open message = otlp_open(writer, LOG_BODY, 1);
    otlp_put_value(writer, body);
    otlp_close(writer, message);
}

void otlp_put_log(struct otlp_writer *writer, uint32_t id, const struct otel_log_data *log) {
    static const struct otlp_attribute_ids ids = {LOG_ATTRIBUTES, LOG_DROPPED_ATTRIBUTES};
    struct otlp_open message = otlp_open(writer, id, 2);
    otlp_put_fixed64(writer, LOG_TIME, log->time_ns);
    otlp_put_fixed64(writer, LOG_OBSERVED, log->observed_ns);
    otlp_put_varint(writer, LOG_SEVERITY, log->severity);
    otlp_put_text(writer, LOG_SEVERITY_TEXT, log->severity_text);
    put_body(writer, &log->body);
    otlp_put_kept(writer, ids, &log->attributes);
    put_context(writer, &log->context);
    otlp_put_text(writer, LOG_EVENT_NAME, log->event_name);
    otlp_close(writer, message);
}
