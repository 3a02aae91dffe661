/* SPDX-License-Identifier: Apache-2.0 */
/* The memory backend, spoken to directly: commits, their outcomes, the limit, what readers see. */
#include "store/memory.h"

#include <stdio.h>

#include "store/backend.h"
#include "store/limits.h"
#include "unit.h"

static const struct store_range all_time;

struct bench {
    struct store_backend *backend;
    struct store_batch batch;
    struct store_writer writer;
};

static void bench_init_with(struct bench *bench, const struct store_memory_options *options) {
    *bench = (struct bench){0};
    assert_int_equal(store_memory_new(options, &bench->backend), 0);
    store_batch_init(&bench->batch);
}

static void bench_init(struct bench *bench, size_t limit_bytes) {
    bench_init_with(bench, &(struct store_memory_options){.limit_bytes = limit_bytes});
}

static void bench_fini(struct bench *bench) {
    store_batch_fini(&bench->batch);
    bench->backend->ops->free(bench->backend);
}

static struct store_figures figures_of(struct bench *bench) {
    struct store_figures figures;
    bench->backend->ops->figures(bench->backend, &figures);
    return figures;
}

static void append(struct bench *bench, const char *id, int64_t seconds, uint64_t sequence) {
    struct reading reading = {.sensor_id = bytes_str(id),
                              .temperature = (double)seconds,
                              .seconds = seconds,
                              .sequence = sequence};
    assert_int_equal(store_batch_append(&bench->batch, &bench->writer, &reading), 0);
}

static void commit_batch(struct bench *bench) {
    struct store_batch *batches[] = {&bench->batch};
    bench->backend->ops->commit(bench->backend, batches, 1);
}

/* Commits what was appended, which is one run. */
static struct store_outcome commit(struct bench *bench) {
    commit_batch(bench);
    struct store_outcome outcome = bench->batch.runs[0].outcome;
    assert_int_equal(outcome.accepted + outcome.refused, bench->batch.n_items);
    store_batch_reset(&bench->batch);
    return outcome;
}

/* Readings that a cursor gives in all. */
static size_t count_readings(struct bench *bench, const char *id) {
    struct store_query query = {.sensor_id = bytes_str(id)};
    struct store_cursor *cursor;
    static struct reading page[STORE_PAGE_MAX_READINGS + 1];
    size_t count = 0;
    assert_int_equal(bench->backend->ops->cursor_open(bench->backend, &query, &cursor), 0);
    for (size_t n = 1; n > 0; count += n) {
        assert_int_equal(cursor->ops->cursor_next(cursor, page, ARRAY_LEN(page), &n), 0);
        assert_true(n <= STORE_PAGE_MAX_READINGS);
    }
    cursor->ops->cursor_close(cursor);
    return count;
}

static int statistics(struct bench *bench, const char *pattern, const char *allowed,
                      uint64_t *n_sensors, struct stats *stats) {
    struct store_filter filter = {bytes_str(pattern), bytes_str(allowed)};
    return bench->backend->ops->statistics(bench->backend, &filter, &all_time, n_sensors, stats);
}

static void test_outcome_counts_repeats_within_and_across_commits(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 0);
    append(&bench, "a", 1, 1);
    append(&bench, "a", 1, 1);
    append(&bench, "b", 1, 1);
    struct store_outcome outcome = commit(&bench);
    assert_int_equal(outcome.accepted, 3);
    assert_int_equal(outcome.duplicates, 1);
    append(&bench, "b", 1, 1);
    append(&bench, "a", 1, 2);
    outcome = commit(&bench);
    assert_int_equal(outcome.accepted, 2);
    assert_int_equal(outcome.duplicates, 1);
    assert_int_equal(outcome.refused, 0);
    assert_int_equal(outcome.reason, STORE_TAKEN);
    assert_int_equal(figures_of(&bench).n_sensors, 2);
    assert_int_equal(figures_of(&bench).n_readings, 3);
    bench_fini(&bench);
}

