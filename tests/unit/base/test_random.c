/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <math.h>
#include <string.h>

#include "unit.h"

/* From an implementation of the two papers in Python, with which this has nothing in common. */
static void test_the_same_seed_gives_these_numbers_for_ever(void **state) {
    (void)state;
    static const struct {
        uint64_t seed, numbers[5];
    } cases[] = {
        {0,
         {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c,
          0xbba5ad4a1f842e59}},
        {1,
         {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514, 0x642e1c7bc266a3a7,
          0xb27a48e29a233673}},
        {42,
         {0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1, 0xecb8ad4703b360a1,
          0xfde6dc7fe2ec5e64}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct random random;
        random_init(&random, cases[i].seed);
        for (int k = 0; k < 5; k++)
            assert_int_equal(random_u64(&random), cases[i].numbers[k]);
    }
}

static void test_derived_values_are_fixed_too(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 42);
    assert_true(random_unit(&random) == 0x1.5780b2e0c2ec0p-4);
    assert_true(random_unit(&random) == 0x1.84136619b444ep-2);
    random_init(&random, 42);
    assert_true(fabs(random_gauss(&random) - -0x1.368a97c38507cp-2) < 1e-14);
}

static void test_unit_stays_below_one_and_spreads(void **state) {
    (void)state;
    struct random random;
    double sum = 0;
    random_init(&random, 3);
    for (int i = 0; i < 100000; i++) {
        double x = random_unit(&random);
        assert_true(x >= 0 && x < 1);
        sum += x;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.005);
}

static void test_below_reaches_every_value_equally_and_none_else(void **state) {
    (void)state;
    struct random random;
    size_t seen[6] = {0};
    random_init(&random, 4);
    for (int i = 0; i < 60000; i++) {
        uint64_t x = random_below(&random, 6);
        assert_true(x < 6);
        seen[x]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_int_equal(random_below(&random, 1), 0);
}

/* With a bound of 3/4 of all numbers, taking the remainder would make the first third likelier. */
static void test_below_has_no_bias_for_a_huge_bound(void **state) {
    (void)state;
    struct random random;
    uint64_t bound = UINT64_C(3) << 62;
    size_t n_low = 0;
    random_init(&random, 5);
    for (int i = 0; i < 30000; i++)
        n_low += random_below(&random, bound) < bound / 3;
    assert_in_range(n_low, 9600, 10400);
}

static void test_gauss_has_mean_zero_and_deviation_one(void **state) {
    (void)state;
    struct random random;
    double sum = 0, squares = 0;
    random_init(&random, 6);
    for (int i = 0; i < 100000; i++) {
        double x = random_gauss(&random);
        assert_true(isfinite(x));
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / 100000) < 0.02);
    assert_true(fabs(squares / 100000 - 1) < 0.02);
}

static void test_bytes_from_the_kernel_differ(void **state) {
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0}, zero[32] = {0};
    assert_int_equal(random_bytes(a, sizeof(a)), 0);
    assert_int_equal(random_bytes(b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, zero, sizeof(a));
    assert_int_equal(random_bytes(a, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_seed_gives_these_numbers_for_ever),
        cmocka_unit_test(test_derived_values_are_fixed_too),
        cmocka_unit_test(test_unit_stays_below_one_and_spreads),
        cmocka_unit_test(test_below_reaches_every_value_equally_and_none_else),
        cmocka_unit_test(test_below_has_no_bias_for_a_huge_bound),
        cmocka_unit_test(test_gauss_has_mean_zero_and_deviation_one),
        cmocka_unit_test(test_bytes_from_the_kernel_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
