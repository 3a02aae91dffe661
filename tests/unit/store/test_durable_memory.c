/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole durable backend when memory runs out, ours or SQLite's, on the writer's thread, the
 * keeper's or a reader's: what needs it is refused or waits, the next one may have more luck, and
 * nothing that was acknowledged is missing. It is never an end.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fault_gate.h"
#include "fault_rig.h"
#include "sqlite_alloc.h"
#include "store/batch.h"
#include "unit.h"

static struct fault_rig rig;

/* Whose allocations fail. */
struct heap {
    void (*fail_at)(size_t n);
    size_t (*count)(void);
    void (*off)(void);
};

static const struct heap our_heap = {fail_alloc_at, fail_alloc_count, fail_alloc_off};
static const struct heap sqlite_heap = {sqlite_alloc_fail_at, sqlite_alloc_count, sqlite_alloc_off};

/* The keeper has nothing to do, so that it is the caller's allocation that fails. */
static void start_in_peace(uint64_t seed) {
    rig_init(&rig, seed);
    rig.twins.disk.options.journal_limit_bytes = 0;
    rig.twins.disk.options.memory_limit_bytes = 0;
}

static void test_opening_without_memory_fails_and_may_be_tried_again(void **state) {
    (void)state;
    start_in_peace(1);
    assert_true(rig_run(&rig, 6));
    rig_lose_power(&rig, 1);
    for (size_t n = 1;; n++) {
        fail_alloc_at(n);
        int r = bench_try_open(&rig.twins.disk);
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        assert_true(rig.twins.disk.failure.text[0] != '\0');
    }
    twins_compare(&rig.twins);
    bench_close(&rig.twins.disk);
    rig_recover(&rig, 1);
    rig_fini(&rig);
}

static void test_reading_without_memory_fails_and_may_be_tried_again(void **state) {
    (void)state;
    start_in_peace(2);
    assert_true(rig_run(&rig, 20));
    struct store_backend *backend = rig.twins.disk.backend;
    const struct store_query query = {.sensor_id = bytes_str("attic")};
    const struct store_filter filter = {bytes_str("*"), bytes_str("*")};
    const struct store_range range = {1000, 1000050};
    static struct reading page[STORE_PAGE_MAX_READINGS];
    bool is_done = false;
    for (size_t n = 1; !is_done; n++) {
        struct store_cursor *cursor;
        struct stats stats;
        uint64_t n_sensors;
        size_t n_page;
        fail_alloc_at(n);
        int opened = backend->ops->cursor_open(backend, &query, &cursor);
        int r = opened ? opened : cursor->ops->cursor_next(cursor, page, ARRAY_LEN(page), &n_page);
        int counted = backend->ops->statistics(backend, &filter, &range, &n_sensors, &stats);
        is_done = fail_alloc_count() < n;
        fail_alloc_off();
        assert_true((r == 0 || r == -ENOMEM) && (counted == 0 || counted == -ENOMEM));
        assert_true(!is_done || (r == 0 && counted == 0));
        if (opened == 0)
            cursor->ops->cursor_close(cursor);
    }
    twins_compare(&rig.twins);
    assert_int_equal(rig.twins.disk.n_failures, 0);
    rig_fini(&rig);
}

/* Commits a batch that is made already; what it refuses, it refuses for want of memory. */
static struct store_outcome commit_on(const struct heap *heap, size_t nth,
                                      const struct reading *readings, size_t n) {
    struct store_writer writer = {0};
    struct store_batch batch, *batches[] = {&batch};
    store_batch_init(&batch);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(store_batch_append(&batch, &writer, &readings[i]), 0);
    heap->fail_at(nth);
    rig.twins.disk.backend->ops->commit(rig.twins.disk.backend, batches, 1);
    struct store_outcome outcome = batch.runs[0].outcome;
    assert_int_equal(outcome.accepted + outcome.refused, n);
    if (outcome.refused)
        assert_int_equal(outcome.reason, STORE_REFUSED_MEMORY);
    store_batch_fini(&batch);
    return outcome;
}

