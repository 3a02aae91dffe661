/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/metric_data.h"
#include "otel/settings.h"

/* The metrics' side of the SDK: meters, and the collection of all their series. */
struct otel_metering;

struct otel_metering_options {
    const struct otel_resource *resource; /* borrowed */
    enum otel_exemplar_filter exemplars;
    uint64_t start_ns; /* wall clock: from when on cumulative series count */
};

/* 0 or a negated errno. */
MUST_USE int otel_metering_new(const struct otel_metering_options *options,
                               struct otel_metering **metering);
void otel_metering_free(struct otel_metering *metering);

/* As otel_sdk_meter(). */
struct otel_meter *otel_metering_meter(struct otel_metering *metering,
                                       const struct otel_scope *scope);

/*
 * Collects all that there is at `time_ns` (wall clock) into memory of its own; `*metrics` is valid
 * until otel_metering_end(), which has to follow a success. One at a time: a second one waits for
 * that. 0 or -ENOMEM (nothing is lost, the next one has it).
 */
MUST_USE int otel_metering_collect(struct otel_metering *metering, uint64_t time_ns,
                                   const struct otel_metrics **metrics);
void otel_metering_end(struct otel_metering *metering);
