/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <string.h>

#include "base/mem.h"
#include "unit.h"

static const struct output_column columns[] = {
    {"sensor_id", .type = OUTPUT_TEXT, .width = 8},
    {"count", .type = OUTPUT_NUMBER, .width = 7},
    {"last_time", .type = OUTPUT_TEXT},
};

typedef void (*print_fn)(struct output *output, const char *const *values);

/* What is printed for one record. */
static char *print_one(enum output_format format, print_fn print, const char *const *values) {
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    struct output output;
    assert_non_null(file);
    output_init(&output, file, format, columns, ARRAY_LEN(columns));
    print(&output, values);
    fclose(file);
    return text;
}

static void assert_prints(enum output_format format, print_fn print, const char *const *values,
                          const char *expected) {
    CLEANUP(mem_freep) char *text = print_one(format, print, values);
    assert_string_equal(text, expected);
}

static void test_table_has_headings_and_aligned_columns(void **state) {
    (void)state;
    const char *const values[] = {"hall", "12", "now"};
    assert_prints(OUTPUT_TABLE, output_record, values,
                  "SENSOR ID    COUNT  LAST TIME\n"
                  "hall           12  now\n");
}

static void test_width_counts_characters(void **state) {
    (void)state;
    const char *const values[] = {"k\xC3\xBC"
                                  "che",
                                  "1", NULL};
    CLEANUP(mem_freep) char *text = print_one(OUTPUT_TABLE, output_record, values);
    assert_non_null(strstr(text, "\nk\xC3\xBC"
                                 "che           1  \n"));
}

static void test_csv_quotes_what_needs_it(void **state) {
    (void)state;
    const char *const values[] = {"a,\"b\"", "3", NULL};
    assert_prints(OUTPUT_CSV, output_record, values,
                  "sensor_id,count,last_time\n\"a,\"\"b\"\"\",3,\n");
    const char *const hash[] = {"#1", "3", " x"};
    assert_prints(OUTPUT_CSV, output_record, hash, "sensor_id,count,last_time\n\"#1\",3,\" x\"\n");
    const char *const brace[] = {"{1}", "3", "x "};
    assert_prints(OUTPUT_CSV, output_record, brace,
                  "sensor_id,count,last_time\n\"{1}\",3,\"x \"\n");
}

static void test_json_is_one_object_a_line(void **state) {
    (void)state;
    const char *const values[] = {"a\"\\\x01", "3", "t"};
    assert_prints(OUTPUT_JSON, output_record, values,
                  "{\"sensor_id\": \"a\\\"\\\\\\u0001\", \"count\": 3, \"last_time\": \"t\"}\n");
}

static void test_json_has_whole_numbers_bare_while_a_double_holds_them(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"9007199254740992", "9007199254740992"},
        {"9007199254740993", "\"9007199254740993\""},
        {"18446744073709551615", "\"18446744073709551615\""},
        {"1.7976931348623157e+308", "1.7976931348623157e+308"},
        {"-9007.199254740993001", "-9007.199254740993001"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const values[] = {NULL, rows[i][0], NULL};
        char expected[64];
        snprintf(expected, sizeof(expected), "{\"count\": %s}\n", rows[i][1]);
        assert_prints(OUTPUT_JSON, output_record, values, expected);
    }
}

static void test_json_leaves_out_what_is_not_there(void **state) {
    (void)state;
    const char *const values[] = {NULL, "3", NULL};
    assert_prints(OUTPUT_JSON, output_record, values, "{\"count\": 3}\n");
}

static void test_single_record_is_a_line_for_each_column(void **state) {
    (void)state;
    const char *const values[] = {"a", "3", NULL};
    assert_prints(OUTPUT_TABLE, output_single, values, "sensor id  a\ncount      3\n");
    assert_prints(OUTPUT_JSON, output_single, values, "{\"sensor_id\": \"a\", \"count\": 3}\n");
}

static void print_twice(struct output *output, const char *const *values) {
    output_record(output, values);
    output_record(output, values);
}

static void test_header_comes_once(void **state) {
    (void)state;
    const char *const values[] = {"a", "3", "t"};
    assert_prints(OUTPUT_CSV, print_twice, values, "sensor_id,count,last_time\na,3,t\na,3,t\n");
}

static void print_nothing(struct output *output, const char *const *values) {
    (void)values;
    output_end(output);
}

static void print_and_end(struct output *output, const char *const *values) {
    output_record(output, values);
    output_end(output);
}

static void test_csv_of_nothing_has_its_header(void **state) {
    (void)state;
    const char *const values[] = {"a", "3", "t"};
    assert_prints(OUTPUT_CSV, print_nothing, values, "sensor_id,count,last_time\n");
    assert_prints(OUTPUT_JSON, print_nothing, values, "");
    assert_prints(OUTPUT_TABLE, print_nothing, values, "");
    assert_prints(OUTPUT_CSV, print_and_end, values, "sensor_id,count,last_time\na,3,t\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_has_headings_and_aligned_columns),
        cmocka_unit_test(test_width_counts_characters),
        cmocka_unit_test(test_csv_quotes_what_needs_it),
        cmocka_unit_test(test_json_is_one_object_a_line),
        cmocka_unit_test(test_json_has_whole_numbers_bare_while_a_double_holds_them),
        cmocka_unit_test(test_json_leaves_out_what_is_not_there),
        cmocka_unit_test(test_single_record_is_a_line_for_each_column),
        cmocka_unit_test(test_header_comes_once),
        cmocka_unit_test(test_csv_of_nothing_has_its_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
