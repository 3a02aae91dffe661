/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole durable backend loses power, at any operation of either of its disks: after the next
 * start every acknowledged reading is there once, in order, bit for bit; a batch that was under way
 * is there whole or not at all; statistics agree; and it goes on.
 *
 * POWER_ROUNDS says how many cuts (40): with fewer than the run has operations every n-th of them
 * is struck, with more each of them, with another seed in each turn. A failure prints cut and seed;
 * threads make it another run with the same, mostly with the same end.
 */
#include <stdlib.h>

#include "fault_rig.h"
#include "unit.h"

enum {
    N_ROUNDS = 40,
};

static struct fault_rig rig;

static size_t n_cuts(void) {
    const char *text = getenv("POWER_ROUNDS");
    return text ? strtoul(text, NULL, 10) : 40;
}

static size_t count_run(uint64_t seed) {
    rig_init(&rig, seed);
    assert_true(rig_run(&rig, N_ROUNDS));
    bench_close(&rig.twins.disk);
    assert_int_equal(rig.twins.disk.n_failures, 0);
    size_t n_ops = power_drawn(&rig.power);
    rig_open_and_compare(&rig);
    rig_fini(&rig);
    return n_ops;
}

static void test_power_cut_at_any_operation_loses_nothing_acknowledged(void **state) {
    (void)state;
    size_t n_ops = count_run(1), n = n_cuts();
    size_t step = n < n_ops ? n_ops / n : 1;
    assert_true(n_ops > 200);
    for (size_t i = 0; i < n; i++) {
        size_t cut_at = 1 + (i * step + i / n_ops) % n_ops;
        uint64_t seed = 1 + i;
        print_message("# cut at %zu of %zu, seed %lu\n", cut_at, n_ops, (unsigned long)seed);
        rig_init(&rig, seed);
        power_on(&rig.power, cut_at);
        rig_run(&rig, N_ROUNDS);
        rig_lose_power(&rig, seed);
        rig_recover(&rig, seed);
        rig_fini(&rig);
    }
}

/* A second cut while the first is being mended. */
static void test_power_cut_while_starting_loses_nothing_acknowledged(void **state) {
    (void)state;
    size_t n_ops = count_run(2), n = n_cuts() / 2;
    for (size_t i = 0; i < n; i++) {
        uint64_t seed = 1000 + i;
        print_message("# second cut at %zu, seed %lu\n", 1 + i % 20, (unsigned long)seed);
        rig_init(&rig, seed);
        power_on(&rig.power, 1 + i * 7919 % n_ops);
        rig_run(&rig, N_ROUNDS);
        rig_lose_power(&rig, seed);
        power_on(&rig.power, 1 + i % 20);
        (void)!bench_try_open(&rig.twins.disk);
        rig_lose_power(&rig, seed + 1);
        rig_recover(&rig, seed);
        rig_fini(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut_at_any_operation_loses_nothing_acknowledged),
        cmocka_unit_test(test_power_cut_while_starting_loses_nothing_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
