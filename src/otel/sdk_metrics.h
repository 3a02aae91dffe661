/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/exporter.h"
#include "otel/recorder.h"

/*
 * The SDK about itself (semantic conventions, "OpenTelemetry SDK metrics", v1.44), in the meter
 * `otel.sdk`. What recording threads count is read at each collection; what happens once an export
 * is measured there. Without memory for an instrument it is left out.
 */
struct sdk_metrics_components {
    struct recorder *recorder;                       /* borrowed */
    struct otel_exporter *exporters[OTEL_N_SIGNALS]; /* borrowed; NULL: not exported */
    /* Handed to the exporter so far; NULL: none of this kind is recorded. */
    const _Atomic uint64_t *n_processed[RECORD_KINDS];
};

struct sdk_metrics {
    struct otel_meter *meter;
    struct sdk_metrics_components components;
    struct otel_instrument *started, *live, *logs;
    struct otel_instrument *processed[RECORD_KINDS];
    struct otel_instrument *queue_size[RECORD_KINDS];
    struct otel_instrument *queue_capacity[RECORD_KINDS];
    struct otel_instrument *exported[OTEL_N_SIGNALS];
    struct otel_instrument *inflight[OTEL_N_SIGNALS];
    struct otel_instrument *export_duration, *collection_duration;
};

/* `meter` may be NULL. 0 or -ENOMEM. */
MUST_USE int sdk_metrics_init(struct sdk_metrics *metrics, struct otel_meter *meter,
                              const struct sdk_metrics_components *components);
void sdk_metrics_fini(struct sdk_metrics *metrics);

/* ---- on the thread that turns the SDK ---- */

/* `n` spans, records or points go to the exporter. */
void sdk_metrics_sent(const struct sdk_metrics *metrics, enum otel_signal signal, size_t n);

struct sdk_metrics_export {
    enum otel_signal signal;
    size_t n, n_lost;
    const char *error_type; /* NULL: none was lost */
    uint64_t duration_ns;
};

void sdk_metrics_exported(const struct sdk_metrics *metrics,
                          const struct sdk_metrics_export *ended);

void sdk_metrics_collected(const struct sdk_metrics *metrics, uint64_t duration_ns,
                           bool has_failed);
