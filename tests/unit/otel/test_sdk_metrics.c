/* SPDX-License-Identifier: Apache-2.0 */
/* Names, units and attributes against semantic-conventions/model/otel/metrics.yaml. */
#include "otel/sdk_metrics.h"

#include "base/clock.h"
#include "sdk_fixture.h"

/* The point of a metric that has these attributes and no others. */
struct wanted {
    const char *name;
    const char *attributes[3][2];
    bool is_found;
    enum otel_instrument_kind kind;
    bool is_integer;
    const char *unit;
    int64_t value; /* of a histogram: how many */
};

static bool has(const struct otel_point *point, const char *const attribute[2]) {
    for (size_t i = 0; i < point->n_attributes; i++)
        if (bytes_equal_str(point->attributes[i].key, attribute[0]) &&
            bytes_equal_str(point->attributes[i].value.text, attribute[1]))
            return true;
    return false;
}

static bool fits(const struct wanted *wanted, const struct otel_point *point) {
    size_t n = 0;
    while (n < 3 && wanted->attributes[n][0])
        if (!has(point, wanted->attributes[n++]))
            return false;
    return n == point->n_attributes;
}

static void look_at(struct wanted *wanted, const struct otel_metric *metric) {
    for (size_t i = 0; i < metric->n_points; i++) {
        const struct otel_point *point = &metric->points[i];
        if (!fits(wanted, point))
            continue;
        assert_false(wanted->is_found);
        wanted->is_found = true;
        wanted->kind = metric->kind;
        wanted->is_integer = metric->is_integer;
        wanted->value =
            metric->kind == OTEL_HISTOGRAM ? (int64_t)point->histogram.count : point->integer;
    }
}

static void look(void *user, const struct otel_metrics *metrics) {
    struct wanted *wanted = user;
    for (size_t i = 0; i < metrics->n_scopes; i++)
        for (size_t k = 0; k < metrics->scopes[i].n_metrics; k++) {
            const struct otel_metric *metric = &metrics->scopes[i].metrics[k];
            if (strcmp(metric->name, wanted->name) != 0)
                continue;
            assert_string_equal(metric->unit, wanted->unit);
            assert_true(strlen(metric->description) > 0);
            assert_true(bytes_equal_str(metrics->scopes[i].scope->name, "otel.sdk"));
            look_at(wanted, metric);
        }
}

static void is(struct fixture *fixture, struct wanted wanted, enum otel_instrument_kind kind,
               int64_t value) {
    assert_int_equal(otel_sdk_collect(fixture->sdk, look, &wanted), 0);
    if (!wanted.is_found)
        fail_msg("no such point of %s", wanted.name);
    assert_int_equal(wanted.kind, kind);
    assert_int_equal(wanted.is_integer, kind != OTEL_HISTOGRAM);
    assert_int_equal(wanted.value, value);
}

#define OF(type)                         \
    {"otel.component.type", type}, {     \
        "otel.component.name", type "/0" \
    }

/* ---- spans ---- */

static void started(struct fixture *fixture, const char *origin, const char *result, int64_t n) {
    is(fixture,
       (struct wanted){.name = "otel.sdk.span.started",
                       .unit = "{span}",
                       .attributes = {{"otel.span.parent.origin", origin},
                                      {"otel.span.sampling_result", result}}},
       OTEL_COUNTER, n);
}

static void test_started_spans_are_counted_by_origin_and_sampling(void **state) {
    const struct otel_context remote = {.span = {{{1}}, {{2}}, OTEL_FLAG_SAMPLED, true, {NULL, 0}}};
    const struct otel_context not_sampled = {.span = {{{1}}, {{2}}, .flags = 0}};
    struct otel_span root, span;
    fixture_start(*state, &root, NULL);
    for (int i = 0; i < 2; i++) {
        fixture_start(*state, &span, &root.context);
        otel_span_end(&span, 0);
    }
    for (int i = 0; i < 3; i++) {
        fixture_start(*state, &span, &remote);
        otel_span_end(&span, 0);
    }
    for (int i = 0; i < 4; i++)
        fixture_start(*state, &span, &not_sampled);
    started(*state, "none", "RECORD_AND_SAMPLE", 1);
    started(*state, "local", "RECORD_AND_SAMPLE", 2);
    started(*state, "remote", "RECORD_AND_SAMPLE", 3);
    started(*state, "local", "DROP", 4);
    started(*state, "none", "DROP", 0);
    otel_span_end(&root, 0);
}

