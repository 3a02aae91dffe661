/* SPDX-License-Identifier: Apache-2.0 */
/* The durable backend as it grows old: chunks that were merged, settings that have changed, damage.
 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "durable_bench.h"
#include "fail_alloc.h"
#include "store/batch.h"
#include "store/chunk.h"
#include "store/journal.h"
#include "store/sealed.h"
#include "unit.h"

enum {
    N = 10,           /* readings of a small chunk */
    N_MERGED = 8,     /* small chunks that become one */
    N_BATCHES = 200,  /* some megabytes of the journal */
    N_HELD = 30,      /* batches of noise: more than the smallest journal holds */
    DEADLOCK_S = 100, /* nothing here takes so long: SIGALRM ends what waits for ever */
};

/* Every commit is sealed at once, as a chunk of its own. */
static void open_eager(struct durable_bench *bench) {
    bench_init(bench);
    bench->options.memory_limit_bytes = 1;
    bench_open(bench);
}

static struct store_outcome write_numbered(struct durable_bench *bench, const char *id,
                                           uint64_t first, uint64_t first_sequence, size_t n) {
    static struct reading readings[STORE_BATCH_MAX_READINGS];
    for (size_t i = 0; i < n; i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str(id),
            .temperature = 20.5,
            .seconds = (int64_t)(first + i),
            .sequence = first_sequence + i,
        };
    return bench_commit(bench->backend, readings, n);
}

static void write_row(struct durable_bench *bench, const char *id, uint64_t first, size_t n) {
    struct store_outcome outcome = write_numbered(bench, id, first, first, n);
    assert_int_equal(outcome.accepted, n);
    assert_int_equal(outcome.duplicates, 0);
}

static void assert_repeats(struct durable_bench *bench, const char *id, uint64_t first, size_t n) {
    struct store_outcome outcome = write_numbered(bench, id, first, first, n);
    assert_int_equal(outcome.accepted, n);
    assert_int_equal(outcome.duplicates, n);
}

static void wait_for_chunks(struct durable_bench *bench, uint64_t n_chunks) {
    struct store_figures figures;
    do {
        sched_yield();
        bench->backend->ops->figures(bench->backend, &figures);
    } while (figures.disk.n_chunks != n_chunks || figures.disk.n_sealings_waiting > 0);
}

static void test_repeats_are_found_in_chunks_that_were_merged_since(void **state) {
    (void)state;
    struct durable_bench bench;
    open_eager(&bench);
    for (uint64_t i = 0; i < N_MERGED - 1; i++)
        write_row(&bench, "attic", 1 + i * N, N);
    wait_for_chunks(&bench, N_MERGED - 1);
    assert_repeats(&bench, "attic", 1, (N_MERGED - 1) * N);
    write_row(&bench, "attic", 1 + (N_MERGED - 1) * N, N);
    wait_for_chunks(&bench, 1);
    assert_repeats(&bench, "attic", 1, N_MERGED * N);
    bench_fini(&bench);
}

static void seal_small(struct sealed *sealed, uint64_t i, struct stats *all) {
    struct sealed_head head = {.rank = i};
    struct chunk chunk = {0};
    for (uint64_t j = 0; j < N; j++) {
        const struct kept reading = {.time = {(int64_t)(i * N + j), 0}};
        assert_int_equal(chunk_append(&chunk, &reading), 0);
        stats_add(&head.stats, reading.time, reading.temperature);
    }
    stats_merge(all, &head.stats);
    assert_int_equal(sealed_add(sealed, &head, chunk_bytes(&chunk, chunk_end(&chunk))), 0);
    chunk_fini(&chunk);
}

/* As a sensor leaves them that falls silent before its chunks are merged. */
static void seal_apart(const struct durable_bench *bench) {
    const struct sealed_options options = {.directory = bench->directory,
                                           .wal_limit_bytes = STORE_WAL_LIMIT_BYTES};
    struct sealed_sensor sensor = {.id = bytes_str("attic"), .covered = 10 * N_MERGED * N};
    struct sealed *sealed;
    struct err_text why;
    assert_int_equal(sealed_open(&options, &sealed, &why), 0);
    assert_int_equal(sealed_begin(sealed), 0);
    stats_init(&sensor.stats);
    for (uint64_t i = 0; i < N_MERGED; i++)
        seal_small(sealed, i, &sensor.stats);
    assert_int_equal(sealed_put_sensor(sealed, &sensor), 0);
    assert_int_equal(sealed_commit(sealed), 0);
    sealed_free(sealed);
}