static void test_each_run_has_its_own_outcome(void **state) {
    (void)state;
    struct bench bench;
    struct store_writer other = {0};
    struct reading reading = {.sensor_id = bytes_str("a"), .seconds = 1, .sequence = 1};
    bench_init(&bench, 0);
    append(&bench, "a", 1, 1);
    assert_int_equal(store_batch_append(&bench.batch, &other, &reading), 0);
    append(&bench, "a", 2, 1);
    append(&bench, "a", 3, 1);
    commit_batch(&bench);
    assert_int_equal(bench.batch.n_runs, 3);
    assert_int_equal(bench.batch.runs[0].outcome.accepted, 1);
    assert_int_equal(bench.batch.runs[1].outcome.accepted, 1);
    assert_int_equal(bench.batch.runs[1].outcome.duplicates, 1);
    assert_int_equal(bench.batch.runs[2].outcome.accepted, 2);
    bench_fini(&bench);
}

static void test_long_runs_of_one_sensor_are_kept_whole(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 0);
    for (int i = 1; i <= 5000; i++)
        append(&bench, "a", i, 0);
    assert_int_equal(commit(&bench).accepted, 5000);
    assert_int_equal(count_readings(&bench, "a"), 5000);
    bench_fini(&bench);
}

static void test_at_the_limit_the_rest_of_a_run_is_refused(void **state) {
    (void)state;
    enum {
        LIMIT = 300000
    };
    struct bench bench;
    bench_init(&bench, LIMIT);
    for (int i = 1; i <= STORE_BATCH_MAX_READINGS; i++)
        append(&bench, "a", i, (uint64_t)i);
    struct store_outcome outcome = commit(&bench);
    assert_true(outcome.accepted > 1000 && outcome.refused > 1000);
    assert_int_equal(outcome.reason, STORE_REFUSED_MEMORY);
    assert_int_equal(count_readings(&bench, "a"), outcome.accepted);
    assert_int_equal(figures_of(&bench).memory_limit_bytes, LIMIT);
    assert_true(figures_of(&bench).memory_bytes <= LIMIT);

    /* The same writer is promised nothing any more, not even what is kept. */
    append(&bench, "a", 1, 1);
    struct store_outcome behind = commit(&bench);
    assert_int_equal(behind.accepted, 0);
    assert_int_equal(behind.refused, 1);
    assert_int_equal(behind.reason, STORE_REFUSED_MEMORY);

    /* To others what is kept is still acknowledged, up to their own first refused one. */
    bench.writer = (struct store_writer){0};
    append(&bench, "a", 1, 1);
    append(&bench, "a", 2, 2);
    append(&bench, "a", STORE_BATCH_MAX_READINGS, 1);
    append(&bench, "a", 3, 3);
    struct store_outcome again = commit(&bench);
    assert_int_equal(again.accepted, 2);
    assert_int_equal(again.duplicates, 2);
    assert_int_equal(again.refused, 2);
    assert_int_equal(count_readings(&bench, "a"), outcome.accepted);
    bench_fini(&bench);
}

/* Runs in one commit, and a sensor that would still have room: the first refusal counts for all. */
static void test_behind_a_refused_reading_nothing_of_its_writer_is_kept(void **state) {
    (void)state;
    struct bench bench;
    struct store_writer other = {0};
    struct reading reading = {.sensor_id = bytes_str("b"), .seconds = 1, .sequence = 1};
    bench_init(&bench, 60000);
    append(&bench, "b", 1, 1);
    for (int i = 1; i <= 5000; i++)
        append(&bench, "a", i, 0);
    assert_int_equal(store_batch_append(&bench.batch, &other, &reading), 0);
    append(&bench, "b", 2, 2);
    commit_batch(&bench);
    assert_true(bench.batch.runs[0].outcome.refused > 0);
    assert_int_equal(bench.batch.runs[1].outcome.duplicates, 1);
    assert_int_equal(bench.batch.runs[2].outcome.accepted, 0);
    assert_int_equal(bench.batch.runs[2].outcome.refused, 1);
    assert_int_equal(count_readings(&bench, "b"), 1);
    bench_fini(&bench);
}

