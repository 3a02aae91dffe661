/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A series against a model: an array that is kept in order by the plainest means. Readings come
 * late, at equal times, repeated and out of order; walks go both ways, in pages, with inserts in
 * between.
 */
#include "store/series.h"

#include <math.h>
#include <time.h>

#include "base/mem.h"
#include "base/random.h"
#include "unit.h"

enum {
    MODEL_MAX = 6000,
    N_SEEDS = 12,
};

struct model {
    struct store_item items[MODEL_MAX];
    size_t n;
};

static int item_order(const struct store_item *a, const struct store_item *b) {
    return stats_instant_compare((struct stats_instant){a->seconds, a->nanos},
                                 (struct stats_instant){b->seconds, b->nanos});
}

/* Insertion sort, one step; false for a repeat. */
static bool model_insert(struct model *model, const struct store_item *item) {
    size_t at = model->n;
    for (; at > 0 && item_order(&model->items[at - 1], item) >= 0; at--)
        if (item->sequence && item_order(&model->items[at - 1], item) == 0 &&
            model->items[at - 1].sequence == item->sequence)
            return false;
    while (at < model->n && item_order(&model->items[at], item) <= 0)
        at++;
    memmove(&model->items[at + 1], &model->items[at], (model->n - at) * sizeof(*item));
    model->items[at] = *item;
    model->n++;
    return true;
}

static struct series *series_make(struct budget *budget) {
    struct series *series;
    assert_int_equal(series_new(bytes_str("boiler"), budget, &series), 0);
    return series;
}

static void assert_same_reading(const struct reading *reading, const struct store_item *item) {
    assert_int_equal(reading->seconds, item->seconds);
    assert_int_equal(reading->nanos, item->nanos);
    assert_int_equal(reading->sequence, item->sequence);
    assert_true(reading->temperature == item->temperature);
    assert_true(bytes_equal_str(reading->sensor_id, "boiler"));
}

/* Walks what the query names and compares it with the model, which does not change meanwhile. */
static void check_walk(struct series *series, const struct model *model,
                       const struct store_query *query, size_t page) {
    struct reading *readings = mem_new_array(struct reading, page);
    struct series_walk walk;
    series_walk_init(&walk, series, query);
    size_t low = 0, high = model->n, given = 0;
    while (low < high && query->range.start_seconds &&
           model->items[low].seconds < query->range.start_seconds)
        low++;
    while (low < high && query->range.end_seconds &&
           model->items[high - 1].seconds >= query->range.end_seconds)
        high--;
    for (size_t n; (n = series_walk_next(&walk, series, readings, page)) > 0;) {
        assert_true(n <= page && given + n <= high - low);
        for (size_t i = 0; i < n; i++, given++)
            assert_same_reading(
                &readings[i], &model->items[query->newest_first ? high - 1 - given : low + given]);
    }
    assert_int_equal(given, high - low);
    mem_free(readings);
}

/* Times crowd around few seconds, so that there are groups of one, of some, and of very many. */
static struct store_item random_item(struct random *random, uint64_t range, uint64_t i) {
    bool is_moving_on = random_below(random, 2) != 0;
    struct store_item item = {
        .seconds = (int64_t)(1 + (is_moving_on ? i / 20 : random_below(random, range))),
        .nanos = random_below(random, 4) ? 0 : (int32_t)random_below(random, 3),
        .sequence = random_below(random, 3) ? random_below(random, range < 10 ? 500 : 20) : 0,
        .temperature = (double)i,
    };
    return item;
}

static void check_queries(struct series *series, const struct model *model, struct random *random,
                          uint64_t range) {
    for (int i = 0; i < 20; i++) {
        struct store_query query = {
            .range = {(int64_t)random_below(random, range + 2),
                      (int64_t)random_below(random, range + 2)},
            .newest_first = i % 2,
        };
        check_walk(series, model, &query, 1 + random_below(random, i < 10 ? 9 : 1000));
    }
    struct store_query all = {.newest_first = false}, back = {.newest_first = true};
    check_walk(series, model, &all, 1024);
    check_walk(series, model, &back, 1024);
}

