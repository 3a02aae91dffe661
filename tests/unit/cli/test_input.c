/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "unit.h"

#define NOW_S  INT64_C(1795514400)
#define NOW_NS ((uint64_t)NOW_S * NS_PER_S + 7)

/* The lines must live as long as the reading: it borrows from them. */
static char line_buffer[8192];

static int take(struct input *input, const char *line, struct reading *reading,
                struct err_text *why) {
    snprintf(line_buffer, sizeof(line_buffer), "%s", line);
    return input_take(input, line_buffer, NOW_NS, reading, why);
}

static struct reading take_good(struct input *input, const char *line) {
    struct reading reading;
    struct err_text why;
    int r = take(input, line, &reading, &why);
    if (r)
        fail_msg("%s: %d %s", line, r, r == INPUT_E_BAD ? why.text : "");
    return reading;
}

static void assert_bad(const char *sensor, const char *line, const char *words) {
    struct input input;
    struct reading reading;
    struct err_text why = {""};
    input_init(&input, sensor);
    assert_int_equal(take(&input, line, &reading, &why), INPUT_E_BAD);
    if (!strstr(why.text, words))
        fail_msg("%s: '%s' does not say '%s'", line, why.text, words);
    assert_true(strncmp(why.text, "line 1: ", 8) == 0);
}

static void assert_nothing(struct input *input, const char *line) {
    struct reading reading;
    struct err_text why;
    assert_int_equal(take(input, line, &reading, &why), INPUT_E_NOTHING);
}

static void assert_reading(const struct reading *reading, const char *id, double temperature) {
    assert_true(bytes_equal_str(reading->sensor_id, id));
    assert_true(reading->temperature == temperature);
}

static void test_csv_line_with_all_fields(void **state) {
    (void)state;
    struct input input;
    input_init(&input, NULL);
    struct reading reading = take_good(&input, "boiler-3,21.5,2026-11-24T10:00:00.25Z,7\r");
    assert_reading(&reading, "boiler-3", 21.5);
    assert_int_equal(reading.seconds, NOW_S);
    assert_int_equal(reading.nanos, 250000000);
    assert_int_equal(reading.sequence, 7);
}

static void test_missing_time_is_now(void **state) {
    (void)state;
    static const char *const lines[] = {
        "a,1", "a , 1 ", "a,1,", "a,1,,", "a,1,,0", "{\"sensor_id\":\"a\",\"temperature\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct input input;
        input_init(&input, NULL);
        struct reading reading = take_good(&input, lines[i]);
        assert_reading(&reading, "a", 1);
        assert_int_equal(reading.seconds, NOW_S);
        assert_int_equal(reading.nanos, 7);
        assert_int_equal(reading.sequence, 0);
    }
}

static void test_empty_lines_and_comments_say_nothing(void **state) {
    (void)state;
    struct input input;
    input_init(&input, NULL);
    assert_nothing(&input, "");
    assert_nothing(&input, "  \t\r");
    assert_nothing(&input, "# sensor,1");
    assert_nothing(&input, "  # sensor,1");
}

static void test_carriage_return_inside_a_line_hides_nothing(void **state) {
    (void)state;
    assert_bad(NULL, "a,1\rb,2\rc,3", "'1\rb' is no temperature");
    assert_bad(NULL, "a,1,\rb,2", "'\rb' is no time");
    assert_bad("k", "1\r2", "'1\r2' is no temperature");
    assert_bad(NULL, "a\r,1", "control characters");
}

static void test_header_names_the_order(void **state) {
    (void)state;
    struct input input;
    input_init(&input, NULL);
    assert_nothing(&input, "\xEF\xBB\xBFtime,sensor_id,temperature");
    struct reading reading = take_good(&input, "1795514400,x,-2");
    assert_reading(&reading, "x", -2);
    assert_int_equal(reading.seconds, NOW_S);
    struct err_text why;
    assert_int_equal(take(&input, "1795514400,x,1,9", &reading, &why), INPUT_E_BAD);
    assert_non_null(strstr(why.text, "line 3: 4 fields, but the header names 3"));
}

static void test_header_is_only_the_first_line(void **state) {
    (void)state;
    struct input input;
    struct reading reading;
    struct err_text why;
    input_init(&input, NULL);
    take_good(&input, "a,1");
    assert_int_equal(take(&input, "sensor_id,temperature", &reading, &why), INPUT_E_BAD);
}

static void test_quoted_fields(void **state) {
    (void)state;
    struct input input;
    input_init(&input, NULL);
    struct reading reading = take_good(&input, "\"hall, \"\"north\"\"\" ,\"20\"");
    assert_reading(&reading, "hall, \"north\"", 20);
    reading = take_good(&input, "\"#1\",20");
    assert_reading(&reading, "#1", 20);
    assert_bad(NULL, "\"open,20", "quote");
    assert_bad(NULL, "\"a\"b,20", "quote");
}

