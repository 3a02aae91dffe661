/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

#include "unit.h"

static void test_monotonic_clock_never_runs_backwards(void **state) {
    (void)state;
    uint64_t last = clock_monotonic_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_monotonic_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void test_wall_clock_counts_nanoseconds_since_1970(void **state) {
    (void)state;
    uint64_t before = (uint64_t)time(NULL);
    uint64_t now = clock_wall_ns();
    uint64_t after = (uint64_t)time(NULL);
    /* time() may lag behind by a tick of the kernel's coarse clock. */
    assert_in_range(now / NS_PER_S, before, after + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic_clock_never_runs_backwards),
        cmocka_unit_test(test_wall_clock_counts_nanoseconds_since_1970),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
