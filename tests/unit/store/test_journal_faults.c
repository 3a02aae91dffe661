/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal on a disk that fails and loses power, at every operation of a run that has all in it:
 * commits, new segments, one that is too long for them, releases, spares, restarts.
 *
 * What must hold afterwards is in bench_check(): what was committed is there, once and in order; of
 * what was not, whole records or nothing.
 */
#include "store/journal.h"

#include <string.h>

#include "journal_bench.h"
#include "unit.h"

enum {
    N_ROUNDS = 9,
    N_SEEDS = 24,
};

/* Readings of a few sensors in one record. */
static int put_and_commit(struct bench *bench, size_t n) {
    bench_put(bench, 1, n / 2);
    bench_put(bench, 2, n - n / 2);
    return bench_commit(bench);
}

/* Lets go of all but the last few records; what the store keeps of that is durable before. */
static int release_some(struct bench *bench) {
    size_t kept = bench->n_notes < 500 ? bench->n_notes : 500;
    bench->from = bench->notes[bench->n_notes - kept].position;
    return journal_release(bench->journal, bench->from);
}

/* The run. Ends with the first error, which it returns. */
static int run(struct bench *bench) {
    int r = bench_open(bench);
    for (int round = 0; round < N_ROUNDS && r == 0; round++) {
        if (round == 4) {
            bench_close(bench);
            r = bench_open(bench);
            if (r == 0)
                bench_check(bench);
        }
        if (r == 0)
            r = put_and_commit(bench, 7);
        if (r == 0)
            r = put_and_commit(bench, round == 6 ? 2000 : 400);
        if (r == 0 && round % 2)
            r = release_some(bench);
        if (r == 0 && round % 2)
            r = journal_prepare(bench->journal);
    }
    return r;
}

static size_t count_run(enum fake_op op) {
    struct bench bench;
    bench_init(&bench, 1);
    assert_int_equal(run(&bench), 0);
    size_t n = fake_disk_count(bench.disk, op);
    bench_fini(&bench);
    return n;
}

/* The disk works again: all is there, and it goes on. */
static void check_recovery(struct bench *bench) {
    bench_close(bench);
    bench_open_and_check(bench);
    bench_write(bench);
    bench_close(bench);
    fake_disk_power_cut(bench->disk, random_u64(&bench->random));
    bench_open_and_check(bench);
}

static void check_power_cut(size_t nth, uint64_t seed) {
    struct bench bench;
    bench_init(&bench, 1);
    struct fake_fault fault = {
        .op = FAKE_N_OPS,
        .nth = nth,
        .error = -EIO,
        .done_bytes = seed % 2 ? 3000 * seed / N_SEEDS : SIZE_MAX,
        .is_lasting = true,
    };
    fake_disk_fail(bench.disk, fault);
    assert_int_equal(run(&bench), -EIO);
    bench_close(&bench);
    fake_disk_power_cut(bench.disk, seed);
    check_recovery(&bench);
    bench_fini(&bench);
}

static void test_power_cut_at_any_operation_loses_nothing_committed(void **state) {
    (void)state;
    size_t n_ops = count_run(FAKE_N_OPS);
    assert_true(n_ops > 80);
    for (size_t nth = 1; nth <= n_ops; nth++)
        for (uint64_t seed = 0; seed < N_SEEDS; seed++)
            check_power_cut(nth, seed);
}

/* A second cut while the first is being mended. */
static void test_power_cut_while_opening_loses_nothing_committed(void **state) {
    (void)state;
    size_t n_ops = count_run(FAKE_N_OPS);
    for (uint64_t seed = 0; seed < 2500; seed++) {
        struct bench bench;
        struct fake_fault fault = {FAKE_N_OPS, 0, -EIO, SIZE_MAX, true};
        bench_init(&bench, 1);
        fault.nth = 1 + seed * 7 % n_ops;
        fake_disk_fail(bench.disk, fault);
        assert_int_equal(run(&bench), -EIO);
        bench_close(&bench);
        fake_disk_power_cut(bench.disk, seed);
        fault.nth = 1 + seed / 7 % 25;
        fault.done_bytes = seed % 5 * 1000;
        fake_disk_fail(bench.disk, fault);
        (void)!bench_open(&bench);
        bench_close(&bench);
        fake_disk_power_cut(bench.disk, seed + 1);
        check_recovery(&bench);
        bench_fini(&bench);
    }
}

static void test_after_a_failed_commit_all_others_fail(void **state) {
    (void)state;
    static const enum fake_op ops[] = {FAKE_WRITE, FAKE_SYNC};
    static const int errors[] = {-ENOSPC, -EIO};
    for (size_t i = 0; i < 4; i++) {
        struct bench bench;
        bench_init(&bench, i);
        bench_open_and_check(&bench);
        bench_write(&bench);
        fake_disk_fail(bench.disk, (struct fake_fault){ops[i / 2], 1, errors[i % 2], 40, false});
        assert_int_equal(put_and_commit(&bench, 20), errors[i % 2]);
        size_t n_writes = fake_disk_count(bench.disk, FAKE_WRITE);
        assert_int_equal(put_and_commit(&bench, 20), -EIO);
        assert_int_equal(bench_commit(&bench), -EIO);
        assert_int_equal(fake_disk_count(bench.disk, FAKE_WRITE), n_writes);
        /* One record at most came of all that. */
        bench.n_notes -= 20;
        check_recovery(&bench);
        bench_fini(&bench);
    }
}