static void test_default_sensor(void **state) {
    (void)state;
    struct input input;
    input_init(&input, "kitchen");
    struct reading reading = take_good(&input, "21.5");
    assert_reading(&reading, "kitchen", 21.5);
    reading = take_good(&input, "22,1795514400,4");
    assert_reading(&reading, "kitchen", 22);
    assert_int_equal(reading.sequence, 4);
    reading = take_good(&input, "{\"temperature\": 23}");
    assert_reading(&reading, "kitchen", 23);
    reading = take_good(&input, "{\"temperature\": 24, \"sensor_id\": \"hall\"}");
    assert_reading(&reading, "hall", 24);
    assert_bad("kitchen", "1,2,3,4", "4 fields");
}

static void test_json_line_with_all_fields(void **state) {
    (void)state;
    struct input input;
    input_init(&input, NULL);
    struct reading reading =
        take_good(&input, "{\"sensor_id\": \"b\\u00fc\", \"temperature\": -0.5, "
                          "\"time\": \"2026-11-24T10:00:00Z\", \"sequence\": 12}");
    assert_reading(&reading, "b\xC3\xBC", -0.5);
    assert_int_equal(reading.seconds, NOW_S);
    assert_int_equal(reading.nanos, 0);
    assert_int_equal(reading.sequence, 12);
    reading = take_good(&input, "{\"sensor_id\": \"a\", \"temperature\": 1.25, "
                                "\"time\": 1795514400, \"sequence\": \"18446744073709551615\"}");
    assert_reading(&reading, "a", 1.25);
    assert_int_equal(reading.seconds, NOW_S);
    assert_true(reading.sequence == UINT64_MAX);
}

static void test_bad_json_is_explained(void **state) {
    (void)state;
    assert_bad(NULL, "{\"sensor_id\": \"a\", ", "no JSON");
    assert_bad(NULL, "{\"sensor_id\": \"a\", \"temperature\": 1} x", "no JSON");
    assert_bad(NULL, "{\"sensor_id\": \"a\"}", "the temperature is missing");
    assert_bad(NULL, "{\"temperature\": 1}", "the sensor_id is missing");
    assert_bad(NULL, "{\"sensor_id\": 5, \"temperature\": 1}", "the sensor_id has the wrong type");
    assert_bad(NULL, "{\"sensor_id\": \"a\", \"temperature\": null}", "wrong type");
    assert_bad(NULL, "{\"sensor_id\": \"a\", \"temperature\": \"1.5\"}", "wrong type");
    assert_bad(NULL, "{\"sensor_id\": \"a\", \"temperature\": 1, \"time\": 5.5}",
               "parts of a second go into a text");
    assert_bad(NULL, "{\"sensor_id\": \"a\", \"temperature\": 1, \"sequence\": -1}", "sequence");
    assert_bad(NULL, "{\"sensor_id\": \"a\", \"temperature\": 1, \"unit\": \"C\"}",
               "'unit' is no field");
    assert_bad(NULL, "{\"sensor_id\": \"a\", \"temperature\": 1, \"temperature\": 2}", "no JSON");
}

static void test_bad_csv_is_explained(void **state) {
    (void)state;
    assert_bad(NULL, "a", "1 field; expected is sensor_id,temperature");
    assert_bad("k", "x", "'x' is no temperature");
    assert_bad(NULL, "sensor_id,temperature,unit", "a header may name only sensor_id");
    assert_bad(NULL, "a,warm", "'warm' is no temperature");
    assert_bad(NULL, "a,1,soon", "'soon' is no time");
    assert_bad(NULL, "a,1,1795514400,x", "the sequence 'x'");
    assert_bad(NULL, "a,1,1795514400,1,1", "more than 4 fields");
}

static void test_rules_of_a_reading_hold_here_too(void **state) {
    (void)state;
    char line[300];
    assert_bad(NULL, ",1", "sensor_id: must not be empty");
    assert_bad(NULL, "a\x01z,1", "control characters");
    assert_bad(NULL, "a\xFFz,1", "UTF-8");
    assert_bad(NULL, "a,1,0", "timestamp");
    memset(line, 'x', 129);
    snprintf(line + 129, sizeof(line) - 129, ",1");
    assert_bad(NULL, line, "at most 128 bytes");
}

static void test_id_that_is_too_long_for_json_is_refused(void **state) {
    (void)state;
    char line[2048], id[1000];
    memset(id, 'x', sizeof(id));
    id[sizeof(id) - 1] = '\0';
    snprintf(line, sizeof(line), "{\"sensor_id\": \"%s\", \"temperature\": 1}", id);
    assert_bad(NULL, line, "sensor_id");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_line_with_all_fields),
        cmocka_unit_test(test_missing_time_is_now),
        cmocka_unit_test(test_empty_lines_and_comments_say_nothing),
        cmocka_unit_test(test_carriage_return_inside_a_line_hides_nothing),
        cmocka_unit_test(test_header_names_the_order),
        cmocka_unit_test(test_header_is_only_the_first_line),
        cmocka_unit_test(test_quoted_fields),
        cmocka_unit_test(test_default_sensor),
        cmocka_unit_test(test_json_line_with_all_fields),
        cmocka_unit_test(test_bad_json_is_explained),
        cmocka_unit_test(test_bad_csv_is_explained),
        cmocka_unit_test(test_rules_of_a_reading_hold_here_too),
        cmocka_unit_test(test_id_that_is_too_long_for_json_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
