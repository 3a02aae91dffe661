/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, units and attributes are those of semantic-conventions/model/otel/metrics.yaml. One SDK
 * has one component of each type, so each component's name is its type and `/0`.
 *
 * Durations take the bounds that are common for seconds, for the conventions give none.
 */
#include "otel/sdk_metrics.h"

#include <stdio.h>

#include "base/clock.h"
#include "otel/attribute_list.h"
#include "otel/instruments.h"

enum {
    MAX_NAME = 96,
};

static const double seconds[] = {.005, .01, .025, .05, .075, .1, .25, .5,
                                 .75,  1,   2.5,  5,   7.5,  10, 30};

static const char *const processors[RECORD_KINDS] = {
    [RECORD_SPAN] = "batching_span_processor",
    [RECORD_LOG] = "batching_log_processor",
};

/* ---- attributes ---- */

static void add(struct otel_attribute_list *attributes, const char *key, const char *value) {
    otel_attribute_list_add(attributes, key, otel_str(value));
}

/* Which component it is, and why it failed; `error_type` may be NULL. */
struct component {
    struct otel_attribute_list attributes;
    char name[MAX_NAME];
};

static void describe(struct component *component, const char *type, const char *error_type) {
    struct otel_attribute_list *attributes = &component->attributes;
    snprintf(component->name, sizeof(component->name), "%s/0", type);
    attributes->n = 0;
    add(attributes, "otel.component.type", type);
    add(attributes, "otel.component.name", component->name);
    if (error_type)
        add(attributes, "error.type", error_type);
}

/* ---- read at each collection ---- */

struct observation {
    struct sdk_metrics *metrics;
    struct otel_observations *out;
};

static uint64_t total(const struct observation *of, unsigned count) {
    return atomic_load_explicit(&of->metrics->components.recorder->totals[count],
                                memory_order_relaxed);
}

static void observe(const struct observation *of, struct otel_instrument *instrument,
                    uint64_t value, const struct otel_attribute_list *attributes) {
    otel_observe(of->out, instrument, (int64_t)value, attributes->all, attributes->n);
}

static uint64_t observe_started_of(const struct observation *of, bool is_sampled) {
    static const char *const origins[RECORD_ORIGINS] = {"none", "local", "remote"};
    uint64_t sum = 0;
    for (unsigned origin = 0; origin < RECORD_ORIGINS; origin++) {
        struct otel_attribute_list attributes = {.n = 0};
        uint64_t n = total(of, COUNT_STARTED + (is_sampled ? RECORD_ORIGINS : 0u) + origin);
        add(&attributes, "otel.span.parent.origin", origins[origin]);
        add(&attributes, "otel.span.sampling_result", is_sampled ? "RECORD_AND_SAMPLE" : "DROP");
        observe(of, of->metrics->started, n, &attributes);
        sum += n;
    }
    return sum;
}

/* Totals are read one after the other: never below zero. */
static void observe_spans(const struct observation *of) {
    uint64_t gone = total(of, COUNT_ENDED);
    struct otel_attribute_list attributes = {.n = 0};
    observe_started_of(of, false);
    uint64_t n_sampled = observe_started_of(of, true);
    add(&attributes, "otel.span.sampling_result", "RECORD_AND_SAMPLE");
    observe(of, of->metrics->live, n_sampled > gone ? n_sampled - gone : 0, &attributes);
}

static void observe_logs(const struct observation *of) {
    observe(of, of->metrics->logs, total(of, COUNT_LOGS), &(struct otel_attribute_list){.n = 0});
}

static void observe_processed(const struct observation *of, enum record_kind kind,
                              const char *error_type, uint64_t n) {
    struct component processor;
    describe(&processor, processors[kind], error_type);
    observe(of, of->metrics->processed[kind], n, &processor.attributes);
}

static void observe_processor(const struct observation *of, enum record_kind kind) {
    const struct sdk_metrics_components *components = &of->metrics->components;
    struct record_queue *queue = &components->recorder->queues[kind];
    struct component processor;
    describe(&processor, processors[kind], NULL);
    observe(of, of->metrics->queue_size[kind], atomic_load(&queue->n), &processor.attributes);
    observe(of, of->metrics->queue_capacity[kind], queue->max, &processor.attributes);
    observe_processed(of, kind, NULL, atomic_load(components->n_processed[kind]));
    observe_processed(of, kind, "queue_full", total(of, COUNT_QUEUE_FULL + kind));
    observe_processed(of, kind, "no_memory", total(of, COUNT_NO_ROOM + kind));
}

static void observe_all(void *user, struct otel_observations *out) {
    const struct observation of = {user, out};
    const struct sdk_metrics_components *components = &of.metrics->components;
    recorder_sum(components->recorder);
    if (components->n_processed[RECORD_SPAN])
        observe_spans(&of);
    if (components->n_processed[RECORD_LOG])
        observe_logs(&of);
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        if (components->n_processed[kind])
            observe_processor(&of, kind);
}

/* ---- instruments ---- */