static void check_model_of_seed(uint64_t seed) {
    static struct model model;
    struct budget budget = {0};
    struct random random;
    random_init(&random, seed);
    uint64_t range = 1 + random_below(&random, seed % 3 ? 300 : 5), n_repeats = 0;
    struct series *series = series_make(&budget);
    model.n = 0;
    for (uint64_t i = 0; i < MODEL_MAX; i++) {
        struct store_item item = random_item(&random, range, i);
        bool is_new = model_insert(&model, &item);
        n_repeats += !is_new;
        assert_int_equal(series_insert(series, &item, &budget), is_new ? 0 : SERIES_E_REPEAT);
        if (i % 1500 == 700)
            check_queries(series, &model, &random, range);
    }
    assert_true(n_repeats > 100);
    check_queries(series, &model, &random, range);
    struct stats stats, plain;
    series_stats(series, &stats);
    stats_init(&plain);
    for (size_t i = 0; i < model.n; i++)
        stats_add(&plain, (struct stats_instant){model.items[i].seconds, model.items[i].nanos},
                  model.items[i].temperature);
    assert_int_equal(stats.count, model.n);
    assert_true(fabs(stats_mean(&stats) - stats_mean(&plain)) < 1e-9);
    assert_true(stats.latest == plain.latest);
    series_free(series, &budget);
    assert_int_equal(budget_used(&budget), 0);
}

static void test_any_order_of_arrival_ends_in_order_of_time(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < N_SEEDS; seed++)
        check_model_of_seed(seed);
}

static void insert(struct series *series, struct budget *budget, int64_t seconds, uint64_t sequence,
                   double temperature) {
    struct store_item item = {.seconds = seconds, .sequence = sequence, .temperature = temperature};
    assert_int_equal(series_insert(series, &item, budget), 0);
}

static int insert_again(struct series *series, struct budget *budget, int64_t seconds,
                        uint64_t sequence) {
    struct store_item item = {.seconds = seconds, .sequence = sequence, .temperature = -1};
    return series_insert(series, &item, budget);
}

static void test_repeat_needs_same_time_and_same_sequence(void **state) {
    (void)state;
    struct budget budget = {0};
    struct series *series = series_make(&budget);
    insert(series, &budget, 10, 1, 5);
    insert(series, &budget, 11, 1, 6);
    insert(series, &budget, 10, 2, 7);
    assert_int_equal(insert_again(series, &budget, 10, 1), SERIES_E_REPEAT);
    assert_int_equal(insert_again(series, &budget, 11, 1), SERIES_E_REPEAT);
    struct store_item other_nanos = {.seconds = 10, .nanos = 1, .sequence = 1};
    assert_int_equal(series_insert(series, &other_nanos, &budget), 0);
    struct stats stats;
    series_stats(series, &stats);
    assert_int_equal(stats.count, 4);
    assert_true(stats.maximum == 7 && stats.minimum == 0); /* the first of a repeat stays */
    series_free(series, &budget);
}

static void test_without_sequence_nothing_is_a_repeat(void **state) {
    (void)state;
    struct budget budget = {0};
    struct series *series = series_make(&budget);
    for (int i = 0; i < 500; i++)
        insert(series, &budget, 10, 0, 5);
    struct stats stats;
    series_stats(series, &stats);
    assert_int_equal(stats.count, 500);
    series_free(series, &budget);
}

static void test_repeat_is_known_in_a_large_group_grown_without_sequences(void **state) {
    (void)state;
    struct budget budget = {0};
    struct series *series = series_make(&budget);
    insert(series, &budget, 10, 77, 1);
    for (int i = 0; i < 3000; i++)
        insert(series, &budget, 10, 0, 5);
    insert(series, &budget, 20, 0, 5);
    assert_int_equal(insert_again(series, &budget, 10, 77), SERIES_E_REPEAT);
    assert_int_equal(insert_again(series, &budget, 10, 78), 0);
    assert_int_equal(insert_again(series, &budget, 10, 78), SERIES_E_REPEAT);
    series_free(series, &budget);
}

/* Were each looked for among all, it would be 10^10 comparisons, ten seconds at the best. */
static void test_many_readings_of_one_time_do_not_cost_their_square(void **state) {
    (void)state;
    enum {
        N = 150000
    };
    struct budget budget = {0};
    struct series *series = series_make(&budget);
    clock_t start = clock();
    for (uint64_t i = 1; i <= N; i++)
        insert(series, &budget, 10, i, 5);
    for (uint64_t i = 1; i <= N; i++)
        assert_int_equal(insert_again(series, &budget, 10, i), SERIES_E_REPEAT);
    assert_true(clock() - start < 4 * CLOCKS_PER_SEC);
    series_free(series, &budget);
    assert_int_equal(budget_used(&budget), 0);
}