static struct store_outcome commit_with_failing_alloc(const struct reading *readings, size_t n,
                                                      size_t nth) {
    struct store_outcome outcome = commit_on(&our_heap, nth, readings, n);
    assert_true(outcome.refused == 0 || fail_alloc_count() >= nth);
    fail_alloc_off();
    return outcome;
}

/* Two new sensors and some readings of old ones, late ones and repeats among them. */
static size_t make_mixed(struct reading *readings, size_t round) {
    static char ids[2][16];
    size_t n = 0;
    for (size_t i = 0; i < 2; i++) {
        snprintf(ids[i], sizeof(ids[i]), "new-%zu-%zu", round, i);
        for (size_t j = 0; j < 3; j++)
            readings[n++] = (struct reading){.sensor_id = bytes_str(ids[i]),
                                             .seconds = (int64_t)(1000 - j),
                                             .sequence = j + 1,
                                             .temperature = (double)j};
    }
    for (size_t i = 0; i < 40; i++)
        readings[n++] = (struct reading){.sensor_id = bytes_str("attic"),
                                         .seconds = (int64_t)(1000000 + (i * 7 + round) % 50),
                                         .sequence = 1 + i % 9,
                                         .temperature = (double)i / 3};
    return n;
}

static void test_commits_without_memory_keep_a_prefix_and_later_ones_the_rest(void **state) {
    (void)state;
    static struct reading readings[64];
    start_in_peace(3);
    assert_true(rig_run(&rig, 6));
    bool is_done = false;
    for (size_t round = 0; !is_done; round++) {
        size_t n = make_mixed(readings, round);
        struct store_outcome first = commit_with_failing_alloc(readings, n, round + 1);
        is_done = first.refused == 0 && round > 40;
        if (first.accepted > 0)
            assert_int_equal(bench_commit(rig.twins.model, readings, first.accepted).duplicates,
                             first.duplicates);
        assert_true(twins_commit(&rig.twins, readings, n));
    }
    twins_compare(&rig.twins);
    assert_int_equal(rig.twins.disk.n_failures, 0);
    rig_lose_power(&rig, 3);
    rig_recover(&rig, 3);
    rig_fini(&rig);
}

enum {
    N_CALLERS = 400,
    N_OLD = 100,
};

/* One reading from each of many for a sensor that is new, then some for one that is known, in one
 * batch; memory ends at the `nth` allocation. How many of the last are kept. */
static uint64_t commit_for_a_newcomer(size_t round, size_t nth) {
    static struct store_writer writers[N_CALLERS + 1];
    static char id[STORE_ID_MAX_BYTES];
    struct store_batch batch, *batches[] = {&batch};
    struct reading reading = {.sensor_id = bytes_of(id, sizeof(id)), .seconds = 1};
    store_batch_init(&batch);
    memset(writers, 0, sizeof(writers));
    memset(id, '0' + (int)round, sizeof(id));
    for (size_t i = 0; i < N_CALLERS; i++)
        assert_int_equal(store_batch_append(&batch, &writers[i], &reading), 0);
    reading.sensor_id = bytes_str("attic");
    for (size_t i = 0; i < N_OLD; i++) {
        reading.seconds = (int64_t)(1000 * (round + 1) + i);
        assert_int_equal(store_batch_append(&batch, &writers[N_CALLERS], &reading), 0);
    }
    fail_alloc_from(nth);
    rig.twins.disk.backend->ops->commit(rig.twins.disk.backend, batches, 1);
    fail_alloc_off();
    uint64_t n_kept = batch.runs[N_CALLERS].outcome.accepted;
    store_batch_fini(&batch);
    return n_kept;
}

/* Those of a sensor whose chunk has room need no memory, whatever others need. */
static void test_a_newcomer_without_memory_takes_no_room_from_others(void **state) {
    (void)state;
    start_in_peace(9);
    bench_open(&rig.twins.disk);
    uint64_t n_kept = 0;
    for (size_t round = 0; round < 40; round++)
        n_kept += commit_for_a_newcomer(round, round % 2 ? 1 + round / 2 % 8 : SIZE_MAX);
    assert_int_equal(rig.twins.disk.n_failures, 0);
    rig_lose_power(&rig, 9);
    bench_open(&rig.twins.disk);
    assert_int_equal(bench_count(rig.twins.disk.backend, "attic"), n_kept);
    rig_fini(&rig);
}

