/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moment.h"

#include <string.h>

#include "base/clock.h"
#include "unit.h"

/* 2026-11-24T10:00:00.5Z */
#define NOW_S  INT64_C(1795514400)
#define NOW_NS ((uint64_t)NOW_S * NS_PER_S + NS_PER_S / 2)

static void assert_moment(const char *text, int64_t seconds, int32_t nanos) {
    struct err_text why;
    struct moment moment;
    if (moment_parse(text, NOW_NS, &moment, &why))
        fail_msg("%s: %s", text, why.text);
    assert_int_equal(moment.seconds, seconds);
    assert_int_equal(moment.nanos, nanos);
}

static void test_seconds_since_1970(void **state) {
    (void)state;
    assert_moment("0", 0, 0);
    assert_moment("1795514400", NOW_S, 0);
    assert_moment("1795514400.25", NOW_S, 250000000);
    assert_moment("1795514400.000000001", NOW_S, 1);
    assert_moment("9223372036854775807", INT64_MAX, 0);
}

static void test_iso_8601(void **state) {
    (void)state;
    assert_moment("2026-11-24T10:00:00Z", NOW_S, 0);
    assert_moment("2026-11-24T10:00:00", NOW_S, 0);
    assert_moment("2026-11-24 10:00", NOW_S, 0);
    assert_moment("2026-11-24t10:00:00z", NOW_S, 0);
    assert_moment("2026-11-24", NOW_S - 36000, 0);
    assert_moment("2026-11-24T10:00:00.000000007Z", NOW_S, 7);
    assert_moment("1969-12-31T23:59:59Z", -1, 0);
    assert_moment("2024-02-29", 1709164800, 0);
}

static void test_offsets_count_from_utc(void **state) {
    (void)state;
    assert_moment("2026-11-24T11:30:00+01:30", NOW_S, 0);
    assert_moment("2026-11-24T05:00:00-0500", NOW_S, 0);
}

static void test_relative_times_are_whole_seconds(void **state) {
    (void)state;
    assert_moment("-1h", NOW_S - 3600, 0);
    assert_moment("-7d", NOW_S - 604800, 0);
    assert_moment("+5m", NOW_S + 300, 0);
    assert_moment("-30", NOW_S - 30, 0);
}

static void test_now_is_exact(void **state) {
    (void)state;
    assert_moment("now", NOW_S, 500000000);
}

static void test_what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "tomorrow",
        "2026-02-29",
        "2026-13-01",
        "2026-11-24T25:00:00Z",
        "2026-11-24T10:61:00Z",
        "2026-11-24T10:00:00Zz",
        "2026-11-24T10:00:00+25:00",
        "2026-11-24T",
        "2026-11-24T10:00:00.Z",
        "2026-11-24T10:00:00.1234567890Z",
        "26-11-24",
        "-",
        "-x",
        "--1h",
        "1.",
        "9223372036854775808",
        " 5",
    };
    struct err_text why;
    struct moment moment;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(moment_parse(bad[i], NOW_NS, &moment, &why), -EINVAL);
        assert_non_null(strstr(why.text, "is no time"));
    }
}

static void assert_format(int64_t seconds, int32_t nanos, const char *text) {
    assert_string_equal(moment_format((struct moment){seconds, nanos}).text, text);
}

static void test_format_is_exact_and_short(void **state) {
    (void)state;
    assert_format(NOW_S, 0, "2026-11-24T10:00:00Z");
    assert_format(NOW_S, 250000000, "2026-11-24T10:00:00.25Z");
    assert_format(NOW_S, 1, "2026-11-24T10:00:00.000000001Z");
    assert_format(0, 0, "1970-01-01T00:00:00Z");
}

static void test_years_beyond_four_digits_are_seconds(void **state) {
    (void)state;
    assert_format(253402300799, 0, "9999-12-31T23:59:59Z");
    assert_format(253402300800, 500000000, "253402300800.5");
    assert_format(INT64_MAX, 0, "9223372036854775807");
}

static void test_what_is_printed_reads_back_the_same(void **state) {
    (void)state;
    static const int64_t seconds[] = {1, 951782399, 951782400, NOW_S, 4102444800};
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++)
        assert_moment(moment_format((struct moment){seconds[i], 120034}).text, seconds[i], 120034);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seconds_since_1970),
        cmocka_unit_test(test_iso_8601),
        cmocka_unit_test(test_offsets_count_from_utc),
        cmocka_unit_test(test_relative_times_are_whole_seconds),
        cmocka_unit_test(test_now_is_exact),
        cmocka_unit_test(test_what_is_no_time_is_refused),
        cmocka_unit_test(test_format_is_exact_and_short),
        cmocka_unit_test(test_years_beyond_four_digits_are_seconds),
        cmocka_unit_test(test_what_is_printed_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
