/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/parse.h"

#include <math.h>
#include <string.h>

#include "unit.h"

static void assert_duration(const char *text, uint64_t ns) {
    struct err_text why;
    uint64_t got = 0;
    if (parse_duration(text, &got, &why))
        fail_msg("%s: %s", text, why.text);
    assert_int_equal(got, ns);
}

static void assert_no_duration(const char *text) {
    struct err_text why;
    uint64_t ns;
    assert_int_equal(parse_duration(text, &ns, &why), -EINVAL);
    assert_non_null(strstr(why.text, text));
}

static void test_duration_without_unit_is_seconds(void **state) {
    (void)state;
    assert_duration("10", 10000000000);
    assert_duration("0", 0);
    assert_duration("0.5", 500000000);
    assert_duration(".5", 500000000);
    assert_duration("1.0000000019", 1000000001);
}

static void test_duration_with_units(void **state) {
    (void)state;
    assert_duration("7ns", 7);
    assert_duration("7us", 7000);
    assert_duration("500ms", 500000000);
    assert_duration("1.5h", 5400000000000);
    assert_duration("1h30m", 5400000000000);
    assert_duration("2m", 120000000000);
    assert_duration("7d", 604800000000000);
}

static void test_bad_durations_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",    "x",    "10x",     "10 s",
                                      "-5s", "5s3",  "1h30",    "..",
                                      "s",   "1e3s", "300000d", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_no_duration(bad[i]);
}

static void test_longest_duration_fits(void **state) {
    (void)state;
    assert_duration("18446744073709551615ns", UINT64_MAX);
    assert_no_duration("18446744073709551616ns");
    assert_no_duration("18446744073709551615ns1ns");
}

static void assert_size(const char *text, uint64_t bytes) {
    struct err_text why;
    uint64_t got = 0;
    if (parse_size(text, &got, &why))
        fail_msg("%s: %s", text, why.text);
    assert_int_equal(got, bytes);
}

static void test_sizes(void **state) {
    (void)state;
    assert_size("1048576", 1048576);
    assert_size("1048576B", 1048576);
    assert_size("512M", 512 << 20);
    assert_size("512m", 512 << 20);
    assert_size("2GiB", UINT64_C(2) << 30);
    assert_size("2GB", UINT64_C(2) << 30);
    assert_size("1.5k", 1536);
    assert_size("1T", UINT64_C(1) << 40);
}

static void test_bad_sizes_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "M", "-1", "1X", "1 M", "1MBB", "16777216T", "1BB"};
    struct err_text why;
    uint64_t bytes;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parse_size(bad[i], &bytes, &why), -EINVAL);
}

static void test_count_has_a_range(void **state) {
    (void)state;
    struct parse_range range = {1, 10};
    struct err_text why;
    uint64_t count = 0;
    assert_int_equal(parse_count("1", range, &count, &why), 0);
    assert_int_equal(parse_count("10", range, &count, &why), 0);
    assert_int_equal(count, 10);
    assert_int_equal(parse_count("0", range, &count, &why), -EINVAL);
    assert_int_equal(parse_count("11", range, &count, &why), -EINVAL);
    assert_non_null(strstr(why.text, "from 1 to 10"));
    assert_int_equal(count, 10);
}

static void test_bad_counts_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",   "-1",  "+1",  " 1",
                                      "1 ", "1.5", "0x1", "18446744073709551616"};
    struct parse_range any = {0, UINT64_MAX};
    struct err_text why;
    uint64_t count;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parse_count(bad[i], any, &count, &why), -EINVAL);
    assert_int_equal(parse_count("18446744073709551615", any, &count, &why), 0);
    assert_true(count == UINT64_MAX);
}

static void test_flags(void **state) {
    (void)state;
    struct err_text why;
    bool flag = false;
    assert_int_equal(parse_flag("Yes", &flag, &why), 0);
    assert_true(flag);
    assert_int_equal(parse_flag("0", &flag, &why), 0);
    assert_false(flag);
    assert_int_equal(parse_flag("maybe", &flag, &why), -EINVAL);
    assert_int_equal(parse_flag("", &flag, &why), -EINVAL);
}

static void test_temperatures(void **state) {
    (void)state;
    struct err_text why;
    double value = 0;
    assert_int_equal(parse_temperature("-3.25", &value, &why), 0);
    assert_true(value == -3.25);
    assert_int_equal(parse_temperature("1e-5", &value, &why), 0);
    assert_true(value == 1e-5);
    assert_int_equal(parse_temperature("-0.0", &value, &why), 0);
    assert_true(value == 0 && signbit(value));
    assert_int_equal(parse_temperature("5e-324", &value, &why), 0);
    assert_true(value > 0);
}

static void test_what_is_no_finite_decimal_is_no_temperature(void **state) {
    (void)state;
    static const char *const bad[] = {"",     "nan", "inf",   "0x10",  " 1",
                                      "21,5", "1e",  "21.5C", "1e999", "--1"};
    struct err_text why;
    double value = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parse_temperature(bad[i], &value, &why), -EINVAL);
    assert_true(value == 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration_without_unit_is_seconds),
        cmocka_unit_test(test_duration_with_units),
        cmocka_unit_test(test_bad_durations_are_refused),
        cmocka_unit_test(test_longest_duration_fits),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_bad_sizes_are_refused),
        cmocka_unit_test(test_count_has_a_range),
        cmocka_unit_test(test_bad_counts_are_refused),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_temperatures),
        cmocka_unit_test(test_what_is_no_finite_decimal_is_no_temperature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
