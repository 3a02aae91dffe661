/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each kind of damage is made on purpose, and the check has to find it, to name it, and to find
 * nothing else: as the store's own process would look, and offline. And it changes nothing.
 */
#include "store/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/chunk.h"
#include "store/durable.h"
#include "store/limits.h"
#include "store/sealed.h"
#include "unit.h"

#define N_IN_CHUNK 300

struct bench {
    char directory[64];
    struct stats attic, cellar; /* all that is sealed of them */
    uint64_t rank;
};

/* ---- a store ---- */

static void bench_init(struct bench *bench) {
    *bench = (struct bench){.directory = "/tmp/thermograph-check-XXXXXX"};
    assert_non_null(mkdtemp(bench->directory));
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw) {
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void bench_fini(struct bench *bench) {
    assert_int_equal(nftw(bench->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static struct sealed *open_sealed(const struct bench *bench) {
    const struct sealed_options options = {.directory = bench->directory,
                                           .wal_limit_bytes = STORE_WAL_LIMIT_BYTES};
    struct sealed *sealed;
    struct err_text why;
    if (sealed_open(&options, &sealed, &why))
        fail_msg("%s", why.text);
    assert_int_equal(sealed_begin(sealed), 0);
    return sealed;
}

static void close_sealed(struct sealed *sealed) {
    assert_int_equal(sealed_commit(sealed), 0);
    sealed_free(sealed);
}

/* What a chunk is to be made of. */
struct recipe {
    uint32_t sensor;
    bool is_late;
    int64_t from; /* seconds of the first reading; the others follow by a second each */
    int64_t step; /* instead of a second */
    uint32_t n;   /* 0: N_IN_CHUNK */
};

static double temperature_at(uint32_t i) {
    return 20 + 0.01 * (i * 37 % 500);
}

static void add_with(struct sealed *sealed, struct bench *bench, const struct recipe *recipe,
                     struct sealed_head *head) {
    CLEANUP(chunk_fini) struct chunk chunk = {0};
    uint32_t n = recipe->n ? recipe->n : N_IN_CHUNK;
    int64_t step = recipe->step ? recipe->step : 1;
    stats_init(&head->stats);
    for (uint32_t i = 0; i < n; i++) {
        const struct kept reading = {.time = {recipe->from + step * i, 0},
                                     .temperature = temperature_at(i)};
        stats_add(&head->stats, reading.time, reading.temperature);
        assert_int_equal(chunk_append(&chunk, &reading), 0);
    }
    head->sensor = recipe->sensor;
    head->is_late = recipe->is_late;
    head->rank = ++bench->rank;
    assert_int_equal(sealed_add(sealed, head, chunk_bytes(&chunk, chunk_end(&chunk))), 0);
    stats_merge(recipe->sensor ? &bench->cellar : &bench->attic, &head->stats);
}

static void add(struct sealed *sealed, struct bench *bench, const struct recipe *recipe) {
    struct sealed_head head = {0};
    add_with(sealed, bench, recipe, &head);
}

static void put_sensors(struct sealed *sealed, const struct bench *bench) {
    const struct sealed_sensor sensors[] = {
        {.number = 0, .id = bytes_str("attic"), .covered = 0, .stats = bench->attic},
        {.number = 1, .id = bytes_str("cellar"), .covered = 0, .stats = bench->cellar},
    };
    for (size_t i = 0; i < ARRAY_LEN(sensors); i++)
        assert_int_equal(sealed_put_sensor(sealed, &sensors[i]), 0);
}

/* Of the attic chunks 1 to 3 that follow each other and 4 that is late, of the cellar chunk 5. */
static void make_store(struct bench *bench) {
    bench_init(bench);
    struct sealed *sealed = open_sealed(bench);
    for (int i = 0; i < 3; i++)
        add(sealed, bench, &(struct recipe){.from = 10000 + 1000 * i});
    add(sealed, bench, &(struct recipe){.is_late = true, .from = 10500});
    add(sealed, bench, &(struct recipe){.sensor = 1, .from = 500});
    put_sensors(sealed, bench);
    close_sealed(sealed);
}

/* ---- checking ---- */

struct report {
    char kinds[512]; /* of what was found, with blanks between them */
    struct check_finding last;
    char last_id[STORE_ID_MAX_BYTES + 1], last_file[64];
    struct check_counts counts;
    size_t n_told;
    int r;
    struct err_text why;
};

static void on_found(void *user, const struct check_finding *finding) {
    struct report *report = user;
    size_t n = strlen(report->kinds);
    snprintf(report->kinds + n, sizeof(report->kinds) - n, "%s%s", n ? " " : "", finding->kind);
    report->last = *finding;
    report->n_told++;
    snprintf(report->last_id, sizeof(report->last_id), "%.*s", BYTES_ARGS(finding->sensor_id));
    snprintf(report->last_file, sizeof(report->last_file), "%s",
             finding->file ? finding->file : "");
    assert_true(finding->words.text[0] != '\0');
}

static struct report check_it(const struct bench *bench, bool is_offline) {
    const struct check_options options = {.directory = bench->directory, .is_offline = is_offline};
    struct report report = {.kinds = ""};
    struct check *check;
    unsigned percent = 0;
    report.r = check_new(&options, &check, &report.why);
    if (report.r)
        return report;
    while ((report.r = check_step(check, on_found, &report, &report.why)) == 0) {
        assert_true(check_percent(check) >= percent);
        percent = check_percent(check);
    }
    if (report.r != CHECK_E_DONE)
        fail_msg("%s", report.why.text);
    assert_int_equal(percent, 100);
    check_counts(check, &report.counts);
    check_free(check);
    return report;
}

/* Both ways of looking find exactly this. */
static struct report expect(const struct bench *bench, const char *kinds) {
    assert_string_equal(check_it(bench, false).kinds, kinds);
    struct report report = check_it(bench, true);
    assert_string_equal(report.kinds, kinds);
    return report;
}

static void expect_at(const struct bench *bench, const char *kind, const char *sensor,
                      int64_t chunk) {
    struct report report = expect(bench, kind);
    assert_string_equal(report.last_id, sensor);
    assert_int_equal(report.last.chunk, chunk);
    assert_int_equal(report.counts.n_findings, !report.last.is_note);
    assert_int_equal(report.counts.n_notes, report.last.is_note);
}

/* ---- damage ---- */

static sqlite3 *open_raw(const struct bench *bench) {
    CLEANUP(mem_freep) char *path = mem_format_text("%s/store.sqlite", bench->directory);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void run_sql(const struct bench *bench, const char *text) {
    sqlite3 *db = open_raw(bench);
    char *words = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &words) != SQLITE_OK)
        fail_msg("%s", words);
    sqlite3_close(db);
}

static void flip_byte_of_chunk(const struct bench *bench, int64_t id, int at) {
    sqlite3 *db = open_raw(bench);
    sqlite3_blob *blob;
    uint8_t byte;
    assert_int_equal(sqlite3_blob_open(db, "main", "data", "data", id, 1, &blob), SQLITE_OK);
    assert_int_equal(sqlite3_blob_read(blob, &byte, 1, at), SQLITE_OK);
    byte ^= 4;
    assert_int_equal(sqlite3_blob_write(blob, &byte, 1, at), SQLITE_OK);
    sqlite3_blob_close(blob);
    sqlite3_close(db);
}

static void flip_byte_of_file(const struct bench *bench, const char *name, off_t at) {
    CLEANUP(mem_freep) char *path = mem_format_text("%s/%s", bench->directory, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static off_t size_of_file(const struct bench *bench, const char *name) {
    CLEANUP(mem_freep) char *path = mem_format_text("%s/%s", bench->directory, name);
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    return file.st_size;
}

/* Behind its last byte that is not 0. */
static off_t end_of_file(const struct bench *bench, const char *name) {
    CLEANUP(mem_freep) char *path = mem_format_text("%s/%s", bench->directory, name);
    FILE *file = fopen(path, "re");
    off_t end = 0, at = 0;
    assert_non_null(file);
    for (int c; (c = getc(file)) != EOF; at++)
        end = c ? at + 1 : end;
    fclose(file);
    return end;
}

/* ---- tests: rows and chunks ---- */

static void test_a_clean_store_is_clean(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    struct report report = expect(&bench, "");
    assert_int_equal(report.counts.n_sensors, 2);
    assert_int_equal(report.counts.n_chunks, 5);
    assert_int_equal(report.counts.n_readings, 5 * N_IN_CHUNK);
    assert_true(report.counts.n_bytes > 0);
    bench_fini(&bench);
}

static void test_a_chunks_bytes_are_damaged(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    flip_byte_of_chunk(&bench, 2, 17);
    expect_at(&bench, "chunk-data", "attic", 2);
    struct report report = check_it(&bench, true);
    assert_true(report.last.has_times && report.last.from.seconds == 11000);
    assert_int_equal(report.last.to.seconds, 11000 + N_IN_CHUNK - 1);
    assert_int_equal(report.counts.n_readings, 4 * N_IN_CHUNK);
    bench_fini(&bench);
}

static void test_a_chunks_bytes_are_short(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "UPDATE data SET data = CAST(substr(data, 1, 9) AS BLOB) WHERE id = 5");
    expect_at(&bench, "chunk-data", "cellar", 5);
    bench_fini(&bench);
}

static void test_a_chunks_bytes_are_missing(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "DELETE FROM data WHERE id = 4");
    expect_at(&bench, "no-data", "attic", 4);
    bench_fini(&bench);
}

static void test_bytes_belong_to_no_chunk(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "INSERT INTO data(id, data) VALUES(99, x'00')");
    expect_at(&bench, "no-head", "", 99);
    bench_fini(&bench);
}

static void test_a_chunks_row_is_damaged(void **state) {
    (void)state;
    static const char *const columns[] = {"rank = rank + 1", "n_bytes = 1",   "data_crc = 7",
                                          "row_crc = 7",     "stats = x'00'", "last_nanos = 5"};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        struct bench bench;
        make_store(&bench);
        CLEANUP(mem_freep)
        char *text = mem_format_text("UPDATE heads SET %s WHERE id = 3", columns[i]);
        run_sql(&bench, text);
        expect_at(&bench, "chunk-row", "attic", 3);
        bench_fini(&bench);
    }
}

static void test_a_sensors_row_is_damaged(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "UPDATE sensors SET covered = covered + 1 WHERE number = 1");
    struct report report = expect(&bench, "sensor-row");
    assert_non_null(strstr(report.last.words.text, "number 1"));
    bench_fini(&bench);
}

