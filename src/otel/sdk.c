/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the parts together: the recorder that all threads write to, a batch processor for spans and
 * one for log records, the reader for metrics, and what the SDK says about itself. A signal without
 * an exporter has no processor, and nothing of it is recorded.
 *
 * Reasons to be turned, other than time, come from recording threads (a batch is full) and from
 * exporters (an export is over). The former may come by the thousand before the turn begins, so one
 * flag lets through the first. The latter are left out while a turn runs: it goes on by itself.
 */
#include "otel/sdk.h"

#include "base/clock.h"
#include "base/mem.h"
#include "otel/batches.h"
#include "otel/metering.h"
#include "otel/reader.h"
#include "otel/scopes.h"

struct otel_sdk {
    struct otel_settings settings;
    struct otel_resource *resource;
    struct otel_exporter *exporters[OTEL_N_SIGNALS];
    void (*wake)(void *user);
    void *user;
    struct recorder recorder;
    struct otel_metering *metering; /* NULL: disabled */
    struct sdk_metrics metrics;
    struct batches batches[RECORD_KINDS];
    struct scopes scopes[RECORD_KINDS];
    struct reader reader;
    bool is_turning;
    _Atomic bool is_woken;
};

static const enum otel_signal signals[RECORD_KINDS] = {
    [RECORD_SPAN] = OTEL_TRACES,
    [RECORD_LOG] = OTEL_LOGS,
};

static bool is_recorded(const struct otel_sdk *sdk, enum record_kind kind) {
    return sdk->exporters[signals[kind]] && !sdk->settings.is_disabled;
}

static bool has_reader(const struct otel_sdk *sdk) {
    return sdk->exporters[OTEL_METRICS] && sdk->metering;
}

static void wake(void *user) {
    struct otel_sdk *sdk = user;
    if (!atomic_load(&sdk->is_woken) && !atomic_exchange(&sdk->is_woken, true))
        sdk->wake(sdk->user);
}

static void export_ended(void *user) {
    struct otel_sdk *sdk = user;
    if (!sdk->is_turning)
        wake(sdk);
}

/* ---- its life ---- */

static const char *endpoint_of(const struct otel_sdk *sdk, enum otel_signal signal) {
    bool is_otlp = sdk->settings.exporters[signal] == OTEL_EXPORT_OTLP;
    return is_otlp ? sdk->settings.otlp[signal].endpoint : NULL;
}

static int add_batches(struct otel_sdk *sdk, enum record_kind kind, uint64_t now_ns) {
    enum otel_signal signal = signals[kind];
    const struct batches_options options = {.kind = kind,
                                            .recorder = &sdk->recorder,
                                            .settings = kind == RECORD_SPAN ? &sdk->settings.spans
                                                                            : &sdk->settings.logs,
                                            .resource = sdk->resource,
                                            .exporter = sdk->exporters[signal],
                                            .endpoint = endpoint_of(sdk, signal),
                                            .metrics = &sdk->metrics,
                                            .changed = export_ended,
                                            .user = sdk,
                                            .now_ns = now_ns};
    return is_recorded(sdk, kind) ? batches_init(&sdk->batches[kind], &options) : 0;
}

static void add_reader(struct otel_sdk *sdk, uint64_t now_ns) {
    const struct reader_options options = {.metering = sdk->metering,
                                           .metrics = &sdk->metrics,
                                           .exporter = sdk->exporters[OTEL_METRICS],
                                           .endpoint = endpoint_of(sdk, OTEL_METRICS),
                                           .interval_ns = sdk->settings.metric_interval_ns,
                                           .timeout_ns = sdk->settings.metric_timeout_ns,
                                           .changed = export_ended,
                                           .user = sdk,
                                           .now_ns = now_ns};
    if (has_reader(sdk))
        reader_init(&sdk->reader, &options);
}

