/* SPDX-License-Identifier: Apache-2.0 */
/* The durable backend as time goes on: limits, what is not durable yet, readers beside the writer.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "durable_bench.h"
#include "fake_disk.h"
#include "unit.h"

enum {
    PAGE = 1024,
    BATCH = 1000,
};

/* `n` readings of a sensor, a second apart, numbered from `first` on. */
static void write_row(struct durable_bench *bench, const char *id, uint64_t first, size_t n) {
    static struct reading readings[STORE_BATCH_MAX_READINGS];
    for (size_t i = 0; i < n; i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str(id),
            .temperature = (double)((first + i) * 7919 % 3000) / 100,
            .seconds = (int64_t)(first + i),
            .sequence = first + i,
        };
    struct store_outcome outcome = bench_commit(bench->backend, readings, n);
    assert_int_equal(outcome.accepted, n);
    assert_int_equal(outcome.duplicates, 0);
}

/* Checks that a sensor's readings are a row from 1 on; returns how many. */
static size_t check_row(struct store_backend *backend, const char *id, bool newest_first) {
    const struct store_query query = {.sensor_id = bytes_str(id), .newest_first = newest_first};
    size_t n;
    struct reading *all = bench_read(backend, &query, PAGE, &n);
    for (size_t i = 0; i < n; i++) {
        uint64_t expected = newest_first ? n - i : i + 1;
        if (all[i].sequence != expected)
            fail_msg("reading %zu of %zu is %lu, not %lu", i, n, (unsigned long)all[i].sequence,
                     (unsigned long)expected);
    }
    mem_free(all);
    return n;
}

static void test_a_silent_sensor_does_not_pin_the_journal(void **state) {
    (void)state;
    struct durable_bench bench;
    bench_init(&bench);
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench_open(&bench);
    write_row(&bench, "silent", 1, 1);
    for (uint64_t round = 0; round < 800; round++) {
        char id[16];
        snprintf(id, sizeof(id), "s-%lu", (unsigned long)(round % 100));
        write_row(&bench, id, 1 + round / 100 * BATCH, BATCH);
        assert_true(bench_files_bytes(&bench, "journal-") <= STORE_JOURNAL_LIMIT_MIN_BYTES);
    }
    assert_int_equal(check_row(bench.backend, "silent", false), 1);
    assert_int_equal(check_row(bench.backend, "s-7", false), 8 * BATCH);
    bench_reopen(&bench);
    assert_int_equal(check_row(bench.backend, "silent", true), 1);
    assert_int_equal(check_row(bench.backend, "s-7", true), 8 * BATCH);
    bench_fini(&bench);
}

/* ---- what is not durable yet ---- */

static void *write_held(void *user) {
    write_row(user, "attic", 101, 50);
    write_row(user, "new", 1, 1);
    return NULL;
}

static void assert_seen(struct durable_bench *bench, size_t n) {
    assert_int_equal(check_row(bench->backend, "attic", false), n);
    assert_int_equal(check_row(bench->backend, "attic", true), n);
    assert_int_equal(bench_count(bench->backend, "attic"), n);
}

static void test_nobody_sees_what_is_not_synced(void **state) {
    (void)state;
    struct durable_bench bench;
    struct fake_disk *disk = fake_disk_new();
    pthread_t writer;
    bench_init(&bench);
    bench.options.files = fake_disk_files(disk);
    bench_open(&bench);
    write_row(&bench, "attic", 1, 100);
    fake_disk_hold(disk, FAKE_SYNC);
    assert_int_equal(pthread_create(&writer, NULL, write_held, &bench), 0);
    fake_disk_wait_until_held(disk);
    assert_seen(&bench, 100);
    assert_int_equal(bench_count(bench.backend, "new"), 0);
    fake_disk_let_go(disk);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_seen(&bench, 150);
    assert_int_equal(bench_count(bench.backend, "new"), 1);
    bench_fini(&bench);
    fake_disk_free(disk);
}

