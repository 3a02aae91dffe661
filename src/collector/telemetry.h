/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/metric.h"
#include "otel/span.h"
#include "store/observer.h"

/*
 * What the product tells of itself, beside what gRPC's observer tells of calls (otlp/): readings by
 * what became of them, commits as spans and in histograms, the store's own figures, and the last
 * temperature of each sensor. docs/telemetry.md lists the names.
 *
 * Without a tracer or a meter what belongs to them is a test of a pointer.
 */
struct collector_telemetry;

struct collector_telemetry_options {
    struct store *store;        /* borrowed; not started yet */
    struct otel_tracer *tracer; /* NULL: none */
    struct otel_meter *meter;   /* NULL: none */
    const char *directory;      /* the store's, for the space that is left; NULL: none */
    const char *sensors;        /* pattern of those whose temperature is a metric; NULL: all. In
                                   either case the first COLLECTOR_MAX_MEASURED_SENSORS */
};

/* Copies the texts, and observes the store. 0 or a negated errno. */
MUST_USE int collector_telemetry_new(const struct collector_telemetry_options *options,
                                     struct collector_telemetry **telemetry);

/* After the store's writer thread has ended, before the meter. NULL is fine. */
void collector_telemetry_free(struct collector_telemetry *telemetry);

/* Why readings were refused: the attribute error.type. */
enum telemetry_refusal {
    TELEMETRY_INVALID, /* breaks a rule */
    TELEMETRY_DENIED,  /* the token has no right to write to the sensor */
    TELEMETRY_BUSY,    /* the way to the store is full */
    TELEMETRY_MEMORY,
    TELEMETRY_SENSORS, /* it would be a sensor more than there may be */
    TELEMETRY_FAILED,  /* the store takes nothing any more */
    TELEMETRY_N_REFUSALS,
};

/* ---- on the workers; a NULL telemetry is fine, and a span that is not recorded ---- */

/* Readings of a call are kept: counts them, and marks the moment on the call's span, with a link to
 * the commit. */
void telemetry_settled(struct collector_telemetry *telemetry, struct otel_span *span,
                       const struct store_outcome *outcome);

void telemetry_refused(struct collector_telemetry *telemetry, enum telemetry_refusal reason,
                       uint64_t n);
