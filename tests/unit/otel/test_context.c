/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/context.h"

#include <pthread.h>

#include "unit.h"

static void test_no_context_is_attached_at_first(void **state) {
    (void)state;
    assert_ptr_equal(otel_context_current(), &otel_context_none);
    assert_false(otel_span_context_is_valid(&otel_context_current()->span));
}

static void test_attachments_nest(void **state) {
    struct otel_context outer = {0}, inner = {0};
    struct otel_attached first, second;
    (void)state;
    otel_context_attach(&first, &outer);
    otel_context_attach(&second, &inner);
    assert_ptr_equal(otel_context_current(), &inner);
    otel_context_detach(&second);
    assert_ptr_equal(otel_context_current(), &outer);
    otel_context_detach(&first);
    assert_ptr_equal(otel_context_current(), &otel_context_none);
}

static void *current(void *unused) {
    (void)unused;
    return (void *)(uintptr_t)otel_context_current();
}

static void test_an_attachment_is_its_threads_own(void **state) {
    struct otel_context context = {0};
    struct otel_attached attached;
    pthread_t thread;
    void *seen;
    (void)state;
    otel_context_attach(&attached, &context);
    assert_int_equal(pthread_create(&thread, NULL, current, NULL), 0);
    assert_int_equal(pthread_join(thread, &seen), 0);
    assert_ptr_equal(seen, &otel_context_none);
    otel_context_detach(&attached);
}

static void test_a_span_context_needs_both_ids(void **state) {
    struct otel_span_context context = {0};
    (void)state;
    context.trace_id.bytes[15] = 1;
    assert_false(otel_span_context_is_valid(&context));
    context.span_id.bytes[7] = 1;
    assert_true(otel_span_context_is_valid(&context));
    context.trace_id.bytes[15] = 0;
    assert_false(otel_span_context_is_valid(&context));
}

static void test_ids_are_formatted_in_lower_case(void **state) {
    struct otel_trace_id trace = {{0x0a, 0xbc, [15] = 0xef}};
    struct otel_span_id span = {{0x01, [7] = 0xf0}};
    char text[33];
    (void)state;
    otel_trace_id_format(&trace, text);
    assert_string_equal(text, "0abc00000000000000000000000000ef");
    otel_span_id_format(&span, text);
    assert_string_equal(text, "01000000000000f0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_context_is_attached_at_first),
        cmocka_unit_test(test_attachments_nest),
        cmocka_unit_test(test_an_attachment_is_its_threads_own),
        cmocka_unit_test(test_a_span_context_needs_both_ids),
        cmocka_unit_test(test_ids_are_formatted_in_lower_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
