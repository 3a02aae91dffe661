/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durable backend against the one in memory: whatever is committed to both, in whatever order,
 * both have to give back the same, now and after a new start.
 */
#include "durable_twins.h"
#include "unit.h"

static void start(struct twins *twins, uint64_t seed) {
    twins_init(twins, seed);
    bench_open(&twins->disk);
}

static void end(struct twins *twins) {
    assert_int_equal(twins->disk.n_failures, 0);
    twins_fini(twins);
}

static void test_an_empty_store_holds_nothing(void **state) {
    (void)state;
    static struct twins twins;
    start(&twins, 1);
    twins_compare(&twins);
    bench_reopen(&twins.disk);
    twins_compare(&twins);
    end(&twins);
}

static void test_the_disk_gives_what_the_memory_gives(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        static struct twins twins;
        start(&twins, seed);
        for (int i = 0; i < 60; i++) {
            twins_write(&twins, 1 + random_below(&twins.random, i % 10 ? 60 : 6000), 10 * seed);
            if (i % 12 == 11)
                twins_compare(&twins);
        }
        end(&twins);
    }
}

/* With a journal that is always full chunks are sealed when they are small, and merged. */
static void test_small_chunks_and_merging_change_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 11; seed <= 12; seed++) {
        static struct twins twins;
        start(&twins, seed);
        bench_close(&twins.disk);
        twins.disk.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
        twins.disk.options.memory_limit_bytes = 4096;
        bench_open(&twins.disk);
        for (int i = 0; i < 300; i++) {
            twins_write(&twins, 1 + random_below(&twins.random, 400), 15);
            if (i % 50 == 49)
                twins_compare(&twins);
        }
        bench_reopen(&twins.disk);
        twins_compare(&twins);
        end(&twins);
    }
}

static void test_a_new_start_finds_everything(void **state) {
    (void)state;
    static struct twins twins;
    start(&twins, 7);
    for (int i = 0; i < 12; i++) {
        twins_write(&twins, 1 + random_below(&twins.random, 5000), 20);
        bench_reopen(&twins.disk);
        twins_compare(&twins);
    }
    end(&twins);
}

static void test_many_readings_of_one_time_keep_their_order(void **state) {
    (void)state;
    static struct twins twins;
    static struct reading readings[STORE_BATCH_MAX_READINGS];
    start(&twins, 8);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < 10000; i++)
            readings[i] = (struct reading){.sensor_id = bytes_str("attic"),
                                           .seconds = 1000000 + round % 2,
                                           .temperature = (double)i,
                                           .sequence = i % 3 ? i / 2 + 1 : 0};
        twins_commit(&twins, readings, 10000);
        twins_compare(&twins);
    }
    bench_reopen(&twins.disk);
    twins_compare(&twins);
    end(&twins);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_store_holds_nothing),
        cmocka_unit_test(test_the_disk_gives_what_the_memory_gives),
        cmocka_unit_test(test_small_chunks_and_merging_change_nothing),
        cmocka_unit_test(test_a_new_start_finds_everything),
        cmocka_unit_test(test_many_readings_of_one_time_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
