/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/verb.h"
#include "unit.h"

/* A verb of two arguments, so that the real ones may change. */
static const enum option_id own_options[] = {OPTION_LISTEN, OPTION_START};

static const struct verb test_verb = {
    .name = "test",
    .arguments = "SENSOR TEMPERATURE",
    .max_arguments = 2,
    .summary = "Test",
    .more = "",
    .options = own_options,
    .n_options = ARRAY_LEN(own_options),
    .calls_a_server = true,
    .prints_records = true,
};

#define MAX_WORDS 12

/* Reads a command line of words between blanks. */
static int read_line(struct options *options, const char *line, struct err_text *why) {
    static char text[512];
    char *argv[MAX_WORDS + 1], *rest = text;
    int argc = 0;
    snprintf(text, sizeof(text), "%s", line);
    for (char *word; (word = strsep(&rest, " ")) && argc < MAX_WORDS;)
        argv[argc++] = word;
    argv[argc] = NULL;
    return options_read(options, &test_verb, argc, argv, why);
}

static void read_good(struct options *options, const char *line) {
    struct err_text why;
    if (read_line(options, line, &why))
        fail_msg("%s: %s", line, why.text);
}

struct file {
    char name[32];
};

static struct file write_file(const char *text) {
    struct file file = {"/tmp/test-options-XXXXXX"};
    int fd = mkstemp(file.name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return file;
}

static int tidy_environment(void **state) {
    (void)state;
    for (unsigned id = 0; id < N_OPTIONS; id++)
        unsetenv(option_variable(id).text);
    return 0;
}

static void test_standard_values_count_when_nobody_says_otherwise(void **state) {
    (void)state;
    struct options options;
    read_good(&options, "test");
    assert_string_equal(options_text(&options, OPTION_SERVER), "127.0.0.1:50051");
    assert_false(options_given(&options, OPTION_SERVER));
    assert_null(options_text(&options, OPTION_CA));
    options_fini(&options);
}

static void test_command_line_before_environment_before_file(void **state) {
    (void)state;
    struct options options;
    struct file file = write_file("server: file:1\nca: file.crt\ntimeout: 3s\n");
    setenv("THERMOGRAPH_CONFIG", file.name, 1);
    setenv("THERMOGRAPH_SERVER", "variable:1", 1);
    setenv("THERMOGRAPH_CA", "variable.crt", 1);
    read_good(&options, "test --server option:1");
    assert_string_equal(options_text(&options, OPTION_SERVER), "option:1");
    assert_string_equal(options_text(&options, OPTION_CA), "variable.crt");
    assert_string_equal(options_text(&options, OPTION_TIMEOUT), "3s");
    options_fini(&options);
    unlink(file.name);
}

static void test_empty_variable_is_none(void **state) {
    (void)state;
    struct options options;
    setenv("THERMOGRAPH_SERVER", "", 1);
    read_good(&options, "test");
    assert_string_equal(options_text(&options, OPTION_SERVER), "127.0.0.1:50051");
    options_fini(&options);
}

static void test_numbers_below_zero_are_arguments(void **state) {
    (void)state;
    struct options options;
    read_good(&options, "test -s host:1 boiler -3.5 --start -1h");
    assert_int_equal(options.n_arguments, 2);
    assert_string_equal(options.arguments[0], "boiler");
    assert_string_equal(options.arguments[1], "-3.5");
    assert_string_equal(options_text(&options, OPTION_START), "-1h");
    assert_string_equal(options_text(&options, OPTION_SERVER), "host:1");
    options_fini(&options);
}

static void test_lists_grow_within_one_source(void **state) {
    (void)state;
    struct options options;
    setenv("THERMOGRAPH_LISTEN", "c:3", 1);
    read_good(&options, "test --listen a:1 --listen b:2");
    assert_string_equal(options_text(&options, OPTION_LISTEN), "a:1,b:2");
    options_fini(&options);
}

static void test_last_of_a_repeated_option_counts(void **state) {
    (void)state;
    struct options options;
    read_good(&options, "test --server a:1 --server b:2");
    assert_string_equal(options_text(&options, OPTION_SERVER), "b:2");
    options_fini(&options);
}

static void test_flags_come_from_everywhere(void **state) {
    (void)state;
    struct options options;
    struct err_text why;
    bool flag = false;
    read_good(&options, "test --plaintext");
    assert_int_equal(options_flag(&options, OPTION_PLAINTEXT, &flag, &why), 0);
    assert_true(flag);
    options_fini(&options);
    setenv("THERMOGRAPH_PLAINTEXT", "false", 1);
    read_good(&options, "test");
    assert_int_equal(options_flag(&options, OPTION_PLAINTEXT, &flag, &why), 0);
    assert_false(flag);
    options_fini(&options);
}

static void assert_blames(struct options *options, const char *place) {
    struct err_text why;
    uint64_t ns = 7;
    assert_int_equal(options_duration(options, OPTION_TIMEOUT, &ns, &why), -EINVAL);
    if (strncmp(why.text, place, strlen(place)) != 0)
        fail_msg("'%s' does not begin with '%s'", why.text, place);
    assert_int_equal(ns, 7);
    options_fini(options);
}

static void test_bad_value_names_where_it_came_from(void **state) {
    (void)state;
    struct options options;
    char place[64];
    read_good(&options, "test --timeout soon");
    assert_blames(&options, "--timeout: 'soon'");
    setenv("THERMOGRAPH_TIMEOUT", "soon", 1);
    read_good(&options, "test");
    assert_blames(&options, "THERMOGRAPH_TIMEOUT: 'soon'");
    unsetenv("THERMOGRAPH_TIMEOUT");
    struct file file = write_file("# mine\nserver: a:1\n\"timeout\" : soon\n");
    setenv("THERMOGRAPH_CONFIG", file.name, 1);
    read_good(&options, "test");
    snprintf(place, sizeof(place), "%s:3: timeout: 'soon'", file.name);
    assert_blames(&options, place);
    unlink(file.name);
}

/* Reads a configuration file that is bad and looks for `words`. */
static void assert_bad_file(const char *text, const char *words) {
    struct options options = {.verb = &test_verb};
    struct err_text why = {""};
    struct file file = write_file(text);
    assert_int_equal(options_read_file(&options, file.name, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
    assert_non_null(strstr(why.text, file.name));
    options_fini(&options);
    unlink(file.name);
}

static void test_unknown_key_is_refused_with_the_line_and_the_nearest(void **state) {
    (void)state;
    assert_bad_file("server: a:1\ntimeuot: 3\n", ":2: there is no option 'timeuot'; did you mean "
                                                 "'timeout'?");
    assert_bad_file("colour: red\n", ":1: there is no option 'colour'; allowed are");
    assert_bad_file("port: 50051\n", ":1: there is no option 'port'; allowed are");
    assert_bad_file("server: a:1\nconfig: b\n",
                    ":2: config: a configuration file cannot name another");
}

static void test_list_and_broken_yaml_are_refused(void **state) {
    (void)state;
    assert_bad_file("listen: [a, b]\n", ":1: listen: one value belongs here, not a list (several");
    assert_bad_file("server: {a: b}\n",
                    ":1: server: one value belongs here, not lines of `key: value'");
    assert_bad_file("server: \"a\n", "this is no YAML");
}

static void test_missing_file_is_refused_and_an_empty_one_is_fine(void **state) {
    (void)state;
    struct options options = {.verb = &test_verb};
    struct err_text why;
    assert_int_equal(options_read_file(&options, "no/such/file", &why), -ENOENT);
    struct file file = write_file("");
    assert_int_equal(options_read_file(&options, file.name, &why), 0);
    unlink(file.name);
}

static void test_choice_lists_what_there_is(void **state) {
    (void)state;
    struct options options;
    struct err_text why;
    unsigned index = 9;
    read_good(&options, "test -o json");
    assert_int_equal(options_choice(&options, OPTION_OUTPUT, &index, &why), 0);
    assert_int_equal(index, 1);
    options_fini(&options);
    read_good(&options, "test -o xml");
    assert_int_equal(options_choice(&options, OPTION_OUTPUT, &index, &why), -EINVAL);
    assert_string_equal(why.text, "--output: 'xml' is none of: table, json, csv");
    options_fini(&options);
}

static void test_every_option_has_all_three_names(void **state) {
    (void)state;
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const struct option_info *info = option_info(id);
        assert_non_null(info->name);
        assert_non_null(info->help);
        assert_true(strlen(info->name) <= 40); /* what nearest_name() compares */
        assert_true(strspn(info->name, "abcdefghijklmnopqrstuvwxyz-") == strlen(info->name));
        for (unsigned other = 0; other < id; other++)
            assert_string_not_equal(info->name, option_name(other));
    }
    assert_string_equal(option_variable(OPTION_TOKEN_FILE).text, "THERMOGRAPH_TOKEN_FILE");
}

static void test_failed_allocation_keeps_the_old_value(void **state) {
    (void)state;
    struct options options = {.verb = &test_verb};
    assert_int_equal(options_set(&options, OPTION_LISTEN, SOURCE_FILE, "a:1"), 0);
    fail_alloc_at(1);
    assert_int_equal(options_set(&options, OPTION_LISTEN, SOURCE_FILE, "b:2"), -ENOMEM);
    fail_alloc_at(1);
    assert_int_equal(options_set(&options, OPTION_LISTEN, SOURCE_COMMAND_LINE, "c:3"), -ENOMEM);
    fail_alloc_off();
    assert_string_equal(options_text(&options, OPTION_LISTEN), "a:1");
    options_fini(&options);
}

#define TIDY_TEST(f) cmocka_unit_test_setup_teardown(f, tidy_environment, tidy_environment)

int main(void) {
    const struct CMUnitTest tests[] = {
        TIDY_TEST(test_standard_values_count_when_nobody_says_otherwise),
        TIDY_TEST(test_command_line_before_environment_before_file),
        TIDY_TEST(test_empty_variable_is_none),
        TIDY_TEST(test_numbers_below_zero_are_arguments),
        TIDY_TEST(test_lists_grow_within_one_source),
        TIDY_TEST(test_last_of_a_repeated_option_counts),
        TIDY_TEST(test_flags_come_from_everywhere),
        TIDY_TEST(test_bad_value_names_where_it_came_from),
        TIDY_TEST(test_unknown_key_is_refused_with_the_line_and_the_nearest),
        TIDY_TEST(test_list_and_broken_yaml_are_refused),
        TIDY_TEST(test_missing_file_is_refused_and_an_empty_one_is_fine),
        TIDY_TEST(test_choice_lists_what_there_is),
        TIDY_TEST(test_every_option_has_all_three_names),
        TIDY_TEST(test_failed_allocation_keeps_the_old_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
