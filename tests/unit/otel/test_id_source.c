/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/id_source.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "unit.h"

enum {
    MANY = 1 << 20,
};

static int order(const void *a, const void *b) {
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Of two sources, as two threads have. */
static void test_ids_are_not_0_and_none_comes_twice(void **state) {
    struct id_source a, b;
    uint64_t *ids = mem_new_array(uint64_t, 2 * MANY);
    (void)state;
    assert_non_null(ids);
    assert_int_equal(id_source_init(&a), 0);
    assert_int_equal(id_source_init(&b), 0);
    for (size_t i = 0; i < MANY; i++) {
        ids[2 * i] = id_source_next(&a);
        ids[2 * i + 1] = id_source_next(&b);
    }
    qsort(ids, 2 * MANY, sizeof(*ids), order);
    assert_true(ids[0] != 0);
    for (size_t i = 1; i < 2 * MANY; i++)
        assert_true(ids[i] != ids[i - 1]);
    mem_free(ids);
}

/* Six deviations: one run of all bits in ten million fails. */
static void assert_fair(size_t n_set, size_t n) {
    double expected = (double)n / 2, deviation = (double)n_set - expected;
    assert_true(deviation * deviation < 36.0 * (double)n / 4);
}

static void test_each_bit_is_set_half_of_the_time_whatever_the_one_before_was(void **state) {
    struct id_source source;
    size_t n_set[64] = {0}, n_same[64] = {0};
    (void)state;
    assert_int_equal(id_source_init(&source), 0);
    uint64_t before = id_source_next(&source);
    for (size_t i = 0; i < MANY; i++) {
        uint64_t id = id_source_next(&source);
        for (int bit = 0; bit < 64; bit++) {
            n_set[bit] += id >> bit & 1;
            n_same[bit] += ~(id ^ before) >> bit & 1;
        }
        before = id;
    }
    for (int bit = 0; bit < 64; bit++) {
        assert_fair(n_set[bit], MANY);
        assert_fair(n_same[bit], MANY);
    }
}

/* The place whose product is 0. */
static void test_0_is_left_out(void **state) {
    struct id_source source = {.at = -UINT64_C(0xa0761d6478bd642f), .key = 7};
    (void)state;
    assert_true(id_source_next(&source) != 0);
    assert_true(source.at == UINT64_C(0xa0761d6478bd642f));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_not_0_and_none_comes_twice),
        cmocka_unit_test(test_each_bit_is_set_half_of_the_time_whatever_the_one_before_was),
        cmocka_unit_test(test_0_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
