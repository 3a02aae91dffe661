/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durable backend against the one in memory: whatever is committed to both, in whatever order,
 * both have to give back the same, now and after a new start.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "durable_bench.h"
#include "store/memory.h"
#include "unit.h"

enum {
    N_SENSORS = 4,
    PAGE = 700,
};

static const char *const ids[N_SENSORS] = {"attic", "boiler-1", "boiler-2", "cellar"};

struct twins {
    struct durable_bench disk;
    struct store_backend *model;
    struct random random;
    int64_t now_s[N_SENSORS];
};

static void twins_init(struct twins *twins, uint64_t seed) {
    *twins = (struct twins){0};
    bench_init(&twins->disk);
    assert_int_equal(store_memory_new(0, &twins->model), 0);
    random_init(&twins->random, seed);
    for (size_t i = 0; i < N_SENSORS; i++)
        twins->now_s[i] = 1000000;
    bench_open(&twins->disk);
}

static void twins_fini(struct twins *twins) {
    assert_false(twins->disk.has_failed);
    bench_fini(&twins->disk);
    twins->model->ops->free(twins->model);
}

/* ---- writing to both ---- */

static void commit_to_both(struct twins *twins, const struct reading *readings, size_t n) {
    struct store_outcome disk = bench_commit(twins->disk.backend, readings, n);
    struct store_outcome model = bench_commit(twins->model, readings, n);
    assert_int_equal(disk.accepted, n);
    assert_int_equal(disk.accepted, model.accepted);
    assert_int_equal(disk.duplicates, model.duplicates);
    assert_int_equal(disk.refused, model.refused);
}

/* A reading that may be newer than all, of the same time, late, very late, or a repeat. */
static struct reading random_reading(struct twins *twins, size_t sensor, uint64_t lateness) {
    struct random *random = &twins->random;
    int64_t time = twins->now_s[sensor];
    uint64_t kind = random_below(random, 100);
    if (kind < lateness)
        time -= (int64_t)random_below(random, kind < 3 ? 100000 : 50);
    else if (kind < 95)
        time = twins->now_s[sensor] += (int64_t)random_below(random, 3);
    return (struct reading){
        .sensor_id = bytes_str(ids[sensor]),
        .temperature = (double)random_below(random, 4000) / 100 - 10,
        .seconds = time > 0 ? time : 1,
        .nanos = kind % 7 == 0 ? (int32_t)random_below(random, 4) * 250000000 : 0,
        .sequence = random_below(random, 3) ? random_below(random, 40) : 0,
    };
}

static void write_some(struct twins *twins, size_t n, uint64_t lateness) {
    static struct reading readings[STORE_BATCH_MAX_READINGS];
    size_t sensor = random_below(&twins->random, N_SENSORS);
    for (size_t i = 0; i < n; i++) {
        if (random_below(&twins->random, 20) == 0)
            sensor = random_below(&twins->random, N_SENSORS);
        readings[i] = random_reading(twins, sensor, lateness);
    }
    commit_to_both(twins, readings, n);
}

/* ---- comparing both ---- */

static void compare_walk(struct twins *twins, const struct store_query *query) {
    size_t n_disk, n_model;
    struct reading *disk = bench_read(twins->disk.backend, query, PAGE, &n_disk);
    struct reading *model = bench_read(twins->model, query, PAGE, &n_model);
    if (n_disk != n_model)
        fail_msg("%zu readings on disk, %zu in memory (%s from %ld to %ld%s)", n_disk, n_model,
                 (const char *)query->sensor_id.data, (long)query->range.start_seconds,
                 (long)query->range.end_seconds, query->newest_first ? ", newest first" : "");
    for (size_t i = 0; i < n_disk; i++) {
        const struct reading *a = &disk[i], *b = &model[i];
        if (a->seconds != b->seconds || a->nanos != b->nanos || a->sequence != b->sequence ||
            memcmp(&a->temperature, &b->temperature, sizeof(double)) != 0)
            fail_msg("reading %zu of %zu differs: %ld.%d %lu %g, not %ld.%d %lu %g", i, n_disk,
                     (long)a->seconds, a->nanos, (unsigned long)a->sequence, a->temperature,
                     (long)b->seconds, b->nanos, (unsigned long)b->sequence, b->temperature);
    }
    mem_free(disk);
    mem_free(model);
}