static int add_metering(struct otel_sdk *sdk) {
    const struct otel_metering_options options = {.resource = sdk->resource,
                                                  .exemplars = sdk->settings.exemplars,
                                                  .start_ns = clock_wall_ns()};
    return sdk->settings.is_disabled ? 0 : otel_metering_new(&options, &sdk->metering);
}

static int add_metrics(struct otel_sdk *sdk) {
    const struct otel_scope scope = {.name = bytes_str("otel.sdk"),
                                     .version = bytes_str(THERMOGRAPH_VERSION)};
    struct sdk_metrics_components components = {.recorder = &sdk->recorder};
    memcpy(components.exporters, sdk->exporters, sizeof(sdk->exporters));
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        if (is_recorded(sdk, kind))
            components.n_processed[kind] = &sdk->batches[kind].n_processed;
    return sdk_metrics_init(&sdk->metrics, otel_sdk_meter(sdk, &scope), &components);
}

static int add_parts(struct otel_sdk *sdk, uint64_t now_ns) {
    int r = add_metering(sdk);
    for (unsigned kind = 0; r == 0 && kind < RECORD_KINDS; kind++)
        r = add_batches(sdk, kind, now_ns);
    if (r == 0)
        r = add_metrics(sdk);
    add_reader(sdk, now_ns);
    return r;
}

/* Not what was taken. */
static void free_parts(struct otel_sdk *sdk) {
    sdk_metrics_fini(&sdk->metrics);
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++) {
        batches_fini(&sdk->batches[kind]);
        scopes_fini(&sdk->scopes[kind]);
    }
    otel_metering_free(sdk->metering);
    recorder_fini(&sdk->recorder);
    mem_free(sdk);
}

static const struct otel_encoder *encoder_of(const struct otel_sdk *sdk, enum record_kind kind) {
    const struct otel_exporter *exporter = sdk->exporters[signals[kind]];
    return exporter ? exporter->ops->encoder : NULL;
}

int otel_sdk_new(const struct otel_sdk_options *options, struct otel_sdk **made) {
    struct otel_sdk *sdk = mem_new(struct otel_sdk);
    if (!sdk)
        return -ENOMEM;
    sdk->settings = *options->settings;
    sdk->resource = options->resource;
    memcpy(sdk->exporters, options->exporters, sizeof(sdk->exporters));
    sdk->wake = options->wake;
    sdk->user = options->user;
    const struct recorder_options of_recorder = {
        .settings = &sdk->settings,
        .encoders = {encoder_of(sdk, RECORD_SPAN), encoder_of(sdk, RECORD_LOG)},
        .wake = wake,
        .user = sdk};
    int r = recorder_init(&sdk->recorder, &of_recorder);
    if (r) {
        mem_free(sdk);
        return err_trace(r);
    }
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        scopes_init(&sdk->scopes[kind], &sdk->recorder);
    r = add_parts(sdk, options->now_ns);
    if (r) {
        free_parts(sdk);
        return err_trace(r);
    }
    *made = sdk;
    return 0;
}

static void gather(struct otel_sdk *sdk) {
    struct record_list *lists[RECORD_KINDS] = {&sdk->batches[RECORD_SPAN].waiting,
                                               &sdk->batches[RECORD_LOG].waiting};
    recorder_gather(&sdk->recorder, lists);
}

void otel_sdk_free(struct otel_sdk *sdk) {
    if (!sdk)
        return;
    struct otel_resource *resource = sdk->resource;
    gather(sdk); /* so that what is lost now is told */
    for (unsigned signal = 0; signal < OTEL_N_SIGNALS; signal++)
        if (sdk->exporters[signal])
            sdk->exporters[signal]->ops->free(sdk->exporters[signal]);
    free_parts(sdk);
    otel_resource_free(resource);
}

/* ---- what it gives ---- */

struct otel_tracer *otel_sdk_tracer(struct otel_sdk *sdk, const struct otel_scope *scope) {
    if (!sdk || !is_recorded(sdk, RECORD_SPAN))
        return NULL;
    struct scoped *scoped = scopes_get(&sdk->scopes[RECORD_SPAN], scope);
    return scoped ? CONTAINER_OF(scoped, struct otel_tracer, scoped) : NULL;
}