static void test_roots_that_are_dropped_are_counted(void **state) {
    struct fixture fixture;
    struct otel_span span;
    (void)state;
    fixture_init(&fixture);
    fixture.settings.sampler.kind = OTEL_ALWAYS_OFF;
    fixture_open(&fixture);
    for (int i = 0; i < 3; i++)
        fixture_start(&fixture, &span, NULL);
    started(&fixture, "none", "DROP", 3);
    started(&fixture, "none", "RECORD_AND_SAMPLE", 0);
    fixture_close(&fixture);
}

static void live(struct fixture *fixture, int64_t n) {
    is(fixture,
       (struct wanted){.name = "otel.sdk.span.live",
                       .unit = "{span}",
                       .attributes = {{"otel.span.sampling_result", "RECORD_AND_SAMPLE"}}},
       OTEL_UP_DOWN_COUNTER, n);
}

static void test_spans_live_from_start_to_end(void **state) {
    struct otel_span a, b;
    live(*state, 0);
    fixture_start(*state, &a, NULL);
    fixture_start(*state, &b, NULL);
    live(*state, 2);
    otel_span_end(&a, 0);
    live(*state, 1);
    otel_span_end(&b, 0);
    live(*state, 0);
}

static void test_a_span_without_room_never_lives_and_is_counted(void **state) {
    struct fixture *fixture = *state;
    struct otel_span span;
    fail_alloc_at(1);
    fixture_start(fixture, &span, NULL);
    fail_alloc_off();
    otel_span_end(&span, 0);
    live(fixture, 0);
    started(fixture, "none", "RECORD_AND_SAMPLE", 1);
    is(fixture,
       (struct wanted){.name = "otel.sdk.processor.span.processed",
                       .unit = "{span}",
                       .attributes = {OF("batching_span_processor"), {"error.type", "no_memory"}}},
       OTEL_COUNTER, 1);
}

static int find_no_room(const struct otel_span_data *span, struct buf *out) {
    (void)span;
    (void)out;
    return BUF_E_FULL;
}

/* It is lost at its end, so one that lives on still counts. */
static void test_a_span_without_room_for_its_bytes_lived_until_its_end(void **state) {
    static const struct otel_encoder encoder = {.span = find_no_room};
    struct fixture fixture;
    struct otel_exporter_ops ops;
    struct otel_span lost, other;
    (void)state;
    fixture_init(&fixture);
    ops = *fixture.exporters[OTEL_TRACES].base.ops;
    ops.encoder = &encoder;
    fixture.exporters[OTEL_TRACES].base.ops = &ops;
    fixture_open(&fixture);
    fixture_start(&fixture, &lost, NULL);
    fixture_start(&fixture, &other, NULL);
    live(&fixture, 2);
    otel_span_end(&lost, 0);
    live(&fixture, 1);
    otel_span_end(&other, 0);
    live(&fixture, 0);
    fixture_close(&fixture);
}

/* ---- processors ---- */

static void test_a_processor_tells_its_queue_and_what_it_handed_on(void **state) {
    struct fixture *fixture = *state;
    struct wanted wanted = {.unit = "{span}", .attributes = {OF("batching_span_processor")}};
    fixture_spans(fixture, 10);
    fixture_turn(fixture); /* 2 of 10 find the queue full, 4 go to the exporter */
    wanted.name = "otel.sdk.processor.span.queue.size";
    is(fixture, wanted, OTEL_UP_DOWN_COUNTER, 4);
    wanted.name = "otel.sdk.processor.span.queue.capacity";
    is(fixture, wanted, OTEL_UP_DOWN_COUNTER, 8);
    wanted.name = "otel.sdk.processor.span.processed";
    is(fixture, wanted, OTEL_COUNTER, 4);
    wanted.attributes[2][0] = "error.type";
    wanted.attributes[2][1] = "queue_full";
    is(fixture, wanted, OTEL_COUNTER, 2);
}

