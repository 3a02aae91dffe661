/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk_fixture.h"

#include <pthread.h>

#include "base/clock.h"

const struct otel_scope fixture_scope = {.name = {(const uint8_t *)"test", 4},
                                         .version = {(const uint8_t *)"1", 1}};

/* ---- exporters ---- */

static struct fixture_exporter *exporter_of(struct otel_exporter *base) {
    return CONTAINER_OF(base, struct fixture_exporter, base);
}

static void send(struct otel_exporter *base, const struct otel_batch *batch,
                 struct otel_export *export, uint64_t now_ns) {
    struct fixture_exporter *exporter = exporter_of(base);
    assert_null(exporter->export); /* one at a time */
    exporter->n_exports++;
    exporter->n_items += batch->n;
    exporter->sent_at_ns = now_ns;
    if (batch->n > exporter->largest)
        exporter->largest = batch->n;
    if (exporter->meanwhile)
        STEAL(exporter->meanwhile)(exporter->user);
    if (exporter->mode == FIXTURE_HOLDS) {
        exporter->batch = batch;
        exporter->export = export;
        return;
    }
    struct otel_export_outcome outcome = {0};
    if (exporter->mode == FIXTURE_FAILS)
        outcome = (struct otel_export_outcome){batch->n, "UNAVAILABLE", "UNAVAILABLE: no route"};
    otel_export_done(export, &outcome, now_ns);
}

static void done(struct fixture_exporter *exporter, const struct otel_export_outcome *outcome,
                 uint64_t now_ns) {
    struct otel_export *export = STEAL(exporter->export);
    exporter->batch = NULL;
    assert_non_null(export);
    otel_export_done(export, outcome, now_ns);
}

static void cancel(struct otel_exporter *base) {
    struct fixture_exporter *exporter = exporter_of(base);
    const struct otel_export_outcome outcome = {exporter->batch->n, "cancelled", NULL};
    exporter->n_cancelled++;
    done(exporter, &outcome, exporter->sent_at_ns);
}

static void free_exporter(struct otel_exporter *base) {
    assert_null(exporter_of(base)->export);
}

static const struct otel_exporter_ops ops = {"test_exporter", send, cancel, free_exporter, NULL};

/* ---- its life ---- */

static void woken(void *user) {
    ((struct fixture *)user)->n_woken++;
}

void fixture_init(struct fixture *fixture) {
    static const struct otel_batch_settings batches = {NS_PER_S, 30 * NS_PER_S, 8, 4};
    static const struct otel_limit_settings limits = {128, SIZE_MAX, 128, 128, 128, 128};
    *fixture = (struct fixture){.settings = {.spans = batches,
                                             .logs = batches,
                                             .span_limits = limits,
                                             .log_limits = limits,
                                             .metric_interval_ns = 60 * NS_PER_S,
                                             .metric_timeout_ns = 30 * NS_PER_S,
                                             .sampler = {.is_parent_based = true}}};
    fixture->now_ns = 1000 * NS_PER_S;
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++)
        fixture->exporters[i] = (struct fixture_exporter){.base = {&ops}, .mode = FIXTURE_HOLDS};
    fixture->exporters[OTEL_METRICS].mode = FIXTURE_TAKES;
}

void fixture_open(struct fixture *fixture) {
    struct otel_sdk_options options = {.settings = &fixture->settings,
                                       .resource = fixture->resource,
                                       .wake = woken,
                                       .user = fixture,
                                       .now_ns = fixture->now_ns};
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++)
        options.exporters[i] = &fixture->exporters[i].base;
    assert_int_equal(otel_sdk_new(&options, &fixture->sdk), 0);
    fixture->tracer = otel_sdk_tracer(fixture->sdk, &fixture_scope);
    fixture->logger = otel_sdk_logger(fixture->sdk, &fixture_scope);
}

/* What a test has left under way is over first. */
void fixture_close(struct fixture *fixture) {
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++)
        if (fixture->exporters[i].export)
            fixture_answer(fixture, i, 0, NULL);
    otel_sdk_free(fixture->sdk);
}

int fixture_set_up(void **state) {
    static struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

int fixture_tear_down(void **state) {
    fixture_close(*state);
    return 0;
}

/* ---- what tests do with it ---- */

uint64_t fixture_turn(struct fixture *fixture) {
    return otel_sdk_turn(fixture->sdk, fixture->now_ns);
}

uint64_t fixture_pass(struct fixture *fixture, uint64_t ns) {
    fixture->now_ns += ns;
    return fixture_turn(fixture);
}

void fixture_answer(struct fixture *fixture, enum otel_signal signal, size_t n_rejected,
                    const char *error_type) {
    const struct otel_export_outcome outcome = {n_rejected, error_type, NULL};
    done(&fixture->exporters[signal], &outcome, fixture->now_ns);
}

const struct otel_batch *fixture_batch(struct fixture *fixture, enum otel_signal signal) {
    otel_sdk_flush(fixture->sdk, fixture->now_ns);
    fixture_turn(fixture);
    assert_non_null(fixture->exporters[signal].batch);
    return fixture->exporters[signal].batch;
}

const struct otel_span_data *fixture_span(struct fixture *fixture) {
    const struct otel_batch *batch = fixture_batch(fixture, OTEL_TRACES);
    assert_int_equal(batch->n, 1);
    return batch->spans[0];
}

const struct otel_log_data *fixture_log(struct fixture *fixture) {
    const struct otel_batch *batch = fixture_batch(fixture, OTEL_LOGS);
    assert_int_equal(batch->n, 1);
    return batch->logs[0];
}

void fixture_start(struct fixture *fixture, struct otel_span *span,
                   const struct otel_context *parent) {
    const struct otel_span_options options = {.name = bytes_str("work"), .parent = parent};
    otel_span_start(fixture->tracer, &options, span);
}

void fixture_spans(struct fixture *fixture, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct otel_span span;
        fixture_start(fixture, &span, &otel_context_none);
        otel_span_end(&span, 0);
    }
}

void *fixture_span_of(void *fixture) {
    fixture_spans(fixture, 1);
    return NULL;
}

void fixture_on_a_thread(void *(*run)(void *), void *arg) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

struct otel_value fixture_value(const struct otel_kept_attributes *kept, const char *key) {
    for (const struct otel_kept_attribute *at = kept->first; at; at = at->next)
        if (bytes_equal_str(at->attribute.key, key))
            return at->attribute.value;
    return (struct otel_value){0};
}
