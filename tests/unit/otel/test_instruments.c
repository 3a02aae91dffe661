/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/instruments.h"

#include "fail_alloc.h"
#include "metered.h"

static const double bounds[] = {1, 2};

struct module {
    struct otel_instrument *a, *b, *c;
};

static int make(struct metered *metered, struct module *module, const char *second) {
    const struct otel_instrument_row rows[] = {
        {&module->a, OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "a", "{call}", "A.")},
        {&module->b, OTEL_MEASURES_NUMBERS(OTEL_GAUGE, second, "s", "B.")},
        {&module->c, OTEL_MEASURES_BUCKETS("c", "By", "C.", bounds)},
    };
    return otel_instruments_new(metered->meter, rows, ARRAY_LEN(rows));
}

static void test_all_of_a_table_are_made(void **state) {
    struct module module = {0};
    assert_int_equal(make(*state, &module, "b"), 0);
    assert_true(module.a && module.b && module.c);
}

static void test_one_that_is_refused_does_not_hinder_the_others(void **state) {
    struct module module = {0};
    assert_int_equal(make(*state, &module, "not a name"), 0);
    assert_true(module.a && !module.b && module.c);
}

static void test_each_allocation_may_fail(void **state) {
    struct module module = {0};
    for (size_t n = 1;; n++) {
        fail_alloc_at(n);
        int r = make(*state, &module, "b");
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(!module.a + !module.b + !module.c, 1);
    }
    assert_true(module.a && module.b && module.c);
}

static void test_without_a_meter_there_are_none(void **state) {
    struct metered nothing = {0};
    struct module module = {0};
    (void)state;
    assert_int_equal(make(&nothing, &module, "b"), 0);
    assert_true(!module.a && !module.b && !module.c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_METERED(test_all_of_a_table_are_made),
        ON_METERED(test_one_that_is_refused_does_not_hinder_the_others),
        ON_METERED(test_each_allocation_may_fail),
        cmocka_unit_test(test_without_a_meter_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