static void compare_statistics(struct twins *twins, const char *pattern,
                               const struct store_range *range) {
    const struct store_filter filter = {bytes_str(pattern), bytes_str("*")};
    struct stats disk, model;
    uint64_t n_disk, n_model;
    int r =
        twins->disk.backend->ops->statistics(twins->disk.backend, &filter, range, &n_disk, &disk);
    assert_int_equal(r,
                     twins->model->ops->statistics(twins->model, &filter, range, &n_model, &model));
    assert_int_equal(n_disk, n_model);
    assert_int_equal(disk.count, model.count);
    if (r || model.count == 0)
        return;
    assert_true(disk.minimum == model.minimum && disk.maximum == model.maximum);
    assert_int_equal(stats_instant_compare(disk.first, model.first), 0);
    assert_int_equal(stats_instant_compare(disk.last, model.last), 0);
    assert_true(strchr(pattern, '*') || disk.latest == model.latest);
    assert_true(fabs(stats_mean(&disk) - stats_mean(&model)) <= 1e-12);
    assert_true(fabs(stats_deviation(&disk) - stats_deviation(&model)) <= 1e-12);
}

static struct store_range random_range(struct twins *twins, size_t sensor) {
    uint64_t now = (uint64_t)twins->now_s[sensor];
    uint64_t back = random_below(&twins->random, 2) ? 300 : 110000;
    int64_t start = (int64_t)(now - random_below(&twins->random, back));
    int64_t end = start + (int64_t)random_below(&twins->random, back);
    return (struct store_range){random_below(&twins->random, 4) ? start : 0,
                                random_below(&twins->random, 4) ? end : 0};
}

static void compare(struct twins *twins) {
    for (size_t i = 0; i < N_SENSORS; i++) {
        struct store_query query = {.sensor_id = bytes_str(ids[i])};
        for (int round = 0; round < 8; round++) {
            compare_walk(twins, &query);
            compare_statistics(twins, ids[i], &query.range);
            query.newest_first = round % 2 == 0;
            if (round > 0)
                query.range = random_range(twins, i);
        }
    }
    compare_statistics(twins, "boiler-*", &(struct store_range){0});
    compare_statistics(twins, "nothing*", &(struct store_range){0});
    struct store_figures disk, model;
    twins->disk.backend->ops->figures(twins->disk.backend, &disk);
    twins->model->ops->figures(twins->model, &model);
    assert_int_equal(disk.n_readings, model.n_readings);
    assert_int_equal(disk.n_sensors, model.n_sensors);
}

static void test_an_empty_store_holds_nothing(void **state) {
    (void)state;
    struct twins twins;
    twins_init(&twins, 1);
    compare(&twins);
    bench_reopen(&twins.disk);
    compare(&twins);
    twins_fini(&twins);
}

static void test_the_disk_gives_what_the_memory_gives(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct twins twins;
        twins_init(&twins, seed);
        for (int i = 0; i < 60; i++) {
            write_some(&twins, 1 + random_below(&twins.random, i % 10 ? 60 : 6000), 10 * seed);
            if (i % 12 == 11)
                compare(&twins);
        }
        twins_fini(&twins);
    }
}

/* With a journal that is always full chunks are sealed when they are small, and merged. */
static void test_small_chunks_and_merging_change_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 11; seed <= 12; seed++) {
        struct twins twins;
        twins_init(&twins, seed);
        bench_close(&twins.disk);
        twins.disk.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
        twins.disk.options.memory_limit_bytes = 4096;
        bench_open(&twins.disk);
        for (int i = 0; i < 300; i++) {
            write_some(&twins, 1 + random_below(&twins.random, 400), 15);
            if (i % 50 == 49)
                compare(&twins);
        }
        bench_reopen(&twins.disk);
        compare(&twins);
        twins_fini(&twins);
    }
}

static void test_a_new_start_finds_everything(void **state) {
    (void)state;
    struct twins twins;
    twins_init(&twins, 7);
    for (int i = 0; i < 12; i++) {
        write_some(&twins, 1 + random_below(&twins.random, 5000), 20);
        bench_reopen(&twins.disk);
        compare(&twins);
    }
    twins_fini(&twins);
}

static void test_many_readings_of_one_time_keep_their_order(void **state) {
    (void)state;
    struct twins twins;
    static struct reading readings[STORE_BATCH_MAX_READINGS];
    twins_init(&twins, 8);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < 10000; i++)
            readings[i] = (struct reading){.sensor_id = bytes_str("attic"),
                                           .seconds = 1000000 + round % 2,
                                           .temperature = (double)i,
                                           .sequence = i % 3 ? i / 2 + 1 : 0};
        commit_to_both(&twins, readings, 10000);
        compare(&twins);
    }
    bench_reopen(&twins.disk);
    compare(&twins);
    twins_fini(&twins);
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
