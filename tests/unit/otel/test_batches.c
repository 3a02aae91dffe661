/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/batches.h"

#include <malloc.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "otel/limits.h"
#include "sdk_fixture.h"

static struct fixture_exporter *spans_of(struct fixture *fixture) {
    return &fixture->exporters[OTEL_TRACES];
}

static void test_what_waits_is_exported_after_the_delay(void **state) {
    struct fixture *fixture = *state;
    fixture_turn(fixture);
    fixture_spans(fixture, 2);
    uint64_t due_ns = fixture_turn(fixture);
    assert_int_equal(due_ns, fixture->now_ns + NS_PER_S);
    assert_int_equal(spans_of(fixture)->n_exports, 0);
    fixture_pass(fixture, NS_PER_S);
    assert_int_equal(spans_of(fixture)->n_exports, 1);
    assert_int_equal(spans_of(fixture)->batch->n, 2);
    assert_int_equal(spans_of(fixture)->batch->deadline_ns, fixture->now_ns + 30 * NS_PER_S);
}

static void test_nothing_waits_and_nothing_is_exported(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++)
        fixture_pass(fixture, NS_PER_S);
    assert_int_equal(spans_of(fixture)->n_exports, 0);
}

static void test_a_full_batch_wakes_once_and_is_exported_at_once(void **state) {
    struct fixture *fixture = *state;
    fixture_spans(fixture, 3);
    assert_int_equal(fixture->n_woken, 0);
    fixture_spans(fixture, 5);
    assert_int_equal(fixture->n_woken, 1);
    fixture_turn(fixture);
    assert_int_equal(spans_of(fixture)->batch->n, 4);
}

static void test_nobody_is_woken_while_an_export_is_under_way(void **state) {
    struct fixture *fixture = *state;
    fixture_spans(fixture, 4);
    fixture_turn(fixture);
    assert_non_null(spans_of(fixture)->batch);
    size_t n_woken = fixture->n_woken;
    fixture_spans(fixture, 100);
    assert_int_equal(fixture->n_woken, n_woken);
    fixture_answer(fixture, OTEL_TRACES, 0, NULL);
    assert_int_equal(fixture->n_woken, n_woken + 1);
}

static void record_a_batch(void *fixture) {
    fixture_spans(fixture, 4);
}

/* While it turns nobody wakes it, so it has to look for itself. */
static void test_a_batch_that_fills_up_during_a_turn_is_not_delayed(void **state) {
    struct fixture *fixture = *state;
    spans_of(fixture)->mode = FIXTURE_TAKES;
    spans_of(fixture)->meanwhile = record_a_batch;
    spans_of(fixture)->user = fixture;
    fixture_spans(fixture, 4);
    size_t n_woken = fixture->n_woken;
    assert_int_equal(fixture_turn(fixture), fixture->now_ns);
    assert_int_equal(fixture->n_woken, n_woken);
    assert_int_equal(spans_of(fixture)->n_items, 4);
    assert_true(fixture_turn(fixture) > fixture->now_ns);
    assert_int_equal(spans_of(fixture)->n_items, 8);
}

static void test_one_export_is_under_way_at_a_time(void **state) {
    struct fixture *fixture = *state;
    fixture_spans(fixture, 8);
    fixture_turn(fixture);
    fixture_pass(fixture, NS_PER_S);
    assert_int_equal(spans_of(fixture)->n_exports, 1);
    fixture_answer(fixture, OTEL_TRACES, 0, NULL);
    fixture_turn(fixture);
    assert_int_equal(spans_of(fixture)->n_exports, 2);
    assert_int_equal(spans_of(fixture)->n_items, 8);
}

static void test_batches_are_oldest_first_and_no_larger_than_the_most(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 7; i++) {
        struct otel_span span;
        fixture_start(fixture, &span, NULL);
        otel_span_set(&span, "i", otel_integer(i));
        otel_span_end(&span, 0);
    }
    const struct otel_batch *batch = fixture_batch(fixture, OTEL_TRACES);
    assert_int_equal(batch->n, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fixture_value(&batch->spans[i]->attributes, "i").integer, i);
    fixture_answer(fixture, OTEL_TRACES, 0, NULL);
    assert_false(otel_sdk_is_flushed(fixture->sdk));
    fixture_turn(fixture);
    batch = spans_of(fixture)->batch;
    assert_int_equal(batch->n, 3);
    assert_int_equal(fixture_value(&batch->spans[0]->attributes, "i").integer, 4);
    fixture_answer(fixture, OTEL_TRACES, 0, NULL);
    assert_true(otel_sdk_is_flushed(fixture->sdk));
}

