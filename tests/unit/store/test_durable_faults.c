/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole durable backend with one operation that fails, of the journal's disk or of SQLite's:
 * it says so once, takes nothing more, and what was acknowledged is there, for readers at once and
 * after the next start. Each kind of operation is struck in each way: with EIO, with ENOSPC, done
 * in part, torn, late.
 *
 * FAULT_ROUNDS says how many strikes each kind of operation gets (8): with fewer than the run has
 * of it every n-th is struck, with more each of them, in another way in each turn.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fault_rig.h"
#include "unit.h"

enum {
    N_ROUNDS = 24,
};

static struct fault_rig rig;

/* ---- one failing operation ---- */

static void assert_nothing_more_is_taken(void) {
    const struct reading reading = {
        .sensor_id = bytes_str("attic"), .seconds = 5000000, .temperature = 1};
    struct store_backend *backend = rig.twins.disk.backend;
    for (int i = 0; i < 3; i++) {
        struct store_outcome outcome = bench_commit(backend, &reading, 1);
        assert_int_equal(outcome.refused, 1);
        assert_int_equal(outcome.reason, STORE_REFUSED_FAILED);
    }
    struct store_figures figures;
    backend->ops->figures(backend, &figures);
    assert_string_equal(figures.failure.text, rig.twins.disk.failure.text);
    assert_non_null(strstr(figures.failure.text, "Nothing more is accepted; reading goes on"));
}

/* Whatever the run met: an open that failed with words, a store that has failed, or nothing. */
static void check_after_fault(bool has_run) {
    struct durable_bench *bench = &rig.twins.disk;
    fake_disk_fail_off(rig.disk); /* if it has not struck yet, it is not to strike a reader */
    fault_vfs_disarm();
    /* Of a store that is open the words may just be written, on the keeper's thread. */
    assert_true(has_run || bench->backend || bench->failure.text[0]);
    if (bench->backend && bench->n_failures == 1)
        assert_nothing_more_is_taken();
    if (bench->backend) {
        struct store_figures figures;
        bench->backend->ops->figures(bench->backend, &figures);
        assert_true(has_run || figures.failure.text[0]);
        twins_compare(&rig.twins);
    }
    bench_close(bench);
}

/* The disks may have lost what was not synced. */
static void check_recovery(uint64_t seed) {
    if (seed % 2)
        rig_lose_power(&rig, seed);
    rig_recover(&rig, seed / 2);
    rig_fini(&rig);
}

static size_t count_journal(enum fake_op op) {
    rig_init(&rig, 3);
    assert_true(rig_run(&rig, N_ROUNDS));
    bench_close(&rig.twins.disk);
    size_t n = fake_disk_count(rig.disk, op);
    rig_fini(&rig);
    return n;
}

static size_t count_sqlite(unsigned ops) {
    rig_init(&rig, 3);
    fault_vfs_arm(&(struct fault){.ops = ops});
    assert_true(rig_run(&rig, N_ROUNDS));
    bench_close(&rig.twins.disk);
    size_t n = fault_vfs_count();
    rig_fini(&rig);
    return n;
}

/* So many strikes of each kind of operation: spread over the run, or each of them with one kind of
 * fault after the other. */
static size_t n_strikes(size_t n_ops, size_t n_kinds) {
    const char *text = getenv("FAULT_ROUNDS");
    size_t n = text ? strtoul(text, NULL, 10) : 8;
    return n < n_ops * n_kinds ? n : n_ops * n_kinds;
}

static size_t strike_at(size_t i, size_t n, size_t n_ops) {
    return n < n_ops ? 1 + i * (n_ops - 1) / (n > 1 ? n - 1 : 1) : 1 + i % n_ops;
}

/* The kind of the `i`-th, such that each operation gets each of them by and by. */
static size_t kind_at(size_t i, size_t n_ops, size_t n_kinds) {
    return (i + i / n_ops) % n_kinds;
}

/* The others go on meanwhile. */
static void stand_aside(void) {
    for (int i = 0; i < 200; i++)
        sched_yield();
}

enum journal_fault {
    STRIKE_EIO,
    STRIKE_ENOSPC,
    STRIKE_SHORT, /* a write is done in part and fails; a read gives less */
    STRIKE_TEAR,  /* of a write */
    STRIKE_DELAY,
    STRIKE_N,
};

