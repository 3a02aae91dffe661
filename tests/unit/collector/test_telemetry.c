/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the collector tells of itself, with a real store and a real SDK: commits as spans, readings
 * by what became of them, what is at the moment of a collection.
 */
#include "collector/telemetry.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collector/limits.h"
#include "otel/sdk.h"
#include "store/memory.h"
#include "unit.h"

enum {
    MAX_SPANS = 16,
};

/* Takes spans, and remembers what a test looks at. */
struct taken {
    struct otel_exporter base;
    struct otel_span_context contexts[MAX_SPANS];
    char names[MAX_SPANS][32];
    int64_t readings[MAX_SPANS]; /* store.commit.readings */
    enum otel_status statuses[MAX_SPANS];
    size_t n_events[MAX_SPANS];
    struct otel_span_id linked[MAX_SPANS]; /* of the first link */
    size_t n;
};

struct call {
    struct store_writer writer;
    struct otel_span span;
    struct collector_telemetry *telemetry;
    unsigned n_settled;
};

struct bench {
    uv_loop_t loop;
    struct otel_settings settings;
    struct taken taken;
    struct otel_sdk *sdk;
    struct otel_tracer *tracer;
    struct store *store;
    struct store_port *port;
    struct collector_telemetry *telemetry;
    struct call call;
};

static const struct otel_scope scope = {.name = {(const uint8_t *)"test", 4}};

/* ---- the exporter ---- */

static int64_t integer_of(const struct otel_kept_attributes *attributes, const char *key) {
    for (const struct otel_kept_attribute *at = attributes->first; at; at = at->next)
        if (bytes_equal_str(at->attribute.key, key))
            return at->attribute.value.integer;
    return -1;
}

static void take(struct taken *taken, const struct otel_span_data *span) {
    size_t i = taken->n++;
    assert_true(i < MAX_SPANS);
    taken->contexts[i] = span->context;
    snprintf(taken->names[i], sizeof(taken->names[i]), "%.*s", BYTES_ARGS(span->name));
    taken->readings[i] = integer_of(&span->attributes, "store.commit.readings");
    taken->statuses[i] = span->status;
    taken->n_events[i] = span->n_events;
    if (span->first_link)
        taken->linked[i] = span->first_link->context.span_id;
}

static void take_batch(struct otel_exporter *exporter, const struct otel_batch *batch,
                       struct otel_export *export, uint64_t now_ns) {
    const struct otel_export_outcome outcome = {.n_rejected = 0};
    for (size_t i = 0; i < batch->n; i++)
        take(CONTAINER_OF(exporter, struct taken, base), batch->spans[i]);
    otel_export_done(export, &outcome, now_ns);
}

static void nothing(struct otel_exporter *exporter) {
    (void)exporter;
}

static const struct otel_exporter_ops taking = {"test", take_batch, nothing, nothing, NULL};

/* ---- the bench ---- */

static const char *no_variable(const char *name) {
    (void)name;
    return NULL;
}

static void on_wake(void *user) {
    (void)user;
}

static void on_resumed(void *user) {
    (void)user;
}

static void on_settled(struct store_writer *writer, const struct store_outcome *outcome) {
    struct call *call = CONTAINER_OF(writer, struct call, writer);
    telemetry_settled(call->telemetry, &call->span, outcome);
    call->n_settled++;
}

static void open_sdk(struct bench *bench) {
    assert_int_equal(otel_settings_read(no_variable, &bench->settings), 0);
    bench->taken.base.ops = &taking;
    struct otel_sdk_options options = {
        .settings = &bench->settings, .resource = NULL, .wake = on_wake, .now_ns = 1};
    options.exporters[OTEL_TRACES] = &bench->taken.base;
    assert_int_equal(otel_sdk_new(&options, &bench->sdk), 0);
    bench->tracer = otel_sdk_tracer(bench->sdk, &scope);
    assert_non_null(bench->tracer);
}

static void open_store(struct bench *bench, size_t limit_bytes) {
    const struct store_memory_options options = {.limit_bytes = limit_bytes};
    struct store_backend *memory;
    assert_int_equal(store_memory_new(&options, &memory), 0);
    assert_int_equal(store_new(&bench->store, memory), 0);
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    assert_int_equal(store_port_new(bench->store, &bench->loop, on_resumed, NULL, &bench->port), 0);
}

static struct collector_telemetry_options options_of(struct bench *bench) {
    return (struct collector_telemetry_options){
        .store = bench->store,
        .tracer = bench->tracer,
        .meter = otel_sdk_meter(bench->sdk, &scope),
        .directory = "/tmp",
    };
}

static void open_bench(struct bench *bench, size_t limit_bytes, const char *sensors) {
    *bench = (struct bench){.call.writer.settled = on_settled};
    open_sdk(bench);
    open_store(bench, limit_bytes);
    struct collector_telemetry_options options = options_of(bench);
    options.sensors = sensors;
    assert_int_equal(collector_telemetry_new(&options, &bench->telemetry), 0);
    bench->call.telemetry = bench->telemetry;
    assert_int_equal(store_start(bench->store), 0);
}

