/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "collector/rules.h"

enum {
    LATEST_S = 2000000000
};

static struct reading good_reading(void) {
    return (struct reading){bytes_str("boiler-1"), 20.5, 1700000000, 0, 0};
}

static void assert_broken(struct reading reading, const char *field) {
    struct err_text why = {{0}};
    assert_int_equal(rules_check_values(&reading, LATEST_S, &why), RULES_E_BROKEN);
    assert_memory_equal(why.text, field, strlen(field));
}

static void test_good_reading_passes(void **state) {
    (void)state;
    struct err_text why;
    struct reading reading = good_reading();
    assert_int_equal(rules_check_values(&reading, LATEST_S, &why), 0);
    reading.temperature = -0.0;
    reading.nanos = 999999999;
    reading.seconds = LATEST_S;
    assert_int_equal(rules_check_values(&reading, LATEST_S, &why), 0);
    reading.seconds = 1;
    reading.temperature = 1.7976931348623157e308;
    assert_int_equal(rules_check_values(&reading, LATEST_S, &why), 0);
}

static void test_temperature_must_be_finite(void **state) {
    (void)state;
    struct reading reading = good_reading();
    reading.temperature = NAN;
    assert_broken(reading, "temperature: must be a finite number, this one is nan");
    reading.temperature = -INFINITY;
    assert_broken(reading, "temperature: must be a finite number, this one is -inf");
}

static void test_nanos_must_be_part_of_a_second(void **state) {
    (void)state;
    struct reading reading = good_reading();
    reading.nanos = -1;
    assert_broken(reading, "nanos: ");
    reading.nanos = 1000000000;
    assert_broken(reading, "nanos: ");
}

static void test_time_left_out_is_named_as_such(void **state) {
    (void)state;
    struct reading reading = good_reading();
    reading.seconds = 0;
    assert_broken(reading, "timestamp: must be set");
    reading.seconds = -1;
    assert_broken(reading, "timestamp: must be after 1970");
}

static void test_milliseconds_are_guessed(void **state) {
    (void)state;
    struct err_text why;
    struct reading reading = good_reading();
    reading.seconds = LATEST_S + 1;
    assert_int_equal(rules_check_values(&reading, LATEST_S, &why), RULES_E_BROKEN);
    assert_non_null(strstr(why.text, "timestamp: must not be later than 2000000000 "
                                     "(2033-05-18T03:33:20Z), the server's clock"));
    assert_non_null(strstr(why.text, "2000000001 seconds (2033-05-18T03:33:21Z)"));
    assert_null(strstr(why.text, "milliseconds")); /* just a clock that is ahead */
    reading.seconds *= 1000;
    assert_int_equal(rules_check_values(&reading, LATEST_S, &why), RULES_E_BROKEN);
    assert_null(strstr(why.text, "milliseconds")); /* too late even as milliseconds */
    reading.seconds = INT64_C(1700000000000);
    assert_int_equal(rules_check_values(&reading, LATEST_S, &why), RULES_E_BROKEN);
    assert_non_null(strstr(why.text, "1700000000000 seconds (are these milliseconds?)"));
    reading.seconds = INT64_MAX; /* of no year that has a date */
    assert_int_equal(rules_check_values(&reading, LATEST_S, &why), RULES_E_BROKEN);
    assert_non_null(strstr(why.text, "9223372036854775807 seconds"));
}

static void assert_id(const char *id, size_t len, int expected) {
    struct err_text why = {{0}};
    assert_int_equal(rules_check_sensor_id(bytes_of(id, len), &why), expected);
    if (expected)
        assert_memory_equal(why.text, "sensor_id: ", 11);
}

static void test_sensor_id_has_1_to_128_bytes(void **state) {
    (void)state;
    char id[129];
    memset(id, 'x', sizeof(id));
    assert_id(id, 0, RULES_E_BROKEN);
    assert_id(id, 1, 0);
    assert_id(id, 128, 0);
    assert_id(id, 129, RULES_E_BROKEN);
}

static void test_sensor_id_is_text(void **state) {
    (void)state;
    assert_id("Kessel \xc3\xbc", 9, 0);
    assert_id("bad \xff", 5, RULES_E_BROKEN);
    assert_id("a\0b", 3, RULES_E_BROKEN);
    assert_id("line\nfeed", 9, RULES_E_BROKEN);
    assert_id("del\x7f", 4, RULES_E_BROKEN);
    assert_id("c1 \xc2\x85", 5, RULES_E_BROKEN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_reading_passes),
        cmocka_unit_test(test_temperature_must_be_finite),
        cmocka_unit_test(test_nanos_must_be_part_of_a_second),
        cmocka_unit_test(test_time_left_out_is_named_as_such),
        cmocka_unit_test(test_milliseconds_are_guessed),
        cmocka_unit_test(test_sensor_id_has_1_to_128_bytes),
        cmocka_unit_test(test_sensor_id_is_text),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
