/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

struct watched {
    char path[64];
    uv_loop_t loop;
    struct file_watch watch;
    int n_changes;
};

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void on_changed(void *user) {
    ((struct watched *)user)->n_changes++;
}

static void start(struct watched *watched) {
    file_watch_start(&watched->watch, &watched->loop, 1, on_changed, watched);
}

/* Some looks, of which none finds a change; or until one does. */
static void let_look(struct watched *watched, int n_changes) {
    for (int i = 0; watched->n_changes < n_changes || i < 5; i++)
        uv_run(&watched->loop, UV_RUN_ONCE);
    assert_int_equal(watched->n_changes, n_changes);
}

static int setup(void **state) {
    static struct watched watched;
    memset(&watched, 0, sizeof(watched));
    snprintf(watched.path, sizeof(watched.path), "/tmp/file-watch-XXXXXX");
    int fd = mkstemp(watched.path);
    assert_true(fd >= 0);
    close(fd);
    put(watched.path, "a");
    assert_int_equal(uv_loop_init(&watched.loop), 0);
    file_watch_look(&watched.watch, watched.path);
    *state = &watched;
    return 0;
}

static int teardown(void **state) {
    struct watched *watched = *state;
    file_watch_close(&watched->watch);
    uv_run(&watched->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&watched->loop), 0);
    unlink(watched->path);
    return 0;
}

static void test_a_file_that_stays_is_not_told(void **state) {
    start(*state);
    let_look(*state, 0);
}

static void test_a_change_is_told_once(void **state) {
    struct watched *watched = *state;
    start(watched);
    let_look(watched, 0);
    put(watched->path, "bb");
    let_look(watched, 1);
}

static void test_a_change_between_the_first_look_and_the_start_is_told(void **state) {
    struct watched *watched = *state;
    put(watched->path, "bb");
    start(watched);
    let_look(watched, 1);
}

static void test_a_file_that_goes_and_comes_has_changed_twice(void **state) {
    struct watched *watched = *state;
    start(watched);
    unlink(watched->path);
    let_look(watched, 1);
    put(watched->path, "a");
    let_look(watched, 2);
}

/* Both were written before the first look, and are of the same length. */
static void test_a_file_that_is_moved_into_its_place_has_changed(void **state) {
    struct watched *watched = *state;
    char other[sizeof(watched->path) + 4];
    snprintf(other, sizeof(other), "%s-new", watched->path);
    put(other, "b");
    file_watch_look(&watched->watch, watched->path);
    start(watched);
    assert_int_equal(rename(other, watched->path), 0);
    let_look(watched, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_a_file_that_stays_is_not_told),
        CASE(test_a_change_is_told_once),
        CASE(test_a_change_between_the_first_look_and_the_start_is_told),
        CASE(test_a_file_that_is_moved_into_its_place_has_changed),
        CASE(test_a_file_that_goes_and_comes_has_changed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