static void close_bench(struct bench *bench) {
    store_port_close(bench->port);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    store_stop(bench->store);
    collector_telemetry_free(bench->telemetry);
    store_free(bench->store);
    otel_sdk_free(bench->sdk);
    otel_settings_fini(&bench->settings);
}

static void append(struct bench *bench, const char *sensor, double temperature, uint64_t sequence) {
    const struct reading reading = {
        .sensor_id = bytes_str(sensor),
        .seconds = 100,
        .temperature = temperature,
        .sequence = sequence,
    };
    assert_int_equal(store_port_append(bench->port, &bench->call.writer, &reading), 0);
}

static void settle(struct bench *bench) {
    store_port_flush(bench->port);
    while (store_port_pending(bench->port) > 0)
        uv_run(&bench->loop, UV_RUN_ONCE);
}

static void export_spans(struct bench *bench) {
    otel_sdk_flush(bench->sdk, 2);
    otel_sdk_turn(bench->sdk, 2);
}

/* ---- metrics ---- */

struct wanted {
    const char *name;
    const char *value; /* of the one attribute; NULL: none */
    const struct otel_point *found;
    double number;
    size_t n_points;
};

static void look_into(struct wanted *wanted, const struct otel_metric *metric) {
    if (strcmp(metric->name, wanted->name) != 0)
        return;
    wanted->n_points = metric->n_points;
    for (size_t i = 0; i < metric->n_points; i++) {
        const struct otel_point *point = &metric->points[i];
        if (wanted->value && !bytes_equal_str(point->attributes->value.text, wanted->value))
            continue;
        wanted->found = point;
        wanted->number = metric->kind == OTEL_HISTOGRAM ? (double)point->histogram.count
                         : metric->is_integer           ? (double)point->integer
                                                        : point->number;
    }
}

static void look(void *user, const struct otel_metrics *metrics) {
    for (size_t i = 0; i < metrics->n_scopes; i++)
        for (size_t j = 0; j < metrics->scopes[i].n_metrics; j++)
            look_into(user, &metrics->scopes[i].metrics[j]);
}

static double value_of(struct bench *bench, const char *name, const char *value) {
    struct wanted wanted = {.name = name, .value = value};
    assert_int_equal(otel_sdk_collect(bench->sdk, look, &wanted), 0);
    return wanted.found ? wanted.number : -1;
}

static size_t n_points_of(struct bench *bench, const char *name) {
    struct wanted wanted = {.name = name};
    assert_int_equal(otel_sdk_collect(bench->sdk, look, &wanted), 0);
    return wanted.n_points;
}

#define assert_value(bench, name, value, wanted) \
    assert_true(value_of(bench, name, value) == (double)(wanted))

/* ---- spans ---- */

static void test_a_commit_is_a_span_with_its_readings(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 0, NULL);
    append(&bench, "attic", 20, 0);
    append(&bench, "attic", 21, 0);
    settle(&bench);
    export_spans(&bench);
    assert_int_equal(bench.taken.n, 1);
    assert_string_equal(bench.taken.names[0], "store.commit");
    assert_int_equal(bench.taken.readings[0], 2);
    assert_int_equal(bench.taken.statuses[0], OTEL_STATUS_UNSET);
    close_bench(&bench);
}

static void test_a_call_s_span_has_the_moment_and_links_to_the_commit(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 0, NULL);
    const struct otel_span_options options = {.name = bytes_str("call")};
    otel_span_start(bench.tracer, &options, &bench.call.span);
    append(&bench, "attic", 20, 0);
    settle(&bench);
    otel_span_end(&bench.call.span, 0);
    export_spans(&bench);
    assert_int_equal(bench.taken.n, 2);
    size_t call = strcmp(bench.taken.names[0], "call") == 0 ? 0 : 1;
    assert_int_equal(bench.taken.n_events[call], 1);
    assert_memory_equal(&bench.taken.linked[call], &bench.taken.contexts[1 - call].span_id,
                        sizeof(struct otel_span_id));
    close_bench(&bench);
}

static void test_a_commit_that_refuses_is_an_error(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 1, NULL);
    append(&bench, "attic", 20, 0);
    settle(&bench);
    export_spans(&bench);
    assert_int_equal(bench.taken.statuses[0], OTEL_STATUS_ERROR);
    assert_value(&bench, "sensor.readings.refused", "memory", 1);
    close_bench(&bench);
}

/* ---- metrics ---- */

static void test_counters_of_readings_are_there_before_the_first(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 0, NULL);
    assert_value(&bench, "sensor.readings", "new", 0);
    assert_value(&bench, "sensor.readings.refused", "invalid", 0);
    assert_value(&bench, "sensor.readings.refused", "store_failed", 0);
    close_bench(&bench);
}

