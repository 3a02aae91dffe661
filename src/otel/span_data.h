/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "otel/span.h"

/*
 * A span that has ended, as an exporter reads it (OpenTelemetry specification, "Tracing SDK",
 * readable span). It stays as it is until the export of its batch is over.
 */
struct otel_event {
    struct otel_event *next;
    struct bytes name;
    uint64_t time_ns;
    struct otel_kept_attributes attributes;
};

struct otel_link {
    struct otel_link *next;
    struct otel_span_context context;
    struct otel_kept_attributes attributes;
};

struct otel_span_data {
    const struct otel_scope *scope;
    struct otel_span_context context; /* trace_state is the record's own copy */
    struct otel_span_id parent;       /* all zero: a root */
    bool has_remote_parent;
    enum otel_span_kind kind;
    struct bytes name;
    uint64_t start_ns, end_ns; /* since 1970, UTC */
    struct otel_kept_attributes attributes;
    struct otel_event *first_event, *last_event;
    uint32_t n_events, n_dropped_events;
    struct otel_link *first_link, *last_link;
    uint32_t n_links, n_dropped_links;
    /* In place of the lists above where there is an encoder (encoder.h), one behind the other as it
     * wrote them; how many that are is counted there. */
    struct buf written_attributes, written_events, written_links;
    enum otel_status status;
    struct bytes status_text;
};
