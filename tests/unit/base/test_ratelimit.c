/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ratelimit.h"

#include "base/clock.h"
#include "unit.h"

static uint64_t take_all(struct ratelimit *limit, uint64_t now_ns) {
    uint64_t n = 0;
    while (ratelimit_take(limit, 1, now_ns) == 0)
        n++;
    return n;
}

static void test_starts_full_and_refuses_when_empty(void **state) {
    (void)state;
    struct ratelimit limit;
    ratelimit_init(&limit, 5, 1, 1000);
    assert_int_equal(take_all(&limit, 1000), 5);
    assert_int_equal(ratelimit_take(&limit, 1, 1000), RATELIMIT_E_EMPTY);
    assert_int_equal(ratelimit_take(&limit, 0, 1000), 0);
}

static void test_a_refused_take_takes_nothing(void **state) {
    (void)state;
    struct ratelimit limit;
    ratelimit_init(&limit, 5, 1, 0);
    assert_int_equal(ratelimit_take(&limit, 6, 0), RATELIMIT_E_EMPTY);
    assert_int_equal(ratelimit_take(&limit, 5, 0), 0);
}

static void test_a_token_comes_back_when_its_time_is_full(void **state) {
    (void)state;
    struct ratelimit limit;
    ratelimit_init(&limit, 5, 2, 0);
    take_all(&limit, 0);
    assert_int_equal(ratelimit_take(&limit, 1, NS_PER_S / 2 - 1), RATELIMIT_E_EMPTY);
    assert_int_equal(ratelimit_take(&limit, 1, NS_PER_S / 2), 0);
    assert_int_equal(ratelimit_take(&limit, 1, NS_PER_S / 2), RATELIMIT_E_EMPTY);
}

static void test_never_holds_more_than_the_burst(void **state) {
    (void)state;
    struct ratelimit limit;
    ratelimit_init(&limit, 5, 1000, 0);
    take_all(&limit, 0);
    assert_int_equal(take_all(&limit, 3600 * NS_PER_S), 5);
}

/* Asked again and again, the begun part of a token is never lost, nor is any given away. */
static void test_an_odd_rate_is_kept_over_an_hour(void **state) {
    (void)state;
    static const uint64_t rates[] = {1, 3, 7, 33, 330, 999, 123457};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct ratelimit limit;
        uint64_t taken = 0;
        ratelimit_init(&limit, 1000000, rates[i], 0);
        assert_int_equal(ratelimit_take(&limit, 1000000, 0), 0);
        for (uint64_t now = 0; now <= 3600 * NS_PER_S; now += 99999989)
            while (ratelimit_take(&limit, 1 + rates[i] / 100, now) == 0)
                taken += 1 + rates[i] / 100;
        taken += limit.tokens;
        assert_in_range(taken, 3600 * rates[i] - rates[i] / 5 - 1, 3600 * rates[i]);
    }
}

static void test_a_rate_above_one_token_a_nanosecond_is_exact(void **state) {
    (void)state;
    struct ratelimit limit;
    ratelimit_init(&limit, UINT64_C(1) << 40, 3000000000, 0);
    assert_int_equal(ratelimit_take(&limit, UINT64_C(1) << 40, 0), 0);
    assert_int_equal(ratelimit_take(&limit, 300, 100), 0);
    assert_int_equal(ratelimit_take(&limit, 1, 100), RATELIMIT_E_EMPTY);
}

static void test_a_century_of_rest_overflows_nothing(void **state) {
    (void)state;
    struct ratelimit limit;
    ratelimit_init(&limit, 10, UINT64_MAX, 0);
    take_all(&limit, 0);
    assert_int_equal(take_all(&limit, UINT64_C(3155760000) * NS_PER_S), 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_full_and_refuses_when_empty),
        cmocka_unit_test(test_a_refused_take_takes_nothing),
        cmocka_unit_test(test_a_token_comes_back_when_its_time_is_full),
        cmocka_unit_test(test_never_holds_more_than_the_burst),
        cmocka_unit_test(test_an_odd_rate_is_kept_over_an_hour),
        cmocka_unit_test(test_a_rate_above_one_token_a_nanosecond_is_exact),
        cmocka_unit_test(test_a_century_of_rest_overflows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