/* ---- with a keeper that has much to do ---- */

static size_t n_sealings(void) {
    struct store_figures figures;
    rig.twins.disk.backend->ops->figures(rig.twins.disk.backend, &figures);
    return figures.disk.n_sealings_waiting;
}

static void wait_until_sealed(void) {
    uint64_t end_ns = clock_monotonic_ns() + 60 * NS_PER_S;
    while (n_sealings() > 0) {
        assert_true(clock_monotonic_ns() < end_ns);
        sched_yield();
    }
}

/* A batch whose record may need a segment of its own, since nobody knows before how long it gets;
 * the model takes what the disk took. True: more allocations than `nth` were made. */
static bool commit_round(const struct heap *heap, size_t nth) {
    static struct reading readings[2000];
    static const char *const ids[] = {"attic", "cellar", "boiler-1"};
    size_t n = nth % 5 ? 300 : ARRAY_LEN(readings);
    for (size_t i = 0; i < n; i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str(ids[nth % ARRAY_LEN(ids)]),
            .seconds = 1000000 + (int64_t)(nth * 100 + (i * 7919) % 250),
            .sequence = nth * 10000 + i + 1,
            .temperature = random_unit(&rig.twins.random),
        };
    struct store_outcome outcome = commit_on(heap, nth, readings, n);
    wait_until_sealed();
    bool has_struck = heap->count() >= nth;
    heap->off();
    assert_true(outcome.refused == 0 || has_struck);
    if (outcome.accepted > 0)
        assert_int_equal(bench_commit(rig.twins.model, readings, outcome.accepted).duplicates,
                         outcome.duplicates);
    assert_true(twins_commit(&rig.twins, readings, n)); /* it accepts again, all of it */
    return has_struck;
}

/* Every n-th allocation of a round, whoever makes it, until several rounds need no more. */
static void strike_every_allocation(const struct heap *heap, uint64_t seed) {
    rig_init(&rig, seed);
    assert_true(rig_run(&rig, 6));
    size_t n_struck = 0, n_missed = 0;
    for (size_t nth = 1; n_missed < 20; nth++)
        if (commit_round(heap, nth))
            n_struck++, n_missed = 0;
        else
            n_missed++;
    print_message("# %zu allocations failed\n", n_struck);
    assert_true(n_struck > 20);
    twins_compare(&rig.twins);
    assert_int_equal(rig.twins.disk.n_failures, 0);
    rig_lose_power(&rig, seed);
    rig_recover(&rig, seed);
    rig_fini(&rig);
}

static void test_no_failing_allocation_ends_accepting(void **state) {
    (void)state;
    strike_every_allocation(&our_heap, 4);
}

static void test_no_failing_allocation_of_sqlite_ends_accepting(void **state) {
    (void)state;
    strike_every_allocation(&sqlite_heap, 5);
}

/* New readings each time, so that none is looked up in SQLite. */
static void write_newer(size_t round) {
    static struct reading readings[100];
    for (size_t i = 0; i < ARRAY_LEN(readings); i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str("attic"),
            .seconds = 2000000 + (int64_t)(round * ARRAY_LEN(readings) + i),
            .temperature = (double)i,
        };
    assert_true(twins_commit(&rig.twins, readings, ARRAY_LEN(readings)));
}

static void test_what_is_sealed_when_memory_runs_out_is_not_sealed_again(void **state) {
    (void)state;
    rig_init(&rig, 8);
    rig.twins.disk.options.memory_limit_bytes = 1; /* each commit is sealed */
    bench_open(&rig.twins.disk);
    fault_vfs_arm(&(struct fault){.ops = FAULT_COMMITTED, .n = 1});
    for (size_t round = 0; round < 20; round++) {
        write_newer(round);
        wait_until_sealed();
    }
    assert_true(fault_vfs_has_struck());
    assert_int_equal(rig.twins.disk.n_failures, 0);
    twins_compare(&rig.twins);
    rig_lose_power(&rig, 8);
    rig_recover(&rig, 8);
    rig_fini(&rig);
}