static void arm_journal(enum fake_op op, size_t nth, enum journal_fault kind) {
    struct fake_fault fault = {.op = op, .nth = nth, .error = -EIO};
    if (kind == STRIKE_ENOSPC && op != FAKE_READ)
        fault.error = -ENOSPC;
    if (kind == STRIKE_SHORT)
        fault.done_bytes = 50;
    if (kind == STRIKE_SHORT && op == FAKE_READ)
        fault.error = 0;
    if (kind == STRIKE_DELAY)
        fake_disk_delay(rig.disk, op, nth, stand_aside);
    else if (kind == STRIKE_TEAR && op == FAKE_WRITE)
        fake_disk_tear(rig.disk, nth);
    else
        fake_disk_fail(rig.disk, fault);
}

static void strike_journal(enum fake_op op, size_t nth, enum journal_fault kind, uint64_t seed) {
    print_message("# journal: operation %d, %zu, kind %d\n", op, nth, kind);
    rig_init(&rig, 3);
    arm_journal(op, nth, kind);
    bool has_run = rig_run(&rig, N_ROUNDS);
    assert_true(has_run || kind != STRIKE_DELAY);
    check_after_fault(has_run);
    check_recovery(seed);
}

static void test_any_failing_operation_of_the_journal_loses_nothing(void **state) {
    (void)state;
    for (enum fake_op op = 0; op < FAKE_N_OPS; op++) {
        size_t n_ops = count_journal(op), n = n_strikes(n_ops, STRIKE_N);
        assert_true(n_ops > 0 || op == FAKE_TRUNCATE);
        for (size_t i = 0; i < n; i++)
            strike_journal(op, strike_at(i, n, n_ops),
                           (enum journal_fault)kind_at(i, n_ops, STRIKE_N), i + op);
    }
}

static void stand_aside_for(void *user) {
    (void)user;
    stand_aside();
}

static void strike_sqlite(const struct fault *fault, uint64_t seed) {
    print_message("# SQLite: operation %u, %zu, kind %d\n", fault->ops, fault->n, fault->kind);
    rig_init(&rig, 3);
    fault_vfs_arm(fault);
    bool has_run = rig_run(&rig, N_ROUNDS);
    assert_true(has_run || fault->kind != FAULT_DELAY);
    check_after_fault(has_run);
    check_recovery(seed);
}

static void test_any_failing_operation_of_sqlite_loses_nothing(void **state) {
    (void)state;
    static const enum fault_op ops[] = {FAULT_READ,     FAULT_WRITE,  FAULT_SYNC,
                                        FAULT_TRUNCATE, FAULT_DELETE, FAULT_OPEN};
    static const enum fault_kind kinds[] = {FAULT_EIO, FAULT_ENOSPC, FAULT_SHORT, FAULT_TEAR,
                                            FAULT_DELAY};
    for (size_t op = 0; op < ARRAY_LEN(ops); op++) {
        size_t n_ops = count_sqlite(ops[op]), n = n_strikes(n_ops, ARRAY_LEN(kinds));
        for (size_t i = 0; i < n; i++) {
            struct fault fault = {.ops = ops[op],
                                  .n = strike_at(i, n, n_ops),
                                  .kind = kinds[kind_at(i, n_ops, ARRAY_LEN(kinds))],
                                  .hold = stand_aside_for};
            strike_sqlite(&fault, i + op);
        }
    }
}

/* ---- the keeper's turns ---- */

/* One reading of each of many sensors, sealed at once: more than the keeper takes in a turn. */
static void fill_more_than_a_turn(size_t n_sensors) {
    static struct reading readings[4 * KEEPER_TURN_MAX];
    static char ids[4 * KEEPER_TURN_MAX][16];
    for (size_t i = 0; i < n_sensors; i++) {
        snprintf(ids[i], sizeof(ids[i]), "many-%zu", i);
        readings[i] = (struct reading){
            .sensor_id = bytes_str(ids[i]), .seconds = 1000, .temperature = (double)i};
    }
    assert_int_equal(bench_commit(rig.twins.disk.backend, readings, n_sensors).accepted, n_sensors);
}

