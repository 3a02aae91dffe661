/* SPDX-License-Identifier: Apache-2.0 */
#include "base/plural.h"

#include <string.h>

#include "unit.h"

static void test_one_is_told_from_all_others(void **state) {
    (void)state;
    assert_string_equal(plural(0, "is", "are"), "are");
    assert_string_equal(plural(1, "is", "are"), "is");
    assert_string_equal(counted(0, "reading", "readings").text, "0 readings");
    assert_string_equal(counted(1, "reading", "readings").text, "1 reading");
    assert_string_equal(counted(UINT64_MAX, "log record", "log records").text,
                        "18446744073709551615 log records");
}

static void test_long_words_are_cut(void **state) {
    (void)state;
    char words[100];
    memset(words, 'x', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    assert_int_equal(strlen(counted(2, words, words).text),
                     sizeof(((struct counted *)NULL)->text) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_is_told_from_all_others),
        cmocka_unit_test(test_long_words_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
