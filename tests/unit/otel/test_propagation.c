/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/propagation.h"

#include "carrier_fixture.h"
#include "unit.h"

#define PARENT "00-12345678901234567890123456789012-1234567890123456-01"

static const struct otel_propagators both = {.has_trace_context = true, .has_baggage = true};
static struct carrier_fixture in, out;
static struct otel_context context;
static struct otel_baggage baggage;

static int set_up(void **state) {
    (void)state;
    carrier_init(&in);
    carrier_init(&out);
    memset(&context, 0xA5, sizeof(context));
    memset(&baggage, 0xA5, sizeof(baggage));
    return 0;
}

static void extract(void) {
    otel_propagation_extract(&both, &in.carrier, &context, &baggage);
}

static void inject(void) {
    otel_propagation_inject(&both, &context, &out.carrier);
}

static void assert_nothing_found(void) {
    assert_false(otel_span_context_is_valid(&context.span));
    assert_false(context.span.is_remote);
    assert_int_equal(context.span.flags, 0);
    assert_int_equal(context.span.trace_state.len, 0);
    assert_null(context.baggage);
}

static void test_all_fields_are_read_and_written_as_they_were(void **state) {
    (void)state;
    carrier_add(&in, "traceparent", PARENT);
    carrier_add(&in, "tracestate", "foo=1,bar=2");
    carrier_add(&in, "baggage", "user=a%20b;p");
    extract();
    assert_true(otel_span_context_is_valid(&context.span));
    assert_true(context.span.is_remote);
    assert_true(bytes_equal_str(otel_baggage_get(context.baggage, "user"), "a b"));
    inject();
    assert_string_equal(carrier_value(&out, "traceparent"), PARENT);
    assert_string_equal(carrier_value(&out, "tracestate"), "foo=1,bar=2");
    assert_string_equal(carrier_value(&out, "baggage"), "user=a%20b;p");
}

static void test_an_empty_carrier_gives_nothing(void **state) {
    (void)state;
    extract();
    assert_nothing_found();
    inject();
    assert_int_equal(out.n_sets, 0);
}

static void test_a_malformed_parent_takes_the_trace_state_with_it(void **state) {
    (void)state;
    carrier_add(&in, "traceparent", "00-0-0-0");
    carrier_add(&in, "tracestate", "foo=1");
    extract();
    assert_nothing_found();
}

static void test_a_trace_state_alone_is_nothing(void **state) {
    (void)state;
    carrier_add(&in, "tracestate", "foo=1");
    extract();
    assert_nothing_found();
}

static void test_a_parent_that_is_there_twice_is_ignored(void **state) {
    (void)state;
    carrier_add(&in, "traceparent", PARENT);
    carrier_add(&in, "traceparent", PARENT);
    extract();
    assert_nothing_found();
}

static void test_a_malformed_trace_state_leaves_the_parent(void **state) {
    (void)state;
    carrier_add(&in, "traceparent", PARENT);
    carrier_add(&in, "tracestate", "foo=1");
    carrier_add(&in, "tracestate", "foo=2");
    extract();
    assert_true(otel_span_context_is_valid(&context.span));
    assert_int_equal(context.span.trace_state.len, 0);
}

static void test_trace_states_of_several_fields_are_one_list(void **state) {
    (void)state;
    carrier_add(&in, "traceparent", PARENT);
    carrier_add(&in, "tracestate", "foo=1,bar=2");
    carrier_add(&in, "tracestate", "");
    carrier_add(&in, "tracestate", "rojo=1");
    extract();
    inject();
    assert_string_equal(carrier_value(&out, "tracestate"), "foo=1,bar=2,,rojo=1");
}

static void test_a_long_trace_state_is_cut_by_whole_members(void **state) {
    char member[220];
    (void)state;
    carrier_add(&in, "traceparent", PARENT);
    for (char key = 'a'; key <= 'd'; key++) {
        memset(member, 'v', sizeof(member));
        member[0] = key;
        member[1] = '=';
        member[sizeof(member) - 1] = '\0';
        carrier_add(&in, "tracestate", member);
    }
    extract();
    assert_int_equal(context.span.trace_state.len, 2 * 219 + 1);
    assert_int_equal(otel_trace_state_check(context.span.trace_state), 0);
    assert_non_null(otel_trace_state_get(context.span.trace_state, "b").data);
}

static void test_baggage_needs_no_trace(void **state) {
    (void)state;
    carrier_add(&in, "baggage", "a=1");
    extract();
    assert_false(otel_span_context_is_valid(&context.span));
    assert_ptr_equal(context.baggage, &baggage);
    inject();
    assert_null(carrier_value(&out, "traceparent"));
    assert_string_equal(carrier_value(&out, "baggage"), "a=1");
}

static void test_baggage_that_cannot_be_read_is_none(void **state) {
    (void)state;
    carrier_add(&in, "baggage", "nothing");
    extract();
    assert_null(context.baggage);
}

static void test_baggage_is_read_only_where_there_is_a_place_for_it(void **state) {
    (void)state;
    carrier_add(&in, "baggage", "a=1");
    otel_propagation_extract(&both, &in.carrier, &context, NULL);
    assert_null(context.baggage);
}

static void test_what_is_switched_off_is_neither_read_nor_written(void **state) {
    const struct otel_propagators only_baggage = {.has_baggage = true}, none = {0};
    (void)state;
    carrier_add(&in, "traceparent", PARENT);
    carrier_add(&in, "baggage", "a=1");
    otel_propagation_extract(&only_baggage, &in.carrier, &context, &baggage);
    assert_false(otel_span_context_is_valid(&context.span));
    assert_non_null(context.baggage);
    otel_propagation_extract(&none, &in.carrier, &context, &baggage);
    assert_nothing_found();
    extract();
    otel_propagation_inject(&none, &context, &out.carrier);
    assert_int_equal(out.n_sets, 0);
    otel_propagation_inject(&only_baggage, &context, &out.carrier);
    assert_int_equal(out.n_sets, 1);
}

#define IN_CARRIERS(test) cmocka_unit_test_setup(test, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_CARRIERS(test_all_fields_are_read_and_written_as_they_were),
        IN_CARRIERS(test_an_empty_carrier_gives_nothing),
        IN_CARRIERS(test_a_malformed_parent_takes_the_trace_state_with_it),
        IN_CARRIERS(test_a_trace_state_alone_is_nothing),
        IN_CARRIERS(test_a_parent_that_is_there_twice_is_ignored),
        IN_CARRIERS(test_a_malformed_trace_state_leaves_the_parent),
        IN_CARRIERS(test_trace_states_of_several_fields_are_one_list),
        IN_CARRIERS(test_a_long_trace_state_is_cut_by_whole_members),
        IN_CARRIERS(test_baggage_needs_no_trace),
        IN_CARRIERS(test_baggage_that_cannot_be_read_is_none),
        IN_CARRIERS(test_baggage_is_read_only_where_there_is_a_place_for_it),
        IN_CARRIERS(test_what_is_switched_off_is_neither_read_nor_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
