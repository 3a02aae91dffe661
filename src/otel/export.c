/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/export.h"

#include <assert.h>

#include "base/clock.h"

/* An exporter ends by itself at the deadline; one that does not for so long is told to. */
#define GRACE_NS NS_PER_S

void export_init(struct otel_export *export, const struct export_options *options) {
    *export = (struct otel_export){.signal = options->signal,
                                   .exporter = options->exporter,
                                   .metrics = options->metrics,
                                   .done = options->done,
                                   .user = options->user};
    outage_init(&export->outage, options->signal, options->endpoint,
                options->exporter->ops->component_type);
}

void export_start(struct otel_export *export, const struct otel_batch *batch, uint64_t now_ns) {
    assert(!export->is_under_way && batch->n > 0);
    export->batch = *batch;
    export->is_under_way = true;
    export->started_ns = now_ns;
    sdk_metrics_sent(export->metrics, export->signal, batch->n);
    export->exporter->ops->send(export->exporter, &export->batch, export, now_ns);
}

static const char *reason(const struct otel_export_outcome *outcome) {
    if (outcome->n_rejected == 0)
        return NULL;
    return outcome->error_type ? outcome->error_type : "rejected";
}

static void count(struct otel_export *export, size_t n_lost) {
    if (n_lost == export->batch.n)
        export->n_failed++;
    export->n_lost += n_lost;
}

void otel_export_done(struct otel_export *export, const struct otel_export_outcome *outcome,
                      uint64_t now_ns) {
    assert(export->is_under_way && outcome->n_rejected <= export->batch.n);
    const struct sdk_metrics_export ended = {.signal = export->signal,
                                             .n = export->batch.n,
                                             .n_lost = outcome->n_rejected,
                                             .error_type = reason(outcome),
                                             .duration_ns = now_ns - export->started_ns};
    export->is_under_way = false;
    count(export, ended.n_lost);
    sdk_metrics_exported(export->metrics, &ended);
    outage_export(&export->outage, ended.n, ended.n_lost,
                  outcome->words ? outcome->words : ended.error_type, now_ns);
    export->done(export->user);
}

void export_cancel(struct otel_export *export) {
    if (export->is_under_way)
        export->exporter->ops->cancel(export->exporter);
    assert(!export->is_under_way);
}

uint64_t export_due_ns(const struct otel_export *export) {
    return export->is_under_way ? export->batch.deadline_ns + GRACE_NS : UINT64_MAX;
}

void export_check(struct otel_export *export, uint64_t now_ns) {
    if (now_ns >= export_due_ns(export))
        export_cancel(export);
}