static void test_power_cut_between_two_turns_of_the_keeper_loses_nothing(void **state) {
    (void)state;
    const size_t n_sensors = 3 * KEEPER_TURN_MAX;
    for (size_t nth = 1; nth <= 5; nth++) {
        rig_init(&rig, 1);
        rig.twins.disk.options.memory_limit_bytes = 1;
        bench_open(&rig.twins.disk);
        fault_vfs_arm(&(struct fault){.ops = FAULT_SYNC, .n = nth, .kind = FAULT_POWER});
        fill_more_than_a_turn(n_sensors);
        bench_close(&rig.twins.disk); /* the keeper goes through its queue until it is struck */
        rig_lose_power(&rig, nth);
        bench_open(&rig.twins.disk);
        assert_int_equal(bench_count(rig.twins.disk.backend, "many-*"), n_sensors);
        rig_fini(&rig);
    }
}

/* ---- a journal that is lost ---- */

/* Nothing is sealed yet, so that nothing but a note in SQLite tells that there was a journal. */
static void test_a_journal_lost_before_anything_was_sealed_is_named(void **state) {
    (void)state;
    const struct reading reading = {
        .sensor_id = bytes_str("attic"), .seconds = 1000, .temperature = 1};
    rig_init(&rig, 1);
    bench_open(&rig.twins.disk);
    assert_int_equal(bench_commit(rig.twins.disk.backend, &reading, 1).accepted, 1);
    rig_lose_power(&rig, 1);
    bench_open(&rig.twins.disk);
    assert_int_equal(bench_count(rig.twins.disk.backend, "attic"), 1);
    assert_int_equal(rig_n_damage_lines(), 0);
    rig_lose_power(&rig, 2);
    struct files *files = fake_disk_files(rig.disk);
    for (const char *name; (name = fake_disk_name(rig.disk, 0));)
        assert_int_equal(files->ops->unlink(files, name), 0);
    bench_open(&rig.twins.disk);
    assert_int_equal(rig_n_damage_lines(), 1);
    assert_int_equal(bench_count(rig.twins.disk.backend, "attic"), 0);
    rig_fini(&rig);
}

/* The journal's newest file, which holds all there is, cut to `size`. */
static void cut_journal(uint64_t size) {
    struct files *files = fake_disk_files(rig.disk);
    const char *newest = NULL, *name;
    struct file *file;
    for (size_t i = 0; (name = fake_disk_name(rig.disk, i)); i++)
        newest = strstr(name, "spare") ? newest : name;
    assert_int_equal(files->ops->open(files, newest, FILES_WRITE, &file), 0);
    assert_int_equal(file->ops->truncate(file, size), 0);
    file->ops->close(file);
    fake_disk_settle(rig.disk);
}

static void write_attic(size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct reading reading = {
            .sensor_id = bytes_str("attic"), .seconds = (int64_t)(1000 + i), .temperature = 1};
        assert_int_equal(bench_commit(rig.twins.disk.backend, &reading, 1).accepted, 1);
    }
}

/* After a clean end or a start that has noted it; nothing is sealed in the second case. */
static void test_a_journal_file_that_was_cut_short_is_named(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 4096, 4096 + 100};
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        bool is_clean = i % 2;
        rig_init(&rig, 1);
        bench_open(&rig.twins.disk);
        write_attic(20);
        if (is_clean)
            bench_close(&rig.twins.disk);
        else
            rig_lose_power(&rig, 1);
        bench_open(&rig.twins.disk);
        assert_int_equal(rig_n_damage_lines(), 0);
        rig_lose_power(&rig, 2);
        cut_journal(sizes[i / 2]);
        bench_open(&rig.twins.disk);
        assert_int_equal(rig_n_damage_lines(), 1);
        uint64_t n = bench_count(rig.twins.disk.backend, "attic");
        assert_true(is_clean ? n == 20 : n < 20);
        write_attic(5); /* it goes on, behind what is missing */
        rig_lose_power(&rig, 3);
        bench_open(&rig.twins.disk);
        assert_int_equal(bench_count(rig.twins.disk.backend, "attic"), n + 5);
        rig_fini(&rig);
    }
}

/* A commit of some 50 KB of the journal, of so many sensors that none has a full chunk. */
static void write_many(size_t round) {
    static struct reading readings[4000];
    static char ids[400][16];
    for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
        char *id = ids[i % ARRAY_LEN(ids)];
        snprintf(id, sizeof(ids[0]), "many-%zu", i % ARRAY_LEN(ids));
        readings[i] = (struct reading){.sensor_id = bytes_str(id),
                                       .seconds = (int64_t)(1000 * round + i),
                                       .temperature = random_unit(&rig.twins.random)};
    }
    bench_commit(rig.twins.disk.backend, readings, ARRAY_LEN(readings));
}

