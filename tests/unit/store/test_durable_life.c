/* SPDX-License-Identifier: Apache-2.0 */
/* The durable backend as time goes on: limits, what is not durable yet, readers beside the writer.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "durable_bench.h"
#include "fake_disk.h"
#include "fault_gate.h"
#include "fault_vfs.h"
#include "store/batch.h"
#include "store/check.h"
#include "store/durable_impl.h"
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

/* One reading each of new sensors with long names: a record of 12 KiB for 80. */
static void write_names(struct durable_bench *bench, size_t round, size_t n) {
    static struct reading readings[STORE_BATCH_MAX_READINGS];
    static char ids[STORE_BATCH_MAX_READINGS][STORE_ID_MAX_BYTES];
    for (size_t i = 0; i < n; i++) {
        int len = snprintf(ids[i], sizeof(ids[i]), "%0100zu-%zu", round, i);
        readings[i] = (struct reading){.sensor_id = bytes_of(ids[i], (size_t)len), .seconds = 1};
    }
    assert_int_equal(bench_commit(bench->backend, readings, n).accepted, n);
}

/* Records of a little more than half a segment, then of more than one: half of each file is not
 * used, or each has a file of its own. All with fewer sensors than the limit grows for. */
static void test_the_journal_s_limit_is_one_of_files(void **state) {
    (void)state;
    static const size_t n_names[] = {340, 700, 2000};
    for (size_t i = 0; i < ARRAY_LEN(n_names); i++) {
        struct durable_bench bench;
        bench_init(&bench);
        bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
        bench_open(&bench);
        write_row(&bench, "silent", 1, 1);
        for (size_t round = 0; round < 49; round++) {
            write_names(&bench, round, n_names[i]);
            assert_true(bench_files_bytes(&bench, "journal-") <= STORE_JOURNAL_LIMIT_MIN_BYTES);
        }
        bench_reopen(&bench);
        assert_int_equal(bench_count(bench.backend, "silent"), 1);
        bench_fini(&bench);
    }
}

/* Sensors that send once each. The limit grows with those beyond the first ones, is used, and
 * holds; a new start has the same. */
static void test_the_journal_s_limit_grows_with_the_sensors(void **state) {
    (void)state;
    enum {
        N_EACH = 2000,
        N_ROUNDS = (STORE_JOURNAL_FREE_SENSORS + 40000) / N_EACH,
    };
    const uint64_t base = STORE_JOURNAL_LIMIT_MIN_BYTES;
    struct durable_bench bench;
    struct store_figures figures;
    uint64_t limit = base;
    bench_init(&bench);
    bench.options.journal_limit_bytes = base;
    bench_open(&bench);
    for (size_t round = 1; round <= N_ROUNDS; round++) {
        write_names(&bench, round, N_EACH);
        assert_true(bench_files_bytes(&bench, "journal-") <= limit);
        if (round * N_EACH > STORE_JOURNAL_FREE_SENSORS)
            limit =
                base + STORE_JOURNAL_BYTES_A_SENSOR * (round * N_EACH - STORE_JOURNAL_FREE_SENSORS);
        bench.backend->ops->figures(bench.backend, &figures);
        assert_int_equal(figures.disk.journal_limit_bytes, limit);
    }
    assert_true(bench_files_bytes(&bench, "journal-") > base);
    bench_reopen(&bench);
    bench.backend->ops->figures(bench.backend, &figures);
    assert_int_equal(figures.disk.journal_limit_bytes, limit);
    assert_true(bench_files_bytes(&bench, "journal-") <= limit);
    bench_fini(&bench);
}

