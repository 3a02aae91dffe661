/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A metric as OTLP has it (opentelemetry/proto/metrics/v1/metrics.proto). All that is summed up is
 * cumulative.
 *
 * To extend: a kind of instrument is a row in `kinds` and a function that writes its points.
 */
#include "otlp/encode_items.h"

enum {
    METRIC_NAME = 1,
    METRIC_DESCRIPTION = 2,
    METRIC_UNIT = 3,
    METRIC_GAUGE = 5,
    METRIC_SUM = 7,
    METRIC_HISTOGRAM = 9,
    DATA_POINTS = 1, /* of a gauge, a sum, a histogram */
    DATA_TEMPORALITY = 2,
    SUM_IS_MONOTONIC = 3,
    TEMPORALITY_CUMULATIVE = 2,
    POINT_START = 2,
    POINT_TIME = 3,
    NUMBER_AS_DOUBLE = 4,
    NUMBER_EXEMPLARS = 5,
    NUMBER_AS_INT = 6,
    NUMBER_ATTRIBUTES = 7,
    HISTOGRAM_COUNT = 4,
    HISTOGRAM_SUM = 5,
    HISTOGRAM_BUCKET_COUNTS = 6,
    HISTOGRAM_BOUNDS = 7,
    HISTOGRAM_EXEMPLARS = 8,
    HISTOGRAM_ATTRIBUTES = 9,
    HISTOGRAM_MIN = 11,
    HISTOGRAM_MAX = 12,
    EXEMPLAR_TIME = 2,
    EXEMPLAR_AS_DOUBLE = 3,
    EXEMPLAR_SPAN_ID = 4,
    EXEMPLAR_TRACE_ID = 5,
};

static void put_exemplar(struct otlp_writer *writer, uint32_t id,
                         const struct otel_exemplar *exemplar) {
    struct otlp_open message = otlp_open(writer, id, 1);
    otlp_put_fixed64(writer, EXEMPLAR_TIME, exemplar->time_ns);
    otlp_put_any_double(writer, EXEMPLAR_AS_DOUBLE, exemplar->value);
    otlp_put_bytes(writer, EXEMPLAR_SPAN_ID, bytes_of(exemplar->span_id.bytes, 8));
    otlp_put_bytes(writer, EXEMPLAR_TRACE_ID, bytes_of(exemplar->trace_id.bytes, 16));
    otlp_close(writer, message);
}

struct point_ids {
    uint32_t attributes, exemplars;
};

/* What points of every kind have. */
static void put_common(struct otlp_writer *writer, struct point_ids ids,
                       const struct otel_point *point) {
    otlp_put_fixed64(writer, POINT_START, point->start_ns);
    otlp_put_fixed64(writer, POINT_TIME, point->time_ns);
    for (size_t i = 0; i < point->n_attributes; i++)
        otlp_put_attribute(writer, ids.attributes, point->attributes[i].key,
                           &point->attributes[i].value);
    for (size_t i = 0; i < point->n_exemplars; i++)
        put_exemplar(writer, ids.exemplars, &point->exemplars[i]);
}

static void put_number(struct otlp_writer *writer, const struct otel_metric *metric,
                       const struct otel_point *point) {
    static const struct point_ids ids = {NUMBER_ATTRIBUTES, NUMBER_EXEMPLARS};
    put_common(writer, ids, point);
    if (metric->is_integer)
        otlp_put_any_fixed64(writer, NUMBER_AS_INT, (uint64_t)point->integer);
    else
        otlp_put_any_double(writer, NUMBER_AS_DOUBLE, point->number);
}

static void put_histogram(struct otlp_writer *writer, const struct otel_metric *metric,
                          const struct otel_point *point) {
    static const struct point_ids ids = {HISTOGRAM_ATTRIBUTES, HISTOGRAM_EXEMPLARS};
    const struct otel_histogram_data *data = &point->histogram;
    (void)metric;
    put_common(writer, ids, point);
    otlp_put_fixed64(writer, HISTOGRAM_COUNT, data->count);
    otlp_put_any_double(writer, HISTOGRAM_SUM, data->sum);
    otlp_put_packed64(writer, HISTOGRAM_BUCKET_COUNTS, data->counts, data->n_bounds + 1);
    otlp_put_packed64(writer, HISTOGRAM_BOUNDS, data->bounds, data->n_bounds);
    if (data->count == 0)
        return;
    otlp_put_any_double(writer, HISTOGRAM_MIN, data->min);
    otlp_put_any_double(writer, HISTOGRAM_MAX, data->max);
}

struct kind {
    uint32_t data; /* the field of Metric that holds its points */
    void (*put_point)(struct otlp_writer *writer, const struct otel_metric *metric,
                      const struct otel_point *point);
    bool is_summed_up, is_monotonic;
};

static const struct kind kinds[] = {
    [OTEL_COUNTER] = {METRIC_SUM, put_number, .is_summed_up = true, .is_monotonic = true},
    [OTEL_UP_DOWN_COUNTER] = {METRIC_SUM, put_number, .is_summed_up = true},
    [OTEL_HISTOGRAM] = {METRIC_HISTOGRAM, put_histogram, .is_summed_up = true},
    [OTEL_GAUGE] = {METRIC_GAUGE, put_number, .is_summed_up = false},
};

static void put_data(struct otlp_writer *writer, const struct otel_metric *metric) {
    const struct kind *kind = &kinds[metric->kind];
    struct otlp_open data = otlp_open(writer, kind->data, 2);
    for (size_t i = 0; i < metric->n_points; i++) {
        struct otlp_open point = otlp_open(writer, DATA_POINTS, 1);
        kind->put_point(writer, metric, &metric->points[i]);
        otlp_close(writer, point);
    }
    if (kind->is_summed_up)
        otlp_put_varint(writer, DATA_TEMPORALITY, TEMPORALITY_CUMULATIVE);
    otlp_put_varint(writer, SUM_IS_MONOTONIC, kind->is_monotonic);
    otlp_close(writer, data);
}

void otlp_put_metric(struct otlp_writer *writer, uint32_t id, const struct otel_metric *metric) {
    struct otlp_open message = otlp_open(writer, id, 2);
    otlp_put_text(writer, METRIC_NAME, bytes_str(metric->name));
    otlp_put_text(writer, METRIC_DESCRIPTION, bytes_str(metric->description));
    otlp_put_text(writer, METRIC_UNIT, bytes_str(metric->unit));
    put_data(writer, metric);
    otlp_close(writer, message);
}