static void test_a_sensors_row_is_missing(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "DELETE FROM sensors WHERE number = 0");
    struct report report = expect(&bench, "no-sensor");
    assert_non_null(strstr(report.last.words.text, "4 chunks are of sensor number 0"));
    bench_fini(&bench);
}

static void test_a_sensor_has_other_figures_than_its_chunks(void **state) {
    (void)state;
    static const double wrong[] = {1e-6, -3, 1e9};
    for (size_t i = 0; i <= ARRAY_LEN(wrong); i++) {
        struct bench bench;
        make_store(&bench);
        struct sealed *sealed = open_sealed(&bench);
        if (i < ARRAY_LEN(wrong))
            bench.cellar.sum += wrong[i] * N_IN_CHUNK;
        else
            bench.cellar.count++;
        put_sensors(sealed, &bench);
        close_sealed(sealed);
        expect_at(&bench, "sensor-figures", "cellar", 0);
        bench_fini(&bench);
    }
}

/* Replaces chunk 5 by one whose head says otherwise than its readings. */
static void change_head(struct bench *bench, void (*change)(struct sealed_head *head)) {
    struct sealed *sealed = open_sealed(bench);
    CLEANUP(chunk_fini) struct chunk chunk = {0};
    struct sealed_head old = {.id = 5, .sensor = 1, .rank = 5, .stats = bench->cellar};
    for (uint32_t i = 0; i < N_IN_CHUNK; i++) {
        const struct kept reading = {.time = {500 + i, 0}, .temperature = temperature_at(i)};
        assert_int_equal(chunk_append(&chunk, &reading), 0);
    }
    struct sealed_head head = old;
    change(&head);
    bench->cellar = head.stats;
    assert_int_equal(sealed_remove(sealed, &old), 0);
    assert_int_equal(sealed_add(sealed, &head, chunk_bytes(&chunk, chunk_end(&chunk))), 0);
    put_sensors(sealed, bench);
    close_sealed(sealed);
}

