/* SPDX-License-Identifier: Apache-2.0 */
#include "manual/value.h"

#include "unit.h"

static void test_files_and_directories_are_known_by_their_names(void **state) {
    (void)state;
    struct value file = value_of_option(OPTION_CA), directory = value_of_option(OPTION_DATA);
    assert_true(file.is_file && !file.is_directory);
    assert_int_equal(file.n_words, 0);
    assert_true(directory.is_directory && !directory.is_file);
    assert_int_equal(directory.n_words, 1);
    assert_string_equal(directory.words[0], "none");
}

static void test_choices_are_words(void **state) {
    (void)state;
    struct value value = value_of_option(OPTION_DATASET);
    assert_int_equal(value.n_words, 2);
    assert_string_equal(value.words[0], "A");
    assert_string_equal(value.words[1], "B");
}

static void test_what_only_the_user_knows_offers_nothing(void **state) {
    (void)state;
    struct value value = value_of_option(OPTION_LISTEN);
    assert_false(value.is_file || value.is_directory);
    assert_int_equal(value.n_words, 0);
    assert_string_equal(value.name, "HOST:PORT");
    assert_string_equal(value_of_option(OPTION_PLAINTEXT).name, "");
}

static void test_every_option_has_room(void **state) {
    (void)state;
    for (unsigned id = 0; id < N_OPTIONS; id++)
        assert_true(value_of_option(id).n_words <= VALUE_MAX_WORDS);
}

static void test_arguments_come_one_after_the_other(void **state) {
    (void)state;
    const char *arguments = "create|add [FILE] [DIR] SENSOR";
    struct value value;
    assert_true(value_of_next_argument(&arguments, &value));
    assert_int_equal(value.n_words, 2);
    assert_string_equal(value.words[1], "add");
    assert_true(value_of_next_argument(&arguments, &value));
    assert_true(value.is_file);
    assert_true(value_of_next_argument(&arguments, &value));
    assert_true(value.is_directory);
    assert_true(value_of_next_argument(&arguments, &value));
    assert_string_equal(value.name, "SENSOR");
    assert_false(value_of_next_argument(&arguments, &value));
}

static void test_a_verb_may_have_no_arguments(void **state) {
    (void)state;
    const char *none = NULL, *empty = "";
    struct value value;
    assert_false(value_of_next_argument(&none, &value));
    assert_false(value_of_next_argument(&empty, &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_and_directories_are_known_by_their_names),
        cmocka_unit_test(test_choices_are_words),
        cmocka_unit_test(test_what_only_the_user_knows_offers_nothing),
        cmocka_unit_test(test_every_option_has_room),
        cmocka_unit_test(test_arguments_come_one_after_the_other),
        cmocka_unit_test(test_a_verb_may_have_no_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