static void test_chunks_of_a_silent_sensor_are_merged_after_a_start(void **state) {
    (void)state;
    struct durable_bench bench;
    alarm(DEADLOCK_S);
    bench_init(&bench);
    seal_apart(&bench);
    bench_open(&bench);
    wait_for_chunks(&bench, 1);
    assert_int_equal(bench_count(bench.backend, "attic"), N_MERGED * N);
    bench_fini(&bench);
    alarm(0);
}

static void test_what_a_merged_chunk_held_is_no_repeat_elsewhere(void **state) {
    (void)state;
    struct durable_bench bench;
    open_eager(&bench);
    for (uint64_t i = 0; i < N_MERGED - 1; i++)
        write_row(&bench, "attic", 1 + i * N, N);
    wait_for_chunks(&bench, N_MERGED - 1);
    assert_repeats(&bench, "attic", 1, (N_MERGED - 1) * N);
    write_row(&bench, "attic", 1 + (N_MERGED - 1) * N, N);
    wait_for_chunks(&bench, 1);
    write_numbered(&bench, "boiler", 1 + N, 1000, N);
    wait_for_chunks(&bench, 2);
    struct store_outcome outcome = write_numbered(&bench, "boiler", 1 + N, 1 + N, N);
    assert_int_equal(outcome.accepted, N);
    assert_int_equal(outcome.duplicates, 0);
    assert_int_equal(bench_count(bench.backend, "boiler"), 2 * N);
    bench_fini(&bench);
}

/* ---- damage ---- */

/* Closes it meanwhile. */
static void damage_chunk(struct durable_bench *bench, int id) {
    char path[96], text[96];
    sqlite3 *db;
    bench_close(bench);
    snprintf(path, sizeof(path), "%s/store.sqlite", bench->directory);
    snprintf(text, sizeof(text), "UPDATE data SET data = zeroblob(length(data)) WHERE id = %d", id);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    bench_open(bench);
}

static void test_a_damaged_chunk_that_is_to_be_merged_stops_nothing(void **state) {
    (void)state;
    struct durable_bench bench;
    open_eager(&bench);
    for (uint64_t i = 0; i < N_MERGED - 1; i++)
        write_row(&bench, "attic", 1 + i * N, N);
    damage_chunk(&bench, 3);
    for (uint64_t i = N_MERGED - 1; i < 3 * N_MERGED; i++)
        write_row(&bench, "attic", 1 + i * N, N);
    for (uint64_t i = 0; i < N_MERGED; i++)
        write_row(&bench, "boiler", 1 + i * N, N);
    wait_for_chunks(&bench, 3 * N_MERGED + 1); /* the boiler's are merged */
    assert_int_equal(bench.n_failures, 0);
    write_row(&bench, "attic", 1 + 3 * N_MERGED * N, N);
    assert_int_equal(bench_count(bench.backend, "attic"), 3 * N_MERGED * N + N);
    bench_fini(&bench);
}

static void test_a_damaged_chunk_hides_no_repeats_of_others(void **state) {
    (void)state;
    struct durable_bench bench;
    open_eager(&bench);
    write_row(&bench, "attic", 1, N);
    wait_for_chunks(&bench, 1);
    write_numbered(&bench, "attic", 1, 1000, N - 1); /* late, of the same times */
    wait_for_chunks(&bench, 2);
    damage_chunk(&bench, 1);
    struct store_outcome outcome = write_numbered(&bench, "attic", 1, 1000, N - 1);
    assert_int_equal(outcome.duplicates, N - 1);
    bench_fini(&bench);
}

/* Repeats of the first N, while the `n`-th allocation of the commit fails. Whether there was one.
 */
