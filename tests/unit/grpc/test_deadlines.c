/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/deadlines.h"

#include <stdbool.h>
#include <string.h>

#include "base/random.h"
#include "unit.h"

enum {
    N_ITEMS = 500
};

/* A deadline, and the model: what the set should know of it. */
struct item {
    struct deadline deadline;
    bool is_in;
    bool has_passed;
    struct deadlines *set;
    struct item *removes; /* when it passes; NULL: none */
};

static struct item items[N_ITEMS];
static uint64_t last_passed_ns;

static void on_passed(struct deadline *deadline) {
    struct item *item = CONTAINER_OF(deadline, struct item, deadline);
    assert_true(item->is_in);
    assert_int_equal(deadline->place, 0);
    assert_true(deadline->at_ns >= last_passed_ns);
    last_passed_ns = deadline->at_ns;
    item->is_in = false;
    item->has_passed = true;
    if (item->removes) {
        deadlines_remove(item->set, &item->removes->deadline);
        item->removes->is_in = false;
    }
}

static void item_add(struct item *item, struct deadlines *set, uint64_t at_ns) {
    item->deadline.at_ns = at_ns;
    item->deadline.passed = on_passed;
    item->set = set;
    assert_int_equal(deadlines_add(set, &item->deadline), 0);
    item->is_in = true;
}

static int setup(void **state) {
    struct deadlines *set = test_calloc(1, sizeof(*set));
    memset(items, 0, sizeof(items));
    last_passed_ns = 0;
    deadlines_init(set);
    *state = set;
    return 0;
}

static int teardown(void **state) {
    deadlines_fini(*state);
    test_free(*state);
    return 0;
}

static uint64_t soonest_of_model(void) {
    uint64_t soonest = UINT64_MAX;
    for (size_t i = 0; i < N_ITEMS; i++)
        if (items[i].is_in && items[i].deadline.at_ns < soonest)
            soonest = items[i].deadline.at_ns;
    return soonest;
}

static void test_an_empty_set_has_no_next(void **state) {
    struct deadlines *set = *state;
    struct deadline outside = {0};
    assert_int_equal(deadlines_next(set), UINT64_MAX);
    deadlines_expire(set, UINT64_MAX);
    deadlines_remove(set, &outside);
    assert_int_equal(set->n, 0);
}

static void test_random_moves_agree_with_a_model(void **state) {
    struct deadlines *set = *state;
    struct random random;
    uint64_t now_ns = 0;
    random_init(&random, 3);
    for (int step = 0; step < 20000; step++) {
        struct item *item = &items[random_below(&random, N_ITEMS)];
        if (random_below(&random, 50) == 0) {
            now_ns += random_below(&random, 200);
            last_passed_ns = 0;
            deadlines_expire(set, now_ns);
            assert_true(soonest_of_model() > now_ns);
        } else if (item->is_in) {
            deadlines_remove(set, &item->deadline);
            assert_int_equal(item->deadline.place, 0);
            item->is_in = false;
        } else {
            item_add(item, set, now_ns + random_below(&random, 1000));
        }
        assert_int_equal(deadlines_next(set), soonest_of_model());
    }
}

static void test_equal_times_all_pass(void **state) {
    struct deadlines *set = *state;
    for (size_t i = 0; i < N_ITEMS; i++)
        item_add(&items[i], set, 5);
    deadlines_expire(set, 4);
    assert_int_equal(set->n, N_ITEMS);
    deadlines_expire(set, 5);
    assert_int_equal(set->n, 0);
    for (size_t i = 0; i < N_ITEMS; i++)
        assert_true(items[i].has_passed);
}

static void test_one_that_passes_may_take_another_out(void **state) {
    struct deadlines *set = *state;
    for (size_t i = 0; i < 10; i++)
        item_add(&items[i], set, i);
    items[3].removes = &items[4];
    items[5].removes = &items[9];
    deadlines_expire(set, 8);
    assert_false(items[4].has_passed);
    assert_false(items[9].has_passed);
    assert_true(items[8].has_passed);
    assert_int_equal(set->n, 0);
}

static void test_no_memory_leaves_the_set_as_it_was(void **state) {
    struct deadlines *set = *state;
    for (size_t i = 0; set->n < set->cap || set->n == 0; i++)
        item_add(&items[i], set, i);
    struct item *last = &items[N_ITEMS - 1];
    size_t n = set->n;
    fail_alloc_at(1);
    assert_int_equal(deadlines_add(set, &last->deadline), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(set->n, n);
    assert_int_equal(last->deadline.place, 0);
    item_add(last, set, 0);
    deadlines_expire(set, UINT64_MAX - 1);
    assert_int_equal(set->n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_set_has_no_next),
        TEST(test_random_moves_agree_with_a_model),
        TEST(test_equal_times_all_pass),
        TEST(test_one_that_passes_may_take_another_out),
        TEST(test_no_memory_leaves_the_set_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
