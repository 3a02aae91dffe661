/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "unit.h"

static void test_new_objects_are_zeroed(void **state) {
    (void)state;
    CLEANUP(mem_freep) uint64_t *numbers = mem_new_array(uint64_t, 100);
    assert_non_null(numbers);
    for (int i = 0; i < 100; i++)
        assert_int_equal(numbers[i], 0);
}

static void test_a_size_that_overflows_gives_null(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *array = mem_alloc(4);
    assert_non_null(array);
    /* volatile: the compiler would otherwise warn of what is tried here */
    volatile size_t half = SIZE_MAX / 2 + 2;
    assert_null(mem_zalloc(half, 2));
    assert_null(mem_resize(array, half, 2));
}

static void test_size_zero_gives_a_valid_pointer(void **state) {
    (void)state;
    CLEANUP(mem_freep) void *a = mem_alloc(0);
    CLEANUP(mem_freep) void *b = mem_zalloc(0, 8);
    CLEANUP(mem_freep) void *c = mem_resize(NULL, 0, 8);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
}

static void test_lines_begin_where_a_cache_line_does(void **state) {
    (void)state;
    for (size_t size = 0; size < 100 * MEM_LINE; size += MEM_LINE) {
        CLEANUP(mem_freep) void *lines = mem_alloc_lines(size);
        assert_non_null(lines);
        assert_int_equal((uintptr_t)lines % MEM_LINE, 0);
    }
    fail_alloc_at(1);
    assert_null(mem_alloc_lines(MEM_LINE));
    fail_alloc_off();
}

static void test_resize_keeps_the_content_also_when_it_fails(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *text = mem_copy_text("boiler", 6);
    assert_non_null(text);
    char *bigger = mem_resize(text, 100, 10);
    assert_non_null(bigger);
    text = bigger;
    assert_string_equal(text, "boiler");
    fail_alloc_at(1);
    assert_null(mem_resize(text, 1000, 10));
    fail_alloc_off();
    assert_string_equal(text, "boiler");
}

static void test_copied_text_is_terminated(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *part = mem_copy_text("boiler", 4);
    CLEANUP(mem_freep) char *empty = mem_copy_text(NULL, 0);
    assert_string_equal(part, "boil");
    assert_string_equal(empty, "");
    fail_alloc_at(1);
    assert_null(mem_copy_text("boiler", 4));
    fail_alloc_off();
}

static void test_formatted_text_is_as_long_as_it_has_to_be(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *empty = mem_format_text("%s", "");
    CLEANUP(mem_freep) char *file = mem_format_text("%s.%d", "journal", 17);
    CLEANUP(mem_freep) char *wide = mem_format_text("%5000d", 1);
    assert_string_equal(empty, "");
    assert_string_equal(file, "journal.17");
    assert_int_equal(strlen(wide), 5000);
    fail_alloc_at(1);
    assert_null(mem_format_text("%d", 1));
    fail_alloc_off();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_objects_are_zeroed),
        cmocka_unit_test(test_a_size_that_overflows_gives_null),
        cmocka_unit_test(test_size_zero_gives_a_valid_pointer),
        cmocka_unit_test(test_lines_begin_where_a_cache_line_does),
        cmocka_unit_test(test_resize_keeps_the_content_also_when_it_fails),
        cmocka_unit_test(test_copied_text_is_terminated),
        cmocka_unit_test(test_formatted_text_is_as_long_as_it_has_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
