/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yamlfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "unit.h"

struct room {
    char *name;
    unsigned floor;
};

static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct room, name, 1, 20),
    CYAML_FIELD_UINT("floor", CYAML_FLAG_OPTIONAL, struct room, floor),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct room, fields),
};

static char file[] = "/tmp/thermograph-test-XXXXXX";

static int make_file(void **state) {
    (void)state;
    memcpy(file + strlen(file) - 6, "XXXXXX", 6);
    int descriptor = mkstemp(file);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(file);
}

/* What loading a file of this content gives. */
static int load(const char *content, struct room **room, struct err_text *why) {
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_true(fputs(content, out) >= 0);
    assert_int_equal(fclose(out), 0);
    return yamlfile_load(file, &schema, (void **)room, why);
}

static void test_a_file_that_fits_becomes_a_struct(void **state) {
    (void)state;
    struct room *room;
    struct err_text why;
    assert_int_equal(load("name: kitchen\nfloor: 2\n", &room, &why), 0);
    assert_string_equal(room->name, "kitchen");
    assert_int_equal(room->floor, 2);
    yamlfile_free(&schema, room);
}

static void test_an_empty_file_is_no_error(void **state) {
    (void)state;
    struct room *room;
    struct err_text why;
    assert_int_equal(load("", &room, &why), 0);
    assert_null(room);
    yamlfile_free(&schema, room);
}

static void test_a_missing_file_is_named(void **state) {
    (void)state;
    void *data;
    struct err_text why;
    assert_int_equal(yamlfile_load("/nowhere/room.yaml", &schema, &data, &why), -ENOENT);
    assert_string_equal(why.text, "/nowhere/room.yaml: No such file or directory");
    assert_null(data);
}

/* The words start with the file and the line, as compilers have it. */
static void assert_refused_at(int line, const char *content) {
    struct room *room;
    struct err_text why = {""};
    char place[64];
    assert_int_equal(load(content, &room, &why), -EINVAL);
    assert_null(room);
    int n = snprintf(place, sizeof(place), "%s:%d: ", file, line);
    assert_int_equal(strncmp(why.text, place, (size_t)n), 0);
    assert_true(strlen(why.text) > (size_t)n);
}

static void test_what_does_not_fit_is_said_with_its_line(void **state) {
    (void)state;
    assert_refused_at(2, "name: kitchen\ncolour: red\n");
    assert_refused_at(2, "name: kitchen\nfloor: high\n");
    assert_refused_at(1, "name: a name that is longer than twenty characters\n");
}

static void assert_refused_with(const char *content, const char *words) {
    struct room *room;
    struct err_text why = {""};
    assert_int_equal(load(content, &room, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
}

static void test_what_does_not_fit_is_said_in_plain_words(void **state) {
    (void)state;
    assert_refused_with("kitchen\n", ":1: lines of `key: value' belong here, not one value");
    assert_refused_with("- kitchen\n", ":1: lines of `key: value' belong here, not a list");
    assert_refused_with("name: [kitchen]\nfloor: 2\n",
                        ":1: name: one value belongs here, not a list");
    assert_refused_with("floor: 2\n", "name is missing");
    assert_refused_with("name: a\n\nname: b\n", ":3: name is there twice");
    assert_refused_with("name: \"kitchen\n", "this is no YAML: ");
    assert_refused_with("name: *\n", "(a value that begins with * stands in quotes)");
    assert_refused_with("name: ''\n", ":1: name: at least 1 byte belongs here");
}

/* It may be a secret. */
static void test_a_value_that_is_too_long_is_not_repeated(void **state) {
    (void)state;
    struct room *room;
    struct err_text why = {""};
    assert_int_equal(load("name: tg_0123456789abcdefghij\n", &room, &why), -EINVAL);
    assert_non_null(strstr(why.text, ":1: name: at most 20 bytes belong here"));
    assert_null(strstr(why.text, "tg_"));
}

static void test_an_unknown_key_is_cut_from_the_words(void **state) {
    (void)state;
    struct room *room;
    struct err_text why = {""};
    assert_int_equal(load("name: kitchen\ncolour: red\n", &room, &why), -EINVAL);
    assert_string_equal(yamlfile_cut_unknown_key(&why), "colour");
    assert_string_equal(strrchr(why.text, ':'), ": ");
    assert_int_equal(load("floor: 2\n", &room, &why), -EINVAL);
    assert_null(yamlfile_cut_unknown_key(&why));
}

static void test_a_directory_is_named_as_one(void **state) {
    (void)state;
    struct room *room;
    struct err_text why = {""};
    assert_int_equal(yamlfile_load("/", &schema, (void **)&room, &why), -EISDIR);
    assert_string_equal(why.text, "/: Is a directory");
}

static void test_what_is_no_yaml_is_refused(void **state) {
    (void)state;
    struct room *room;
    struct err_text why = {""};
    assert_int_equal(load("name: [kitchen\n", &room, &why), -EINVAL);
    assert_non_null(strstr(why.text, file));
}

static void test_what_is_written_reads_back(void **state) {
    (void)state;
    struct room *read, room = {(char *)"k\303\274che: \"warm\"", 3};
    struct err_text why;
    char *text = NULL;
    size_t len;
    assert_int_equal(yamlfile_write(&schema, &room, &text, &len), 0);
    char *terminated = mem_copy_text(text, len);
    assert_non_null(terminated);
    assert_int_equal(load(terminated, &read, &why), 0);
    assert_string_equal(read->name, room.name);
    assert_int_equal(read->floor, 3);
    yamlfile_free(&schema, read);
    mem_free(terminated);
    mem_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_file_that_fits_becomes_a_struct, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(test_an_empty_file_is_no_error, make_file, remove_file),
        cmocka_unit_test(test_a_missing_file_is_named),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_is_said_with_its_line, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_is_said_in_plain_words, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(test_a_value_that_is_too_long_is_not_repeated, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(test_an_unknown_key_is_cut_from_the_words, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(test_a_directory_is_named_as_one, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_what_is_no_yaml_is_refused, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_what_is_written_reads_back, make_file, remove_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
