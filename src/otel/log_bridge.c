/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two things keep a line from feeding itself. The thread that exports is skipped as a whole. And on
 * every other thread a line that is logged while a record is being made, such as that there was no
 * memory for it, is not made into a record in its turn.
 */
#include "otel/log_bridge.h"

static _Thread_local bool is_skipped;

static const struct {
    enum otel_severity severity;
    const char *text;
} severities[] = {
    [LOG_ERROR] = {OTEL_ERROR, "ERROR"},
    [LOG_WARN] = {OTEL_WARN, "WARN"},
    [LOG_INFO] = {OTEL_INFO, "INFO"},
    [LOG_DEBUG] = {OTEL_DEBUG, "DEBUG"},
};

static void hear(struct log_listener *listener, enum log_level level, struct bytes message) {
    struct otel_log_bridge *bridge = CONTAINER_OF(listener, struct otel_log_bridge, listener);
    if (is_skipped)
        return;
    is_skipped = true;
    otel_logger_emit(bridge->logger, &(struct otel_log_record){
                                         .severity = severities[level].severity,
                                         .severity_text = bytes_str(severities[level].text),
                                         .body = otel_text(message),
                                     });
    is_skipped = false;
}

void otel_log_bridge_start(struct otel_log_bridge *bridge, struct otel_logger *logger) {
    *bridge = (struct otel_log_bridge){.listener = {hear}, .logger = logger};
    log_listen(&bridge->listener);
}

void otel_log_bridge_stop(struct otel_log_bridge *bridge) {
    log_listen(NULL);
    bridge->logger = NULL;
}

void otel_log_bridge_skip_this_thread(void) {
    is_skipped = true;
}

size_t otel_log_fields(struct log_field fields[LOG_MAX_FIELDS]) {
    const struct otel_span_context *span = &otel_context_current()->span;
    if (!otel_span_context_is_valid(span))
        return 0;
    fields[0].name = "trace_id";
    otel_trace_id_format(&span->trace_id, fields[0].value);
    fields[1].name = "span_id";
    otel_span_id_format(&span->span_id, fields[1].value);
    return 2;
}
