/* SPDX-License-Identifier: Apache-2.0 */
/* Of an exporter without an encoder; with one: test_written.c. */
#include "otel/prepared.h"

#include "sdk_fixture.h"

static const struct otel_attribute given[] = {
    {{(const uint8_t *)"method", 6}, {.type = OTEL_TEXT, .text = {(const uint8_t *)"Get", 3}}},
    {{(const uint8_t *)"port", 4}, {.type = OTEL_INTEGER, .integer = 80}},
};

static void start_with(struct fixture *fixture, const struct otel_prepared *prepared,
                       struct otel_span *span) {
    const struct otel_attribute own = otel_attribute("port", otel_integer(81));
    const struct otel_span_options options = {.name = bytes_str("work"),
                                              .parent = &otel_context_none,
                                              .prepared = &prepared,
                                              .n_prepared = 1,
                                              .attributes = &own,
                                              .n_attributes = 1};
    otel_span_start(fixture->tracer, &options, span);
}

static void test_a_span_has_what_was_prepared_and_its_own_in_place_of_it(void **state) {
    struct fixture *fixture = *state;
    struct otel_prepared *prepared = otel_prepared_new(fixture->tracer, given, ARRAY_LEN(given));
    struct otel_span span;
    start_with(fixture, prepared, &span);
    otel_prepared_free(prepared);
    otel_span_end(&span, 0);
    const struct otel_kept_attributes *kept = &fixture_span(fixture)->attributes;
    assert_int_equal(kept->n, 2);
    assert_text(fixture_value(kept, "method"), "Get");
    assert_int_equal(fixture_value(kept, "port").integer, 81);
}

static void test_a_sampler_may_look_at_them(void **state) {
    struct fixture *fixture = *state;
    const struct otel_attribute twice[] = {given[1], given[0],
                                           otel_attribute("port", otel_integer(8080))};
    struct otel_prepared *prepared = otel_prepared_new(fixture->tracer, twice, ARRAY_LEN(twice));
    size_t n;
    const struct otel_attribute *attributes = otel_prepared_attributes(prepared, &n);
    assert_int_equal(n, 2);
    assert_true(bytes_equal_str(attributes[0].key, "method"));
    assert_int_equal(attributes[1].value.integer, 8080);
    otel_prepared_free(prepared);
}

static void test_a_span_that_is_not_sampled_takes_none(void **state) {
    struct fixture *fixture = *state;
    struct otel_prepared *prepared = otel_prepared_new(fixture->tracer, given, ARRAY_LEN(given));
    const struct otel_context parent = {.span = {{{7}}, {{8}}, .flags = 0}};
    const struct otel_prepared *const all[] = {prepared};
    struct otel_span span;
    otel_span_start(
        fixture->tracer,
        &(struct otel_span_options){.parent = &parent, .prepared = all, .n_prepared = 1}, &span);
    assert_false(otel_span_is_recorded(&span));
    otel_prepared_free(prepared);
}

static void test_without_a_tracer_nothing_is_prepared(void **state) {
    (void)state;
    assert_null(otel_prepared_new(NULL, given, ARRAY_LEN(given)));
    otel_prepared_free(NULL);
}

/* What otel_prepared_new() gives then may be handed on like any other. */
static void test_without_memory_a_span_has_its_own_only(void **state) {
    struct fixture *fixture = *state;
    struct otel_span span;
    size_t n = 1;
    fail_alloc_at(1);
    struct otel_prepared *prepared = otel_prepared_new(fixture->tracer, given, ARRAY_LEN(given));
    fail_alloc_off();
    assert_null(prepared);
    otel_prepared_attributes(prepared, &n);
    assert_int_equal(n, 0);
    start_with(fixture, prepared, &span);
    otel_span_end(&span, 0);
    const struct otel_kept_attributes *kept = &fixture_span(fixture)->attributes;
    assert_int_equal(kept->n, 1);
    assert_int_equal(fixture_value(kept, "port").integer, 81);
}

static void test_each_allocation_may_fail(void **state) {
    struct fixture *fixture = *state;
    struct otel_prepared *prepared = NULL;
    for (size_t n = 1; !prepared; n++) {
        fail_alloc_at(n);
        prepared = otel_prepared_new(fixture->tracer, given, ARRAY_LEN(given));
        assert_int_equal(prepared != NULL, fail_alloc_count() < n);
        fail_alloc_off();
    }
    otel_prepared_free(prepared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SDK(test_a_span_has_what_was_prepared_and_its_own_in_place_of_it),
        ON_SDK(test_a_sampler_may_look_at_them),
        ON_SDK(test_a_span_that_is_not_sampled_takes_none),
        cmocka_unit_test(test_without_a_tracer_nothing_is_prepared),
        ON_SDK(test_without_memory_a_span_has_its_own_only),
        ON_SDK(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
