/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/bucket_index.h"

#include <float.h>
#include <math.h>

#include "base/err.h"
#include "base/random.h"
#include "otel/limits.h"
#include "unit.h"

static size_t find_by_looking(const double *bounds, size_t n, double value) {
    size_t i = 0;
    while (i < n && value > bounds[i])
        i++;
    return i;
}

static void assert_found(const struct bucket_index *index, const double *bounds, size_t n,
                         double value) {
    assert_int_equal(bucket_index_find(index, value), find_by_looking(bounds, n, value));
}

/* Each bound itself, its neighbours, and what is far from all. */
static void assert_finds(const double *bounds, size_t n) {
    static const double anywhere[] = {0,        -0.0,     1,       -1,       DBL_MIN, -DBL_MIN,
                                      DBL_MAX,  -DBL_MAX, 5e-324,  -5e-324,  1e-9,    1e9,
                                      INFINITY, 3.999999, -1.0001, 0.015625, 1.5,     0x1p40};
    struct bucket_index index;
    bucket_index_init(&index, bounds, n);
    for (size_t i = 0; i < ARRAY_LEN(anywhere); i++)
        assert_found(&index, bounds, n, anywhere[i]);
    for (size_t i = 0; i < n; i++) {
        assert_found(&index, bounds, n, bounds[i]);
        assert_found(&index, bounds, n, nextafter(bounds[i], -INFINITY));
        assert_found(&index, bounds, n, nextafter(bounds[i], INFINITY));
    }
}

static void test_a_value_falls_into_the_first_bucket_that_is_not_below_it(void **state) {
    double bounds[OTEL_MAX_BOUNDS];
    (void)state;
    for (size_t i = 0; i < OTEL_MAX_BOUNDS; i++)
        bounds[i] = (double)i * 10;
    for (size_t n = 0; n <= OTEL_MAX_BOUNDS; n++)
        assert_finds(bounds, n);
}

static void test_bounds_may_be_negative(void **state) {
    const double all_negative[] = {-1e6, -20, -10.5, -0.001};
    const double around_zero[] = {-40, -20, -10, 0, 5, 10, 20, 40};
    const double not_zero[] = {-1, 1};
    const double zero[] = {0};
    (void)state;
    assert_finds(all_negative, ARRAY_LEN(all_negative));
    assert_finds(around_zero, ARRAY_LEN(around_zero));
    assert_finds(not_zero, ARRAY_LEN(not_zero));
    assert_finds(zero, ARRAY_LEN(zero));
}

static void test_bounds_may_be_as_far_apart_as_numbers_are(void **state) {
    const double bounds[] = {-DBL_MAX, 0, 5e-324, DBL_MIN, 1, 1.0000001, DBL_MAX};
    (void)state;
    assert_finds(bounds, ARRAY_LEN(bounds));
}

/* Zero has two words, and the least positive numbers begin as one of them does. */
static void test_zero_is_one_number_beside_the_least_ones(void **state) {
    const double from_below[] = {-0.0, 5e-324, 1e-323};
    const double from_above[] = {0.0, 5e-324, 1e-323};
    const double far_apart[] = {-0.0, 1e-300, 1e-299, DBL_MAX};
    (void)state;
    assert_finds(from_below, ARRAY_LEN(from_below));
    assert_finds(from_above, ARRAY_LEN(from_above));
    assert_finds(far_apart, ARRAY_LEN(far_apart));
}

static void test_bounds_may_all_begin_with_the_same_digits(void **state) {
    double bounds[OTEL_MAX_BOUNDS];
    (void)state;
    for (size_t i = 0; i < OTEL_MAX_BOUNDS; i++)
        bounds[i] = i ? nextafter(bounds[i - 1], INFINITY) : 1;
    assert_finds(bounds, OTEL_MAX_BOUNDS);
}

/* gRFC A66: what is measured for every call. */
static void test_bounds_that_grow_have_a_cell_each(void **state) {
    const double bounds[] = {0,     0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002,
                             0.003, 0.004,   0.005,   0.006,  0.008,  0.01,   0.013,  0.016, 0.02,
                             0.025, 0.03,    0.04,    0.05,   0.065,  0.08,   0.1,    0.13,  0.16,
                             0.2,   0.25,    0.3,     0.4,    0.5,    0.65,   0.8,    1,     2,
                             5,     10,      20,      50,     100};
    struct bucket_index index;
    (void)state;
    assert_finds(bounds, ARRAY_LEN(bounds));
    bucket_index_init(&index, bounds, ARRAY_LEN(bounds));
    assert_int_equal(index.window, 1);
}

static void test_random_bounds(void **state) {
    double bounds[OTEL_MAX_BOUNDS];
    struct random random;
    (void)state;
    random_init(&random, 1);
    for (int round = 0; round < 1000; round++) {
        size_t n = 1 + random_below(&random, 40);
        double at = random_gauss(&random) * 100, spread = exp(10 * random_gauss(&random));
        for (size_t i = 0; i < n; i++) {
            bounds[i] = at;
            at = nextafter(at + spread * random_unit(&random), INFINITY);
        }
        assert_finds(bounds, n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_falls_into_the_first_bucket_that_is_not_below_it),
        cmocka_unit_test(test_bounds_may_be_negative),
        cmocka_unit_test(test_bounds_may_be_as_far_apart_as_numbers_are),
        cmocka_unit_test(test_zero_is_one_number_beside_the_least_ones),
        cmocka_unit_test(test_bounds_may_all_begin_with_the_same_digits),
        cmocka_unit_test(test_bounds_that_grow_have_a_cell_each),
        cmocka_unit_test(test_random_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
