/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/sdk.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "sdk_fixture.h"

/* ---- what it gives ---- */

static void test_the_same_scope_gives_the_same_one(void **state) {
    struct fixture *fixture = *state;
    char name[] = "library";
    const struct otel_scope scope = {.name = bytes_str(name), .version = bytes_str("1")};
    struct otel_scope other = scope, newer = scope;
    other.schema_url = bytes_str("https://example.com");
    newer.version = bytes_str("2");
    struct otel_tracer *tracer = otel_sdk_tracer(fixture->sdk, &scope);
    assert_non_null(tracer);
    assert_ptr_equal(otel_sdk_tracer(fixture->sdk, &scope), tracer);
    assert_ptr_not_equal(otel_sdk_tracer(fixture->sdk, &other), tracer);
    assert_ptr_not_equal(otel_sdk_tracer(fixture->sdk, &newer), tracer);
    assert_non_null(otel_sdk_logger(fixture->sdk, &scope));
    assert_ptr_equal(otel_sdk_meter(fixture->sdk, &scope), otel_sdk_meter(fixture->sdk, &scope));
    name[0] = 'x';
    assert_ptr_not_equal(otel_sdk_tracer(fixture->sdk, &scope), tracer);
}

static void test_scopes_are_bounded(void **state) {
    struct fixture *fixture = *state;
    char name[16];
    for (int i = 0; i < 2000; i++) {
        const struct otel_scope scope = {.name = bytes_of(name, sizeof(name))};
        memset(name, 0, sizeof(name));
        memcpy(name, &i, sizeof(i));
        struct otel_tracer *tracer = otel_sdk_tracer(fixture->sdk, &scope);
        assert_true((tracer != NULL) == (i < 999)); /* the fixture's own is one of 1,000 */
    }
}

static void test_without_memory_there_is_no_tracer(void **state) {
    struct fixture *fixture = *state;
    const struct otel_scope scope = {.name = bytes_str("library")};
    fail_alloc_at(1);
    assert_null(otel_sdk_tracer(fixture->sdk, &scope));
    fail_alloc_at(1);
    assert_null(otel_sdk_logger(fixture->sdk, &scope));
    fail_alloc_off();
    assert_non_null(otel_sdk_tracer(fixture->sdk, &scope));
}

static void test_a_signal_without_an_exporter_is_not_recorded_but_metrics_are(void **state) {
    const struct otel_sdk_options options = {.settings = &((struct fixture *)*state)->settings};
    struct otel_sdk *sdk;
    assert_int_equal(otel_sdk_new(&options, &sdk), 0);
    assert_null(otel_sdk_tracer(sdk, &fixture_scope));
    assert_null(otel_sdk_logger(sdk, &fixture_scope));
    assert_non_null(otel_sdk_meter(sdk, &fixture_scope));
    assert_int_equal(otel_sdk_turn(sdk, 0), UINT64_MAX);
    assert_true(otel_sdk_is_flushed(sdk));
    otel_sdk_free(sdk);
}

static void count_points(void *user, const struct otel_metrics *metrics) {
    *(size_t *)user += metrics->n_points + 1;
}

static void nothing_works(struct otel_sdk *sdk) {
    struct otel_losses losses = {.n_spans = 1};
    size_t n = 0;
    assert_null(otel_sdk_tracer(sdk, &fixture_scope));
    assert_null(otel_sdk_logger(sdk, &fixture_scope));
    assert_null(otel_sdk_meter(sdk, &fixture_scope));
    assert_int_equal(otel_sdk_turn(sdk, 5), UINT64_MAX);
    otel_sdk_flush(sdk, 5);
    assert_int_equal(otel_sdk_turn(sdk, 5), UINT64_MAX);
    assert_true(otel_sdk_is_flushed(sdk));
    otel_sdk_cancel(sdk);
    assert_int_equal(otel_sdk_collect(sdk, count_points, &n), 0);
    assert_int_equal(n, 1);
    otel_sdk_losses(sdk, &losses);
    assert_int_equal(losses.n_spans, 0);
    otel_sdk_free(sdk);
}

static void test_no_sdk_works_everywhere(void **state) {
    (void)state;
    nothing_works(NULL);
}

static void test_a_disabled_one_does_nothing(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    fixture.settings.is_disabled = true;
    fixture_open(&fixture);
    nothing_works(fixture.sdk);
}

static const char *no_variable(const char *name) {
    (void)name;
    return NULL;
}

static void open_as(struct fixture *fixture, const char *service) {
    const struct otel_resource_options options = {
        .service_name = service, .service_version = "1", .variable = no_variable, .root = ""};
    fixture_init(fixture);
    assert_int_equal(otel_resource_new(&options, &fixture->resource), 0);
    fixture_open(fixture);
}