static void test_a_sensor_without_a_reading_does_not_exist(void **state) {
    (void)state;
    struct bench bench;
    struct store_cursor *cursor;
    struct store_query query = {.sensor_id = bytes_str("a")};
    struct stats stats;
    uint64_t n_sensors;
    bench_init(&bench, 100);
    append(&bench, "a", 1, 1);
    assert_int_equal(commit(&bench).refused, 1);
    assert_int_equal(bench.backend->ops->cursor_open(bench.backend, &query, &cursor),
                     STORE_E_NO_SENSOR);
    assert_int_equal(statistics(&bench, "*", "*", &n_sensors, &stats), STORE_E_NO_SENSOR);
    assert_int_equal(figures_of(&bench).n_sensors, 0);
    assert_int_equal(figures_of(&bench).memory_bytes, 0);
    bench_fini(&bench);
}

static void test_a_sensor_too_many_is_refused_as_that(void **state) {
    (void)state;
    struct bench bench;
    bench_init_with(&bench, &(struct store_memory_options){.max_sensors = 2});
    append(&bench, "a", 1, 1);
    append(&bench, "b", 1, 1);
    assert_int_equal(commit(&bench).accepted, 2);
    size_t used = figures_of(&bench).memory_bytes;
    append(&bench, "b", 2, 2); /* known ones go on */
    append(&bench, "c", 1, 1);
    append(&bench, "b", 3, 3);
    struct store_outcome outcome = commit(&bench);
    assert_int_equal(outcome.accepted, 1);
    assert_int_equal(outcome.refused, 2);
    assert_int_equal(outcome.reason, STORE_REFUSED_SENSORS);
    assert_int_equal(figures_of(&bench).n_sensors, 2);
    assert_int_equal(figures_of(&bench).memory_bytes, used);
    bench_fini(&bench);
}

static void test_refused_sensors_leave_no_memory_behind(void **state) {
    (void)state;
    for (size_t limit = 10; limit < 6000; limit += 10) {
        struct bench bench;
        size_t used = 0;
        bench_init(&bench, limit);
        for (int i = 0; i < 30; i++) {
            char id[32];
            snprintf(id, sizeof(id), "sensor-%d", 10 + i);
            append(&bench, id, 1, 1);
            if (commit(&bench).refused && used)
                assert_int_equal(figures_of(&bench).memory_bytes, used);
            used = figures_of(&bench).memory_bytes;
            assert_true(used <= limit);
        }
        bench_fini(&bench);
    }
}

static void test_statistics_merge_what_matches_both_patterns(void **state) {
    (void)state;
    struct bench bench;
    struct stats stats;
    uint64_t n_sensors;
    char id[32];
    bench_init(&bench, 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "%s-%03d", i % 2 ? "boiler" : "fridge", i);
        append(&bench, id, 1 + i, 0);
        append(&bench, id, 2 + i, 0);
    }
    assert_int_equal(commit(&bench).accepted, 2000);
    assert_int_equal(statistics(&bench, "*", "*", &n_sensors, &stats), 0);
    assert_int_equal(n_sensors, 1000);
    assert_int_equal(stats.count, 2000);
    assert_true(stats_mean(&stats) == 501);
    assert_true(stats.latest == 1001);
    assert_int_equal(statistics(&bench, "boiler-*", "*-9*", &n_sensors, &stats), 0);
    assert_int_equal(n_sensors, 50);
    assert_int_equal(statistics(&bench, "boiler-001", "*", &n_sensors, &stats), 0);
    assert_int_equal(n_sensors, 1);
    assert_true(stats_mean(&stats) == 2.5);
    assert_int_equal(statistics(&bench, "boiler-*", "fridge-*", &n_sensors, &stats),
                     STORE_E_NO_SENSOR);
    bench_fini(&bench);
}

