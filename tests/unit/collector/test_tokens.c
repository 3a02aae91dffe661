/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/tokens.h"
#include "fail_alloc.h"

static const struct token_rights everything = {"*", "*"};

/* A file in a directory of its own; both go with scratch_fini(). */
struct scratch {
    char dir[64];
    char file[96];
};

static void scratch_init(struct scratch *scratch) {
    snprintf(scratch->dir, sizeof(scratch->dir), "/tmp/test_tokens.XXXXXX");
    assert_non_null(mkdtemp(scratch->dir));
    snprintf(scratch->file, sizeof(scratch->file), "%s/tokens", scratch->dir);
}

static void scratch_fini(struct scratch *scratch) {
    unlink(scratch->file);
    assert_int_equal(rmdir(scratch->dir), 0); /* and nothing else was left in it */
}

static void scratch_write(const struct scratch *scratch, const char *text) {
    FILE *file = fopen(scratch->file, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_created_token_is_found_and_others_are_not(void **state) {
    (void)state;
    struct err_text why;
    struct token_text one, two;
    CLEANUP(tokens_freep) struct tokens *tokens = tokens_new();
    assert_int_equal(token_create(&one), 0);
    assert_int_equal(token_create(&two), 0);
    assert_int_equal(tokens_add(tokens, "one", bytes_str(one.text), &everything, &why), 0);
    assert_string_equal(tokens_find(tokens, bytes_str(one.text))->name, "one");
    assert_null(tokens_find(tokens, bytes_str(two.text)));
    assert_null(tokens_find(tokens, bytes_of(one.text, strlen(one.text) - 1)));
    assert_null(tokens_find(tokens, bytes_str("")));
}

static void test_many_tokens_each_finds_its_own(void **state) {
    (void)state;
    enum {
        N = 200
    };
    struct err_text why;
    struct token_text texts[N];
    CLEANUP(tokens_freep) struct tokens *tokens = tokens_new();
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(token_create(&texts[i]), 0);
        assert_int_equal(tokens_add(tokens, name, bytes_str(texts[i].text), &everything, &why), 0);
    }
    assert_int_equal(tokens_remove(tokens, "n7"), 0);
    assert_int_equal(tokens_remove(tokens, "n7"), -ENOENT);
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        const struct token *found = tokens_find(tokens, bytes_str(texts[i].text));
        if (i == 7)
            assert_null(found);
        else
            assert_string_equal(found->name, name);
    }
}

static void assert_add_refused(struct tokens *tokens, const char *name, const char *token,
                               const char *words) {
    struct err_text why;
    assert_int_equal(tokens_add(tokens, name, bytes_str(token), &everything, &why), -EINVAL);
    assert_non_null(strstr(why.text, words));
}

static void test_names_and_tokens_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct err_text why;
    CLEANUP(tokens_freep) struct tokens *tokens = tokens_new();
    const char *good = "abcdefghijklmnopqrstuv";
    assert_int_equal(tokens_add(tokens, "one", bytes_str(good), &everything, &why), 0);
    assert_add_refused(tokens, "one", "abcdefghijklmnopqrstuw", "there is a token named 'one'");
    assert_add_refused(tokens, "two", good, "under the name 'one'");
    assert_add_refused(tokens, "", "abcdefghijklmnopqrstuw", "name");
    assert_add_refused(tokens, "a b", "abcdefghijklmnopqrstuw", "name");
    assert_add_refused(tokens, "two", "short", "it must have 22");
    assert_add_refused(tokens, "two", "abcdefghijklmnopqrstu v", "printable");
    const struct token_rights bad = {"a\nb", "*"};
    assert_int_equal(tokens_add(tokens, "two", bytes_str("abcdefghijklmnopqrstuw"), &bad, &why),
                     -EINVAL);
    assert_int_equal(tokens->n, 1);
}