static void is_of(const struct otel_resource *resource, const char *service) {
    assert_text(otel_resource_get(resource, "service.name"), service);
}

static void test_two_of_them_keep_apart_each_with_its_resource(void **state) {
    struct fixture one, other;
    (void)state;
    open_as(&one, "one");
    open_as(&other, "other");
    fixture_spans(&one, 1);
    fixture_spans(&other, 2);
    const struct otel_batch *batch = fixture_batch(&one, OTEL_TRACES);
    assert_int_equal(batch->n, 1);
    is_of(batch->resource, "one");
    batch = fixture_batch(&other, OTEL_TRACES);
    assert_int_equal(batch->n, 2);
    is_of(batch->resource, "other");
    other.exporters[OTEL_METRICS].mode = FIXTURE_HOLDS;
    batch = fixture_batch(&other, OTEL_METRICS);
    is_of(batch->resource, "other");
    is_of(batch->metrics->resource, "other");
    fixture_close(&one);
    fixture_close(&other);
}

static void test_each_allocation_at_its_start_may_fail(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    struct otel_sdk_options options = {.settings = &fixture.settings};
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++)
        options.exporters[i] = &fixture.exporters[i].base;
    for (size_t n = 1;; n++) {
        struct otel_sdk *sdk = NULL;
        fail_alloc_at(n);
        int r = otel_sdk_new(&options, &sdk);
        fail_alloc_off();
        if (r == 0) {
            otel_sdk_free(sdk);
            break;
        }
        assert_int_equal(r, -ENOMEM);
        assert_null(sdk);
    }
}

/* ---- metrics ---- */

static struct fixture_exporter *metrics_of(struct fixture *fixture) {
    return &fixture->exporters[OTEL_METRICS];
}

static void test_metrics_are_exported_at_each_interval(void **state) {
    struct fixture *fixture = *state;
    fixture_turn(fixture);
    fixture_pass(fixture, 59 * NS_PER_S);
    assert_int_equal(metrics_of(fixture)->n_exports, 0);
    fixture_pass(fixture, NS_PER_S);
    assert_int_equal(metrics_of(fixture)->n_exports, 1);
    assert_true(metrics_of(fixture)->n_items > 0);
    fixture_pass(fixture, 60 * NS_PER_S);
    assert_int_equal(metrics_of(fixture)->n_exports, 2);
}

static void test_an_interval_during_an_export_is_left_out(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    fixture.exporters[OTEL_METRICS].mode = FIXTURE_HOLDS;
    fixture.settings.metric_timeout_ns = 300 * NS_PER_S;
    fixture_open(&fixture);
    fixture_pass(&fixture, 60 * NS_PER_S);
    assert_non_null(metrics_of(&fixture)->batch);
    fixture_pass(&fixture, 75 * NS_PER_S);
    fixture_answer(&fixture, OTEL_METRICS, 0, NULL);
    fixture_pass(&fixture, 59 * NS_PER_S);
    assert_int_equal(metrics_of(&fixture)->n_exports, 1);
    fixture_pass(&fixture, 1 * NS_PER_S);
    assert_int_equal(metrics_of(&fixture)->n_exports, 2);
    fixture_close(&fixture);
}

static void test_a_flush_exports_metrics_that_were_measured_before_it(void **state) {
    struct fixture *fixture = *state;
    metrics_of(fixture)->mode = FIXTURE_HOLDS;
    fixture_pass(fixture, 60 * NS_PER_S);
    otel_sdk_flush(fixture->sdk, fixture->now_ns);
    fixture_turn(fixture);
    fixture_answer(fixture, OTEL_METRICS, 0, NULL);
    assert_false(otel_sdk_is_flushed(fixture->sdk)); /* that was an older collection */
    fixture_turn(fixture);
    assert_int_equal(metrics_of(fixture)->n_exports, 2);
    assert_false(otel_sdk_is_flushed(fixture->sdk));
    fixture_answer(fixture, OTEL_METRICS, 0, NULL);
    assert_true(otel_sdk_is_flushed(fixture->sdk));
}

static void test_a_collection_without_memory_is_made_up_for_by_the_next(void **state) {
    struct fixture *fixture = *state;
    fixture_pass(fixture, 50 * NS_PER_S);
    fail_alloc_at(1);
    fixture_pass(fixture, 10 * NS_PER_S);
    fail_alloc_off();
    assert_int_equal(metrics_of(fixture)->n_exports, 0);
    fixture_pass(fixture, 60 * NS_PER_S);
    assert_int_equal(metrics_of(fixture)->n_exports, 1);
}