/* ---- for a long time ---- */

static void starve_the_keeper(uint64_t seed) {
    rig_init(&rig, seed);
    rig.twins.disk.options.memory_limit_bytes = 1; /* each commit is sealed */
    bench_open(&rig.twins.disk);
    write_newer(0);
    wait_until_sealed();
    sqlite_alloc_fail_from(1);
    for (size_t round = 1; round < 20; round++)
        write_newer(round);
    assert_true(n_sealings() > 0);
}

static void test_the_keeper_goes_on_once_there_is_memory(void **state) {
    (void)state;
    starve_the_keeper(6);
    sqlite_alloc_off();
    wait_until_sealed();
    assert_int_equal(rig.twins.disk.n_failures, 0);
    rig_lose_power(&rig, 6);
    rig_recover(&rig, 6);
    rig_fini(&rig);
}

static uint64_t n_chunks(void) {
    struct store_figures figures;
    rig.twins.disk.backend->ops->figures(rig.twins.disk.backend, &figures);
    return figures.disk.n_chunks;
}

/* Sealing needs none of our memory here, merging does: that is what fails. */
static void test_chunks_are_merged_once_there_is_memory(void **state) {
    struct fault_gate gate;
    (void)state;
    rig_init(&rig, 10);
    rig.twins.disk.options.journal_limit_bytes = 0;
    rig.twins.disk.options.memory_limit_bytes = 1; /* each commit is sealed */
    bench_open(&rig.twins.disk);
    write_newer(0);
    wait_until_sealed();
    fault_gate_init(&gate);
    fault_vfs_arm(&(struct fault){FAULT_SYNC, 1, FAULT_DELAY, fault_gate_hold, &gate});
    for (size_t round = 1; round < 20; round++)
        write_newer(round);
    fail_alloc_from(1);
    fault_gate_open(&gate);
    wait_until_sealed();
    uint64_t end_ns = clock_monotonic_ns() + 60 * NS_PER_S;
    while (fail_alloc_count() == 0 && clock_monotonic_ns() < end_ns)
        sched_yield();
    fail_alloc_off();
    while (n_chunks() >= 10 && clock_monotonic_ns() < end_ns)
        sched_yield();
    assert_true(n_chunks() < 10);
    twins_compare(&rig.twins);
    rig_fini(&rig);
}

/* What is not sealed is in the journal. */
static void test_an_end_without_memory_is_not_put_off(void **state) {
    (void)state;
    starve_the_keeper(7);
    uint64_t start_ns = clock_monotonic_ns();
    bench_close(&rig.twins.disk);
    assert_true(clock_monotonic_ns() - start_ns < 20 * NS_PER_S);
    sqlite_alloc_off();
    rig_recover(&rig, 7);
    rig_fini(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening_without_memory_fails_and_may_be_tried_again),
        cmocka_unit_test(test_reading_without_memory_fails_and_may_be_tried_again),
        cmocka_unit_test(test_commits_without_memory_keep_a_prefix_and_later_ones_the_rest),
        cmocka_unit_test(test_a_newcomer_without_memory_takes_no_room_from_others),
        cmocka_unit_test(test_no_failing_allocation_ends_accepting),
        cmocka_unit_test(test_no_failing_allocation_of_sqlite_ends_accepting),
        cmocka_unit_test(test_what_is_sealed_when_memory_runs_out_is_not_sealed_again),
        cmocka_unit_test(test_the_keeper_goes_on_once_there_is_memory),
        cmocka_unit_test(test_chunks_are_merged_once_there_is_memory),
        cmocka_unit_test(test_an_end_without_memory_is_not_put_off),
    };
    sqlite_alloc_take_over();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