/* ---- readers beside the writer ---- */

struct reader {
    struct durable_bench *bench;
    _Atomic bool is_over;
    bool newest_first;
};

static void *read_on(void *user) {
    struct reader *reader = user;
    size_t before = 0;
    while (!reader->is_over) {
        size_t n = check_row(reader->bench->backend, "busy", reader->newest_first);
        assert_true(n >= before);
        before = n;
    }
    return NULL;
}

static void test_readers_see_a_row_without_holes_while_it_grows(void **state) {
    (void)state;
    struct durable_bench bench;
    struct reader readers[] = {{.bench = &bench}, {.bench = &bench, .newest_first = true}};
    pthread_t threads[ARRAY_LEN(readers)];
    bench_init(&bench);
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench.options.memory_limit_bytes = 2048;
    bench_open(&bench);
    write_row(&bench, "busy", 1, 1);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    for (uint64_t at = 2; at < 30000; at += 97)
        write_row(&bench, "busy", at, 97);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        readers[i].is_over = true;
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(bench.n_failures, 0);
    bench_fini(&bench);
}

static void test_cursors_beyond_the_limit_are_refused(void **state) {
    (void)state;
    struct durable_bench bench;
    static struct store_cursor *cursors[STORE_MAX_CURSORS + 1];
    const struct store_query query = {.sensor_id = bytes_str("attic")};
    bench_init(&bench);
    bench_open(&bench);
    write_row(&bench, "attic", 1, 10);
    const struct store_backend_ops *ops = bench.backend->ops;
    for (size_t i = 0; i < STORE_MAX_CURSORS; i++)
        assert_int_equal(ops->cursor_open(bench.backend, &query, &cursors[i]), 0);
    assert_int_equal(ops->cursor_open(bench.backend, &query, &cursors[STORE_MAX_CURSORS]),
                     STORE_E_BUSY);
    ops->cursor_close(cursors[0]);
    assert_int_equal(ops->cursor_open(bench.backend, &query, &cursors[0]), 0);
    for (size_t i = 0; i < STORE_MAX_CURSORS; i++)
        ops->cursor_close(cursors[i]);
    bench_fini(&bench);
}

/* ---- the end ---- */

static void test_a_clean_end_leaves_one_segment_and_no_wal(void **state) {
    (void)state;
    struct durable_bench bench;
    bench_init(&bench);
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench_open(&bench);
    for (uint64_t round = 0; round < 100; round++)
        write_row(&bench, "attic", 1 + round * BATCH, BATCH);
    bench_close(&bench);
    assert_int_equal(bench_files_bytes(&bench, "journal-"),
                     STORE_JOURNAL_LIMIT_MIN_BYTES / STORE_JOURNAL_SEGMENTS);
    assert_int_equal(bench_files_bytes(&bench, "store.sqlite-wal"), 0);
    bench_open(&bench);
    assert_int_equal(check_row(bench.backend, "attic", false), 100 * BATCH);
    bench_fini(&bench);
}

/* ---- opening ---- */

/* Locks belong to processes: the child finds the parent's. */
static void test_a_directory_that_is_open_is_refused(void **state) {
    (void)state;
    struct durable_bench bench, other;
    int status;
    bench_init(&bench);
    bench_open(&bench);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char pid[32];
        other = bench;
        int r = bench_try_open(&other);
        snprintf(pid, sizeof(pid), "(process %d)", getppid());
        _exit(r == -EBUSY && strstr(other.failure.text, pid) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    bench_fini(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_silent_sensor_does_not_pin_the_journal),
        cmocka_unit_test(test_nobody_sees_what_is_not_synced),
        cmocka_unit_test(test_readers_see_a_row_without_holes_while_it_grows),
        cmocka_unit_test(test_cursors_beyond_the_limit_are_refused),
        cmocka_unit_test(test_a_clean_end_leaves_one_segment_and_no_wal),
        cmocka_unit_test(test_a_directory_that_is_open_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
