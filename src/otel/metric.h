/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "otel/context.h"
#include "otel/value.h"

/*
 * Metrics, as a program that is instrumented uses them (OpenTelemetry specification, "Metrics
 * API").
 *
 * An instrument measures one thing; each set of attributes it is used with is a series. Where a
 * measurement is frequent its series is bound once and used from then on, from any thread: that
 * costs a few nanoseconds. Measuring never fails, and waits for nobody, but that a thread's first
 * measurement may meet a collection; a NULL meter, instrument or series does nothing.
 *
 * An instrument has at most OTEL_MAX_SERIES series; what is beyond is counted in one series with
 * the attribute `otel.metric.overflow`, so that sums stay true.
 */
struct otel_meter;
struct otel_instrument;
struct otel_series;

enum otel_instrument_kind {
    OTEL_COUNTER,         /* a sum that only grows */
    OTEL_UP_DOWN_COUNTER, /* a sum */
    OTEL_HISTOGRAM,       /* with explicit bounds */
    OTEL_GAUGE,           /* the last value */
};

struct otel_instrument_options {
    enum otel_instrument_kind kind;
    bool is_integer;  /* values are int64_t; otherwise double. Histograms: double */
    const char *name; /* a letter, then letters, digits, `_ . - /`; at most 255 characters */
    const char *unit; /* UCUM, `s`, `By`, `{call}`; at most 63 characters; NULL: none */
    const char *description;
    const double *bounds; /* of a histogram, ascending; NULL: the specification's default ones */
    size_t n_bounds;
};

/*
 * Makes an instrument, or gives the one of that name (in whatever case), if kind, unit and value
 * type are the same. All texts and bounds are copied. 0; -EINVAL: the name or unit is not valid, or
 * another instrument has the name; -ENOBUFS: there are OTEL_MAX_INSTRUMENTS; -ENOMEM. Then
 * `*instrument` is NULL, and may be used all the same. It lives as long as the meter.
 *
 * Bounds that do not ascend are logged, and the default ones are taken.
 */
MUST_USE int otel_instrument_new(struct otel_meter *meter,
                                 const struct otel_instrument_options *options,
                                 struct otel_instrument **instrument);

/* The series with these attributes, in whatever order; the overflow series at the limit; NULL
 * without memory. Lives as long as the meter, and is exported from its first measurement on. Not
 * for hot paths. */
struct otel_series *otel_series_of(struct otel_instrument *instrument,
                                   const struct otel_attribute *attributes, size_t n_attributes);

/*
 * Of each pair the first is for integers, the second for numbers. An instrument of numbers takes
 * integers too; whatever else does not fit the instrument is ignored, as are values that are not
 * finite.
 */

/* Counters: adds. A negative value for a counter that only grows is ignored. */
void otel_series_add(struct otel_series *series, int64_t value);
void otel_series_add_number(struct otel_series *series, double value);

/* Histograms: records. The sampled span of `context` (NULL: otel_context_current()) may become the
 * exemplar of the value's bucket. */
void otel_series_record(struct otel_series *series, double value,
                        const struct otel_context *context);

/* Several values at once, of whatever series, in one context: what the series have alike is looked
 * up once. */
struct otel_recorded {
    struct otel_series *series;
    double value;
};

void otel_series_record_all(const struct otel_recorded *recorded, size_t n,
                            const struct otel_context *context);

/* Gauges: sets. */
void otel_series_set(struct otel_series *series, int64_t value);
void otel_series_set_number(struct otel_series *series, double value);

/* ---- by callback ---- */

struct otel_observations;

/*
 * `observe` runs at each collection, on the thread that collects, and reports what is then, with
 * otel_observe(): of counters the total, not what was added. Series that it does not report are not
 * exported. Instruments that are observed are not measured in any other way. 0 or -ENOMEM.
 *
 * It may do all that metric.h has but for these two.
 */
MUST_USE int otel_meter_observe(struct otel_meter *meter,
                                void (*observe)(void *user, struct otel_observations *out),
                                void *user);

/* Waits for a collection that runs. From here on it is not called. */
void otel_meter_forget(struct otel_meter *meter,
                       void (*observe)(void *user, struct otel_observations *out), void *user);

/* Of the same attributes the last value counts. Histograms are not observed. */
void otel_observe(struct otel_observations *out, struct otel_instrument *instrument, int64_t value,
                  const struct otel_attribute *attributes, size_t n_attributes);
void otel_observe_number(struct otel_observations *out, struct otel_instrument *instrument,
                         double value, const struct otel_attribute *attributes,
                         size_t n_attributes);