static void change_nothing(struct sealed_head *head) {
    (void)head;
}

static void count_more(struct sealed_head *head) {
    head->stats.count = CHUNK_MAX_READINGS;
}

static void count_beyond_all(struct sealed_head *head) {
    head->stats.count = UINT64_MAX / 2;
}

static void begin_earlier(struct sealed_head *head) {
    head->stats.first.seconds--;
}

static void be_hotter(struct sealed_head *head) {
    head->stats.maximum++;
}

static void spread_wider(struct sealed_head *head) {
    head->stats.squares *= 1.001;
}

static void test_a_head_says_other_things_than_its_readings(void **state) {
    (void)state;
    static const struct {
        void (*change)(struct sealed_head *head);
        const char *kind;
    } cases[] = {
        {change_nothing, ""},
        {count_more, "chunk-packing"},
        {count_beyond_all, "chunk-row"},
        {begin_earlier, "chunk-figures"},
        {be_hotter, "chunk-figures"},
        {spread_wider, "chunk-figures"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench bench;
        make_store(&bench);
        change_head(&bench, cases[i].change);
        struct report report = expect(&bench, cases[i].kind);
        assert_string_equal(report.last_id, i ? "cellar" : "");
        bench_fini(&bench);
    }
}

static void add_to_store(struct bench *bench, const struct recipe *recipe, int n) {
    struct sealed *sealed = open_sealed(bench);
    for (int i = 0; i < n; i++)
        add(sealed, bench, recipe);
    put_sensors(sealed, bench);
    close_sealed(sealed);
}

static void test_readings_of_a_chunk_are_out_of_order(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    add_to_store(&bench, &(struct recipe){.is_late = true, .from = 11000, .step = -1}, 1);
    expect_at(&bench, "chunk-order", "attic", 6);
    bench_fini(&bench);
}

static void test_main_chunks_overlap(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    add_to_store(&bench, &(struct recipe){.from = 11100, .n = 200}, 1);
    expect_at(&bench, "main-order", "attic", 6);
    bench_fini(&bench);
}

static void test_main_chunks_may_touch(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    add_to_store(&bench, &(struct recipe){.from = 12000 + N_IN_CHUNK - 1}, 1);
    expect(&bench, "");
    bench_fini(&bench);
}

static void test_too_many_chunks_over_one_instant_are_a_note(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    add_to_store(&bench, &(struct recipe){.is_late = true, .from = 10000}, CHECK_MAX_COVER - 1);
    expect(&bench, "");
    add_to_store(&bench, &(struct recipe){.is_late = true, .from = 10100}, 1);
    expect_at(&bench, "overlap", "attic", 0);
    assert_true(check_it(&bench, true).last.from.seconds == 10100);
    bench_fini(&bench);
}

/* ---- tests: the file ---- */

static void test_a_file_that_is_no_database_is_named(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "PRAGMA wal_checkpoint(TRUNCATE)");
    flip_byte_of_file(&bench, "store.sqlite", 3);
    struct report report = check_it(&bench, true);
    assert_string_equal(report.kinds, "file");
    assert_string_equal(report.last_file, "store.sqlite");
    bench_fini(&bench);
}