static void test_readings_are_counted_by_what_became_of_them(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 0, NULL);
    append(&bench, "attic", 20, 1);
    append(&bench, "attic", 20, 1);
    append(&bench, "attic", 20, 2);
    settle(&bench);
    telemetry_refused(bench.telemetry, TELEMETRY_INVALID, 3);
    telemetry_refused(bench.telemetry, TELEMETRY_DENIED, 4);
    assert_value(&bench, "sensor.readings", "new", 2);
    assert_value(&bench, "sensor.readings", "duplicate", 1);
    assert_value(&bench, "sensor.readings.refused", "invalid", 3);
    assert_value(&bench, "sensor.readings.refused", "permission_denied", 4);
    assert_value(&bench, "store.commit.duration", NULL, 1);
    assert_value(&bench, "store.commit.readings", NULL, 1);
    close_bench(&bench);
}

static void test_a_collection_tells_what_is(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 1 << 20, NULL);
    append(&bench, "attic", 20.5, 0);
    append(&bench, "cellar", 8.25, 0);
    settle(&bench);
    assert_value(&bench, "store.sensors", NULL, 2);
    assert_value(&bench, "store.readings", NULL, 2);
    assert_value(&bench, "store.memory.limit", NULL, 1 << 20);
    assert_value(&bench, "store.accepting", NULL, 1);
    assert_value(&bench, "store.batches.waiting", NULL, 0);
    assert_value(&bench, "sensor.temperature", "attic", 20.5);
    assert_value(&bench, "sensor.temperature", "cellar", 8.25);
    assert_value(&bench, "sensor.last_reading.time", "attic", 100);
    assert_value(&bench, "store.disk.free", NULL, -1); /* it is not on a disk */
    close_bench(&bench);
}

static void test_a_pattern_chooses_the_sensors(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 0, "attic-*");
    append(&bench, "attic-1", 20, 0);
    append(&bench, "cellar-1", 8, 0);
    settle(&bench);
    assert_int_equal(n_points_of(&bench, "sensor.temperature"), 1);
    assert_value(&bench, "sensor.temperature", "attic-1", 20);
    close_bench(&bench);
}

static void test_temperatures_are_bounded(void **state) {
    struct bench bench;
    char name[16];
    (void)state;
    open_bench(&bench, 0, NULL);
    for (int i = 0; i < COLLECTOR_MAX_MEASURED_SENSORS + 10; i++) {
        snprintf(name, sizeof(name), "s-%d", i);
        append(&bench, name, 20, 0);
    }
    settle(&bench);
    assert_int_equal(n_points_of(&bench, "sensor.temperature"), COLLECTOR_MAX_MEASURED_SENSORS);
    close_bench(&bench);
}

/* ---- trouble ---- */

static void test_without_tracer_and_meter_it_does_nothing(void **state) {
    struct bench bench = {.call.writer.settled = on_settled};
    (void)state;
    open_store(&bench, 0);
    const struct collector_telemetry_options options = {.store = bench.store};
    assert_int_equal(collector_telemetry_new(&options, &bench.telemetry), 0);
    bench.call.telemetry = bench.telemetry;
    assert_int_equal(store_start(bench.store), 0);
    append(&bench, "attic", 20, 0);
    settle(&bench);
    telemetry_refused(bench.telemetry, TELEMETRY_BUSY, 1);
    telemetry_refused(NULL, TELEMETRY_BUSY, 1);
    assert_int_equal(bench.call.n_settled, 1);
    store_port_close(bench.port);
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench.loop), 0);
    store_stop(bench.store);
    collector_telemetry_free(bench.telemetry);
    store_free(bench.store);
}

static void test_failing_allocations_at_its_start_leave_nothing(void **state) {
    struct bench bench;
    int r = -ENOMEM;
    (void)state;
    bench = (struct bench){0};
    open_sdk(&bench);
    open_store(&bench, 0);
    struct collector_telemetry_options options = options_of(&bench);
    options.sensors = "attic-*";
    for (size_t n = 1; r; n++) {
        fail_alloc_at(n);
        r = collector_telemetry_new(&options, &bench.telemetry);
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
    }
    assert_int_equal(store_start(bench.store), 0);
    close_bench(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_commit_is_a_span_with_its_readings),
        cmocka_unit_test(test_a_call_s_span_has_the_moment_and_links_to_the_commit),
        cmocka_unit_test(test_a_commit_that_refuses_is_an_error),
        cmocka_unit_test(test_counters_of_readings_are_there_before_the_first),
        cmocka_unit_test(test_readings_are_counted_by_what_became_of_them),
        cmocka_unit_test(test_a_collection_tells_what_is),
        cmocka_unit_test(test_a_pattern_chooses_the_sensors),
        cmocka_unit_test(test_temperatures_are_bounded),
        cmocka_unit_test(test_without_tracer_and_meter_it_does_nothing),
        cmocka_unit_test(test_failing_allocations_at_its_start_leave_nothing),
    };
    return cmocka_run_group_tests_name("telemetry", tests, NULL, NULL);
}