/* The system forgets after a failed sync what it should have written, and still shows it. */
static void test_record_whose_sync_failed_is_durable_once_it_was_told(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 3);
    bench_open_and_check(&bench);
    bench_write(&bench);
    fake_disk_fail(bench.disk, (struct fake_fault){FAKE_SYNC, 1, -EIO, 0, false});
    assert_int_equal(put_and_commit(&bench, 100), -EIO);
    bench_close(&bench);
    bench_open_and_check(&bench);
    assert_int_equal(bench.n_told, bench.n_notes);
    bench_write(&bench);
    bench_close(&bench);
    fake_disk_power_cut(bench.disk, 1);
    bench_open_and_check(&bench);
    assert_int_equal(bench.n_told, bench.n_notes);
    bench_fini(&bench);
}

static void check_fault(struct fake_fault fault, uint64_t seed) {
    struct bench bench;
    bench_init(&bench, 1);
    fake_disk_fail(bench.disk, fault);
    int r = run(&bench);
    if (r && r != fault.error)
        print_error("operation %d, %zu: %d\n", fault.op, fault.nth, r);
    assert_true(r == 0 || r == fault.error);
    fake_disk_fail_off(bench.disk);
    bench_close(&bench);
    if (seed % 2)
        fake_disk_power_cut(bench.disk, seed);
    check_recovery(&bench);
    bench_fini(&bench);
}

static void test_any_failing_operation_loses_nothing_committed(void **state) {
    (void)state;
    for (enum fake_op op = 0; op < FAKE_N_OPS; op++) {
        size_t n = count_run(op);
        for (size_t nth = 1; nth <= n; nth++)
            for (uint64_t seed = 0; seed < 8; seed++)
                check_fault((struct fake_fault){op, nth, seed / 2 % 2 ? -ENOSPC : -EIO,
                                                (size_t)(seed * 700), false},
                            seed);
    }
}

/* Some segments, spares, and a journal that is closed. */
static void fill(struct bench *bench) {
    bench_init(bench, 5);
    assert_int_equal(run(bench), 0);
    bench_close(bench);
}

static void test_opening_that_fails_says_why_and_may_be_tried_again(void **state) {
    (void)state;
    static const int errors[] = {-EACCES, -ENOSPC, -EROFS};
    static const char *const words[] = {"right to read and write", "make room", "for writing"};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct bench bench;
        fill(&bench);
        for (size_t nth = 1;; nth++) {
            fake_disk_fail(bench.disk, (struct fake_fault){FAKE_N_OPS, nth, errors[i], 0, false});
            int r = bench_open(&bench);
            if (r == 0)
                break;
            assert_int_equal(r, errors[i]);
            assert_non_null(strstr(bench.why.text, words[i]));
        }
        fake_disk_fail_off(bench.disk);
        bench_check(&bench);
        check_recovery(&bench);
        bench_fini(&bench);
    }
}

static void test_full_disk_at_the_first_start_is_said(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 6);
    fake_disk_fail(bench.disk, (struct fake_fault){FAKE_WRITE, 1, -ENOSPC, 100, false});
    assert_int_equal(bench_open(&bench), -ENOSPC);
    assert_non_null(strstr(bench.why.text, "make a journal file"));
    assert_null(fake_disk_name(bench.disk, 0));
    bench_open_and_check(&bench);
    bench_fini(&bench);
}

static void test_failed_prepare_may_be_tried_again(void **state) {
    (void)state;
    static const enum fake_op ops[] = {FAKE_OPEN, FAKE_WRITE, FAKE_SYNC, FAKE_SYNC_NAMES};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        struct bench bench;
        bench_init(&bench, 7);
        bench_open_and_check(&bench);
        bench_write(&bench); /* takes the one that opening has made */
        fake_disk_fail(bench.disk, (struct fake_fault){ops[i], 1, -ENOSPC, 100, false});
        assert_int_equal(journal_prepare(bench.journal), -ENOSPC);
        assert_int_equal(journal_size_bytes(bench.journal), BENCH_SEGMENT_BYTES);
        bench_write(&bench);
        assert_int_equal(journal_prepare(bench.journal), 0);
        assert_int_equal(journal_size_bytes(bench.journal), 2 * BENCH_SEGMENT_BYTES);
        bench_fini(&bench);
    }
}

static void test_failed_unlink_may_be_tried_again(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 8);
    bench_open_and_check(&bench);
    for (int i = 0; i < 150; i++)
        bench_write(&bench);
    bench.from = journal_position(bench.journal);
    uint64_t size = journal_size_bytes(bench.journal);
    fake_disk_fail(bench.disk, (struct fake_fault){FAKE_UNLINK, 2, -EIO, 0, false});
    assert_int_equal(journal_release(bench.journal, bench.from), -EIO);
    assert_int_equal(journal_size_bytes(bench.journal), size - BENCH_SEGMENT_BYTES);
    assert_int_equal(journal_release(bench.journal, bench.from), 0);
    assert_int_equal(journal_size_bytes(bench.journal), 3 * BENCH_SEGMENT_BYTES);
    check_recovery(&bench);
    bench_fini(&bench);
}

