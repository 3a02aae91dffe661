/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/context.h"
#include "otel/value.h"

/*
 * Log records (OpenTelemetry specification, "Logs API"). As with spans, nothing here fails or
 * waits, and a NULL logger is fine.
 */
struct otel_logger;

/* 1 to 24, four to a name; these are the first of each. */
enum otel_severity {
    OTEL_SEVERITY_NONE = 0,
    OTEL_TRACE = 1,
    OTEL_DEBUG = 5,
    OTEL_INFO = 9,
    OTEL_WARN = 13,
    OTEL_ERROR = 17,
    OTEL_FATAL = 21,
};

struct otel_log_record {
    uint64_t time_ns; /* wall clock; 0: now */
    enum otel_severity severity;
    struct bytes severity_text;
    struct otel_value body;
    struct bytes event_name;
    const struct otel_attribute *attributes;
    size_t n_attributes;
    const struct otel_context *context; /* NULL: otel_context_current() */
};

void otel_logger_emit(struct otel_logger *logger, const struct otel_log_record *record);

/* A record as an exporter reads it, until the export of its batch is over. */
struct otel_log_data {
    const struct otel_scope *scope;
    uint64_t time_ns, observed_ns; /* since 1970, UTC */
    enum otel_severity severity;
    struct bytes severity_text;
    struct otel_value body;
    struct bytes event_name;
    struct otel_kept_attributes attributes;
    struct otel_span_context context; /* not valid: it belongs to no span */
};
