/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include "unit.h"

static void test_equal_compares_content_and_length(void **state) {
    (void)state;
    assert_true(bytes_equal(bytes_str("abc"), bytes_of("abcd", 3)));
    assert_false(bytes_equal(bytes_str("abc"), bytes_str("abcd")));
    assert_false(bytes_equal(bytes_str("abc"), bytes_str("abd")));
    assert_true(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
    assert_false(bytes_equal_str(bytes_of("a\0b", 3), "a"));
}

static void test_short_texts_are_compared_to_their_last_byte(void **state) {
    (void)state;
    uint8_t a[40] = {0}, b[40] = {0};
    for (size_t len = 0; len <= sizeof(a); len++) {
        assert_true(bytes_equal_short(bytes_of(a, len), bytes_of(b, len)));
        for (size_t i = 0; i < len; i++) {
            b[i] = 1;
            assert_false(bytes_equal_short(bytes_of(a, len), bytes_of(b, len)));
            assert_false(bytes_equal_short(bytes_of(a, len), bytes_of(a, len - 1)));
            b[i] = 0;
        }
    }
    assert_true(bytes_equal_short(bytes_of(NULL, 0), bytes_of(a, 0)));
}

static void test_nothing_equals_nothing(void **state) {
    (void)state;
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_str("")));
    assert_false(bytes_equal(bytes_of(NULL, 0), bytes_str("a")));
    assert_true(bytes_start_with(bytes_of(NULL, 0), ""));
}

static void test_start_with_needs_the_whole_prefix(void **state) {
    (void)state;
    assert_true(bytes_start_with(bytes_str("Bearer x"), "Bearer "));
    assert_true(bytes_start_with(bytes_str("Bearer "), "Bearer "));
    assert_false(bytes_start_with(bytes_str("Bearer"), "Bearer "));
    assert_false(bytes_start_with(bytes_str("bearer x"), "Bearer "));
}

static void test_from_drops_the_first_bytes(void **state) {
    (void)state;
    assert_true(bytes_equal_str(bytes_from(bytes_str("abc"), 1), "bc"));
    assert_int_equal(bytes_from(bytes_str("abc"), 3).len, 0);
    assert_int_equal(bytes_from(bytes_of(NULL, 0), 0).len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_compares_content_and_length),
        cmocka_unit_test(test_short_texts_are_compared_to_their_last_byte),
        cmocka_unit_test(test_nothing_equals_nothing),
        cmocka_unit_test(test_start_with_needs_the_whole_prefix),
        cmocka_unit_test(test_from_drops_the_first_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