/* Each passes the limit on its own: what is held is that they come one by one. */
static void test_records_beyond_the_journal_s_limit_are_taken(void **state) {
    (void)state;
    struct durable_bench bench;
    bench_init(&bench);
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench_open(&bench);
    for (size_t round = 0; round < 4; round++) {
        write_names(&bench, round, 11000);
        assert_true(bench_files_bytes(&bench, "journal-") <= 4 * STORE_JOURNAL_LIMIT_MIN_BYTES);
    }
    bench_reopen(&bench);
    assert_true(bench_files_bytes(&bench, "journal-") <= 4 * STORE_JOURNAL_LIMIT_MIN_BYTES);
    bench_fini(&bench);
}

/* ---- what is not durable yet ---- */

/* Whether the list of sensors has one of that id. */
static bool is_listed(struct store_backend *backend, const char *id) {
    const struct store_filter filter = {bytes_str(id), bytes_str("*")};
    struct store_sensor sensor;
    struct store_page page = {.sensors = &sensor, .max = 1};
    assert_int_equal(backend->ops->list(backend, &filter, &page), 0);
    return page.n == 1;
}

/* One commit: more of a sensor that is there, and one of a new one. */
static void *write_held(void *user) {
    struct durable_bench *bench = user;
    struct reading readings[51];
    for (size_t i = 0; i < ARRAY_LEN(readings); i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str("attic"), .seconds = (int64_t)(101 + i), .sequence = 101 + i};
    readings[50] = (struct reading){.sensor_id = bytes_str("new"), .seconds = 1};
    assert_int_equal(bench_commit(bench->backend, readings, ARRAY_LEN(readings)).accepted, 51);
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
    assert_false(is_listed(bench.backend, "new"));
    fake_disk_let_go(disk);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_seen(&bench, 150);
    assert_int_equal(bench_count(bench.backend, "new"), 1);
    assert_true(is_listed(bench.backend, "new"));
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

/* ---- while a chunk is sealed ---- */

/* The row of 100, sent again: nobody sees a reading twice, and none is kept twice. */
static void look_and_repeat(struct durable_bench *bench) {
    struct reading readings[100];
    struct store_figures figures;
    bench->backend->ops->figures(bench->backend, &figures);
    assert_int_equal(figures.disk.n_sealings_waiting, 1);
    assert_seen(bench, 100);
    for (size_t i = 0; i < ARRAY_LEN(readings); i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str("attic"), .seconds = (int64_t)(1 + i), .sequence = 1 + i};
    assert_int_equal(bench_commit(bench->backend, readings, 100).duplicates, 100);
    assert_seen(bench, 100);
}

static void test_each_reading_is_there_once_while_its_chunk_is_sealed(void **state) {
    (void)state;
    /* Before readers see the transaction, and when they do and its chunk is in memory still. */
    static const enum fault_op ops[] = {FAULT_WRITE, FAULT_SYNC, FAULT_RELEASE};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        struct durable_bench bench;
        struct fault_gate gate;
        const struct fault fault = {ops[i], 1, FAULT_DELAY, fault_gate_hold, &gate};
        fault_gate_init(&gate);
        fault_vfs_register();
        fault_vfs_forget();
        bench_init(&bench);
        bench.options.vfs = FAULT_VFS;
        bench.options.memory_limit_bytes = 1;
        bench_open(&bench);
        fault_vfs_arm(&fault);
        write_row(&bench, "attic", 1, 100);
        fault_gate_wait_until_held(&gate);
        look_and_repeat(&bench);
        fault_gate_open(&gate);
        bench_close(&bench);
        fault_vfs_forget();
        bench_open(&bench);
        assert_seen(&bench, 100);
        bench_fini(&bench);
    }
}

/* ---- a reader that never reads ---- */