static bool commit_without_memory(struct durable_bench *bench, size_t n,
                                  struct store_outcome *outcome) {
    struct store_writer writer = {0};
    struct store_batch batch, *batches[] = {&batch};
    store_batch_init(&batch);
    for (uint64_t i = 1; i <= N; i++) {
        const struct reading reading = {
            .sensor_id = bytes_str("attic"), .seconds = (int64_t)i, .sequence = i};
        assert_int_equal(store_batch_append(&batch, &writer, &reading), 0);
    }
    fail_alloc_at(n);
    bench->backend->ops->commit(bench->backend, batches, 1);
    bool has_failed = fail_alloc_count() >= n;
    fail_alloc_off();
    *outcome = batch.runs[0].outcome;
    store_batch_fini(&batch);
    return has_failed;
}

static void test_without_memory_to_look_for_repeats_readings_are_refused(void **state) {
    (void)state;
    struct durable_bench bench;
    struct store_outcome outcome;
    size_t n = 1;
    open_eager(&bench);
    write_row(&bench, "attic", 1, N);
    do
        bench_reopen(&bench);
    while (commit_without_memory(&bench, n++, &outcome) && outcome.accepted == outcome.duplicates);
    assert_true(n > 2);
    assert_int_equal(outcome.duplicates, N);
    assert_int_equal(bench_count(bench.backend, "attic"), N);
    bench_fini(&bench);
}

/* ---- damage of the journal ---- */

static int no_sensor(void *user, uint32_t number, struct bytes id) {
    (void)user;
    (void)number;
    (void)id;
    return 0;
}

static int no_readings(void *user, uint32_t number, const struct kept *readings, size_t n,
                       uint64_t position) {
    (void)user;
    (void)number;
    (void)readings;
    (void)n;
    (void)position;
    return 0;
}

static void put(struct journal *journal, uint32_t number, const char *id, int64_t seconds) {
    const struct kept reading = {.time = {seconds, 0}};
    if (id)
        assert_int_equal(journal_put_sensor(journal, number, bytes_str(id)), 0);
    assert_int_equal(journal_put_reading(journal, number, &reading), 0);
}

/* As if names had been lost: number 3 has none, and 0 has two. */
static void write_confused_journal(struct durable_bench *bench) {
    const struct journal_replay nobody = {.sensor = no_sensor, .readings = no_readings};
    struct journal_options options = {.segment_bytes = 1 << 16};
    struct journal_found found;
    struct journal *journal;
    struct err_text why;
    assert_int_equal(files_posix_new(bench->directory, &options.files), 0);
    assert_int_equal(journal_open(&options, &nobody, &found, &journal, &why), 0);
    put(journal, 0, "attic", 1);
    put(journal, 3, NULL, 2);
    put(journal, 0, "boiler", 3);
    put(journal, 1, "cellar", 4);
    assert_int_equal(journal_commit(journal), 0);
    journal_free(journal);
    options.files->ops->free(options.files);
}

static void test_numbers_that_mean_no_sensor_or_two_are_left_out(void **state) {
    (void)state;
    struct durable_bench bench;
    bench_init(&bench);
    write_confused_journal(&bench);
    bench_open(&bench);
    assert_int_equal(bench_count(bench.backend, "attic"), 1);
    assert_int_equal(bench_count(bench.backend, "boiler"), 0);
    assert_int_equal(bench_count(bench.backend, "cellar"), 1);
    bench_fini(&bench);
}

