/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/line_map.h"

#include "base/err.h"
#include "unit.h"

static void test_lines_without_a_reading_are_counted(void **state) {
    (void)state;
    struct line_map map = {.n_runs = 0};
    static const uint64_t lines[] = {2, 3, 4, 9, 10, 12};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        line_map_add(&map, lines[i]);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(line_map_find(&map, i), lines[i]);
    assert_int_equal(map.n_runs, 3);
}

static void test_a_reading_that_was_not_there_has_no_line(void **state) {
    (void)state;
    struct line_map map = {.n_runs = 0};
    assert_int_equal(line_map_find(&map, 0), 0);
    line_map_add(&map, 1);
    assert_int_equal(line_map_find(&map, 1), 0);
}

static void test_beyond_the_limit_no_line_is_named(void **state) {
    (void)state;
    struct line_map map = {.n_runs = 0};
    for (uint64_t i = 0; i <= LINE_MAP_MAX_RUNS; i++)
        line_map_add(&map, 2 * i + 1);
    uint64_t last = LINE_MAP_MAX_RUNS - 1;
    assert_int_equal(line_map_find(&map, last), 2 * last + 1);
    assert_int_equal(line_map_find(&map, last + 1), 0);
    line_map_add(&map, 2 * last + 2); /* would follow the last run */
    assert_int_equal(line_map_find(&map, last + 2), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_without_a_reading_are_counted),
        cmocka_unit_test(test_a_reading_that_was_not_there_has_no_line),
        cmocka_unit_test(test_beyond_the_limit_no_line_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
