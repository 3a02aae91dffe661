/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signals.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit.h"

static const int watched[] = {SIGTERM, SIGHUP, 0};

struct watch {
    uv_loop_t loop;
    struct signals signals;
    int came[8];
    size_t n_came;
    size_t n_wanted; /* closes after so many */
};

static void on_came(void *user, int number) {
    struct watch *watch = user;
    assert_true(watch->n_came < ARRAY_LEN(watch->came));
    watch->came[watch->n_came++] = number;
    if (watch->n_came == watch->n_wanted)
        signals_close(&watch->signals);
}

static void open_watch(struct watch *watch, size_t n_wanted) {
    *watch = (struct watch){.n_wanted = n_wanted};
    assert_int_equal(uv_loop_init(&watch->loop), 0);
    assert_int_equal(signals_watch(&watch->signals, &watch->loop, watched, on_came, watch), 0);
}

static void run_and_close(struct watch *watch) {
    uv_run(&watch->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&watch->loop), 0);
}

static void test_a_signal_before_the_first_turn_is_not_lost(void **state) {
    struct watch watch;
    (void)state;
    open_watch(&watch, 1);
    kill(getpid(), SIGTERM);
    run_and_close(&watch);
    assert_int_equal(watch.n_came, 1);
    assert_int_equal(watch.came[0], SIGTERM);
}

static void test_each_kind_comes(void **state) {
    struct watch watch;
    (void)state;
    open_watch(&watch, 2);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGHUP);
    run_and_close(&watch);
    assert_int_equal(watch.came[0] + watch.came[1], SIGTERM + SIGHUP);
}

/* Two are pending when the first closes the watch. (To ignore a signal takes away what is pending
 * of it, so they come after that; the one that is left ends nothing then.) */
static void test_after_the_close_none_comes(void **state) {
    struct watch watch;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before[2];
    (void)state;
    open_watch(&watch, 1);
    sigaction(SIGHUP, &ignore, &before[0]);
    sigaction(SIGTERM, &ignore, &before[1]);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
    run_and_close(&watch);
    assert_int_equal(watch.n_came, 1);
    sigaction(SIGHUP, &before[0], NULL);
    sigaction(SIGTERM, &before[1], NULL);
}

static void test_the_mask_is_put_back(void **state) {
    struct watch watch;
    sigset_t mask;
    (void)state;
    open_watch(&watch, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_true(sigismember(&mask, SIGTERM));
    kill(getpid(), SIGTERM);
    run_and_close(&watch);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

static void test_no_descriptor_left_is_an_error(void **state) {
    struct rlimit before, none;
    struct signals signals;
    uv_loop_t loop;
    sigset_t mask;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    assert_int_equal(signals_watch(&signals, &loop, watched, on_came, NULL), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &before);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_before_the_first_turn_is_not_lost),
        cmocka_unit_test(test_each_kind_comes),
        cmocka_unit_test(test_after_the_close_none_comes),
        cmocka_unit_test(test_the_mask_is_put_back),
        cmocka_unit_test(test_no_descriptor_left_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
