/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wakeup.h"

#include <sys/resource.h>

#include "unit.h"

/* That none is lost between threads is shown by test_store.c. */
struct sleeper {
    uv_loop_t loop;
    struct wakeup wakeup;
    int n_woken;
};

static void count(struct wakeup *wakeup) {
    CONTAINER_OF(wakeup, struct sleeper, wakeup)->n_woken++;
}

static void sleeper_init(struct sleeper *sleeper) {
    sleeper->n_woken = 0;
    assert_int_equal(uv_loop_init(&sleeper->loop), 0);
    assert_int_equal(wakeup_init(&sleeper->wakeup, &sleeper->loop, count), 0);
}

static void sleeper_fini(struct sleeper *sleeper) {
    wakeup_close(&sleeper->wakeup);
    uv_run(&sleeper->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&sleeper->loop), 0);
}

static void test_however_often_sent_it_calls_once(void **state) {
    (void)state;
    struct sleeper sleeper;
    sleeper_init(&sleeper);
    for (int i = 1; i <= 2; i++) {
        wakeup_send(&sleeper.wakeup);
        wakeup_send(&sleeper.wakeup);
        uv_run(&sleeper.loop, UV_RUN_ONCE);
        uv_run(&sleeper.loop, UV_RUN_NOWAIT);
        assert_int_equal(sleeper.n_woken, i);
    }
    sleeper_fini(&sleeper);
}

static void test_who_has_promised_to_look_is_not_woken(void **state) {
    (void)state;
    struct sleeper sleeper;
    sleeper_init(&sleeper);
    wakeup_promise_look(&sleeper.wakeup);
    wakeup_send(&sleeper.wakeup);
    wakeup_look(&sleeper.wakeup);
    uv_run(&sleeper.loop, UV_RUN_NOWAIT);
    assert_int_equal(sleeper.n_woken, 0);
    wakeup_send(&sleeper.wakeup);
    uv_run(&sleeper.loop, UV_RUN_ONCE);
    assert_int_equal(sleeper.n_woken, 1);
    sleeper_fini(&sleeper);
}

static void test_without_a_descriptor_there_is_none(void **state) {
    (void)state;
    struct sleeper sleeper;
    struct rlimit limit, none;
    assert_int_equal(uv_loop_init(&sleeper.loop), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = wakeup_init(&sleeper.wakeup, &sleeper.loop, count);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(r, -EMFILE);
    assert_int_equal(uv_loop_close(&sleeper.loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_however_often_sent_it_calls_once),
        cmocka_unit_test(test_who_has_promised_to_look_is_not_woken),
        cmocka_unit_test(test_without_a_descriptor_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