static void test_file_keeps_hashes_and_rights_and_no_token(void **state) {
    (void)state;
    struct scratch scratch;
    struct err_text why;
    struct token_text text;
    struct stat st;
    char content[4096] = "";
    scratch_init(&scratch);
    CLEANUP(tokens_freep) struct tokens *tokens = tokens_new();
    CLEANUP(tokens_freep) struct tokens *loaded = NULL;
    const struct token_rights rights = {"boiler-*", ""};
    assert_int_equal(token_create(&text), 0);
    assert_int_equal(tokens_add(tokens, "one", bytes_str(text.text), &rights, &why), 0);
    assert_int_equal(tokens_save(scratch.file, tokens, &why), 0);
    assert_int_equal(stat(scratch.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    FILE *file = fopen(scratch.file, "r");
    assert_true(fread(content, 1, sizeof(content) - 1, file) > 0);
    fclose(file);
    assert_null(strstr(content, text.text));
    assert_int_equal(tokens_load(scratch.file, &loaded, &why), 0);
    const struct token *found = tokens_find(loaded, bytes_str(text.text));
    assert_string_equal(found->write, "boiler-*");
    assert_string_equal(found->read, "");
    scratch_fini(&scratch);
}

static void test_a_file_that_others_may_read_or_change_is_open(void **state) {
    (void)state;
    static const struct {
        mode_t mode;
        bool is_open;
    } rows[] = {{0600, false}, {0640, false}, {0400, false},
                {0644, true},  {0602, true},  {0660, true}};
    struct scratch scratch;
    scratch_init(&scratch);
    assert_false(tokens_file_is_open(scratch.file));
    scratch_write(&scratch, "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(chmod(scratch.file, rows[i].mode), 0);
        assert_int_equal(tokens_file_is_open(scratch.file), rows[i].is_open);
    }
    scratch_fini(&scratch);
}

/* A change by root leaves a file that the server's own user can read, and nobody else. */
static void test_a_changed_file_keeps_its_owner_and_what_its_group_may(void **state) {
    (void)state;
    static const struct {
        mode_t before, after;
    } rows[] = {{0600, 0600}, {0640, 0640}, {0660, 0640}, {0644, 0640}, {0777, 0640}, {0604, 0600}};
    const uid_t owner = geteuid() == 0 ? 4711 : geteuid(); /* only root gives files away */
    const gid_t group = geteuid() == 0 ? 4712 : getegid();
    struct scratch scratch;
    struct err_text why;
    struct stat st;
    scratch_init(&scratch);
    CLEANUP(tokens_freep) struct tokens *tokens = tokens_new();
    const struct token_rights rights = {"*", "*"};
    assert_int_equal(tokens_add(tokens, "one", bytes_str("abcdefghijklmnopqrstuw"), &rights, &why),
                     0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(tokens_save(scratch.file, tokens, &why), 0);
        assert_int_equal(chown(scratch.file, owner, group), 0);
        assert_int_equal(chmod(scratch.file, rows[i].before), 0);
        assert_int_equal(tokens_save(scratch.file, tokens, &why), 0);
        assert_int_equal(stat(scratch.file, &st), 0);
        assert_int_equal(st.st_mode & 07777, rows[i].after);
        assert_int_equal(st.st_uid, owner);
        assert_int_equal(st.st_gid, group);
    }
    scratch_fini(&scratch);
}

/* Whoever may write the directory could lay it there, for root to write through and give away. */
static void test_a_link_where_the_new_file_is_written_is_not_followed(void **state) {
    (void)state;
    struct scratch scratch;
    struct err_text why;
    struct stat st;
    char beside[112], other[112];
    scratch_init(&scratch);
    snprintf(beside, sizeof(beside), "%s.new", scratch.file);
    snprintf(other, sizeof(other), "%s/other", scratch.dir);
    FILE *file = fopen(other, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(symlink(other, beside), 0);
    CLEANUP(tokens_freep) struct tokens *tokens = tokens_new();
    assert_int_equal(
        tokens_add(tokens, "one", bytes_str("abcdefghijklmnopqrstuw"), &everything, &why), 0);
    assert_int_equal(tokens_save(scratch.file, tokens, &why), 0);
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(lstat(scratch.file, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    unlink(other);
    scratch_fini(&scratch);
}

static void test_files_that_are_wrong_are_refused_with_place_and_reason(void **state) {
    (void)state;
    static const struct {
        const char *content, *words;
    } rows[] = {
        {"tokens:\n  - name: x\n    colour: 3\n",
         ":3: there is no key 'colour' here; the file has the key tokens, and each token of it has "
         "name, sha256, write and read"},
        {"token:\n  - name: x\n", ":1: there is no key 'token' here; the file has the key tokens"},
        {"tokens: 5\n", ":1:"},
        {"tokens:\n  - name: x\n    sha256: abc\n", ":3: sha256: at least 64 bytes belong here"},
        {"tokens:\n  - name: x\n    write: *\n", ":3: this is no YAML: "},
        {"tokens:\n  - name: x\n    write: *\n", "(a value that begins with * stands in quotes)"},
        {"tokens:\n- name: x\n"
         "  sha256: zz81d085884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
         "  write: \"*\"\n  read: \"*\"\n",
         "the sha256 of 'x'"},
        {"{", ""},
    };
    struct scratch scratch;
    struct err_text why;
    struct tokens *tokens;
    scratch_init(&scratch);
    assert_int_equal(tokens_load(scratch.file, &tokens, &why), -ENOENT);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        scratch_write(&scratch, rows[i].content);
        assert_int_equal(tokens_load(scratch.file, &tokens, &why), -EINVAL);
        assert_non_null(strstr(why.text, scratch.file));
        assert_non_null(strstr(why.text, rows[i].words));
    }
    scratch_fini(&scratch);
}

static void test_failing_allocations_add_all_or_nothing(void **state) {
    (void)state;
    struct err_text why;
    CLEANUP(tokens_freep) struct tokens *tokens = tokens_new();
    for (size_t n = 1;; n++) {
        fail_alloc_at(n);
        int r = tokens_add(tokens, "one", bytes_str("abcdefghijklmnopqrstuv"), &everything, &why);
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(tokens->n, 0);
    }
    for (size_t n = 1;; n++) {
        fail_alloc_at(n);
        CLEANUP(tokens_freep) struct tokens *copy = tokens_copy(tokens);
        fail_alloc_off();
        if (copy)
            break;
    }
}

static void test_authorization_is_taken_with_and_without_its_scheme(void **state) {
    (void)state;
    static const struct {
        const char *value, *token;
    } rows[] = {
        {"Bearer abc", "abc"}, {"bearer abc", "abc"}, {"BEARER   abc", "abc"},
        {"abc", "abc"},        {"Bearer", "Bearer"},  {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes token = token_of_authorization(bytes_str(rows[i].value));
        assert_true(bytes_equal_str(token, rows[i].token));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_created_token_is_found_and_others_are_not),
        cmocka_unit_test(test_many_tokens_each_finds_its_own),
        cmocka_unit_test(test_names_and_tokens_that_cannot_be_are_refused),
        cmocka_unit_test(test_file_keeps_hashes_and_rights_and_no_token),
        cmocka_unit_test(test_a_file_that_others_may_read_or_change_is_open),
        cmocka_unit_test(test_a_changed_file_keeps_its_owner_and_what_its_group_may),
        cmocka_unit_test(test_a_link_where_the_new_file_is_written_is_not_followed),
        cmocka_unit_test(test_files_that_are_wrong_are_refused_with_place_and_reason),
        cmocka_unit_test(test_failing_allocations_add_all_or_nothing),
        cmocka_unit_test(test_authorization_is_taken_with_and_without_its_scheme),
    };
    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
