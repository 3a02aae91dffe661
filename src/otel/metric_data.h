/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/metric.h"
#include "otel/resource.h"

/*
 * What a collection gives: all series of all instruments at one moment, cumulative since the start
 * (OpenTelemetry specification, "Metrics SDK"; OTLP metrics data model). It belongs to the metering
 * (metering.h) and is valid until the end of the collection.
 */
struct otel_exemplar {
    double value;
    uint64_t time_ns;
    struct otel_trace_id trace_id; /* all zero, as the span's: it was in none */
    struct otel_span_id span_id;
};

struct otel_histogram_data {
    uint64_t count;
    double sum, min, max;
    const double *bounds; /* n_bounds, the instrument's */
    size_t n_bounds;
    const uint64_t *counts; /* n_bounds + 1: value <= bounds[i], the last one above all */
};

struct otel_point {
    const struct otel_attribute *attributes; /* in order of their keys, bytewise */
    size_t n_attributes;
    uint64_t start_ns, time_ns; /* since 1970, UTC */
    union {
        int64_t integer;
        double number;
        struct otel_histogram_data histogram;
    };
    const struct otel_exemplar *exemplars;
    size_t n_exemplars;
};

struct otel_metric {
    const char *name;
    const char *unit;        /* "" : none */
    const char *description; /* "" : none */
    enum otel_instrument_kind kind;
    bool is_integer;
    const struct otel_point *points;
    size_t n_points; /* at least 1 */
};

struct otel_scope_metrics {
    const struct otel_scope *scope;
    const struct otel_metric *metrics;
    size_t n_metrics;
};

struct otel_metrics {
    const struct otel_resource *resource;
    const struct otel_scope_metrics *scopes;
    size_t n_scopes;
    size_t n_points; /* of all */
};
