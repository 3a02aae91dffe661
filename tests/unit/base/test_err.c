/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>

#include "base/log.h"
#include "base/utf8.h"
#include "unit.h"

static char last_line[4096];

static void keep_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    snprintf(last_line, sizeof(last_line), "%.*s", (int)len, line);
}

static int quiet(void **state) {
    (void)state;
    last_line[0] = '\0';
    log_redirect(keep_line);
    return 0;
}

static int loud(void **state) {
    (void)state;
    log_redirect(NULL);
    log_configure(LOG_INFO, LOG_TEXT);
    return 0;
}

static void test_words_are_kept_and_replaced(void **state) {
    (void)state;
    struct err_text why;
    err_say(&why, "%s:%d: %s", "tokens", 3, "no name");
    assert_string_equal(why.text, "tokens:3: no name");
    err_say(&why, "short");
    assert_string_equal(why.text, "short");
}

/* Whatever stands in front, the cut never falls into one of the two-byte characters. */
static void test_long_words_are_cut_at_a_characters_edge(void **state) {
    (void)state;
    char text[1200];
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        snprintf(text + i, 3, "\xC3\xA9");
    for (size_t lead = 0; lead < 2; lead++) {
        struct err_text why;
        err_say(&why, "%s%s", lead ? "x" : "", text);
        assert_in_range(strlen(why.text), sizeof(why.text) - 4, sizeof(why.text) - 1);
        assert_true(utf8_is_valid(bytes_str(why.text)));
    }
}

static void test_a_fatal_error_leaves_a_trail_at_debug(void **state) {
    (void)state;
    log_configure(LOG_DEBUG, LOG_TEXT);
    assert_int_equal(err_trace(-ENOMEM), -ENOMEM);
    assert_non_null(strstr(last_line, "test_err.c"));
    assert_non_null(strstr(last_line, "Cannot allocate memory"));
}

static void test_an_outcome_leaves_no_trail(void **state) {
    (void)state;
    log_configure(LOG_DEBUG, LOG_TEXT);
    assert_int_equal(err_trace(1), 1);
    assert_int_equal(err_trace(0), 0);
    assert_string_equal(last_line, "");
}

static void test_steal_hands_over_and_leaves_nothing(void **state) {
    (void)state;
    int object;
    int *owner = &object;
    int *new_owner = STEAL(owner);
    assert_ptr_equal(new_owner, &object);
    assert_null(owner);
}

static void test_only_a_lack_of_rights_asks_for_rights(void **state) {
    (void)state;
    assert_non_null(strstr(err_reading_remedy(-EACCES), "the right to read it"));
    assert_string_equal(err_reading_remedy(-EISDIR), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_kept_and_replaced),
        cmocka_unit_test(test_long_words_are_cut_at_a_characters_edge),
        cmocka_unit_test_setup_teardown(test_a_fatal_error_leaves_a_trail_at_debug, quiet, loud),
        cmocka_unit_test_setup_teardown(test_an_outcome_leaves_no_trail, quiet, loud),
        cmocka_unit_test(test_steal_hands_over_and_leaves_nothing),
        cmocka_unit_test(test_only_a_lack_of_rights_asks_for_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