static void test_any_flipped_bit_of_the_file_is_found_or_harmless(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "PRAGMA wal_checkpoint(TRUNCATE)");
    size_t n_found = 0, n_tried = 0;
    off_t size = size_of_file(&bench, "store.sqlite");
    for (off_t at = 100; at < size; at += 97, n_tried++) {
        flip_byte_of_file(&bench, "store.sqlite", at);
        struct report report = check_it(&bench, true);
        bool is_found = report.r != CHECK_E_DONE || report.counts.n_findings > 0;
        n_found += is_found;
        assert_true(is_found || report.counts.n_readings == 5 * N_IN_CHUNK);
        flip_byte_of_file(&bench, "store.sqlite", at);
    }
    assert_true(n_found > 0 && n_found <= n_tried);
    expect(&bench, "");
    bench_fini(&bench);
}

static void test_a_directory_without_a_store_is_refused(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench);
    struct report report = check_it(&bench, true);
    assert_int_equal(report.r, -ENOENT);
    assert_non_null(strstr(report.why.text, "is no data directory of Thermograph"));
    assert_non_null(strstr(report.why.text, "store.sqlite"));
    bench_fini(&bench);
}

static void test_a_newer_version_is_refused(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "PRAGMA user_version = 1000");
    struct report report = check_it(&bench, true);
    assert_int_equal(report.r, -EPROTONOSUPPORT);
    assert_non_null(strstr(report.why.text, "1000"));
    bench_fini(&bench);
}

/* ---- tests: the journal ---- */

static void on_failed(void *user, const char *words) {
    (void)user;
    fail_msg("%s", words);
}

static struct store_backend *open_durable(const struct bench *bench) {
    const struct store_durable_options options = {.directory = bench->directory,
                                                  .failed = on_failed};
    struct store_backend *backend;
    struct err_text why;
    if (store_durable_new(&options, &backend, &why))
        fail_msg("%s", why.text);
    return backend;
}

