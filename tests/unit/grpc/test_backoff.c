/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/backoff.h"

#include "base/clock.h"
#include "unit.h"

static void test_waits_grow_by_the_multiplier(void **state) {
    (void)state;
    assert_int_equal(grpc_backoff_ns(1, 0.5), 1000 * NS_PER_MS);
    assert_int_equal(grpc_backoff_ns(2, 0.5), 1600 * NS_PER_MS);
    assert_int_equal(grpc_backoff_ns(3, 0.5) / NS_PER_MS, 2560);
}

static void test_waits_end_at_the_maximum(void **state) {
    (void)state;
    assert_int_equal(grpc_backoff_ns(12, 0.5), 120 * NS_PER_S);
    assert_int_equal(grpc_backoff_ns(4000000000u, 0.5), 120 * NS_PER_S);
}

static void test_jitter_is_a_fifth_either_way(void **state) {
    (void)state;
    assert_int_equal(grpc_backoff_ns(1, 0.0), 800 * NS_PER_MS);
    uint64_t most = grpc_backoff_ns(1, 0.999999);
    assert_true(most > 1199 * NS_PER_MS && most < 1200 * NS_PER_MS);
}

/* gRPC's own check of a client: 540 s against a port that closes at once are about 13 tries. */
static void test_nine_minutes_are_about_thirteen_attempts(void **state) {
    (void)state;
    uint64_t passed_ns = 0;
    unsigned n = 0;
    while (passed_ns < 540 * NS_PER_S)
        passed_ns += grpc_backoff_ns(++n, 0.5);
    assert_in_range(n, 11, 14);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_grow_by_the_multiplier),
        cmocka_unit_test(test_waits_end_at_the_maximum),
        cmocka_unit_test(test_jitter_is_a_fifth_either_way),
        cmocka_unit_test(test_nine_minutes_are_about_thirteen_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