/* The server is killed before anything was sealed. */
static void test_up_to_where_the_journal_is_on_the_disk_is_noted_as_it_grows(void **state) {
    (void)state;
    rig_init(&rig, 1);
    rig.twins.disk.options.journal_limit_bytes = 0;
    rig.twins.disk.options.memory_limit_bytes = 0;
    bench_open(&rig.twins.disk);
    fault_vfs_arm(&(struct fault){.ops = FAULT_SYNC});
    for (size_t round = 0; fault_vfs_count() == 0; round++) {
        write_many(round);
        assert_true(round < 200);
    }
    rig_lose_power(&rig, 1);
    cut_journal(4096);
    bench_open(&rig.twins.disk);
    assert_int_equal(rig_n_damage_lines(), 1);
    assert_int_equal(bench_count(rig.twins.disk.backend, "*"), 0);
    rig_fini(&rig);
}

/* ---- files that are taken away ---- */

/* Opens, writes, and takes a file away behind the store's back. */
static void take_away(const char *name, bool is_replaced) {
    rig_init(&rig, 1);
    bench_open(&rig.twins.disk);
    write_attic(3);
    fake_disk_take_away(rig.disk, name, is_replaced);
}

static void test_a_file_that_is_taken_away_ends_accepting(void **state) {
    (void)state;
    static const char *const names[] = {"store.sqlite", "journal-0000000000000000"};
    for (size_t i = 0; i < 2 * ARRAY_LEN(names); i++) {
        take_away(names[i / 2], i % 2);
        assert_nothing_more_is_taken();
        const struct durable_bench *bench = &rig.twins.disk;
        assert_int_equal(bench->n_failures, 1);
        assert_non_null(strstr(bench->failure.text, names[i / 2]));
        assert_non_null(strstr(bench->failure.text, "was removed, moved or replaced"));
        assert_null(strstr(bench->failure.text, "what was acknowledged is there"));
        assert_int_equal(bench_count(bench->backend, "attic"), 3);
        rig_fini(&rig);
    }
}

/* It would be told as one that is kept. */
static void test_a_repeat_is_not_acknowledged_once_its_file_is_gone(void **state) {
    (void)state;
    const struct reading reading = {
        .sensor_id = bytes_str("attic"), .seconds = 900, .sequence = 7, .temperature = 1};
    rig_init(&rig, 1);
    bench_open(&rig.twins.disk);
    for (uint64_t n_duplicates = 0; n_duplicates < 2; n_duplicates++) {
        struct store_outcome outcome = bench_commit(rig.twins.disk.backend, &reading, 1);
        assert_int_equal(outcome.duplicates, n_duplicates);
    }
    fake_disk_take_away(rig.disk, "store.sqlite", false);
    assert_int_equal(bench_commit(rig.twins.disk.backend, &reading, 1).refused, 1);
    rig_fini(&rig);
}

/* Whatever fails first because of it: the disk has nothing to do with it. */
static void test_a_failure_that_a_missing_file_causes_names_the_file(void **state) {
    (void)state;
    take_away("store.sqlite", false);
    fake_disk_fail(rig.disk, (struct fake_fault){.op = FAKE_WRITE, .nth = 1, .error = -ENOENT});
    assert_nothing_more_is_taken();
    assert_non_null(strstr(rig.twins.disk.failure.text, "store.sqlite was removed"));
    rig_fini(&rig);
    take_away("store.sqlite", false);
    fault_vfs_arm(&(struct fault){.ops = FAULT_WRITE, .n = 1});
    bench_close(&rig.twins.disk); /* the keeper seals, and fails */
    assert_non_null(strstr(rig.twins.disk.failure.text, "store.sqlite was removed"));
    rig_fini(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_failing_operation_of_the_journal_loses_nothing),
        cmocka_unit_test(test_any_failing_operation_of_sqlite_loses_nothing),
        cmocka_unit_test(test_power_cut_between_two_turns_of_the_keeper_loses_nothing),
        cmocka_unit_test(test_a_journal_lost_before_anything_was_sealed_is_named),
        cmocka_unit_test(test_a_journal_file_that_was_cut_short_is_named),
        cmocka_unit_test(test_up_to_where_the_journal_is_on_the_disk_is_noted_as_it_grows),
        cmocka_unit_test(test_a_file_that_is_taken_away_ends_accepting),
        cmocka_unit_test(test_a_repeat_is_not_acknowledged_once_its_file_is_gone),
        cmocka_unit_test(test_a_failure_that_a_missing_file_causes_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
