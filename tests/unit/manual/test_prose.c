/* SPDX-License-Identifier: Apache-2.0 */
#include "manual/prose.h"

#include "unit.h"

static void assert_bytes(struct bytes text, const char *expected) {
    if (!bytes_equal_str(text, expected))
        fail_msg("'%.*s' is not '%s'", BYTES_ARGS(text), expected);
}

static void test_a_description_ends_where_the_examples_begin(void **state) {
    (void)state;
    const struct verb verb = {.more = "One.\n\nTwo.\n\nExamples:\n  a\n  b\n"};
    struct prose prose = prose_of(&verb);
    assert_bytes(prose.description, "One.\n\nTwo.");
    assert_bytes(prose.examples, "  a\n  b");
}

static void test_there_need_not_be_a_description(void **state) {
    (void)state;
    const struct verb verb = {.more = "Example:\n  a\n"};
    struct prose prose = prose_of(&verb);
    assert_int_equal(prose.description.len, 0);
    assert_bytes(prose.examples, "  a");
}

static void test_a_summary_is_the_first_of_what_is_said(void **state) {
    (void)state;
    assert_bytes(prose_summary("Server to talk to"), "Server to talk to");
    assert_bytes(prose_summary("Time (default: now)"), "Time");
    assert_bytes(prose_summary("First; second. Third"), "First");
    assert_bytes(prose_summary("First. Second; third"), "First");
    assert_bytes(prose_summary("table, json (an object a line) or csv"),
                 "table, json (an object a line) or csv");
    assert_bytes(prose_summary(""), "");
}

static void test_a_page_is_named_after_its_verb(void **state) {
    (void)state;
    assert_string_equal(prose_name_of(&verb_serve).text, "thermograph-serve");
    assert_string_equal(prose_name_of(NULL).text, "thermograph");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_description_ends_where_the_examples_begin),
        cmocka_unit_test(test_there_need_not_be_a_description),
        cmocka_unit_test(test_a_summary_is_the_first_of_what_is_said),
        cmocka_unit_test(test_a_page_is_named_after_its_verb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