static void test_list_goes_page_by_page_in_order(void **state) {
    (void)state;
    struct bench bench;
    struct store_sensor sensors[64];
    struct store_filter filter = {bytes_str("s-*"), bytes_str("*")};
    struct store_page page = {.sensors = sensors, .max = ARRAY_LEN(sensors)};
    char id[32];
    bench_init(&bench, 0);
    for (int i = 0; i < 640; i++) {
        snprintf(id, sizeof(id), "s-%03d", i * 7 % 640);
        append(&bench, id, 5, 0);
    }
    append(&bench, "t", 5, 0);
    assert_int_equal(commit(&bench).accepted, 641);
    for (int i = 0; i < 640; i += 64) {
        assert_int_equal(bench.backend->ops->list(bench.backend, &filter, &page), 0);
        assert_int_equal(page.n, 64);
        assert_int_equal(page.more, i + 64 < 640);
        for (int k = 0; k < 64; k++) {
            snprintf(id, sizeof(id), "s-%03d", i + k);
            assert_true(bytes_equal_str(sensors[k].sensor_id, id));
            assert_int_equal(sensors[k].stats.count, 1);
        }
        page.after = sensors[63].sensor_id;
    }
    bench_fini(&bench);
}

static void test_a_sensor_costs_little(void **state) {
    (void)state;
    enum {
        N = 10000
    };
    struct bench bench;
    char id[32];
    bench_init(&bench, 0);
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "plant-7/boiler-%06d", i);
        append(&bench, id, 5, 0);
    }
    assert_int_equal(commit(&bench).accepted, N);
    assert_true(figures_of(&bench).memory_bytes / N <= 400 + 32);
    bench_fini(&bench);
}

/* Whatever fails: outcomes tell the truth, what was accepted is there, nothing else is. */
static void test_failing_allocations_refuse_and_lose_nothing(void **state) {
    (void)state;
    for (size_t n = 1; n < 60; n++) {
        struct bench bench;
        bench_init(&bench, 0);
        for (int i = 1; i <= 40; i++) {
            append(&bench, i % 2 ? "a" : "b", 1 + i / 4, (uint64_t)i);
            append(&bench, "c", 7, (uint64_t)(i + 200 * (i % 3)));
        }
        for (int i = 0; i < 200; i++)
            append(&bench, "c", 7, 1000 + (uint64_t)i);
        fail_alloc_at(n);
        struct store_outcome outcome = commit(&bench);
        fail_alloc_off();
        assert_int_equal(figures_of(&bench).n_readings, outcome.accepted - outcome.duplicates);
        struct stats stats = {0};
        uint64_t n_sensors;
        int r = statistics(&bench, "*", "*", &n_sensors, &stats);
        assert_int_equal(r, outcome.accepted ? 0 : STORE_E_NO_SENSOR);
        assert_int_equal(stats.count, outcome.accepted - outcome.duplicates);
        bench_fini(&bench);
    }
    struct store_backend *backend;
    fail_alloc_at(1);
    assert_int_equal(store_memory_new(&(struct store_memory_options){0}, &backend), -ENOMEM);
    fail_alloc_off();
}

static void test_failing_allocation_of_a_cursor_is_reported(void **state) {
    (void)state;
    struct bench bench;
    struct store_cursor *cursor;
    struct store_query query = {.sensor_id = bytes_str("a")};
    bench_init(&bench, 0);
    append(&bench, "a", 1, 0);
    (void)commit(&bench);
    fail_alloc_at(1);
    assert_int_equal(bench.backend->ops->cursor_open(bench.backend, &query, &cursor), -ENOMEM);
    fail_alloc_off();
    bench_fini(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcome_counts_repeats_within_and_across_commits),
        cmocka_unit_test(test_each_run_has_its_own_outcome),
        cmocka_unit_test(test_long_runs_of_one_sensor_are_kept_whole),
        cmocka_unit_test(test_at_the_limit_the_rest_of_a_run_is_refused),
        cmocka_unit_test(test_behind_a_refused_reading_nothing_of_its_writer_is_kept),
        cmocka_unit_test(test_a_sensor_without_a_reading_does_not_exist),
        cmocka_unit_test(test_a_sensor_too_many_is_refused_as_that),
        cmocka_unit_test(test_refused_sensors_leave_no_memory_behind),
        cmocka_unit_test(test_statistics_merge_what_matches_both_patterns),
        cmocka_unit_test(test_list_goes_page_by_page_in_order),
        cmocka_unit_test(test_a_sensor_costs_little),
        cmocka_unit_test(test_failing_allocations_refuse_and_lose_nothing),
        cmocka_unit_test(test_failing_allocation_of_a_cursor_is_reported),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
