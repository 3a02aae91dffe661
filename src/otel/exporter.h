/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/encoder.h"
#include "otel/metric_data.h"
#include "otel/settings.h"

/*
 * The seam between the SDK and what sends (OpenTelemetry specification, "Span exporter" and its
 * siblings). An exporter serves one signal. It is given one batch at a time, and never another one
 * before it has said what became of the last; all on the thread that turns the SDK.
 */
struct otel_export;
struct otel_exporter;

/* What is to be sent; borrowed until the export is done, but `metrics` until `send` returns. */
struct otel_batch {
    enum otel_signal signal;
    const struct otel_resource *resource;
    const struct otel_span_data *const *spans; /* OTEL_TRACES */
    const struct otel_log_data *const *logs;   /* OTEL_LOGS */
    const struct otel_encoded *const *encoded; /* of an exporter with an encoder: in their place */
    size_t n;                                  /* spans, records, or points of `metrics` */
    const struct otel_metrics *metrics;        /* OTEL_METRICS */
    uint64_t deadline_ns;                      /* monotonic: what is not sent by then is dropped */
};

struct otel_exporter_ops {
    /* otel.component.type: `otlp_grpc_span_exporter` */
    const char *component_type;
    /*
     * Sends, and calls otel_export_done() exactly once, from inside or later, at the latest soon
     * after the deadline. `now_ns` is monotonic.
     */
    void (*send)(struct otel_exporter *exporter, const struct otel_batch *batch,
                 struct otel_export *export, uint64_t now_ns);
    /* Gives up what is under way; otel_export_done() comes from inside. */
    void (*cancel)(struct otel_exporter *exporter);
    void (*free)(struct otel_exporter *exporter);
    const struct otel_encoder *encoder; /* NULL: it reads spans and log records as data */
};

/* Embedded at the start of what an exporter is. */
struct otel_exporter {
    const struct otel_exporter_ops *ops;
};

struct otel_export_outcome {
    size_t n_rejected; /* of the batch; all of it: the export has failed */
    /* Why, for the attribute error.type: a gRPC or HTTP status, `timeout`, `rejected`; NULL: all is
     * well. A constant, or alive as long as the exporter. */
    const char *error_type;
    /* The same for people, with what the receiver says: `UNAVAILABLE: cannot connect to ...`. For
     * the time of otel_export_done(); NULL: error_type says all there is. */
    const char *words;
};

void otel_export_done(struct otel_export *export, const struct otel_export_outcome *outcome,
                      uint64_t now_ns);
