/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/log_bridge.h"

#include <pthread.h>
#include <stdio.h>

#include "unit.h"

/* The SDK's side: what was emitted. */
struct otel_logger {
    int n_emitted;
    bool logs_itself;
    struct otel_log_record record;
    char body[256], severity[16];
    const struct otel_context *context;
};

void otel_logger_emit(struct otel_logger *logger, const struct otel_log_record *record) {
    if (!logger)
        return;
    logger->n_emitted++;
    logger->record = *record;
    snprintf(logger->body, sizeof(logger->body), "%.*s", BYTES_ARGS(record->body.text));
    snprintf(logger->severity, sizeof(logger->severity), "%.*s", BYTES_ARGS(record->severity_text));
    logger->context = otel_context_current();
    if (logger->logs_itself)
        log_warn("a record was dropped");
}

static struct otel_logger logger;
static struct otel_log_bridge bridge;
static char line[512];
static int n_lines;

static void keep_line(enum log_level level, const char *text, size_t len) {
    (void)level;
    snprintf(line, sizeof(line), "%.*s", (int)len, text);
    n_lines++;
}

static int set_up(void **state) {
    (void)state;
    logger = (struct otel_logger){0};
    n_lines = 0;
    log_redirect(keep_line);
    log_configure(LOG_DEBUG, LOG_TEXT);
    otel_log_bridge_start(&bridge, &logger);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    otel_log_bridge_stop(&bridge);
    log_add_fields(NULL);
    log_redirect(NULL);
    return 0;
}

static void test_a_line_becomes_a_record(void **state) {
    (void)state;
    log_warn("disk is %d %% full\n", 97);
    assert_int_equal(logger.n_emitted, 1);
    assert_int_equal(n_lines, 1);
    assert_int_equal(logger.record.body.type, OTEL_TEXT);
    assert_string_equal(logger.body, "disk is 97 % full\n");
    assert_int_equal(logger.record.time_ns, 0);
    assert_null(logger.record.context);
}

static void assert_severity(enum otel_severity severity, const char *text) {
    assert_int_equal(logger.record.severity, severity);
    assert_string_equal(logger.severity, text);
}

static void test_levels_become_severities(void **state) {
    (void)state;
    log_error("x");
    assert_severity(OTEL_ERROR, "ERROR");
    log_warn("x");
    assert_severity(OTEL_WARN, "WARN");
    log_info("x");
    assert_severity(OTEL_INFO, "INFO");
    log_debug("x");
    assert_severity(OTEL_DEBUG, "DEBUG");
}

static void test_a_line_that_is_not_written_is_no_record(void **state) {
    (void)state;
    log_configure(LOG_INFO, LOG_TEXT);
    log_debug("x");
    assert_int_equal(logger.n_emitted, 0);
}

static void test_a_line_about_a_record_is_none_itself(void **state) {
    (void)state;
    logger.logs_itself = true;
    log_info("x");
    assert_int_equal(logger.n_emitted, 1);
    assert_int_equal(n_lines, 2);
    log_info("y");
    assert_int_equal(logger.n_emitted, 2);
}

static void *log_on_an_exporting_thread(void *unused) {
    (void)unused;
    otel_log_bridge_skip_this_thread();
    log_error("the export has failed");
    log_error("the export has failed");
    return NULL;
}

static void test_the_thread_that_exports_is_skipped(void **state) {
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, log_on_an_exporting_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(logger.n_emitted, 0);
    assert_int_equal(n_lines, 2);
    log_error("another thread's");
    assert_int_equal(logger.n_emitted, 1);
}

static void test_nothing_is_heard_before_the_start_and_after_the_stop(void **state) {
    (void)state;
    otel_log_bridge_stop(&bridge);
    log_error("x");
    assert_int_equal(logger.n_emitted, 0);
    otel_log_bridge_start(&bridge, NULL);
    log_error("x");
    assert_int_equal(logger.n_emitted, 0);
}

static void test_a_line_names_the_span_it_belongs_to(void **state) {
    const struct otel_context context = {
        .span = {.trace_id = {{0x12, [15] = 0x34}}, .span_id = {{0x56, [7] = 0x78}}}};
    struct otel_attached attached;
    (void)state;
    log_add_fields(otel_log_fields);
    log_info("outside");
    assert_null(strstr(line, "trace_id"));
    otel_context_attach(&attached, &context);
    log_info("inside");
    assert_non_null(strstr(line, "inside trace_id=12000000000000000000000000000034 "
                                 "span_id=5600000000000078\n"));
    assert_string_equal(logger.body, "inside");
    assert_ptr_equal(logger.context, &context);
    log_configure(LOG_INFO, LOG_JSON);
    log_info("inside");
    assert_non_null(strstr(line, "\"message\":\"inside\",\"trace_id\":"
                                 "\"12000000000000000000000000000034\",\"span_id\":"
                                 "\"5600000000000078\"}\n"));
    otel_context_detach(&attached);
}

#define ON_BRIDGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BRIDGE(test_a_line_becomes_a_record),
        ON_BRIDGE(test_levels_become_severities),
        ON_BRIDGE(test_a_line_that_is_not_written_is_no_record),
        ON_BRIDGE(test_a_line_about_a_record_is_none_itself),
        ON_BRIDGE(test_the_thread_that_exports_is_skipped),
        ON_BRIDGE(test_nothing_is_heard_before_the_start_and_after_the_stop),
        ON_BRIDGE(test_a_line_names_the_span_it_belongs_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
