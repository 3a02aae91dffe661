/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/tally.h"

#include "unit.h"

static const double bounds[] = {0, 10};

static void test_the_later_setting_of_a_gauge_stays(void **state) {
    const struct tally_shape shape = {.kind = OTEL_GAUGE, .is_integer = true};
    uint64_t into[2], from[2];
    (void)state;
    tally_clear(&shape, into);
    tally_clear(&shape, from);
    tally_measure(&shape, from, (struct measurement){.integer = 1, .time_ns = 10});
    tally_merge(&shape, into, from);
    assert_int_equal(into[TALLY_GAUGE_VALUE], 1);
    tally_measure(&shape, from, (struct measurement){.integer = 2, .time_ns = 9});
    tally_merge(&shape, into, from);
    assert_int_equal(into[TALLY_GAUGE_VALUE], 1);
    tally_measure(&shape, from, (struct measurement){.integer = 3, .time_ns = 11});
    tally_merge(&shape, into, from);
    assert_int_equal(into[TALLY_GAUGE_VALUE], 3);
}

static void test_histograms_are_added_up(void **state) {
    struct tally_shape shape = {.kind = OTEL_HISTOGRAM, .bounds = bounds, .n_bounds = 2};
    uint64_t into[TALLY_COUNTS + 3], from[TALLY_COUNTS + 3];
    (void)state;
    bucket_index_init(&shape.index, bounds, 2);
    assert_int_equal(tally_n_words(&shape), TALLY_COUNTS + 3);
    tally_clear(&shape, into);
    tally_clear(&shape, from);
    tally_merge(&shape, into, from);
    assert_int_equal(tally_count(&shape, into), 0);
    assert_int_equal(tally_measure(&shape, into, (struct measurement){.number = 5}), 1);
    assert_int_equal(tally_measure(&shape, from, (struct measurement){.number = -1}), 0);
    assert_int_equal(tally_measure(&shape, from, (struct measurement){.number = 99}), 2);
    tally_merge(&shape, into, from);
    assert_int_equal(tally_count(&shape, into), 3);
    assert_true(number_of_word(into[TALLY_SUM]) == 103);
    assert_true(number_of_word(into[TALLY_MIN]) == -1);
    assert_true(number_of_word(into[TALLY_MAX]) == 99);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(into[TALLY_COUNTS + i], 1);
}

static void test_counters_of_integers_wrap_and_those_of_numbers_do_not(void **state) {
    const struct tally_shape integers = {.kind = OTEL_COUNTER, .is_integer = true};
    const struct tally_shape numbers = {.kind = OTEL_COUNTER};
    uint64_t word = INT64_MAX, from = 1;
    (void)state;
    tally_merge(&integers, &word, &from);
    assert_true((int64_t)word == INT64_MIN);
    word = word_of_number(0.5);
    from = word_of_number(0.25);
    tally_merge(&numbers, &word, &from);
    assert_true(number_of_word(word) == 0.75);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_later_setting_of_a_gauge_stays),
        cmocka_unit_test(test_histograms_are_added_up),
        cmocka_unit_test(test_counters_of_integers_wrap_and_those_of_numbers_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