static void commit(struct store_backend *backend, const char *id, int64_t from, int n) {
    struct store_batch batch, *batches[] = {&batch};
    struct store_writer writer = {0};
    store_batch_init(&batch);
    for (int i = 0; i < n; i++) {
        const struct reading reading = {
            .sensor_id = bytes_str(id), .seconds = from + i, .temperature = 20 + i % 10};
        assert_int_equal(store_batch_append(&batch, &writer, &reading), 0);
    }
    backend->ops->commit(backend, batches, 1);
    assert_int_equal(batch.runs[0].outcome.accepted, n);
    store_batch_fini(&batch);
}

/* What is on the disk while the store is in use: as if its machine had stopped. */
static void take_image(const struct bench *of, struct bench *image) {
    bench_init(image);
    CLEANUP(mem_freep)
    char *command = mem_format_text("cp %s/* %s/", of->directory, image->directory);
    assert_int_equal(system(command), 0); /* NOLINT: the names are ours */
}

/* Sensors and readings that are in the journal only, and some that are sealed. */
static void make_image(struct bench *image) {
    struct bench bench;
    bench_init(&bench);
    struct store_backend *backend = open_durable(&bench);
    commit(backend, "attic", 1000, 9000);
    backend->ops->free(backend);
    backend = open_durable(&bench);
    for (int i = 0; i < 10; i++)
        commit(backend, i % 2 ? "attic" : "cellar", 20000 + 1000 * i, 100);
    take_image(&bench, image);
    backend->ops->free(backend);
    bench_fini(&bench);
}

static void test_a_store_with_a_journal_is_clean(void **state) {
    (void)state;
    struct bench image;
    make_image(&image);
    struct report report = check_it(&image, true);
    assert_string_equal(report.kinds, "");
    assert_int_equal(report.counts.n_readings, 9000);
    assert_int_equal(report.counts.n_journal_readings, 1000);
    assert_int_equal(report.counts.n_sensors, 2);
    bench_fini(&image);
}

static int find_journal(const char *path, const struct stat *stat, int type) {
    (void)stat;
    (void)type;
    return strstr(path, "/journal-0") ? 1 : 0;
}

static char journal_name[64];

static int keep_last_journal(const char *path, const struct stat *stat, int type) {
    if (find_journal(path, stat, type) && strcmp(strrchr(path, '/') + 1, journal_name) > 0)
        snprintf(journal_name, sizeof(journal_name), "%s", strrchr(path, '/') + 1);
    return 0;
}

/* The file that was written last. */
static const char *last_journal(const struct bench *bench) {
    journal_name[0] = '\0';
    assert_int_equal(ftw(bench->directory, keep_last_journal, 8), 0);
    assert_true(journal_name[0]);
    return journal_name;
}

static void test_a_damaged_record_is_named_by_file_and_offset(void **state) {
    (void)state;
    struct bench image;
    make_image(&image);
    const char *name = last_journal(&image);
    off_t at = end_of_file(&image, name) - 600; /* some commits before the last */
    flip_byte_of_file(&image, name, at);
    struct report report = check_it(&image, true);
    assert_string_equal(report.kinds, "journal");
    assert_string_equal(report.last_file, name);
    assert_true(report.last.offset <= (uint64_t)at && report.last.offset + 400 > (uint64_t)at);
    assert_true(report.counts.n_journal_readings < 1000);
    bench_fini(&image);
}

/* All that the files of a directory are, in a number. */
static uint64_t sum_of_files;

static int add_file(const char *path, const struct stat *stat, int type) {
    uint8_t bytes[4096];
    if (type != FTW_F)
        return 0;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), file)) > 0;)
        for (size_t i = 0; i < n; i++)
            sum_of_files = sum_of_files * 31 + bytes[i];
    fclose(file);
    sum_of_files ^= (uint64_t)stat->st_mtim.tv_nsec + (uint64_t)stat->st_size + stat->st_ino;
    return 0;
}

static uint64_t state_of(const struct bench *bench) {
    sum_of_files = 0;
    assert_int_equal(ftw(bench->directory, add_file, 8), 0);
    return sum_of_files;
}

static void test_offline_nothing_is_changed(void **state) {
    (void)state;
    struct bench image;
    make_image(&image);
    uint64_t before = state_of(&image);
    assert_string_equal(check_it(&image, true).kinds, "");
    assert_true(state_of(&image) == before);
    CLEANUP(mem_freep) char *wal = mem_format_text("%s/store.sqlite-wal", image.directory);
    run_sql(&image, "PRAGMA wal_checkpoint(TRUNCATE)"); /* ends with the files gone */
    assert_int_not_equal(access(wal, F_OK), 0);
    before = state_of(&image);
    assert_string_equal(check_it(&image, true).kinds, "");
    assert_true(state_of(&image) == before);
    bench_fini(&image);
}

