/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <stdio.h>

#include "base/random.h"
#include "unit.h"

enum {
    N_NAMES = 1000
};

struct named {
    char name[16];
    bool is_in; /* the model: what the table should know */
};

static struct named objects[N_NAMES];

static struct bytes name_of(const void *object) {
    return bytes_str(((const struct named *)object)->name);
}

static int setup(void **state) {
    (void)state;
    for (int i = 0; i < N_NAMES; i++) {
        objects[i].is_in = false;
        snprintf(objects[i].name, sizeof(objects[i].name), "sensor-%d", i);
    }
    return 0;
}

static void assert_is_as_the_model(const struct table *table) {
    size_t n_in = 0, n_walked = 0;
    for (int i = 0; i < N_NAMES; i++) {
        void *expected = objects[i].is_in ? &objects[i] : NULL;
        assert_ptr_equal(table_find(table, name_of(&objects[i])), expected);
        n_in += objects[i].is_in;
    }
    for (size_t i = 0; i < table->n_slots; i++) {
        const struct named *object = table_at(table, i);
        if (!object)
            continue;
        assert_true(object->is_in);
        n_walked++;
    }
    assert_int_equal(table->n_objects, n_in);
    assert_int_equal(n_walked, n_in);
}

static void test_an_empty_table_knows_nothing_and_allocates_nothing(void **state) {
    (void)state;
    struct table table;
    fail_alloc_off();
    assert_int_equal(table_init(&table, name_of), 0);
    assert_null(table_find(&table, bytes_str("a")));
    assert_null(table_remove(&table, bytes_str("a")));
    assert_int_equal(fail_alloc_count(), 0);
    table_fini(&table);
}

/* Mostly adding, then mostly removing, so that the table is walked through all its loads. */
static void test_many_adds_and_removes_as_a_model_says(void **state) {
    (void)state;
    struct table table;
    struct random random;
    random_init(&random, 11);
    assert_int_equal(table_init(&table, name_of), 0);
    for (uint64_t step = 0; step < 40000; step++) {
        struct named *object = &objects[random_below(&random, N_NAMES)];
        bool must_be_in = random_below(&random, 10) < (step / 10000 % 2 ? 2 : 8);
        if (must_be_in && !object->is_in)
            assert_int_equal(table_add(&table, object), 0);
        if (!must_be_in)
            assert_ptr_equal(table_remove(&table, name_of(object)), object->is_in ? object : NULL);
        object->is_in = must_be_in;
        if (step % 1000 == 0)
            assert_is_as_the_model(&table);
    }
    assert_is_as_the_model(&table);
    table_fini(&table);
}

static void test_failed_growth_leaves_the_table_as_it_was(void **state) {
    (void)state;
    struct table table;
    assert_int_equal(table_init(&table, name_of), 0);
    size_t n_failed = 0;
    for (int i = 0; i < N_NAMES; i++) {
        fail_alloc_at(1);
        int r = table_add(&table, &objects[i]);
        fail_alloc_off();
        if (r) {
            assert_int_equal(r, -ENOMEM);
            assert_is_as_the_model(&table);
            assert_int_equal(table_add(&table, &objects[i]), 0);
            n_failed++;
        }
        objects[i].is_in = true;
    }
    assert_in_range(n_failed, 5, 10);
    assert_is_as_the_model(&table);
    table_fini(&table);
}

static void test_keys_may_hold_any_bytes(void **state) {
    (void)state;
    struct table table;
    struct named empty = {.name = ""};
    assert_int_equal(table_init(&table, name_of), 0);
    assert_int_equal(table_add(&table, &empty), 0);
    assert_ptr_equal(table_find(&table, bytes_of(NULL, 0)), &empty);
    assert_null(table_find(&table, bytes_of("\0", 1)));
    table_fini(&table);
}

static void test_each_table_has_a_secret_of_its_own(void **state) {
    (void)state;
    struct table a, b;
    assert_int_equal(table_init(&a, name_of), 0);
    assert_int_equal(table_init(&b, name_of), 0);
    assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
    table_fini(&a);
    table_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_table_knows_nothing_and_allocates_nothing),
        cmocka_unit_test_setup(test_many_adds_and_removes_as_a_model_says, setup),
        cmocka_unit_test_setup(test_failed_growth_leaves_the_table_as_it_was, setup),
        cmocka_unit_test(test_keys_may_hold_any_bytes),
        cmocka_unit_test(test_each_table_has_a_secret_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
