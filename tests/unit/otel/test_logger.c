/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/logger.h"

#include "base/clock.h"
#include "sdk_fixture.h"

static void test_all_that_was_said_is_in_the_data(void **state) {
    struct fixture *fixture = *state;
    const struct otel_attribute attribute = otel_attribute("a", otel_integer(1));
    const struct otel_context context = {
        .span = {{{1}}, {{2}}, OTEL_FLAG_SAMPLED, true, bytes_str("a=b")}};
    const struct otel_log_record record = {.time_ns = 5,
                                           .severity = OTEL_WARN,
                                           .severity_text = bytes_str("WARN"),
                                           .body = otel_str("the body"),
                                           .event_name = bytes_str("event"),
                                           .attributes = &attribute,
                                           .n_attributes = 1,
                                           .context = &context};
    uint64_t before_ns = clock_wall_ns();
    otel_logger_emit(fixture->logger, &record);
    const struct otel_log_data *data = fixture_log(fixture);
    assert_int_equal(data->time_ns, 5);
    assert_in_range(data->observed_ns, before_ns, clock_wall_ns());
    assert_int_equal(data->severity, OTEL_WARN);
    assert_true(bytes_equal_str(data->severity_text, "WARN"));
    assert_text(data->body, "the body");
    assert_true(bytes_equal_str(data->event_name, "event"));
    assert_int_equal(fixture_value(&data->attributes, "a").integer, 1);
    assert_memory_equal(&data->context.trace_id, &context.span.trace_id, 16);
    assert_int_equal(data->context.trace_state.len, 0);
    assert_true(bytes_equal_str(data->scope->name, "test"));
}

static void test_an_empty_record_has_the_time_and_no_span(void **state) {
    struct fixture *fixture = *state;
    otel_logger_emit(fixture->logger, &(struct otel_log_record){0});
    const struct otel_log_data *data = fixture_log(fixture);
    assert_int_equal(data->time_ns, data->observed_ns);
    assert_int_equal(data->body.type, OTEL_EMPTY);
    assert_false(otel_span_context_is_valid(&data->context));
}

static void test_a_record_belongs_to_the_current_span(void **state) {
    struct fixture *fixture = *state;
    struct otel_attached attached;
    struct otel_span span;
    fixture_start(fixture, &span, NULL);
    otel_context_attach(&attached, &span.context);
    otel_logger_emit(fixture->logger, &(struct otel_log_record){.severity = OTEL_INFO});
    otel_context_detach(&attached);
    const struct otel_log_data *data = fixture_log(fixture);
    assert_memory_equal(&data->context.span_id, &span.context.span.span_id, 8);
    otel_span_end(&span, 0);
}

static void test_limits_are_of_attributes_not_of_the_body(void **state) {
    const struct otel_attribute attributes[] = {otel_attribute("a", otel_str("text")),
                                                otel_attribute("b", otel_integer(1))};
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    fixture.settings.log_limits.n_attributes = 1;
    fixture.settings.log_limits.value_length = 2;
    fixture_open(&fixture);
    otel_logger_emit(fixture.logger, &(struct otel_log_record){.body = otel_str("the body"),
                                                               .attributes = attributes,
                                                               .n_attributes = 2});
    const struct otel_log_data *data = fixture_log(&fixture);
    assert_text(data->body, "the body");
    assert_text(fixture_value(&data->attributes, "a"), "te");
    assert_int_equal(data->attributes.n_dropped, 1);
    fixture_close(&fixture);
}

static void test_without_a_logger_nothing_happens(void **state) {
    (void)state;
    otel_logger_emit(NULL, &(struct otel_log_record){.body = otel_str("x")});
}

static void test_a_warm_thread_asks_the_heap_for_nothing(void **state) {
    struct fixture *fixture = *state;
    const struct otel_log_record record = {.body = otel_str("x")};
    for (int i = 0; i < 20; i++)
        otel_logger_emit(fixture->logger, &record);
    fail_alloc_at(SIZE_MAX);
    for (int i = 0; i < 100; i++)
        otel_logger_emit(fixture->logger, &record);
    assert_int_equal(fail_alloc_count(), 0);
    fail_alloc_off();
}

/* A record arrives with what there was room for, or is counted. */
static void test_each_allocation_may_fail(void **state) {
    static char text[3000];
    (void)state;
    for (size_t n = 1;; n++) {
        struct fixture fixture;
        struct otel_losses losses;
        const struct otel_attribute attribute =
            otel_attribute("a", otel_text(bytes_of(text, sizeof(text))));
        const struct otel_log_record record = {.severity_text = bytes_of(text, sizeof(text)),
                                               .event_name = bytes_of(text, sizeof(text)),
                                               .body = otel_text(bytes_of(text, sizeof(text))),
                                               .attributes = &attribute,
                                               .n_attributes = 1};
        fixture_init(&fixture);
        fixture_open(&fixture);
        fail_alloc_at(n);
        otel_logger_emit(fixture.logger, &record);
        bool has_failed = fail_alloc_count() >= n;
        fail_alloc_off();
        otel_sdk_losses(fixture.sdk, &losses);
        if (losses.n_logs == 0)
            assert_int_equal(fixture_log(&fixture)->attributes.n_dropped, has_failed ? 1 : 0);
        fixture_close(&fixture);
        if (!has_failed)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SDK(test_all_that_was_said_is_in_the_data),
        ON_SDK(test_an_empty_record_has_the_time_and_no_span),
        ON_SDK(test_a_record_belongs_to_the_current_span),
        cmocka_unit_test(test_limits_are_of_attributes_not_of_the_body),
        cmocka_unit_test(test_without_a_logger_nothing_happens),
        ON_SDK(test_a_warm_thread_asks_the_heap_for_nothing),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
