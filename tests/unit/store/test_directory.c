/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "durable_bench.h"
#include "unit.h"

static struct durable_bench bench;
static struct store_directory seen;
static struct err_text why;

static int setup(void **state) {
    (void)state;
    bench_init(&bench);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    bench_fini(&bench);
    return 0;
}

static int look_at(const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s%s", bench.directory, name);
    return store_directory_look(path, &seen, &why);
}

static void put_file(const char *name, const char *content, size_t size) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", bench.directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", bench.directory, name);
    assert_int_equal(unlink(path), 0);
}

static void test_an_empty_directory_can_be_served_from(void **state) {
    (void)state;
    assert_int_equal(look_at(""), 0);
    assert_true(seen.exists && seen.is_writable && !seen.has_store);
    assert_int_equal(seen.holder, 0);
    assert_true(seen.free_bytes > 0);
}

static void test_one_that_is_not_there_can_be_made_if_its_parent_is(void **state) {
    (void)state;
    assert_int_equal(look_at("/new"), 0);
    assert_true(!seen.exists && seen.is_writable && seen.free_bytes > 0);
    assert_int_equal(look_at("/nowhere/new"), 0);
    assert_true(!seen.exists && !seen.is_writable);
}

static bool is_foreign(void) {
    assert_int_equal(look_at(""), 0);
    bool is_foreign;
    assert_int_equal(store_directory_is_foreign(bench.directory, &is_foreign), 0);
    assert_int_equal(is_foreign, seen.is_foreign);
    return is_foreign;
}

static void test_the_files_of_others_are_told_from_a_store(void **state) {
    (void)state;
    /* in this order: what a file system has made, what is hidden, what a start leaves first */
    static const char *const nobodys[] = {"lost+found", ".trash", "lock"};
    static const char *const others[] = {"main.c", "journal-notes", "store.sqlite-wal"};
    static const char *const ours[] = {"store.sqlite", "store.sqlite-journal",
                                       "journal-0000000000001000", "journal-spare-7"};
    assert_false(is_foreign());
    for (size_t i = 0; i < ARRAY_LEN(nobodys); i++) {
        put_file(nobodys[i], "", 0);
        assert_false(is_foreign());
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        put_file(others[i], "x", 1);
        assert_true(is_foreign());
        for (size_t k = 0; k < ARRAY_LEN(ours); k++) {
            put_file(ours[k], "", 0);
            assert_false(is_foreign());
            remove_file(ours[k]);
        }
        remove_file(others[i]);
    }
    assert_false(is_foreign());
}

static void test_a_directory_of_other_files_is_refused_and_stays_as_it_is(void **state) {
    (void)state;
    char path[128];
    put_file("main.c", "x", 1);
    assert_int_equal(bench_try_open(&bench), -ENOTEMPTY);
    assert_non_null(strstr(bench.failure.text, "holds other files and no store of Thermograph"));
    snprintf(path, sizeof(path), "%s/lock", bench.directory);
    assert_int_equal(access(path, F_OK), -1);
    remove_file("main.c");
    bench_open(&bench);
    put_file("main.c", "x", 1); /* beside a store that is there */
    bench_reopen(&bench);
}

static void test_a_parent_that_is_not_there_is_named(void **state) {
    (void)state;
    char path[128], words[256];
    snprintf(path, sizeof(path), "%s/b/c/missing", bench.directory);
    struct durable_bench lost = bench;
    lost.options.directory = path;
    lost.options.user = &lost;
    assert_int_equal(bench_try_open(&lost), -ENOENT);
    snprintf(words, sizeof(words), "%s/b/c is not there; make it, or mount the disk first",
             bench.directory);
    assert_non_null(strstr(lost.failure.text, words));
}

static void test_a_file_is_no_directory(void **state) {
    (void)state;
    put_file("file", "x", 1);
    assert_int_equal(look_at("/file"), -ENOTDIR);
    assert_non_null(strstr(why.text, "is no directory"));
}

static void test_a_store_tells_its_version(void **state) {
    (void)state;
    bench_open(&bench);
    bench_close(&bench);
    assert_int_equal(look_at(""), 0);
    assert_true(seen.has_store && !seen.is_strange);
    assert_int_equal(seen.version, seen.newest);
    assert_int_equal(seen.holder, 0);
}

static void test_the_file_of_another_program_is_strange(void **state) {
    (void)state;
    char other[200] = "SQLite format 3";
    other[68] = 1; /* application_id */
    put_file("store.sqlite", other, sizeof(other));
    assert_int_equal(look_at(""), 0);
    assert_true(seen.has_store && seen.is_strange);
    put_file("store.sqlite", "", 0);
    assert_int_equal(look_at(""), 0);
    assert_true(seen.has_store && !seen.is_strange);
    assert_int_equal(seen.version, 0);
}

/* Never returns: holds the lock until it is killed. */
static void hold_lock(const char *path, int ready) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    char word = fcntl(fd, F_SETLK, &lock) ? 'n' : 'y';
    if (write(ready, &word, 1) == 1)
        pause();
    _exit(1);
}

static void test_who_has_it_open_is_named(void **state) {
    (void)state;
    char path[128], word = 'n';
    int ends[2];
    snprintf(path, sizeof(path), "%s/lock", bench.directory);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        hold_lock(path, ends[1]);
    assert_int_equal(read(ends[0], &word, 1), 1);
    int r = look_at("");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(word, 'y');
    assert_int_equal(r, 0);
    assert_int_equal(seen.holder, child);
    assert_int_equal(look_at(""), 0);
    assert_int_equal(seen.holder, 0);
}

static void test_without_memory_it_says_so(void **state) {
    (void)state;
    bool has_succeeded = false;
    for (size_t n = 1; !has_succeeded; n++) {
        fail_alloc_at(n);
        int r = look_at("");
        has_succeeded = fail_alloc_count() < n;
        fail_alloc_off();
        assert_int_equal(r, has_succeeded ? 0 : -ENOMEM);
        assert_true(n < 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_directory_can_be_served_from, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_one_that_is_not_there_can_be_made_if_its_parent_is,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_files_of_others_are_told_from_a_store, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_directory_of_other_files_is_refused_and_stays_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_parent_that_is_not_there_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_is_no_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_store_tells_its_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_file_of_another_program_is_strange, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_who_has_it_open_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_memory_it_says_so, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