static void test_a_directory_in_use_is_refused_with_the_others_pid(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        CLEANUP(mem_freep) char *path = mem_format_text("%s/lock", bench.directory);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        char ok = fcntl(fd, F_SETLK, &lock) == 0;
        if (write(ready[1], &ok, 1) == 1)
            pause();
        _exit(0);
    }
    char ok = 0;
    assert_int_equal(read(ready[0], &ok, 1), 1);
    assert_true(ok);
    struct report report = check_it(&bench, true);
    assert_int_equal(report.r, -EBUSY);
    CLEANUP(mem_freep) char *words = mem_format_text("(process %d)", (int)child);
    assert_non_null(strstr(report.why.text, words));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    expect(&bench, "");
    close(ready[0]);
    close(ready[1]);
    bench_fini(&bench);
}

static void test_memory_that_runs_out_ends_it(void **state) {
    (void)state;
    struct bench image;
    make_image(&image);
    const struct check_options options = {.directory = image.directory, .is_offline = true};
    int r = 0;
    for (size_t n = 1; r != CHECK_E_DONE; n++) {
        struct check *check = NULL;
        struct report report = {.kinds = ""};
        fail_alloc_at(n);
        r = check_new(&options, &check, &report.why);
        while (r == 0)
            r = check_step(check, on_found, &report, &report.why);
        fail_alloc_off();
        check_free(check);
        assert_true(r == CHECK_E_DONE || r == -ENOMEM);
        assert_string_equal(report.kinds, "");
    }
    bench_fini(&image);
}

static void test_beyond_the_most_findings_they_are_only_counted(void **state) {
    (void)state;
    struct bench bench;
    make_store(&bench);
    run_sql(&bench, "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n LIMIT 1500)"
                    " INSERT INTO data SELECT i, x'00' FROM n");
    struct report report = check_it(&bench, false);
    assert_int_equal(report.counts.n_findings, 1500);
    assert_int_equal(report.n_told, CHECK_MAX_FINDINGS);
    bench_fini(&bench);
}

static int remove_journal(const char *path, const struct stat *stat, int type) {
    return find_journal(path, stat, type) || strstr(path, "/journal-s") ? remove(path) : 0;
}

static void test_journal_files_are_missing(void **state) {
    (void)state;
    struct bench image;
    make_image(&image);
    assert_int_equal(ftw(image.directory, remove_journal, 8), 0);
    struct report report = check_it(&image, true);
    assert_string_equal(report.kinds, "journal");
    assert_int_equal(report.counts.n_journal_readings, 0);
    bench_fini(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clean_store_is_clean),
        cmocka_unit_test(test_a_chunks_bytes_are_damaged),
        cmocka_unit_test(test_a_chunks_bytes_are_short),
        cmocka_unit_test(test_a_chunks_bytes_are_missing),
        cmocka_unit_test(test_bytes_belong_to_no_chunk),
        cmocka_unit_test(test_a_chunks_row_is_damaged),
        cmocka_unit_test(test_a_sensors_row_is_damaged),
        cmocka_unit_test(test_a_sensors_row_is_missing),
        cmocka_unit_test(test_a_sensor_has_other_figures_than_its_chunks),
        cmocka_unit_test(test_a_head_says_other_things_than_its_readings),
        cmocka_unit_test(test_readings_of_a_chunk_are_out_of_order),
        cmocka_unit_test(test_main_chunks_overlap),
        cmocka_unit_test(test_main_chunks_may_touch),
        cmocka_unit_test(test_too_many_chunks_over_one_instant_are_a_note),
        cmocka_unit_test(test_a_file_that_is_no_database_is_named),
        cmocka_unit_test(test_any_flipped_bit_of_the_file_is_found_or_harmless),
        cmocka_unit_test(test_a_directory_without_a_store_is_refused),
        cmocka_unit_test(test_a_newer_version_is_refused),
        cmocka_unit_test(test_a_store_with_a_journal_is_clean),
        cmocka_unit_test(test_journal_files_are_missing),
        cmocka_unit_test(test_a_damaged_record_is_named_by_file_and_offset),
        cmocka_unit_test(test_offline_nothing_is_changed),
        cmocka_unit_test(test_a_directory_in_use_is_refused_with_the_others_pid),
        cmocka_unit_test(test_memory_that_runs_out_ends_it),
        cmocka_unit_test(test_beyond_the_most_findings_they_are_only_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