static void test_a_metric_export_that_fails_is_counted(void **state) {
    struct fixture *fixture = *state;
    struct otel_losses losses;
    metrics_of(fixture)->mode = FIXTURE_FAILS;
    fixture_pass(fixture, 60 * NS_PER_S);
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_failed_exports[OTEL_METRICS], 1);
    assert_int_equal(losses.n_spans, 0);
}

static void test_who_asks_collects_outside_the_interval(void **state) {
    struct fixture *fixture = *state;
    size_t n = 0;
    assert_int_equal(otel_sdk_collect(fixture->sdk, count_points, &n), 0);
    assert_true(n > 1);
    assert_int_equal(metrics_of(fixture)->n_exports, 0);
}

/* It would wait for ever, if the exporter still had the collection. */
static void test_who_asks_does_not_wait_for_an_export_that_hangs(void **state) {
    struct fixture *fixture = *state;
    size_t n = 0;
    metrics_of(fixture)->mode = FIXTURE_HOLDS;
    fixture_pass(fixture, 60 * NS_PER_S);
    assert_int_equal(metrics_of(fixture)->n_exports, 1);
    assert_int_equal(otel_sdk_collect(fixture->sdk, count_points, &n), 0);
    assert_true(n > 1);
    fixture_answer(fixture, OTEL_METRICS, 0, NULL);
}

/* ---- the end ---- */

static void test_cancel_gives_up_all_exports(void **state) {
    struct fixture *fixture = *state;
    struct otel_losses losses;
    metrics_of(fixture)->mode = FIXTURE_HOLDS;
    fixture_spans(fixture, 2);
    otel_logger_emit(fixture->logger, &(struct otel_log_record){0});
    otel_sdk_flush(fixture->sdk, fixture->now_ns);
    fixture_turn(fixture);
    otel_sdk_cancel(fixture->sdk);
    otel_sdk_cancel(fixture->sdk);
    assert_true(otel_sdk_is_flushed(fixture->sdk));
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, 2);
    assert_int_equal(losses.n_logs, 1);
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++) {
        assert_int_equal(fixture->exporters[i].n_cancelled, 1);
        assert_int_equal(losses.n_failed_exports[i], 1);
    }
}

static void test_an_export_that_ends_between_turns_wakes(void **state) {
    struct fixture *fixture = *state;
    fixture_spans(fixture, 4);
    fixture_turn(fixture);
    size_t n_woken = fixture->n_woken;
    fixture_answer(fixture, OTEL_TRACES, 0, NULL);
    assert_int_equal(fixture->n_woken, n_woken + 1);
    fixture->exporters[OTEL_TRACES].mode = FIXTURE_TAKES;
    fixture_turn(fixture);
    fixture_spans(fixture, 4);
    n_woken = fixture->n_woken;
    fixture_turn(fixture);
    assert_int_equal(fixture->n_woken, n_woken); /* the turn goes on by itself */
}

static char last_line[512];

static void keep_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    snprintf(last_line, sizeof(last_line), "%.*s", (int)len, line);
}

static void test_what_waits_when_it_is_freed_goes_with_it_and_is_said(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_spans(&fixture, 5);
    fixture_turn(&fixture);
    fixture_spans(&fixture, 2);
    log_redirect(keep_line);
    fixture_close(&fixture);
    log_redirect(NULL);
    assert_non_null(strstr(last_line, "3 spans are lost"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SDK(test_the_same_scope_gives_the_same_one),
        ON_SDK(test_scopes_are_bounded),
        ON_SDK(test_without_memory_there_is_no_tracer),
        ON_SDK(test_a_signal_without_an_exporter_is_not_recorded_but_metrics_are),
        cmocka_unit_test(test_no_sdk_works_everywhere),
        cmocka_unit_test(test_a_disabled_one_does_nothing),
        cmocka_unit_test(test_two_of_them_keep_apart_each_with_its_resource),
        cmocka_unit_test(test_each_allocation_at_its_start_may_fail),
        ON_SDK(test_metrics_are_exported_at_each_interval),
        cmocka_unit_test(test_an_interval_during_an_export_is_left_out),
        ON_SDK(test_a_flush_exports_metrics_that_were_measured_before_it),
        ON_SDK(test_a_collection_without_memory_is_made_up_for_by_the_next),
        ON_SDK(test_a_metric_export_that_fails_is_counted),
        ON_SDK(test_who_asks_collects_outside_the_interval),
        ON_SDK(test_who_asks_does_not_wait_for_an_export_that_hangs),
        ON_SDK(test_cancel_gives_up_all_exports),
        ON_SDK(test_an_export_that_ends_between_turns_wakes),
        cmocka_unit_test(test_what_waits_when_it_is_freed_goes_with_it_and_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
