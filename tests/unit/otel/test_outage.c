/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/outage.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "unit.h"

enum {
    MAX_LINES = 40,
};

static char lines[MAX_LINES][512];
static size_t n_lines;
static uint64_t now_ns;

static void keep_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    assert_true(n_lines < MAX_LINES);
    snprintf(lines[n_lines++], sizeof(lines[0]), "%.*s", (int)len, line);
}

static int set_up(void **state) {
    static struct outage outage;
    outage_init(&outage, OTEL_TRACES, "http://collector:4317", "otlp_grpc_span_exporter");
    n_lines = 0;
    now_ns = 5000 * NS_PER_S;
    log_redirect(keep_line);
    *state = &outage;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    log_redirect(NULL);
    return 0;
}

static void said(size_t i, const char *wanted) {
    assert_true(i < n_lines);
    if (!strstr(lines[i], wanted))
        fail_msg("\"%s\" is not in \"%s\"", wanted, lines[i]);
}

static void test_an_outage_has_one_line_at_its_begin_and_one_at_its_end(void **state) {
    outage_export(*state, 10, 0, NULL, now_ns);
    assert_int_equal(n_lines, 0);
    for (int i = 0; i < 1000; i++)
        outage_export(*state, 10, 10, "UNAVAILABLE: connection refused", now_ns += NS_PER_S);
    assert_int_equal(n_lines, 1);
    said(0,
         "exporting spans to http://collector:4317 (otlp_grpc_span_exporter) fails: UNAVAILABLE: "
         "connection refused");
    outage_export(*state, 10, 0, NULL, now_ns);
    outage_export(*state, 10, 0, NULL, now_ns);
    assert_int_equal(n_lines, 2);
    said(1, "works again; 10000 were lost in 1000 failed exports");
}

/* Pairs of lines: an outage that was not announced does not end aloud. */
static void test_an_endpoint_that_comes_and_goes_is_not_told_each_time(void **state) {
    for (int i = 0; i < 600; i++) {
        outage_export(*state, 1, 1, "UNAVAILABLE", now_ns += NS_PER_S / 2);
        outage_export(*state, 1, 0, NULL, now_ns += NS_PER_S / 2);
    }
    assert_in_range(n_lines, 26, 28); /* ten minutes: four pairs at once, and one a minute */
    assert_int_equal(n_lines % 2, 0);
    said(n_lines - 2, "fails");
    said(n_lines - 1, "works again");
}

static void test_an_outage_that_was_not_said_at_once_is_said_later(void **state) {
    for (int i = 0; i < 4; i++) {
        outage_export(*state, 1, 1, "UNAVAILABLE", now_ns);
        outage_export(*state, 1, 0, NULL, now_ns);
    }
    assert_int_equal(n_lines, 8);
    outage_export(*state, 1, 1, "UNAVAILABLE", now_ns);
    assert_int_equal(n_lines, 8);
    outage_export(*state, 1, 1, "UNAVAILABLE", now_ns += 60 * NS_PER_S);
    assert_int_equal(n_lines, 9);
    outage_export(*state, 1, 0, NULL, now_ns);
    said(9, "2 were lost in 2 failed exports");
}

static void test_what_is_refused_of_a_batch_is_said_with_its_reason(void **state) {
    outage_export(*state, 10, 3, "rejected", now_ns);
    assert_int_equal(n_lines, 1);
    said(0, "3 of 10 spans were not taken by http://collector:4317");
    said(0, ": rejected");
    outage_export(*state, 10, 0, NULL, now_ns);
    assert_int_equal(n_lines, 1);
}

static void test_a_full_queue_is_said_once_a_minute_with_all_that_was_dropped(void **state) {
    outage_overflow(*state, 0, 2048, now_ns);
    assert_int_equal(n_lines, 0);
    outage_overflow(*state, 5, 2048, now_ns);
    said(0, "5 spans were dropped");
    said(0, "queue of 2048 (OTEL_BSP_MAX_QUEUE_SIZE) is full");
    for (int i = 0; i < 60; i++)
        outage_overflow(*state, 1, 2048, now_ns += NS_PER_S);
    assert_int_equal(n_lines, 2);
    said(1, "60 spans were dropped");
}

static void test_while_it_fails_a_full_queue_is_not_said_but_told_at_the_end(void **state) {
    outage_export(*state, 1, 1, "timeout", now_ns);
    outage_overflow(*state, 7, 2048, now_ns);
    assert_int_equal(n_lines, 1);
    outage_export(*state, 1, 0, NULL, now_ns);
    said(1, "7 to a full queue");
    outage_overflow(*state, 0, 2048, now_ns);
    assert_int_equal(n_lines, 2);
}

static void test_what_has_no_room_is_said_once_a_minute_while_it_fails_too(void **state) {
    outage_no_room(*state, 0, now_ns);
    assert_int_equal(n_lines, 0);
    outage_export(*state, 1, 1, "timeout", now_ns);
    outage_no_room(*state, 5, now_ns);
    said(1, "5 spans were dropped: no memory for them; a thread has 16 MiB");
    for (int i = 0; i < 60; i++)
        outage_no_room(*state, 1, now_ns += NS_PER_S);
    assert_int_equal(n_lines, 3);
    said(2, "60 spans were dropped");
}

static void where(const char *endpoint, const char *wanted) {
    struct outage outage;
    outage_init(&outage, OTEL_LOGS, endpoint, "x");
    assert_string_equal(outage.where, wanted);
}

static void test_who_may_log_in_is_left_out(void **state) {
    (void)state;
    where("https://user:secret@host:4318/v1/logs", "https://host:4318/v1/logs (x)");
    where("https://a@b:secret@host", "https://host (x)");
    where("user:secret@host", "host (x)");
    where("http://host/a@b", "http://host/a@b (x)");
    where("", " (x)");
    where(NULL, "x");
}

static void test_a_long_endpoint_is_cut(void **state) {
    char endpoint[1000];
    struct outage outage;
    (void)state;
    memset(endpoint, 'a', sizeof(endpoint));
    endpoint[sizeof(endpoint) - 1] = '\0';
    outage_init(&outage, OTEL_METRICS, endpoint, "x");
    assert_int_equal(strlen(outage.where), sizeof(outage.where) - 1);
}

#define ON_OUTAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_OUTAGE(test_an_outage_has_one_line_at_its_begin_and_one_at_its_end),
        ON_OUTAGE(test_an_endpoint_that_comes_and_goes_is_not_told_each_time),
        ON_OUTAGE(test_an_outage_that_was_not_said_at_once_is_said_later),
        ON_OUTAGE(test_what_is_refused_of_a_batch_is_said_with_its_reason),
        ON_OUTAGE(test_a_full_queue_is_said_once_a_minute_with_all_that_was_dropped),
        ON_OUTAGE(test_while_it_fails_a_full_queue_is_not_said_but_told_at_the_end),
        ON_OUTAGE(test_what_has_no_room_is_said_once_a_minute_while_it_fails_too),
        cmocka_unit_test(test_who_may_log_in_is_left_out),
        cmocka_unit_test(test_a_long_endpoint_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