static void test_an_open_cursor_pins_neither_journal_nor_wal(void **state) {
    (void)state;
    struct durable_bench bench;
    const struct store_query query = {.sensor_id = bytes_str("first")};
    struct store_cursor *cursor;
    struct reading page[10];
    size_t n;
    bench_init(&bench);
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench.options.memory_limit_bytes = 1;
    bench_open(&bench);
    write_row(&bench, "first", 1, 5000);
    assert_int_equal(bench.backend->ops->cursor_open(bench.backend, &query, &cursor), 0);
    assert_int_equal(cursor->ops->cursor_next(cursor, page, ARRAY_LEN(page), &n), 0);
    uint64_t most_wal_bytes = 0;
    for (uint64_t round = 0; round < 300; round++) {
        for (uint64_t sensor = 0; sensor < 20; sensor++) {
            char id[16];
            snprintf(id, sizeof(id), "s-%lu", (unsigned long)sensor);
            write_row(&bench, id, 1 + round * 20, 20);
        }
        assert_true(bench_files_bytes(&bench, "journal-") <= STORE_JOURNAL_LIMIT_MIN_BYTES);
        uint64_t wal_bytes = bench_files_bytes(&bench, "store.sqlite-wal");
        if (wal_bytes > most_wal_bytes)
            most_wal_bytes = wal_bytes;
    }
    assert_true(most_wal_bytes < STORE_WAL_LIMIT_BYTES);
    size_t n_read = n;
    do {
        assert_int_equal(cursor->ops->cursor_next(cursor, page, ARRAY_LEN(page), &n), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(page[i].sequence, ++n_read);
    } while (n > 0);
    assert_int_equal(n_read, 5000);
    cursor->ops->cursor_close(cursor);
    bench_fini(&bench);
}

enum {
    HOUR_S = 3600,
    HOUR_SENSORS = 100,
    HOUR_MEMORY_BYTES = 128 * 1024,
    HOUR_WAL_BYTES = 8 * 1024 * 1024,
};

/* A second's readings, one of each sensor. */
static void write_second(struct durable_bench *bench, uint64_t second) {
    static struct reading readings[HOUR_SENSORS];
    static char ids[HOUR_SENSORS][16];
    for (size_t i = 0; i < HOUR_SENSORS; i++) {
        snprintf(ids[i], sizeof(ids[i]), "hour-%zu", i);
        readings[i] = (struct reading){
            .sensor_id = bytes_str(ids[i]),
            .temperature = (double)((second * 7919 + i) % 3000) / 100,
            .seconds = (int64_t)second,
            .sequence = second,
        };
    }
    assert_int_equal(bench_commit(bench->backend, readings, HOUR_SENSORS).accepted, HOUR_SENSORS);
}

static void assert_within_limits(struct durable_bench *bench) {
    struct store_figures figures;
    bench->backend->ops->figures(bench->backend, &figures);
    assert_true(figures.disk.journal_bytes <= STORE_JOURNAL_LIMIT_MIN_BYTES);
    assert_true(figures.disk.wal_bytes < HOUR_WAL_BYTES);
    assert_true(figures.disk.open_bytes <= HOUR_MEMORY_BYTES);
    assert_true(figures.disk.n_sealings_waiting <= KEEPER_QUEUE_MAX + HOUR_SENSORS);
    assert_true(figures.memory_bytes <= HOUR_MEMORY_BYTES + (KEEPER_QUEUE_MAX << 10));
}

/* Its second page is asked for when the hour is over. */
static void test_an_hour_beside_a_reader_that_never_reads_stays_within_all_limits(void **state) {
    (void)state;
    struct durable_bench bench;
    struct fake_disk *disk = fake_disk_new();
    const struct store_query query = {.sensor_id = bytes_str("hour-7")};
    struct store_cursor *cursor = NULL;
    struct reading page[10];
    size_t n, n_read = 0;
    fault_vfs_register(); /* which fails nothing here, and costs no syncs */
    fault_vfs_forget();
    bench_init(&bench);
    bench.options.files = fake_disk_files(disk);
    bench.options.vfs = FAULT_VFS;
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench.options.memory_limit_bytes = HOUR_MEMORY_BYTES;
    bench.options.wal_limit_bytes = HOUR_WAL_BYTES;
    bench_open(&bench);
    for (uint64_t second = 1; second <= HOUR_S; second++) {
        write_second(&bench, second);
        assert_within_limits(&bench);
        if (second != 60)
            continue;
        assert_int_equal(bench.backend->ops->cursor_open(bench.backend, &query, &cursor), 0);
        assert_int_equal(cursor->ops->cursor_next(cursor, page, ARRAY_LEN(page), &n_read), 0);
    }
    do {
        assert_int_equal(cursor->ops->cursor_next(cursor, page, ARRAY_LEN(page), &n), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(page[i].sequence, ++n_read);
    } while (n > 0);
    assert_int_equal(n_read, 60);
    cursor->ops->cursor_close(cursor);
    assert_int_equal(bench_count(bench.backend, "hour-*"), HOUR_S * HOUR_SENSORS);
    bench_fini(&bench);
    fault_vfs_forget();
    fake_disk_free(disk);
}

/* ---- repeats ---- */

/* Rows of three sensors, the second late by then, in pieces; all of it again and again. */
static void send_all(struct durable_bench *bench, uint64_t n_expected_duplicates) {
    static struct reading readings[3000];
    uint64_t n_duplicates = 0;
    for (size_t i = 0; i < ARRAY_LEN(readings); i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str(i % 3 ? "attic" : "cellar"),
            .temperature = (double)i,
            .seconds = (int64_t)(i * 7919 % 1000 + 1),
            .sequence = i + 1,
        };
    for (size_t at = 0; at < ARRAY_LEN(readings); at += 100) {
        struct store_outcome outcome = bench_commit(bench->backend, readings + at, 100);
        assert_int_equal(outcome.accepted, 100);
        n_duplicates += outcome.duplicates;
    }
    assert_int_equal(n_duplicates, n_expected_duplicates);
    assert_int_equal(bench_count(bench->backend, "*"), ARRAY_LEN(readings));
}

static void test_repeats_are_found_over_seals_merges_and_restarts(void **state) {
    (void)state;
    struct durable_bench bench;
    bench_init(&bench);
    bench_open(&bench);
    send_all(&bench, 0);
    send_all(&bench, 3000); /* open chunks */
    bench_reopen(&bench);
    send_all(&bench, 3000); /* sealed at the end */
    bench_fini(&bench);
    bench_init(&bench);
    bench.options.memory_limit_bytes = 1; /* a chunk for each commit, merged by and by */
    bench_open(&bench);
    send_all(&bench, 0);
    send_all(&bench, 3000);
    bench_reopen(&bench);
    send_all(&bench, 3000);
    bench_fini(&bench);
}

/* ---- merging ---- */

static void count_note(void *user, const struct check_finding *finding) {
    size_t *n_notes = user;
    if (!finding->is_note)
        fail_msg("%s: %s", finding->kind, finding->words.text);
    (*n_notes)++;
}

/* Instants that more than CHECK_MAX_COVER sealed chunks cover. */
static size_t count_crowded(struct store_backend *backend) {
    struct check *check;
    struct err_text why;
    size_t n_notes = 0;
    int r;
    assert_int_equal(backend->ops->check(backend, &check, &why), 0);
    while ((r = check_step(check, count_note, &n_notes, &why)) == 0)
        ;
    assert_int_equal(r, CHECK_E_DONE);
    check_free(check);
    return n_notes;
}

static void test_few_chunks_cover_an_instant_once_merging_is_done(void **state) {
    (void)state;
    struct durable_bench bench;
    static struct reading readings[100];
    bench_init(&bench);
    bench.options.memory_limit_bytes = 1;
    bench_open(&bench);
    write_row(&bench, "attic", 1, 1000);
    for (size_t commit = 0; commit < 60; commit++) {
        for (size_t i = 0; i < ARRAY_LEN(readings); i++)
            readings[i] = (struct reading){
                .sensor_id = bytes_str("attic"),
                .temperature = (double)commit,
                .seconds = (int64_t)(1 + i * 10),
            };
        bench_commit(bench.backend, readings, ARRAY_LEN(readings));
    }
    uint64_t end_ns = clock_monotonic_ns() + 20 * NS_PER_S;
    while (count_crowded(bench.backend) > 0)
        assert_true(clock_monotonic_ns() < end_ns);
    assert_int_equal(bench_count(bench.backend, "attic"), 1000 + 60 * ARRAY_LEN(readings));
    bench_fini(&bench);
}

/* ---- opening ---- */

/* Another process that has the directory's lock until it is killed. */
static pid_t lock_elsewhere(const struct durable_bench *bench) {
    int pipe_fds[2];
    char path[96], byte;
    snprintf(path, sizeof(path), "%s/lock", bench->directory);
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(path, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || fcntl(fd, F_SETLK, &lock) || write(pipe_fds[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return pid;
}

static void test_a_sensor_too_many_is_refused_as_that(void **state) {
    (void)state;
    struct durable_bench bench;
    bench_init(&bench);
    bench.options.max_sensors = 3;
    bench_open(&bench);
    write_names(&bench, 0, 3);
    const struct reading reading = {.sensor_id = bytes_str("one more"), .seconds = 1};
    struct store_outcome outcome = bench_commit(bench.backend, &reading, 1);
    assert_int_equal(outcome.refused, 1);
    assert_int_equal(outcome.reason, STORE_REFUSED_SENSORS);
    write_names(&bench, 0, 3); /* known ones go on */
    bench_reopen(&bench);
    assert_int_equal(bench_count(bench.backend, "one more"), 0);
    bench_fini(&bench);
}

static void test_a_long_path_is_locked_where_it_leads(void **state) {
    (void)state;
    struct durable_bench bench;
    char path[1200], lock[96];
    bench_init(&bench);
    size_t n = (size_t)snprintf(path, sizeof(path), "%s", bench.directory);
    while (n < 1000)
        n += (size_t)snprintf(path + n, sizeof(path) - n, "/.");
    bench.options.directory = path;
    bench_open(&bench);
    snprintf(lock, sizeof(lock), "%s/lock", bench.directory);
    assert_int_equal(access(lock, F_OK), 0);
    bench_fini(&bench);
}

static void test_a_directory_in_use_is_refused_with_the_other_process(void **state) {
    (void)state;
    struct durable_bench bench;
    char words[32];
    bench_init(&bench);
    pid_t pid = lock_elsewhere(&bench);
    assert_int_equal(bench_try_open(&bench), -EBUSY);
    snprintf(words, sizeof(words), "(process %ld)", (long)pid);
    assert_non_null(strstr(bench.failure.text, words));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    bench_open(&bench);
    bench_fini(&bench);
}

/* ---- limits and the end ---- */

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

/* Batches of several workers that are more than one record: the rest makes the next one. */
static void test_readings_beyond_a_commit_s_limit_make_the_next_one(void **state) {
    (void)state;
    enum {
        N_BATCHES = 5,
        N_ALL = N_BATCHES * STORE_BATCH_MAX_READINGS,
    };
    static struct store_batch batches[N_BATCHES];
    struct store_batch *group[N_BATCHES];
    struct store_writer writers[N_BATCHES] = {0};
    struct durable_bench bench;
    struct store_figures figures;
    bench_init(&bench);
    bench_open(&bench);
    assert_true(N_ALL > STORE_COMMIT_MAX_READINGS);
    for (size_t i = 0; i < N_BATCHES; i++) {
        group[i] = &batches[i];
        store_batch_init(&batches[i]);
        for (int64_t j = 1; j <= STORE_BATCH_MAX_READINGS; j++) {
            const struct reading reading = {.sensor_id = bytes_str("attic"), .seconds = j};
            assert_int_equal(store_batch_append(&batches[i], &writers[i], &reading), 0);
        }
    }
    bench.backend->ops->commit(bench.backend, group, N_BATCHES);
    for (size_t i = 0; i < N_BATCHES; i++) {
        assert_int_equal(batches[i].runs[0].outcome.accepted, STORE_BATCH_MAX_READINGS);
        store_batch_fini(&batches[i]);
    }
    bench.backend->ops->figures(bench.backend, &figures);
    assert_int_equal(figures.disk.n_commits, 2);
    assert_int_equal(bench_count(bench.backend, "attic"), N_ALL);
    bench_fini(&bench);
}

static void test_open_chunks_stay_under_their_limit(void **state) {
    (void)state;
    const uint64_t limit = 20000;
    struct durable_bench bench;
    struct store_figures figures;
    uint64_t most_bytes = 0;
    bench_init(&bench);
    bench.options.memory_limit_bytes = limit;
    bench_open(&bench);
    for (uint64_t round = 0; round < 300; round++) {
        char id[16];
        snprintf(id, sizeof(id), "s-%lu", (unsigned long)(round % 100));
        write_row(&bench, id, 1 + round / 100 * 20, 20);
        bench.backend->ops->figures(bench.backend, &figures);
        assert_true(figures.disk.open_bytes <= limit);
        if (figures.disk.open_bytes > most_bytes)
            most_bytes = figures.disk.open_bytes;
    }
    assert_true(most_bytes > limit / 2);
    assert_int_equal(bench_count(bench.backend, "*"), 300 * 20); /* nothing is refused */
    assert_int_equal(check_row(bench.backend, "s-7", false), 60);
    bench_fini(&bench);
}

static void test_views_beyond_those_that_are_kept_are_closed(void **state) {
    (void)state;
    struct durable_bench bench;
    struct sealed_view *views[STORE_MAX_IDLE_VIEWS + 1];
    bench_init(&bench);
    bench_open(&bench);
    struct durable *durable = durable_of(bench.backend);
    for (size_t i = 0; i < ARRAY_LEN(views); i++)
        assert_int_equal(durable_take_view(durable, &views[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(views); i++)
        durable_give_view(durable, views[i]);
    assert_int_equal(durable->n_views, STORE_MAX_IDLE_VIEWS);
    bench_fini(&bench);
}

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_silent_sensor_does_not_pin_the_journal),
        cmocka_unit_test(test_the_journal_s_limit_is_one_of_files),
        cmocka_unit_test(test_the_journal_s_limit_grows_with_the_sensors),
        cmocka_unit_test(test_records_beyond_the_journal_s_limit_are_taken),
        cmocka_unit_test(test_a_sensor_too_many_is_refused_as_that),
        cmocka_unit_test(test_a_long_path_is_locked_where_it_leads),
        cmocka_unit_test(test_nobody_sees_what_is_not_synced),
        cmocka_unit_test(test_readers_see_a_row_without_holes_while_it_grows),
        cmocka_unit_test(test_each_reading_is_there_once_while_its_chunk_is_sealed),
        cmocka_unit_test(test_an_open_cursor_pins_neither_journal_nor_wal),
        cmocka_unit_test(test_an_hour_beside_a_reader_that_never_reads_stays_within_all_limits),
        cmocka_unit_test(test_repeats_are_found_over_seals_merges_and_restarts),
        cmocka_unit_test(test_few_chunks_cover_an_instant_once_merging_is_done),
        cmocka_unit_test(test_a_directory_in_use_is_refused_with_the_other_process),
        cmocka_unit_test(test_cursors_beyond_the_limit_are_refused),
        cmocka_unit_test(test_readings_beyond_a_commit_s_limit_make_the_next_one),
        cmocka_unit_test(test_open_chunks_stay_under_their_limit),
        cmocka_unit_test(test_views_beyond_those_that_are_kept_are_closed),
        cmocka_unit_test(test_a_clean_end_leaves_one_segment_and_no_wal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