/* ---- sectors that cannot be read ---- */

static void test_bad_sector_is_named_and_the_rest_intact(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 9);
    bench_open_and_check(&bench);
    for (int i = 0; i < 60; i++)
        bench_write(&bench);
    bench_close(&bench);
    size_t n_segments = 0;
    while (fake_disk_name(bench.disk, n_segments))
        n_segments++;
    for (size_t i = 0; i < n_segments; i++) {
        const char *name = fake_disk_name(bench.disk, i);
        fake_disk_go_bad(bench.disk, name, 4096 + 100);
        assert_int_equal(bench_open(&bench), 0);
        assert_int_equal(bench.found.n_damaged, 1);
        assert_int_equal(bench.found.n_cut_bytes, 0);
        assert_non_null(strstr(bench.found.damage.text, name));
        assert_in_range(bench.n_told, 1, bench.n_notes - 1);
        assert_true(journal_position(bench.journal) > bench.notes[bench.n_notes - 1].position);
        bench_close(&bench);
    }
    bench_fini(&bench);
}

static void test_bad_sector_in_the_head_loses_no_other_segment(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 10);
    bench_open_and_check(&bench);
    for (int i = 0; i < 60; i++)
        bench_write(&bench);
    bench_close(&bench);
    const char *last = "";
    for (size_t i = 0; fake_disk_name(bench.disk, i); i++)
        last = fake_disk_name(bench.disk, i);
    fake_disk_go_bad(bench.disk, last, 0);
    assert_int_equal(bench_open(&bench), 0);
    assert_int_equal(bench.found.n_damaged, 1);
    assert_non_null(strstr(bench.found.damage.text, last));
    assert_true(journal_position(bench.journal) > bench.notes[bench.n_notes - 1].position);
    bench_fini(&bench);
}

/* ---- memory ---- */

static void test_opening_without_memory_fails_and_may_be_tried_again(void **state) {
    (void)state;
    struct bench bench;
    fill(&bench);
    for (size_t nth = 1;; nth++) {
        fail_alloc_at(nth);
        int r = bench_open(&bench);
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        assert_non_null(strstr(bench.why.text, "emory"));
    }
    bench_check(&bench);
    check_recovery(&bench);
    bench_fini(&bench);
}

/* A commit into a new segment with the `nth` allocation failing; whether one did. */
static bool check_commit_without_memory(size_t nth) {
    struct bench bench;
    struct kept reading = {{1, 2}, 3, 4};
    bench_init(&bench, 11);
    bench_open_and_check(&bench);
    bench_write(&bench);
    fail_alloc_at(nth);
    int put = journal_put_sensor(bench.journal, 9, bytes_str(bench_id(9)));
    for (int i = 0; i < 3000 && put == 0; i++)
        put = journal_put_reading(bench.journal, 9, &reading);
    int committed = journal_commit(bench.journal);
    int prepared = journal_prepare(bench.journal);
    fail_alloc_off();
    assert_true(put == 0 || put == -ENOMEM);
    assert_true(committed == 0 || committed == -ENOMEM);
    assert_true(prepared == 0 || prepared == -ENOMEM);
    if (committed == 0)
        assert_int_equal(journal_put_reading(bench.journal, 9, &reading), 0);
    else
        assert_int_equal(journal_commit(bench.journal), -EIO);
    bench_close(&bench);
    assert_int_equal(bench_open(&bench), 0);
    assert_int_equal(bench.found.n_damaged, 0);
    bench_fini(&bench);
    return put || committed || prepared;
}

static void test_running_out_of_memory_is_an_error_like_others(void **state) {
    (void)state;
    size_t nth = 1;
    while (check_commit_without_memory(nth))
        nth++;
    assert_true(nth > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut_at_any_operation_loses_nothing_committed),
        cmocka_unit_test(test_power_cut_while_opening_loses_nothing_committed),
        cmocka_unit_test(test_after_a_failed_commit_all_others_fail),
        cmocka_unit_test(test_record_whose_sync_failed_is_durable_once_it_was_told),
        cmocka_unit_test(test_any_failing_operation_loses_nothing_committed),
        cmocka_unit_test(test_opening_that_fails_says_why_and_may_be_tried_again),
        cmocka_unit_test(test_full_disk_at_the_first_start_is_said),
        cmocka_unit_test(test_failed_prepare_may_be_tried_again),
        cmocka_unit_test(test_failed_unlink_may_be_tried_again),
        cmocka_unit_test(test_bad_sector_is_named_and_the_rest_intact),
        cmocka_unit_test(test_bad_sector_in_the_head_loses_no_other_segment),
        cmocka_unit_test(test_opening_without_memory_fails_and_may_be_tried_again),
        cmocka_unit_test(test_running_out_of_memory_is_an_error_like_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
