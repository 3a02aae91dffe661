/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process_usage.h"

#include <unistd.h>

#include "base/clock.h"
#include "unit.h"

static void test_what_this_process_uses_grows(void **state) {
    (void)state;
    struct process_usage before, after;
    assert_int_equal(process_usage_read(getpid(), &before), 0);
    assert_true(before.peak_rss_bytes > 100000);
    /* Until the account has moved: ticks are 10 ms where there is nothing finer. */
    do {
        assert_int_equal(process_usage_read(getpid(), &after), 0);
    } while (after.cpu_ns < before.cpu_ns + 20 * NS_PER_MS);
    assert_true(after.cpu_ns < before.cpu_ns + 10 * NS_PER_S);
}

static void test_a_process_that_is_not_there_is_an_error(void **state) {
    (void)state;
    struct process_usage usage;
    assert_true(process_usage_read(1 << 22, &usage) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_this_process_uses_grows),
        cmocka_unit_test(test_a_process_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
