/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics against the textbook's two passes in quadruple precision, over data that ruins a
 * careless formula, added one by one or merged from random parts in random order.
 */
#include "store/stats.h"

#include <float.h>
#include <math.h>

#include "base/random.h"
#include "unit.h"

#ifdef __SIZEOF_FLOAT128__
typedef __float128 quad;
#else
typedef long double quad;
#endif

enum {
    N_MAX = 4000,
    N_SEEDS = 20,
    N_PARTS = 12,
};

struct sample {
    double values[N_MAX];
    size_t n;
};

static struct stats_instant at(int64_t seconds) {
    return (struct stats_instant){seconds, 0};
}

static quad exact_mean(const struct sample *sample) {
    quad sum = 0;
    for (size_t i = 0; i < sample->n; i++)
        sum += sample->values[i];
    return sum / sample->n;
}

static quad exact_variance(const struct sample *sample) {
    quad mean = exact_mean(sample), sum = 0;
    for (size_t i = 0; i < sample->n; i++)
        sum += (sample->values[i] - mean) * (sample->values[i] - mean);
    return sum / sample->n;
}

static quad magnitude(quad x) {
    return x < 0 ? -x : x;
}

/* The mean to the last bit or so of what its distance from the readings allows, the deviation to
 * four units in the last place. */
static void assert_exact(const struct stats *stats, const struct sample *sample) {
    assert_int_equal(stats->count, sample->n);
    quad mean = exact_mean(sample), spread = (quad)stats->maximum - stats->minimum;
    quad mean_error = magnitude(stats_mean(stats) - mean);
    assert_true(mean_error <= DBL_EPSILON * magnitude(mean) + 0x1p-80 * spread + 0x1p-1074);

    quad variance = exact_variance(sample), deviation = stats_deviation(stats);
    quad smallest = 0x1p-1074;
    quad low = deviation * (1 - 4 * DBL_EPSILON) - smallest;
    quad high = deviation * (1 + 4 * DBL_EPSILON) + smallest;
    assert_true((low <= 0 || low * low <= variance) && variance <= high * high);
}

static void add_all(struct stats *stats, const double *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        stats_add(stats, at(1), values[i]);
}

/* Parts of random sizes, merged by picking two until one is left. */
static void merge_randomly(struct stats *result, const struct sample *sample,
                           struct random *random) {
    struct stats parts[N_PARTS];
    size_t from = 0;
    for (size_t i = 0; i < N_PARTS; i++) {
        size_t left = sample->n - from;
        size_t n = i + 1 == N_PARTS ? left : random_below(random, left / 2 + 1);
        stats_init(&parts[i]);
        add_all(&parts[i], sample->values + from, n);
        from += n;
    }
    for (size_t n_left = N_PARTS; n_left > 1; n_left--) {
        size_t a = random_below(random, n_left), b = random_below(random, n_left - 1);
        if (b >= a)
            b++;
        stats_merge(&parts[a], &parts[b]);
        parts[b] = parts[n_left - 1];
        if (a == n_left - 1)
            a = b;
    }
    *result = parts[0];
}

typedef double (*draw_fn)(struct random *random, size_t i);

static void check_draws(draw_fn draw) {
    for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
        struct random random;
        random_init(&random, seed);
        static struct sample sample;
        sample.n = 1 + random_below(&random, seed % 2 ? N_MAX : 8);
        for (size_t i = 0; i < sample.n; i++)
            sample.values[i] = draw(&random, i);
        struct stats stats;
        stats_init(&stats);
        add_all(&stats, sample.values, sample.n);
        assert_exact(&stats, &sample);
        merge_randomly(&stats, &sample, &random);
        assert_exact(&stats, &sample);
    }
}

static double draw_room(struct random *random, size_t i) {
    (void)i;
    return round(100 * (20 + 5 * random_gauss(random))) / 100;
}

static double draw_around_1e15(struct random *random, size_t i) {
    (void)i;
    return 1e15 + 0.1 * random_gauss(random);
}

static double draw_outlier_then_1e15(struct random *random, size_t i) {
    return i == 0 ? -3.5 : draw_around_1e15(random, i);
}

static double draw_huge_and_opposite(struct random *random, size_t i) {
    (void)i;
    return (random_below(random, 2) ? 1e300 : -1e300) * random_unit(random);
}

static double draw_largest_and_opposite(struct random *random, size_t i) {
    (void)i;
    return random_below(random, 2) ? DBL_MAX : -DBL_MAX;
}

static double draw_tiny(struct random *random, size_t i) {
    (void)i;
    return 1e-300 * random_gauss(random);
}

static double draw_subnormal(struct random *random, size_t i) {
    (void)i;
    return 0x1p-1074 * (double)random_below(random, 1000);
}

static double draw_tiny_normal_huge_in_turn(struct random *random, size_t i) {
    static const double sizes[] = {1e-300, 1, 1e300, 1e-160, 1e160};
    return sizes[i % 5] * random_gauss(random);
}