static void test_log_records_are_counted_alike(void **state) {
    struct fixture *fixture = *state;
    struct wanted wanted = {.name = "otel.sdk.log.created", .unit = "{log_record}"};
    for (int i = 0; i < 10; i++)
        otel_logger_emit(fixture->logger, &(struct otel_log_record){0});
    is(fixture, wanted, OTEL_COUNTER, 10);
    fixture_turn(fixture);
    wanted = (struct wanted){.unit = "{log_record}", .attributes = {OF("batching_log_processor")}};
    wanted.name = "otel.sdk.processor.log.queue.size";
    is(fixture, wanted, OTEL_UP_DOWN_COUNTER, 4);
    wanted.name = "otel.sdk.processor.log.queue.capacity";
    is(fixture, wanted, OTEL_UP_DOWN_COUNTER, 8);
    wanted.name = "otel.sdk.processor.log.processed";
    is(fixture, wanted, OTEL_COUNTER, 4);
}

/* ---- exporters ---- */

static void test_exports_are_counted_while_and_after_they_run(void **state) {
    struct fixture *fixture = *state;
    struct wanted wanted = {.unit = "{span}", .attributes = {OF("test_exporter")}};
    struct wanted duration = {.name = "otel.sdk.exporter.operation.duration",
                              .unit = "s",
                              .attributes = {OF("test_exporter"), {"error.type", "rejected"}}};
    fixture_spans(fixture, 4);
    fixture_turn(fixture);
    wanted.name = "otel.sdk.exporter.span.inflight";
    is(fixture, wanted, OTEL_UP_DOWN_COUNTER, 4);
    fixture_answer(fixture, OTEL_TRACES, 1, NULL); /* without a reason: rejected */
    is(fixture, wanted, OTEL_UP_DOWN_COUNTER, 0);
    wanted.name = "otel.sdk.exporter.span.exported";
    is(fixture, wanted, OTEL_COUNTER, 3);
    is(fixture, duration, OTEL_HISTOGRAM, 1);
    wanted.attributes[2][0] = "error.type";
    wanted.attributes[2][1] = "rejected";
    is(fixture, wanted, OTEL_COUNTER, 1);
}

static void test_metric_points_and_collections_are_counted_too(void **state) {
    struct fixture *fixture = *state;
    fixture_pass(fixture, 60 * NS_PER_S);
    is(fixture,
       (struct wanted){.name = "otel.sdk.exporter.metric_data_point.exported",
                       .unit = "{data_point}",
                       .attributes = {OF("test_exporter")}},
       OTEL_COUNTER, (int64_t)fixture->exporters[OTEL_METRICS].n_items);
    is(fixture,
       (struct wanted){.name = "otel.sdk.exporter.metric_data_point.inflight",
                       .unit = "{data_point}",
                       .attributes = {OF("test_exporter")}},
       OTEL_UP_DOWN_COUNTER, 0);
    is(fixture,
       (struct wanted){.name = "otel.sdk.metric_reader.collection.duration",
                       .unit = "s",
                       .attributes = {OF("periodic_metric_reader")}},
       OTEL_HISTOGRAM, 1);
}

/* What a failed export of logs was, by its error. */
static void test_a_failed_export_is_counted_by_its_error(void **state) {
    struct fixture *fixture = *state;
    fixture->exporters[OTEL_LOGS].mode = FIXTURE_FAILS;
    otel_logger_emit(fixture->logger, &(struct otel_log_record){0});
    fixture_pass(fixture, NS_PER_S);
    is(fixture,
       (struct wanted){.name = "otel.sdk.exporter.log.exported",
                       .unit = "{log_record}",
                       .attributes = {OF("test_exporter"), {"error.type", "UNAVAILABLE"}}},
       OTEL_COUNTER, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SDK(test_started_spans_are_counted_by_origin_and_sampling),
        cmocka_unit_test(test_roots_that_are_dropped_are_counted),
        ON_SDK(test_spans_live_from_start_to_end),
        ON_SDK(test_a_span_without_room_never_lives_and_is_counted),
        cmocka_unit_test(test_a_span_without_room_for_its_bytes_lived_until_its_end),
        ON_SDK(test_a_processor_tells_its_queue_and_what_it_handed_on),
        ON_SDK(test_log_records_are_counted_alike),
        ON_SDK(test_exports_are_counted_while_and_after_they_run),
        ON_SDK(test_metric_points_and_collections_are_counted_too),
        ON_SDK(test_a_failed_export_is_counted_by_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
