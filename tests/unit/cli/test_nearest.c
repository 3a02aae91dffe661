/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nearest.h"

#include <string.h>

#include "base/err.h"
#include "unit.h"

static const char *const names[] = {"serve", "send", "stream", "get", "sensors"};

static const char *name_at(size_t i) {
    return names[i];
}

static const char *nearest(const char *text) {
    return nearest_name(text, name_at, ARRAY_LEN(names));
}

static void test_typing_errors_are_understood(void **state) {
    (void)state;
    assert_string_equal(nearest("sned"), "send");
    assert_string_equal(nearest("steam"), "stream");
    assert_string_equal(nearest("sensor"), "sensors");
    assert_string_equal(nearest("gt"), "get");
    assert_string_equal(nearest("strema"), "stream");
    assert_string_equal(nearest("esnosrs"), "sensors");
    assert_string_equal(nearest("send"), "send");
}

static void test_what_is_far_from_all_has_no_nearest(void **state) {
    (void)state;
    assert_null(nearest("frobnicate"));
    assert_null(nearest("xy"));
    assert_null(nearest("seat"));
    assert_null(nearest("ends"));
}

static void test_long_text_is_no_typing_error(void **state) {
    (void)state;
    char text[1000];
    memset(text, 's', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_null(nearest(text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typing_errors_are_understood),
        cmocka_unit_test(test_what_is_far_from_all_has_no_nearest),
        cmocka_unit_test(test_long_text_is_no_typing_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