/* In a process that ends as if it were killed, so that the journal stays. */
static void write_behind_and_die(struct durable_bench *bench) {
    pid_t child = fork();
    int status;
    if (child == 0) {
        bench_open(bench);
        write_row(bench, "attic", 10, N);
        write_row(bench, "new", 10, N); /* would be number 2, and the next one 3 */
        write_row(bench, "newer", 10, N);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_what_comes_after_such_numbers_is_not_lost_nor_another_s(void **state) {
    (void)state;
    struct durable_bench bench;
    bench_init(&bench);
    write_confused_journal(&bench);
    write_behind_and_die(&bench);
    bench_open(&bench);
    assert_int_equal(bench_count(bench.backend, "attic"), 1 + N);
    assert_int_equal(bench_count(bench.backend, "new"), N);
    assert_int_equal(bench_count(bench.backend, "newer"), N);
    bench_fini(&bench);
}

/* ---- what others do with the file ---- */

static sqlite3 *begin_reading(const struct durable_bench *bench) {
    char path[96];
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/store.sqlite", bench->directory);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM heads", NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

/* A full chunk that cannot be packed. */
static void write_noise(struct durable_bench *bench, uint64_t first) {
    static struct reading readings[CHUNK_MAX_READINGS];
    for (size_t i = 0; i < CHUNK_MAX_READINGS; i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str("noise"),
            .seconds = (int64_t)(first + i),
            .temperature = sqrt((double)(first + i)),
        };
    assert_int_equal(bench_commit(bench->backend, readings, CHUNK_MAX_READINGS).accepted,
                     CHUNK_MAX_READINGS);
}

/* Opens it with a WAL that is soon full, and fills it behind the stranger's back. Gives where the
 * next noise begins. */
static uint64_t fill_wal(struct durable_bench *bench, sqlite3 **stranger) {
    struct store_figures figures;
    uint64_t at = 1;
    bench_init(bench);
    bench->options.memory_limit_bytes = 1;
    bench->options.wal_limit_bytes = 1 << 20;
    bench->options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench_open(bench);
    *stranger = begin_reading(bench);
    do {
        bench->backend->ops->figures(bench->backend, &figures);
        if (figures.disk.n_sealings_waiting == 0)
            write_noise(bench, at);
        at += figures.disk.n_sealings_waiting ? 0 : CHUNK_MAX_READINGS;
        sched_yield();
    } while (figures.disk.wal_bytes < bench->options.wal_limit_bytes);
    return at;
}

static void test_a_stranger_who_reads_without_end_does_not_keep_us_from_ending(void **state) {
    (void)state;
    struct durable_bench bench;
    sqlite3 *stranger;
    alarm(DEADLOCK_S);
    uint64_t at = fill_wal(&bench, &stranger);
    write_noise(&bench, at);
    bench_reopen(&bench);
    assert_int_equal(bench_count(bench.backend, "noise"), at - 1 + CHUNK_MAX_READINGS);
    assert_int_equal(sqlite3_close(stranger), SQLITE_OK);
    bench_fini(&bench);
    alarm(0);
}

struct held {
    struct durable_bench *bench;
    uint64_t at;
    _Atomic unsigned n_written;
};

static void *write_until_held(void *user) {
    struct held *held = user;
    for (unsigned i = 0; i < N_HELD; i++) {
        write_noise(held->bench, held->at + i * CHUNK_MAX_READINGS);
        held->n_written++;
    }
    return NULL;
}

/* The journal is full then, and the writer waits for the keeper, which waits for the stranger. */
static void wait_until_held(struct durable_bench *bench, const struct held *held) {
    struct store_figures figures;
    unsigned n_before;
    do {
        n_before = held->n_written;
        usleep(100000); /* nothing tells that a thread waits */
        bench->backend->ops->figures(bench->backend, &figures);
    } while (n_before != held->n_written || figures.disk.n_sealings_waiting == 0);
    assert_true(held->n_written < N_HELD);
}

static void test_a_writer_that_waits_for_a_stranger_is_let_go_at_the_end(void **state) {
    (void)state;
    struct durable_bench bench;
    struct held held = {.bench = &bench};
    pthread_t writer;
    sqlite3 *stranger;
    alarm(DEADLOCK_S);
    held.at = fill_wal(&bench, &stranger);
    assert_int_equal(pthread_create(&writer, NULL, write_until_held, &held), 0);
    wait_until_held(&bench, &held);
    bench.backend->ops->stop(bench.backend);
    assert_int_equal(pthread_join(writer, NULL), 0);
    bench_reopen(&bench);
    assert_int_equal(bench_count(bench.backend, "noise"),
                     held.at - 1 + N_HELD * CHUNK_MAX_READINGS);
    assert_int_equal(sqlite3_close(stranger), SQLITE_OK);
    bench_fini(&bench);
    alarm(0);
}

/* ---- a past that is sent late ---- */

/* Readings of the first window; the cursor goes on behind it. */
static size_t first_window(struct durable_bench *bench, bool newest_first) {
    const struct store_query query = {.sensor_id = bytes_str("attic"),
                                      .newest_first = newest_first};
    struct reading page[STORE_PAGE_MAX_READINGS];
    struct store_cursor *cursor;
    size_t n_all = 0, n;
    assert_int_equal(bench->backend->ops->cursor_open(bench->backend, &query, &cursor), 0);
    do {
        assert_int_equal(cursor->ops->cursor_next(cursor, page, ARRAY_LEN(page), &n), 0);
        n_all += n;
    } while (cursor->ops->cursor_is_ready(cursor));
    cursor->ops->cursor_close(cursor);
    return n_all;
}

static void test_a_past_sent_in_order_is_read_in_bounded_windows(void **state) {
    (void)state;
    struct durable_bench bench;
    size_t n_all, n_past = 40 * CHUNK_MAX_READINGS;
    open_eager(&bench);
    write_row(&bench, "attic", 100000000, 1);
    for (uint64_t i = 0; i < 40; i++)
        write_row(&bench, "attic", 1 + i * CHUNK_MAX_READINGS, CHUNK_MAX_READINGS);
    assert_true(first_window(&bench, false) <= 12 * CHUNK_MAX_READINGS);
    assert_true(first_window(&bench, true) <= 12 * CHUNK_MAX_READINGS);
    for (int newest_first = 0; newest_first < 2; newest_first++) {
        const struct store_query query = {.sensor_id = bytes_str("attic"),
                                          .newest_first = newest_first};
        struct reading *all = bench_read(bench.backend, &query, 1000, &n_all);
        assert_int_equal(n_all, n_past + 1);
        for (size_t i = 0; i < n_past; i++)
            assert_int_equal(all[i + (size_t)newest_first].sequence,
                             newest_first ? n_past - i : i + 1);
        mem_free(all);
    }
    bench_fini(&bench);
}

/* ---- the journal ---- */

/* In a process that ends as if it were killed. */
static void write_and_die(struct durable_bench *bench) {
    pid_t child = fork();
    int status;
    if (child == 0) {
        bench_open(bench);
        write_row(bench, "silent", 1, 1);
        for (uint64_t i = 0; i < N_BATCHES; i++)
            write_row(bench, "busy", 1 + i * STORE_BATCH_MAX_READINGS, STORE_BATCH_MAX_READINGS);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_a_smaller_limit_of_the_journal_does_not_stop_the_first_commit(void **state) {
    (void)state;
    struct durable_bench bench;
    alarm(DEADLOCK_S);
    bench_init(&bench);
    write_and_die(&bench);
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench_open(&bench);
    write_row(&bench, "silent", 2, 1);
    assert_int_equal(bench_count(bench.backend, "silent"), 2);
    assert_int_equal(bench_count(bench.backend, "busy"), N_BATCHES * STORE_BATCH_MAX_READINGS);
    bench_fini(&bench);
    alarm(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats_are_found_in_chunks_that_were_merged_since),
        cmocka_unit_test(test_chunks_of_a_silent_sensor_are_merged_after_a_start),
        cmocka_unit_test(test_what_a_merged_chunk_held_is_no_repeat_elsewhere),
        cmocka_unit_test(test_a_damaged_chunk_that_is_to_be_merged_stops_nothing),
        cmocka_unit_test(test_a_damaged_chunk_hides_no_repeats_of_others),
        cmocka_unit_test(test_without_memory_to_look_for_repeats_readings_are_refused),
        cmocka_unit_test(test_numbers_that_mean_no_sensor_or_two_are_left_out),
        cmocka_unit_test(test_what_comes_after_such_numbers_is_not_lost_nor_another_s),
        cmocka_unit_test(test_a_stranger_who_reads_without_end_does_not_keep_us_from_ending),
        cmocka_unit_test(test_a_writer_that_waits_for_a_stranger_is_let_go_at_the_end),
        cmocka_unit_test(test_a_past_sent_in_order_is_read_in_bounded_windows),
        cmocka_unit_test(test_a_smaller_limit_of_the_journal_does_not_stop_the_first_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