static int make_all(struct sdk_metrics *m) {
    const struct otel_instrument_row rows[] = {
        {&m->started,
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "otel.sdk.span.started", "{span}", "Spans started.")},
        {&m->live, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "otel.sdk.span.live", "{span}",
                                          "Recorded spans that have not ended.")},
        {&m->processed[RECORD_SPAN],
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "otel.sdk.processor.span.processed", "{span}",
                                "Spans handed to the exporter, or dropped before that.")},
        {&m->queue_size[RECORD_SPAN],
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "otel.sdk.processor.span.queue.size",
                                "{span}", "Spans in the queue.")},
        {&m->queue_capacity[RECORD_SPAN],
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "otel.sdk.processor.span.queue.capacity",
                                "{span}", "Spans the queue can hold.")},
        {&m->exported[OTEL_TRACES],
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "otel.sdk.exporter.span.exported", "{span}",
                                "Spans whose export is over.")},
        {&m->inflight[OTEL_TRACES],
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "otel.sdk.exporter.span.inflight", "{span}",
                                "Spans whose export is under way.")},
        {&m->logs, OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "otel.sdk.log.created", "{log_record}",
                                          "Log records emitted.")},
        {&m->processed[RECORD_LOG],
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "otel.sdk.processor.log.processed", "{log_record}",
                                "Log records handed to the exporter, or dropped before that.")},
        {&m->queue_size[RECORD_LOG],
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "otel.sdk.processor.log.queue.size",
                                "{log_record}", "Log records in the queue.")},
        {&m->queue_capacity[RECORD_LOG],
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "otel.sdk.processor.log.queue.capacity",
                                "{log_record}", "Log records the queue can hold.")},
        {&m->exported[OTEL_LOGS],
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "otel.sdk.exporter.log.exported", "{log_record}",
                                "Log records whose export is over.")},
        {&m->inflight[OTEL_LOGS],
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "otel.sdk.exporter.log.inflight",
                                "{log_record}", "Log records whose export is under way.")},
        {&m->exported[OTEL_METRICS],
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "otel.sdk.exporter.metric_data_point.exported",
                                "{data_point}", "Metric data points whose export is over.")},
        {&m->inflight[OTEL_METRICS],
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER,
                                "otel.sdk.exporter.metric_data_point.inflight", "{data_point}",
                                "Metric data points whose export is under way.")},
        {&m->export_duration,
         OTEL_MEASURES_BUCKETS("otel.sdk.exporter.operation.duration", "s",
                               "How long an export takes, its retries included.", seconds)},
        {&m->collection_duration,
         OTEL_MEASURES_BUCKETS("otel.sdk.metric_reader.collection.duration", "s",
                               "How long a collection of all metrics takes.", seconds)},
    };
    return otel_instruments_new(m->meter, rows, ARRAY_LEN(rows));
}

int sdk_metrics_init(struct sdk_metrics *metrics, struct otel_meter *meter,
                     const struct sdk_metrics_components *components) {
    *metrics = (struct sdk_metrics){.meter = meter, .components = *components};
    if (!meter)
        return 0;
    int r = make_all(metrics);
    return r ? r : otel_meter_observe(meter, observe_all, metrics);
}

void sdk_metrics_fini(struct sdk_metrics *metrics) {
    if (metrics->meter)
        otel_meter_forget(metrics->meter, observe_all, metrics);
}

/* ---- measured as it happens ---- */

static struct otel_series *series(struct otel_instrument *instrument, const char *type,
                                  const char *error_type) {
    struct component component;
    describe(&component, type, error_type);
    return otel_series_of(instrument, component.attributes.all, component.attributes.n);
}

static const char *exporter_of(const struct sdk_metrics *metrics, enum otel_signal signal) {
    return metrics->components.exporters[signal]->ops->component_type;
}

void sdk_metrics_sent(const struct sdk_metrics *metrics, enum otel_signal signal, size_t n) {
    const char *type = exporter_of(metrics, signal);
    otel_series_add(series(metrics->inflight[signal], type, NULL), (int64_t)n);
}

void sdk_metrics_exported(const struct sdk_metrics *metrics,
                          const struct sdk_metrics_export *ended) {
    const char *type = exporter_of(metrics, ended->signal);
    struct otel_instrument *exported = metrics->exported[ended->signal];
    otel_series_add(series(metrics->inflight[ended->signal], type, NULL), -(int64_t)ended->n);
    if (ended->n > ended->n_lost)
        otel_series_add(series(exported, type, NULL), (int64_t)(ended->n - ended->n_lost));
    if (ended->n_lost > 0)
        otel_series_add(series(exported, type, ended->error_type), (int64_t)ended->n_lost);
    otel_series_record(series(metrics->export_duration, type, ended->error_type),
                       (double)ended->duration_ns / (double)NS_PER_S, &otel_context_none);
}

void sdk_metrics_collected(const struct sdk_metrics *metrics, uint64_t duration_ns,
                           bool has_failed) {
    otel_series_record(series(metrics->collection_duration, "periodic_metric_reader",
                              has_failed ? "no_memory" : NULL),
                       (double)duration_ns / (double)NS_PER_S, &otel_context_none);
}