static void test_repeats_are_known_when_no_memory_is_left(void **state) {
    (void)state;
    struct budget budget = {0};
    struct series *series = series_make(&budget);
    for (uint64_t i = 1; i <= 65; i++)
        insert(series, &budget, 10, i, 5);
    budget.limit_bytes = budget_used(&budget);
    assert_int_equal(insert_again(series, &budget, 10, 1), SERIES_E_REPEAT);
    assert_int_equal(insert_again(series, &budget, 10, 65), SERIES_E_REPEAT);
    assert_int_equal(insert_again(series, &budget, 10, 66), -ENOMEM);
    budget.limit_bytes = 0;
    assert_int_equal(insert_again(series, &budget, 10, 66), 0);
    assert_int_equal(insert_again(series, &budget, 10, 66), SERIES_E_REPEAT);
    series_free(series, &budget);
}

/* A failed insert must leave no trace, neither in the readings nor in what counts as a repeat. */
static void test_failing_allocations_insert_nothing(void **state) {
    (void)state;
    struct budget budget = {0};
    struct series *series = series_make(&budget);
    struct random random;
    static struct model model;
    random_init(&random, 3);
    model.n = 0;
    for (uint64_t i = 0; i < 4000; i++) {
        struct store_item item = random_item(&random, 5, i);
        fail_alloc_at(1 + random_below(&random, 3));
        int r = series_insert(series, &item, &budget);
        fail_alloc_off();
        if (r == -ENOMEM)
            r = series_insert(series, &item, &budget);
        assert_int_equal(r, model_insert(&model, &item) ? 0 : SERIES_E_REPEAT);
    }
    struct store_query all = {0};
    check_walk(series, &model, &all, 100);
    series_free(series, &budget);
    assert_int_equal(budget_used(&budget), 0);
}

static void test_walk_ends_at_the_newest_of_its_start_and_takes_late_ones_along(void **state) {
    (void)state;
    struct budget budget = {0};
    struct series *series = series_make(&budget);
    struct reading page[4];
    struct series_walk walk;
    struct store_query all = {0};
    for (int i = 1; i <= 6; i++)
        insert(series, &budget, 10 * i, 0, i);
    series_walk_init(&walk, series, &all);
    assert_int_equal(series_walk_next(&walk, series, page, 4), 4);
    insert(series, &budget, 40, 0, 4.5); /* equal to the last given: comes next */
    insert(series, &budget, 15, 0, 1.5); /* in what was given: not again, moves nothing */
    insert(series, &budget, 60, 0, 6.5); /* newer than the newest of then */
    insert(series, &budget, 70, 0, 7);
    assert_int_equal(series_walk_next(&walk, series, page, 4), 3);
    assert_true(page[0].temperature == 4.5);
    assert_true(page[1].temperature == 5);
    assert_true(page[2].temperature == 6);
    assert_int_equal(series_walk_next(&walk, series, page, 4), 0);
    series_free(series, &budget);
}

static void test_walk_back_is_not_disturbed_by_inserts(void **state) {
    (void)state;
    struct budget budget = {0};
    struct series *series = series_make(&budget);
    struct reading page[4];
    struct series_walk walk;
    struct store_query back = {.newest_first = true};
    for (int i = 1; i <= 6; i++)
        insert(series, &budget, 10 + i / 3, 0, i); /* 10 10 11 11 11 12 */
    series_walk_init(&walk, series, &back);
    assert_int_equal(series_walk_next(&walk, series, page, 2), 2);
    assert_true(page[0].temperature == 6 && page[1].temperature == 5);
    insert(series, &budget, 11, 0, 5.5);
    insert(series, &budget, 12, 0, 7);
    insert(series, &budget, 10, 0, 2.5);
    assert_int_equal(series_walk_next(&walk, series, page, 4), 4);
    assert_true(page[0].temperature == 4 && page[1].temperature == 3);
    assert_true(page[2].temperature == 2.5 && page[3].temperature == 2);
    assert_int_equal(series_walk_next(&walk, series, page, 4), 1);
    assert_true(page[0].temperature == 1);
    assert_int_equal(series_walk_next(&walk, series, page, 4), 0);
    series_free(series, &budget);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_of_arrival_ends_in_order_of_time),
        cmocka_unit_test(test_repeat_needs_same_time_and_same_sequence),
        cmocka_unit_test(test_without_sequence_nothing_is_a_repeat),
        cmocka_unit_test(test_repeat_is_known_in_a_large_group_grown_without_sequences),
        cmocka_unit_test(test_many_readings_of_one_time_do_not_cost_their_square),
        cmocka_unit_test(test_repeats_are_known_when_no_memory_is_left),
        cmocka_unit_test(test_failing_allocations_insert_nothing),
        cmocka_unit_test(test_walk_ends_at_the_newest_of_its_start_and_takes_late_ones_along),
        cmocka_unit_test(test_walk_back_is_not_disturbed_by_inserts),
    };
    return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
