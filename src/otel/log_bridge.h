/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/log.h"
#include "otel/logger.h"

/*
 * The program's own log as OpenTelemetry's: each line becomes a record too, with its severity, its
 * words as the body, and the span that its thread is at work on (otel_context_current()).
 *
 *     otel_log_bridge_start(&bridge, otel_sdk_logger(sdk, &scope));
 *     log_add_fields(otel_log_fields);
 */
struct otel_log_bridge {
    struct log_listener listener;
    struct otel_logger *logger;
};

/* Borrows the logger, which may be NULL. One bridge at a time. */
void otel_log_bridge_start(struct otel_log_bridge *bridge, struct otel_logger *logger);

/* Before it, no other thread may log any more. */
void otel_log_bridge_stop(struct otel_log_bridge *bridge);

/*
 * From here on no line of this thread becomes a record: for the thread that exports. What it says
 * about an export that fails would otherwise be exported, fail, and make it say so again.
 */
void otel_log_bridge_skip_this_thread(void);

/* Trace and span id of what the thread is at work on, as `trace_id` and `span_id`; none if it is on
 * nothing. For log_add_fields(). */
size_t otel_log_fields(struct log_field fields[LOG_MAX_FIELDS]);
