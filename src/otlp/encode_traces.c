/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A span as OTLP has it (opentelemetry/proto/trace/v1/trace.proto). Times, ids and flags, which
 * every span has, are written with one look at the room there is.
 */
#include "otlp/encode_items.h"

enum {
    SPAN_TRACE_ID = 1,
    SPAN_SPAN_ID = 2,
    SPAN_TRACE_STATE = 3,
    SPAN_PARENT_SPAN_ID = 4,
    SPAN_NAME = 5,
    SPAN_KIND = 6,
    SPAN_START = 7,
    SPAN_END = 8,
    SPAN_ATTRIBUTES = 9,
    SPAN_DROPPED_ATTRIBUTES = 10,
    SPAN_EVENTS = 11,
    SPAN_DROPPED_EVENTS = 12,
    SPAN_LINKS = 13,
    SPAN_DROPPED_LINKS = 14,
    SPAN_STATUS = 15,
    SPAN_FLAGS = 16,
    EVENT_TIME = 1,
    EVENT_NAME = 2,
    EVENT_ATTRIBUTES = 3,
    EVENT_DROPPED_ATTRIBUTES = 4,
    LINK_TRACE_ID = 1,
    LINK_SPAN_ID = 2,
    LINK_TRACE_STATE = 3,
    LINK_ATTRIBUTES = 4,
    LINK_DROPPED_ATTRIBUTES = 5,
    LINK_FLAGS = 6,
    STATUS_MESSAGE = 2,
    STATUS_CODE = 3,
};

/* Above the eight bits of the W3C flags (SpanFlags). */
enum {
    FLAG_HAS_IS_REMOTE = 0x100,
    FLAG_IS_REMOTE = 0x200,
};

static uint32_t flags_of(const struct otel_span_context *context, bool is_remote) {
    return context->flags | FLAG_HAS_IS_REMOTE | (is_remote ? FLAG_IS_REMOTE : 0u);
}

static bool is_zero(const struct otel_span_id *id) {
    static const struct otel_span_id zero;
    return memcmp(id, &zero, sizeof(zero)) == 0;
}

/* What has a size that is known. */
static void put_fixed_part(struct otlp_writer *writer, const struct otel_span_data *span) {
    uint8_t *at = otlp_room(writer, 3 * OTLP_ROOM_ID + 2 * OTLP_ROOM_FIXED64 + OTLP_ROOM_FIXED32);
    if (!at)
        return;
    at = otlp_write_id(at, SPAN_TRACE_ID, span->context.trace_id.bytes, 16);
    at = otlp_write_id(at, SPAN_SPAN_ID, span->context.span_id.bytes, 8);
    if (!is_zero(&span->parent))
        at = otlp_write_id(at, SPAN_PARENT_SPAN_ID, span->parent.bytes, 8);
    at = otlp_write_fixed64(at, SPAN_START, span->start_ns);
    at = otlp_write_fixed64(at, SPAN_END, span->end_ns);
    at = otlp_write_fixed32(at, SPAN_FLAGS, flags_of(&span->context, span->has_remote_parent));
    otlp_wrote(writer, at);
}

static void put_lent(struct otlp_writer *writer, uint32_t id, struct otel_lent lent) {
    for (size_t i = 0; i < lent.n; i++)
        otlp_put_attribute(writer, id, lent.attributes[i].key, &lent.attributes[i].value);
}

void otlp_put_event(struct otlp_writer *writer, const struct otel_event *event,
                    struct otel_lent lent) {
    static const struct otlp_attribute_ids ids = {EVENT_ATTRIBUTES, EVENT_DROPPED_ATTRIBUTES};
    struct otlp_open message = otlp_open(writer, SPAN_EVENTS, 1);
    otlp_put_fixed64(writer, EVENT_TIME, event->time_ns);
    otlp_put_text(writer, EVENT_NAME, event->name);
    put_lent(writer, EVENT_ATTRIBUTES, lent);
    otlp_put_kept(writer, ids, &event->attributes);
    otlp_close(writer, message);
}

void otlp_put_link(struct otlp_writer *writer, const struct otel_link *link,
                   struct otel_lent lent) {
    static const struct otlp_attribute_ids ids = {LINK_ATTRIBUTES, LINK_DROPPED_ATTRIBUTES};
    struct otlp_open message = otlp_open(writer, SPAN_LINKS, 1);
    uint8_t *at = otlp_room(writer, 2 * OTLP_ROOM_ID + OTLP_ROOM_FIXED32);
    if (at) {
        at = otlp_write_id(at, LINK_TRACE_ID, link->context.trace_id.bytes, 16);
        at = otlp_write_id(at, LINK_SPAN_ID, link->context.span_id.bytes, 8);
        at = otlp_write_fixed32(at, LINK_FLAGS, flags_of(&link->context, link->context.is_remote));
        otlp_wrote(writer, at);
    }
    otlp_put_text(writer, LINK_TRACE_STATE, link->context.trace_state);
    put_lent(writer, LINK_ATTRIBUTES, lent);
    otlp_put_kept(writer, ids, &link->attributes);
    otlp_close(writer, message);
}

static void put_status(struct otlp_writer *writer, const struct otel_span_data *span) {
    if (span->status == OTEL_STATUS_UNSET)
        return;
    struct otlp_open message = otlp_open(writer, SPAN_STATUS, 1);
    otlp_put_text(writer, STATUS_MESSAGE, span->status_text);
    otlp_put_varint(writer, STATUS_CODE, span->status);
    otlp_close(writer, message);
}

void otlp_put_span_attribute(struct otlp_writer *writer, struct bytes key,
                             const struct otel_value *value) {
    otlp_put_attribute(writer, SPAN_ATTRIBUTES, key, value);
}

static void put_attributes(struct otlp_writer *writer, const struct otel_span_data *span) {
    const struct otel_kept_attributes *kept = &span->attributes;
    for (const struct otel_kept_attribute *at = kept->first; at; at = at->next)
        otlp_put_span_attribute(writer, at->attribute.key, &at->attribute.value);
    otlp_put_written(writer, buf_bytes(&span->written_attributes));
    otlp_put_varint(writer, SPAN_DROPPED_ATTRIBUTES, kept->n_dropped);
}

void otlp_put_span(struct otlp_writer *writer, uint32_t id, const struct otel_span_data *span) {
    const struct otel_lent none = {0};
    struct otlp_open message = otlp_open(writer, id, 2);
    put_fixed_part(writer, span);
    otlp_put_text(writer, SPAN_TRACE_STATE, span->context.trace_state);
    otlp_put_text(writer, SPAN_NAME, span->name);
    otlp_put_varint(writer, SPAN_KIND, span->kind);
    put_attributes(writer, span);
    for (const struct otel_event *event = span->first_event; event; event = event->next)
        otlp_put_event(writer, event, none);
    otlp_put_written(writer, buf_bytes(&span->written_events));
    otlp_put_varint(writer, SPAN_DROPPED_EVENTS, span->n_dropped_events);
    for (const struct otel_link *link = span->first_link; link; link = link->next)
        otlp_put_link(writer, link, none);
    otlp_put_written(writer, buf_bytes(&span->written_links));
    otlp_put_varint(writer, SPAN_DROPPED_LINKS, span->n_dropped_links);
    put_status(writer, span);
    otlp_close(writer, message);
}
