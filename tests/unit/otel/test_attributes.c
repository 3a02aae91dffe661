/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/attributes.h"

#include "sdk_fixture.h"

/* What a span keeps of one attribute with texts of at most `value_length` characters. */
static struct otel_value kept(struct fixture *fixture, size_t value_length,
                              struct otel_value value) {
    struct otel_span span;
    fixture_init(fixture);
    fixture->settings.span_limits.value_length = value_length;
    fixture_open(fixture);
    fixture_start(fixture, &span, NULL);
    otel_span_set(&span, "key", value);
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(fixture);
    assert_int_equal(data->attributes.n, 1);
    return data->attributes.first->attribute.value;
}

static void cut_to(size_t value_length, struct bytes text, struct bytes wanted) {
    struct fixture fixture;
    const struct otel_value value = kept(&fixture, value_length, otel_text(text));
    assert_int_equal(value.type, OTEL_TEXT);
    assert_true(bytes_equal(value.text, wanted));
    fixture_close(&fixture);
}

static void test_texts_are_cut_at_a_characters_edge(void **state) {
    (void)state;
    cut_to(SIZE_MAX, bytes_str("whole"), bytes_str("whole"));
    cut_to(3, bytes_str("whole"), bytes_str("who"));
    cut_to(5, bytes_str("whole"), bytes_str("whole"));
    cut_to(0, bytes_str("whole"), bytes_str(""));
    cut_to(2, bytes_str("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"),
           bytes_str("\xe2\x82\xac\xe2\x82\xac"));
    cut_to(1, bytes_str("\xf0\x9f\x8c\xa1x"), bytes_str("\xf0\x9f\x8c\xa1"));
}

static void test_bytes_that_are_no_utf8_count_one_by_one(void **state) {
    (void)state;
    cut_to(2, bytes_str("\xff\xfe\xfd"), bytes_str("\xff\xfe"));
    cut_to(3, bytes_str("a\xe2\x82z!"), bytes_str("a\xe2\x82"));
}

static void test_each_text_of_an_array_is_cut(void **state) {
    const struct bytes texts[] = {bytes_str("first"), bytes_str("a"), bytes_str(""), {NULL, 0}};
    struct fixture fixture;
    (void)state;
    const struct otel_value value =
        kept(&fixture, 3, (struct otel_value){.type = OTEL_TEXTS, .n = 4, .texts = texts});
    assert_int_equal(value.n, 4);
    assert_true(bytes_equal_str(value.texts[0], "fir"));
    assert_true(bytes_equal_str(value.texts[1], "a"));
    assert_int_equal(value.texts[2].len, 0);
    assert_int_equal(value.texts[3].len, 0);
    fixture_close(&fixture);
}

static void test_bytes_are_cut_to_as_many(void **state) {
    struct fixture fixture;
    struct otel_value value = otel_text(bytes_of("\0\1\2\3", 4));
    (void)state;
    value.type = OTEL_BYTES;
    value = kept(&fixture, 2, value);
    assert_int_equal(value.type, OTEL_BYTES);
    assert_true(bytes_equal(value.text, bytes_of("\0\1", 2)));
    fixture_close(&fixture);
}

static void test_arrays_are_copied_whole(void **state) {
    const int64_t integers[] = {INT64_MIN, 0, INT64_MAX};
    const double numbers[] = {0.5, -1};
    const bool booleans[] = {true, false, true};
    struct fixture fixture;
    (void)state;
    struct otel_value value =
        kept(&fixture, 1, (struct otel_value){.type = OTEL_INTEGERS, .n = 3, .integers = integers});
    assert_memory_equal(value.integers, integers, sizeof(integers));
    assert_ptr_not_equal(value.integers, integers);
    fixture_close(&fixture);
    value =
        kept(&fixture, 1, (struct otel_value){.type = OTEL_NUMBERS, .n = 2, .numbers = numbers});
    assert_memory_equal(value.numbers, numbers, sizeof(numbers));
    fixture_close(&fixture);
    value =
        kept(&fixture, 1, (struct otel_value){.type = OTEL_BOOLEANS, .n = 3, .booleans = booleans});
    assert_memory_equal(value.booleans, booleans, sizeof(booleans));
    fixture_close(&fixture);
}

static void test_simple_values_are_what_they_were(void **state) {
    struct fixture fixture;
    (void)state;
    assert_int_equal(kept(&fixture, 1, otel_integer(INT64_MIN)).integer, INT64_MIN);
    fixture_close(&fixture);
    assert_true(kept(&fixture, 1, otel_number(-0.25)).number == -0.25);
    fixture_close(&fixture);
    assert_true(kept(&fixture, 1, otel_boolean(true)).boolean);
    fixture_close(&fixture);
    assert_int_equal(kept(&fixture, 1, (struct otel_value){0}).type, OTEL_EMPTY);
    fixture_close(&fixture);
}

static void test_a_key_set_again_keeps_its_place_and_may_change_its_type(void **state) {
    const int64_t integers[] = {1, 2, 3};
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_set(&span, "a", otel_str("long enough for the next one"));
    otel_span_set(&span, "b", otel_integer(1));
    otel_span_set(&span, "a",
                  (struct otel_value){.type = OTEL_INTEGERS, .n = 3, .integers = integers});
    otel_span_set(&span, "b", otel_str("a text where there was no room for one"));
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_int_equal(data->attributes.n, 2);
    assert_true(bytes_equal_str(data->attributes.first->attribute.key, "a"));
    assert_memory_equal(fixture_value(&data->attributes, "a").integers, integers, sizeof(integers));
    assert_text(fixture_value(&data->attributes, "b"), "a text where there was no room for one");
}

static void test_an_empty_key_is_dropped_and_counted(void **state) {
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_set(&span, "", otel_integer(1));
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_int_equal(data->attributes.n, 0);
    assert_int_equal(data->attributes.n_dropped, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_cut_at_a_characters_edge),
        cmocka_unit_test(test_bytes_that_are_no_utf8_count_one_by_one),
        cmocka_unit_test(test_each_text_of_an_array_is_cut),
        cmocka_unit_test(test_bytes_are_cut_to_as_many),
        cmocka_unit_test(test_arrays_are_copied_whole),
        cmocka_unit_test(test_simple_values_are_what_they_were),
        ON_SDK(test_a_key_set_again_keeps_its_place_and_may_change_its_type),
        ON_SDK(test_an_empty_key_is_dropped_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