static void
test_all_that_waits_when_the_delay_is_over_goes_one_batch_after_the_other(void **state) {
    struct fixture *fixture = *state;
    spans_of(fixture)->mode = FIXTURE_TAKES;
    fixture_spans(fixture, 7);
    fixture_pass(fixture, NS_PER_S);
    assert_int_equal(spans_of(fixture)->n_exports, 2);
    assert_int_equal(spans_of(fixture)->n_items, 7);
    assert_int_equal(spans_of(fixture)->largest, 4);
}

/* Neither waits for a batch nor turns all the time. */
static void test_without_a_delay_each_span_is_worth_an_export(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    fixture.settings.spans.delay_ns = fixture.settings.logs.delay_ns = 0;
    fixture_open(&fixture);
    assert_int_equal(fixture_turn(&fixture), fixture.now_ns + 60 * NS_PER_S); /* the metrics */
    fixture_spans(&fixture, 1);
    assert_int_equal(fixture.n_woken, 1);
    fixture_turn(&fixture);
    assert_int_equal(spans_of(&fixture)->batch->n, 1);
    fixture_spans(&fixture, 6);
    fixture_answer(&fixture, OTEL_TRACES, 0, NULL);
    fixture_turn(&fixture);
    assert_int_equal(spans_of(&fixture)->batch->n, 4);
    fixture_close(&fixture);
}

static void test_a_flush_ends_though_more_and_more_is_recorded(void **state) {
    struct fixture *fixture = *state;
    fixture_spans(fixture, 3);
    fixture_batch(fixture, OTEL_TRACES);
    fixture_spans(fixture, 3);
    assert_false(otel_sdk_is_flushed(fixture->sdk));
    fixture_answer(fixture, OTEL_TRACES, 0, NULL);
    assert_true(otel_sdk_is_flushed(fixture->sdk));
}

static void test_a_flush_waits_for_the_export_under_way(void **state) {
    struct fixture *fixture = *state;
    fixture_spans(fixture, 4);
    fixture_turn(fixture);
    otel_sdk_flush(fixture->sdk, fixture->now_ns);
    fixture_turn(fixture);
    assert_false(otel_sdk_is_flushed(fixture->sdk));
    fixture_answer(fixture, OTEL_TRACES, 4, "UNAVAILABLE");
    assert_true(otel_sdk_is_flushed(fixture->sdk));
}

static void test_spans_and_logs_do_not_wait_for_each_other(void **state) {
    struct fixture *fixture = *state;
    fixture_spans(fixture, 4);
    fixture_turn(fixture);
    for (int i = 0; i < 4; i++)
        otel_logger_emit(fixture->logger, &(struct otel_log_record){.body = otel_integer(i)});
    fixture_turn(fixture);
    assert_non_null(spans_of(fixture)->batch);
    const struct otel_batch *logs = fixture->exporters[OTEL_LOGS].batch;
    assert_int_equal(logs->n, 4);
    assert_int_equal(logs->logs[3]->body.integer, 3);
}

static void test_an_exporter_that_passes_its_deadline_is_told_to_give_up(void **state) {
    struct fixture *fixture = *state;
    struct otel_losses losses;
    fixture_spans(fixture, 4);
    fixture_turn(fixture);
    fixture_pass(fixture, 30 * NS_PER_S);
    assert_int_equal(spans_of(fixture)->n_cancelled, 0);
    fixture_pass(fixture, NS_PER_S);
    assert_int_equal(spans_of(fixture)->n_cancelled, 1);
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, 4);
    assert_int_equal(losses.n_failed_exports[OTEL_TRACES], 1);
}

static void test_what_an_exporter_rejects_is_lost_and_the_rest_is_not(void **state) {
    struct fixture *fixture = *state;
    struct otel_losses losses;
    fixture_spans(fixture, 4);
    fixture_turn(fixture);
    fixture_answer(fixture, OTEL_TRACES, 3, "rejected");
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, 3);
    assert_int_equal(losses.n_failed_exports[OTEL_TRACES], 0);
}