struct otel_logger *otel_sdk_logger(struct otel_sdk *sdk, const struct otel_scope *scope) {
    if (!sdk || !is_recorded(sdk, RECORD_LOG))
        return NULL;
    struct scoped *scoped = scopes_get(&sdk->scopes[RECORD_LOG], scope);
    return scoped ? CONTAINER_OF(scoped, struct otel_logger, scoped) : NULL;
}

struct otel_meter *otel_sdk_meter(struct otel_sdk *sdk, const struct otel_scope *scope) {
    return sdk && sdk->metering ? otel_metering_meter(sdk->metering, scope) : NULL;
}

/* ---- turns ---- */

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t otel_sdk_turn(struct otel_sdk *sdk, uint64_t now_ns) {
    uint64_t due_ns = UINT64_MAX;
    if (!sdk)
        return due_ns;
    sdk->is_turning = true;
    atomic_exchange(&sdk->is_woken, false);
    gather(sdk);
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        if (is_recorded(sdk, kind))
            due_ns = sooner(due_ns, batches_turn(&sdk->batches[kind], now_ns));
    if (has_reader(sdk))
        due_ns = sooner(due_ns, reader_turn(&sdk->reader, now_ns));
    sdk->is_turning = false;
    return due_ns;
}

void otel_sdk_flush(struct otel_sdk *sdk, uint64_t now_ns) {
    (void)now_ns;
    if (!sdk)
        return;
    gather(sdk);
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        if (is_recorded(sdk, kind))
            batches_flush(&sdk->batches[kind]);
    if (has_reader(sdk))
        reader_flush(&sdk->reader);
    wake(sdk);
}

bool otel_sdk_is_flushed(const struct otel_sdk *sdk) {
    if (!sdk)
        return true;
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        if (!batches_are_flushed(&sdk->batches[kind]))
            return false;
    return reader_is_flushed(&sdk->reader);
}

void otel_sdk_cancel(struct otel_sdk *sdk) {
    if (!sdk)
        return;
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        export_cancel(&sdk->batches[kind].export);
    export_cancel(&sdk->reader.export);
}

/* ---- any thread ---- */

int otel_sdk_collect(struct otel_sdk *sdk, void (*use)(void *user, const struct otel_metrics *),
                     void *user) {
    static const struct otel_resource no_resource;
    static const struct otel_metrics none = {.resource = &no_resource};
    const struct otel_metrics *metrics = &none;
    if (!sdk || !sdk->metering) {
        use(user, metrics);
        return 0;
    }
    int r = otel_metering_collect(sdk->metering, clock_wall_ns(), &metrics);
    if (r)
        return err_trace(r);
    use(user, metrics);
    otel_metering_end(sdk->metering);
    return 0;
}

static uint64_t n_lost(const struct otel_sdk *sdk, enum record_kind kind) {
    const _Atomic uint64_t *totals = sdk->recorder.totals;
    return totals[COUNT_QUEUE_FULL + kind] + totals[COUNT_NO_ROOM + kind] +
           sdk->batches[kind].export.n_lost;
}

void otel_sdk_losses(struct otel_sdk *sdk, struct otel_losses *losses) {
    *losses = (struct otel_losses){0};
    if (!sdk)
        return;
    recorder_sum(&sdk->recorder);
    losses->n_spans = n_lost(sdk, RECORD_SPAN);
    losses->n_logs = n_lost(sdk, RECORD_LOG);
    losses->n_failed_exports[OTEL_TRACES] = sdk->batches[RECORD_SPAN].export.n_failed;
    losses->n_failed_exports[OTEL_LOGS] = sdk->batches[RECORD_LOG].export.n_failed;
    losses->n_failed_exports[OTEL_METRICS] = sdk->reader.export.n_failed;
}
