/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>
#include <unistd.h>

#include "unit.h"

struct seen {
    sigset_t mask;
};

static void *look(void *arg) {
    struct seen *seen = arg;
    pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    return seen;
}

static struct seen start_and_look(void) {
    struct seen seen = {0};
    pthread_t thread;
    void *result;
    assert_int_equal(thread_start(&thread, "looker", look, &seen), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &seen);
    return seen;
}

static void test_a_thread_gets_no_signals_but_its_own_faults(void **state) {
    (void)state;
    struct seen seen = start_and_look();
    const int masked[] = {SIGTERM, SIGINT, SIGHUP, SIGXFSZ, SIGPIPE, SIGCHLD};
    for (size_t i = 0; i < ARRAY_LEN(masked); i++)
        assert_true(sigismember(&seen.mask, masked[i]));
    assert_false(sigismember(&seen.mask, SIGSEGV));
    assert_false(sigismember(&seen.mask, SIGABRT));
}

static void test_the_starter_keeps_its_own_mask(void **state) {
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    start_and_look();
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
}

static volatile sig_atomic_t was_handled_by_starter;
static pthread_t starter;

static void on_signal(int number) {
    (void)number;
    was_handled_by_starter = pthread_equal(pthread_self(), starter);
}

static void *raise_for_the_process(void *arg) {
    kill(getpid(), SIGHUP);
    return arg;
}

static void test_a_signal_to_the_process_goes_to_the_starter(void **state) {
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, before;
    pthread_t thread;
    starter = pthread_self();
    was_handled_by_starter = 0;
    sigaction(SIGHUP, &action, &before);
    assert_int_equal(thread_start(&thread, "raiser", raise_for_the_process, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    sigaction(SIGHUP, &before, NULL);
    assert_true(was_handled_by_starter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thread_gets_no_signals_but_its_own_faults),
        cmocka_unit_test(test_the_starter_keeps_its_own_mask),
        cmocka_unit_test(test_a_signal_to_the_process_goes_to_the_starter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