static double draw_any_exponent(struct random *random, size_t i) {
    (void)i;
    return ldexp(random_unit(random) - 0.5, (int)random_below(random, 2000) - 1000);
}

static double draw_constant(struct random *random, size_t i) {
    (void)random;
    (void)i;
    return 0.1;
}

static double draw_growing(struct random *random, size_t i) {
    return (double)i * (double)i + random_unit(random);
}

static void test_ordinary_temperatures_are_exact(void **state) {
    (void)state;
    check_draws(draw_room);
    check_draws(draw_constant);
    check_draws(draw_growing);
}

static void test_an_offset_of_1e15_costs_no_digits(void **state) {
    (void)state;
    check_draws(draw_around_1e15);
    check_draws(draw_outlier_then_1e15);
}

static void test_huge_values_do_not_overflow(void **state) {
    (void)state;
    check_draws(draw_huge_and_opposite);
    check_draws(draw_largest_and_opposite);
}

static void test_tiny_values_do_not_underflow(void **state) {
    (void)state;
    check_draws(draw_tiny);
    check_draws(draw_subnormal);
}

static void test_magnitudes_may_be_mixed(void **state) {
    (void)state;
    check_draws(draw_tiny_normal_huge_in_turn);
    check_draws(draw_any_exponent);
}

static void test_the_largest_doubles_give_themselves_as_deviation(void **state) {
    (void)state;
    struct stats stats;
    stats_init(&stats);
    stats_add(&stats, at(1), DBL_MAX);
    stats_add(&stats, at(2), -DBL_MAX);
    assert_true(stats_mean(&stats) == 0);
    assert_true(stats_deviation(&stats) == DBL_MAX);
}

static void test_one_reading_has_no_deviation(void **state) {
    (void)state;
    struct stats stats;
    stats_init(&stats);
    stats_add(&stats, at(7), 36.6);
    assert_int_equal(stats.count, 1);
    assert_true(stats_mean(&stats) == 36.6);
    assert_true(stats_deviation(&stats) == 0);
    assert_true(stats.minimum == 36.6 && stats.maximum == 36.6 && stats.latest == 36.6);
    assert_int_equal(stats.first.seconds, 7);
    assert_int_equal(stats.last.seconds, 7);
}

static void test_first_last_and_latest_go_by_event_time(void **state) {
    (void)state;
    struct stats stats;
    stats_init(&stats);
    stats_add(&stats, (struct stats_instant){10, 5}, 1);
    stats_add(&stats, (struct stats_instant){10, 7}, 2);
    stats_add(&stats, (struct stats_instant){10, 6}, 3);
    stats_add(&stats, (struct stats_instant){9, 999999999}, 4);
    assert_int_equal(stats.first.seconds, 9);
    assert_int_equal(stats.last.nanos, 7);
    assert_true(stats.latest == 2);
    stats_add(&stats, (struct stats_instant){10, 7}, 5);
    assert_true(stats.latest == 5);
}

static void test_merge_goes_by_event_time_too(void **state) {
    (void)state;
    struct stats a, b, empty;
    stats_init(&a);
    stats_init(&b);
    stats_init(&empty);
    stats_add(&a, at(5), 1);
    stats_add(&a, at(8), 2);
    stats_add(&b, at(3), -7);
    stats_add(&b, at(8), 4);
    stats_merge(&a, &empty);
    assert_int_equal(a.count, 2);
    stats_merge(&a, &b);
    assert_int_equal(a.count, 4);
    assert_int_equal(a.first.seconds, 3);
    assert_int_equal(a.last.seconds, 8);
    assert_true(a.latest == 4);
    assert_true(a.minimum == -7 && a.maximum == 4);
    stats_merge(&empty, &a);
    assert_int_equal(empty.count, 4);
    assert_true(empty.latest == 4);
}

static void test_instants_compare_by_seconds_then_nanos(void **state) {
    (void)state;
    struct stats_instant a = {1, 999999999}, b = {2, 0}, c = {2, 1};
    assert_true(stats_instant_compare(a, b) < 0);
    assert_true(stats_instant_compare(c, b) > 0);
    assert_true(stats_instant_compare(c, c) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary_temperatures_are_exact),
        cmocka_unit_test(test_an_offset_of_1e15_costs_no_digits),
        cmocka_unit_test(test_huge_values_do_not_overflow),
        cmocka_unit_test(test_tiny_values_do_not_underflow),
        cmocka_unit_test(test_magnitudes_may_be_mixed),
        cmocka_unit_test(test_the_largest_doubles_give_themselves_as_deviation),
        cmocka_unit_test(test_one_reading_has_no_deviation),
        cmocka_unit_test(test_first_last_and_latest_go_by_event_time),
        cmocka_unit_test(test_merge_goes_by_event_time_too),
        cmocka_unit_test(test_instants_compare_by_seconds_then_nanos),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
