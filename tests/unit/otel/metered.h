/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/metering.h"
#include "unit.h"

/* What the tests of metrics have in common: a metering with one meter, and a look at what it
 * collects. */
struct metered {
    struct otel_metering *metering;
    struct otel_meter *meter;
};

static inline void metered_open(struct metered *metered, enum otel_exemplar_filter exemplars) {
    static const struct otel_resource resource;
    const struct otel_metering_options options = {
        .resource = &resource, .exemplars = exemplars, .start_ns = 1000};
    const struct otel_scope scope = {.name = bytes_str("test"), .version = bytes_str("1")};
    assert_int_equal(otel_metering_new(&options, &metered->metering), 0);
    metered->meter = otel_metering_meter(metered->metering, &scope);
    assert_non_null(metered->meter);
}

static inline int set_up_metered(void **state) {
    static struct metered metered;
    metered_open(&metered, OTEL_EXEMPLARS_OFF);
    *state = &metered;
    return 0;
}

static inline int tear_down_metered(void **state) {
    struct metered *metered = *state;
    otel_metering_free(metered->metering);
    return 0;
}

#define ON_METERED(test) cmocka_unit_test_setup_teardown(test, set_up_metered, tear_down_metered)

static inline struct otel_instrument *instrument_of(struct metered *metered, const char *name,
                                                    enum otel_instrument_kind kind,
                                                    bool is_integer) {
    const struct otel_instrument_options options = {
        .kind = kind, .is_integer = is_integer, .name = name};
    struct otel_instrument *instrument;
    assert_int_equal(otel_instrument_new(metered->meter, &options, &instrument), 0);
    assert_non_null(instrument);
    return instrument;
}

/* The series with one attribute, `key` -> `value`. */
static inline struct otel_series *series_with(struct otel_instrument *instrument, const char *key,
                                              int64_t value) {
    const struct otel_attribute attribute = otel_attribute(key, otel_integer(value));
    struct otel_series *series = otel_series_of(instrument, &attribute, 1);
    assert_non_null(series);
    return series;
}

static inline struct otel_series *series_of(struct otel_instrument *instrument) {
    struct otel_series *series = otel_series_of(instrument, NULL, 0);
    assert_non_null(series);
    return series;
}

static inline const struct otel_metrics *collect(struct metered *metered) {
    const struct otel_metrics *metrics;
    assert_int_equal(otel_metering_collect(metered->metering, 2000, &metrics), 0);
    return metrics;
}

static inline void end(struct metered *metered) {
    otel_metering_end(metered->metering);
}

/* NULL: it has no points. */
static inline const struct otel_metric *metric_named(const struct otel_metrics *metrics,
                                                     const char *name) {
    for (size_t i = 0; i < metrics->n_scopes; i++)
        for (size_t j = 0; j < metrics->scopes[i].n_metrics; j++)
            if (strcmp(metrics->scopes[i].metrics[j].name, name) == 0)
                return &metrics->scopes[i].metrics[j];
    return NULL;
}

static inline const struct otel_point *only_point(const struct otel_metrics *metrics,
                                                  const char *name) {
    const struct otel_metric *metric = metric_named(metrics, name);
    assert_non_null(metric);
    assert_int_equal(metric->n_points, 1);
    return metric->points;
}

/* The point whose one attribute has this value. */
static inline const struct otel_point *point_with(const struct otel_metrics *metrics,
                                                  const char *name, int64_t value) {
    const struct otel_metric *metric = metric_named(metrics, name);
    for (size_t i = 0; metric && i < metric->n_points; i++)
        if (metric->points[i].n_attributes == 1 &&
            metric->points[i].attributes->value.type == OTEL_INTEGER &&
            metric->points[i].attributes->value.integer == value)
            return &metric->points[i];
    return NULL;
}

/* What the only point of a counter or gauge of integers has now. */
static inline int64_t integer_now(struct metered *metered, const char *name) {
    int64_t value = only_point(collect(metered), name)->integer;
    end(metered);
    return value;
}

static inline double number_now(struct metered *metered, const char *name) {
    double value = only_point(collect(metered), name)->number;
    end(metered);
    return value;
}