static char lines[1024];

static void keep_line(enum log_level level, const char *line, size_t len) {
    size_t n = strlen(lines);
    (void)level;
    snprintf(lines + n, sizeof(lines) - n, "%.*s", (int)len, line);
}

enum {
    SPAN_BLOCK = 2048, /* that a span begins with */
};

/* A queue that is larger than a thread's memory: what is lost then is said, as all that is. */
static void test_what_finds_no_memory_is_said(void **state) {
    struct fixture fixture;
    struct otel_losses losses;
    (void)state;
    fixture_init(&fixture);
    fixture.settings.spans.max_queue = 1000000;
    fixture_open(&fixture);
    fixture_spans(&fixture, OTEL_MAX_THREAD_BYTES / SPAN_BLOCK + 7);
    otel_sdk_losses(fixture.sdk, &losses);
    assert_int_equal(losses.n_spans, 7);
    log_redirect(keep_line);
    fixture_turn(&fixture);
    fixture_close(&fixture);
    log_redirect(NULL);
    assert_non_null(strstr(lines, "7 spans were dropped: no memory for them"));
}

/* Twelve hours: what is held stays at a queue and a batch, and every span is accounted for. */
static void test_an_endpoint_that_is_dead_for_hours_takes_no_memory(void **state) {
    struct fixture *fixture = *state;
    struct otel_losses losses;
    size_t n_spans = 0, n_bytes = 0;
    spans_of(fixture)->mode = FIXTURE_FAILS;
    for (int second = 0; second < 12 * 3600; second++) {
        if (second == 60)
            n_bytes = mallinfo2().uordblks;
        size_t n = (size_t)second % 30;
        fixture_spans(fixture, n);
        n_spans += n;
        fixture_pass(fixture, NS_PER_S);
    }
    assert_true(mallinfo2().uordblks < n_bytes + 4096);
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, n_spans);
    assert_int_equal(losses.n_failed_exports[OTEL_TRACES], spans_of(fixture)->n_exports);
}

/* The same with an exporter that hangs. */
static void test_an_endpoint_that_hangs_for_hours_takes_no_memory(void **state) {
    struct fixture *fixture = *state;
    struct otel_losses losses;
    size_t n_spans = 0;
    for (int second = 0; second < 12 * 3600; second++) {
        fixture_spans(fixture, 3);
        n_spans += 3;
        if (second % 7 == 0)
            fixture_turn(fixture);
        fixture->now_ns += NS_PER_S;
    }
    otel_sdk_cancel(fixture->sdk);
    otel_sdk_losses(fixture->sdk, &losses);
    assert_in_range(n_spans - losses.n_spans, 1, 8 + 4);
    assert_int_equal(losses.n_failed_exports[OTEL_TRACES], spans_of(fixture)->n_exports);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SDK(test_what_waits_is_exported_after_the_delay),
        ON_SDK(test_nothing_waits_and_nothing_is_exported),
        ON_SDK(test_a_full_batch_wakes_once_and_is_exported_at_once),
        ON_SDK(test_nobody_is_woken_while_an_export_is_under_way),
        ON_SDK(test_a_batch_that_fills_up_during_a_turn_is_not_delayed),
        ON_SDK(test_one_export_is_under_way_at_a_time),
        ON_SDK(test_batches_are_oldest_first_and_no_larger_than_the_most),
        cmocka_unit_test(test_without_a_delay_each_span_is_worth_an_export),
        ON_SDK(test_all_that_waits_when_the_delay_is_over_goes_one_batch_after_the_other),
        ON_SDK(test_a_flush_ends_though_more_and_more_is_recorded),
        ON_SDK(test_a_flush_waits_for_the_export_under_way),
        ON_SDK(test_spans_and_logs_do_not_wait_for_each_other),
        ON_SDK(test_an_exporter_that_passes_its_deadline_is_told_to_give_up),
        ON_SDK(test_what_an_exporter_rejects_is_lost_and_the_rest_is_not),
        cmocka_unit_test(test_what_finds_no_memory_is_said),
        ON_SDK(test_an_endpoint_that_is_dead_for_hours_takes_no_memory),
        ON_SDK(test_an_endpoint_that_hangs_for_hours_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
