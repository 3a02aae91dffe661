/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include <string.h>

#include "unit.h"

static struct histogram histogram, other;

static int start_empty(void **state) {
    (void)state;
    memset(&histogram, 0, sizeof(histogram));
    memset(&other, 0, sizeof(other));
    return 0;
}

static void test_small_values_are_exact(void **state) {
    (void)state;
    for (uint64_t value = 0; value < 2048; value++)
        histogram_record(&histogram, value);
    assert_int_equal(histogram_quantile(&histogram, 0.5), 1023);
    assert_int_equal(histogram_quantile(&histogram, 1.0 / 2048), 0);
    assert_int_equal(histogram_quantile(&histogram, 1), 2047);
}

static void test_any_value_comes_back_with_three_digits(void **state) {
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << HISTOGRAM_MAX_POWER;
         value = value * 5 / 3 + 1) {
        start_empty(NULL);
        histogram_record(&histogram, value);
        histogram_record(&histogram, UINT64_C(1) << HISTOGRAM_MAX_POWER); /* max is no help */
        uint64_t got = histogram_quantile(&histogram, 0.5);
        assert_true(got >= value);
        assert_true(got - value <= value / 1000);
    }
}

static void test_quantiles_of_many(void **state) {
    (void)state;
    for (uint64_t value = 1; value <= 100000; value++)
        histogram_record(&histogram, value * 1000);
    assert_in_range(histogram_quantile(&histogram, 0.5), 50000000, 50050000);
    assert_in_range(histogram_quantile(&histogram, 0.99), 99000000, 99099000);
    assert_in_range(histogram_quantile(&histogram, 0.999), 99900000, 99999900);
    assert_int_equal(histogram_quantile(&histogram, 1), 100000000);
    assert_int_equal(histogram.max, 100000000);
}

static void test_the_longest_are_counted_and_their_maximum_is_exact(void **state) {
    (void)state;
    histogram_record(&histogram, UINT64_MAX);
    assert_int_equal(histogram.n, 1);
    assert_true(histogram.max == UINT64_MAX);
    assert_true(histogram_quantile(&histogram, 1) >= (UINT64_C(1) << HISTOGRAM_MAX_POWER) - 1);
}

static void test_an_empty_one_has_no_quantiles(void **state) {
    (void)state;
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
}

static void test_adding_is_as_if_one_had_recorded_all(void **state) {
    (void)state;
    for (uint64_t value = 1; value <= 1000; value++)
        histogram_record(value % 2 ? &histogram : &other, value);
    histogram_add(&histogram, &other);
    assert_int_equal(histogram.n, 1000);
    assert_int_equal(histogram.max, 1000);
    assert_int_equal(histogram_quantile(&histogram, 0.5), 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_small_values_are_exact, start_empty),
        cmocka_unit_test(test_any_value_comes_back_with_three_digits),
        cmocka_unit_test_setup(test_quantiles_of_many, start_empty),
        cmocka_unit_test_setup(test_the_longest_are_counted_and_their_maximum_is_exact,
                               start_empty),
        cmocka_unit_test_setup(test_an_empty_one_has_no_quantiles, start_empty),
        cmocka_unit_test_setup(test_adding_is_as_if_one_had_recorded_all, start_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
