/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/prometheus_text.h"

#include <math.h>

#include "unit.h"

static int set_up(void **state) {
    static struct buf out;
    static struct prometheus_text text;
    buf_init(&out, 1024);
    text = (struct prometheus_text){.out = &out};
    *state = &text;
    return 0;
}

static int tear_down(void **state) {
    struct prometheus_text *text = *state;
    buf_fini(text->out);
    return 0;
}

static void assert_text(const struct prometheus_text *text, const char *wanted) {
    struct bytes got = buf_bytes(text->out);
    assert_int_equal(text->r, 0);
    if (!bytes_equal_str(got, wanted))
        fail_msg("'%.*s' is not '%s'", BYTES_ARGS(got), wanted);
    buf_reset(text->out);
}

static void test_numbers_are_the_shortest_that_read_back(void **state) {
    struct prometheus_text *text = *state;
    static const struct {
        double value;
        const char *text;
    } samples[] = {
        {0.1, "0.1"}, {20, "20.0"},       {1e21, "1e+21"},     {-0.0, "-0.0"},
        {NAN, "NaN"}, {INFINITY, "+Inf"}, {-INFINITY, "-Inf"}, {1.0 / 3, "0.3333333333333333"},
    };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        prometheus_put_number(text, samples[i].value);
        assert_text(text, samples[i].text);
    }
    prometheus_put_integer(text, INT64_MIN);
    assert_text(text, "-9223372036854775808");
    prometheus_put_unsigned(text, UINT64_MAX);
    assert_text(text, "18446744073709551615");
}

static void test_times_are_seconds(void **state) {
    struct prometheus_text *text = *state;
    prometheus_put_time(text, UINT64_C(1700000000000000007));
    assert_text(text, "1700000000.000000007");
}

static void test_what_would_end_a_label_is_escaped(void **state) {
    struct prometheus_text *text = *state;
    prometheus_put_escaped(text, bytes_str("a\"b\\c\nd"), "\"");
    assert_text(text, "a\\\"b\\\\c\\nd");
    prometheus_put_escaped(text, bytes_str("say \"hi\"\n"), "");
    assert_text(text, "say \"hi\"\\n");
    prometheus_put_escaped(text, bytes_of("a\0b", 3), "\"");
    assert_int_equal(buf_len(text->out), 3);
}

static void test_bytes_that_are_not_utf8_are_replaced(void **state) {
    struct prometheus_text *text = *state;
    prometheus_put_escaped(text, bytes_str("K\xc3\xbchl\xff\xc3"), "\"");
    assert_text(text, "K\xc3\xbchl\xef\xbf\xbd\xef\xbf\xbd");
}

static void put(struct prometheus_text *text, struct otel_value value) {
    prometheus_put_value(text, &value);
}

static void test_single_values(void **state) {
    struct prometheus_text *text = *state;
    put(text, otel_str("x\"y"));
    assert_text(text, "x\\\"y");
    put(text, otel_boolean(true));
    assert_text(text, "true");
    put(text, otel_integer(-7));
    assert_text(text, "-7");
    put(text, otel_number(0.5));
    assert_text(text, "0.5");
    put(text, (struct otel_value){.type = OTEL_EMPTY});
    assert_text(text, "");
}

static void test_bytes_are_base64(void **state) {
    struct prometheus_text *text = *state;
    static const char *const samples[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        put(text, (struct otel_value){.type = OTEL_BYTES, .text = bytes_str(samples[i][0])});
        assert_text(text, samples[i][1]);
    }
}

static void test_arrays_are_json_inside_a_label(void **state) {
    struct prometheus_text *text = *state;
    const struct bytes texts[] = {bytes_str("a\"b"), bytes_str("c\\d\x01\xff")};
    const bool booleans[] = {true, false};
    const int64_t integers[] = {1, -2};
    const double numbers[] = {0.5, NAN, -INFINITY};
    put(text, (struct otel_value){.type = OTEL_TEXTS, .n = 2, .texts = texts});
    assert_text(text, "[\\\"a\\\\\\\"b\\\",\\\"c\\\\\\\\d\\\\u0001\xef\xbf\xbd\\\"]");
    put(text, (struct otel_value){.type = OTEL_BOOLEANS, .n = 2, .booleans = booleans});
    assert_text(text, "[true,false]");
    put(text, (struct otel_value){.type = OTEL_INTEGERS, .n = 2, .integers = integers});
    assert_text(text, "[1,-2]");
    put(text, (struct otel_value){.type = OTEL_NUMBERS, .n = 3, .numbers = numbers});
    assert_text(text, "[0.5,\\\"NaN\\\",\\\"-Infinity\\\"]");
    put(text, (struct otel_value){.type = OTEL_TEXTS});
    assert_text(text, "[]");
}

static void test_the_first_piece_too_much_is_the_last(void **state) {
    struct prometheus_text *text = *state;
    text->out->max = 4;
    prometheus_put_str(text, "abc");
    prometheus_put_str(text, "de");
    assert_int_equal(text->r, BUF_E_FULL);
    prometheus_put_str(text, "f");
    assert_true(bytes_equal_str(buf_bytes(text->out), "abc"));
}

#define ON_TEXT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_TEXT(test_numbers_are_the_shortest_that_read_back),
        ON_TEXT(test_times_are_seconds),
        ON_TEXT(test_what_would_end_a_label_is_escaped),
        ON_TEXT(test_bytes_that_are_not_utf8_are_replaced),
        ON_TEXT(test_single_values),
        ON_TEXT(test_bytes_are_base64),
        ON_TEXT(test_arrays_are_json_inside_a_label),
        ON_TEXT(test_the_first_piece_too_much_is_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
