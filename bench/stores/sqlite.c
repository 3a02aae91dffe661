/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite-store FILE <readings.csv: puts the readings into SQLite as most programs would, one row a
 * reading and 10,000 rows a transaction, every transaction synced. For `make bench`.
 *
 * The CSV (as `thermograph simulate --dataset A --print` writes it) is read and parsed before the
 * clock starts. Prints seconds and processor seconds of the inserting, and the file's bytes, as
 * JSON.
 */
#define _GNU_SOURCE
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ROWS_PER_TRANSACTION 10000

struct row {
    char sensor_id[32];
    double temperature;
    sqlite3_int64 seconds;
    sqlite3_int64 sequence;
};

static void die(const char *what) {
    fprintf(stderr, "sqlite-store: %s\n", what);
    exit(1);
}

/* `sensor-1,20.37,2026-01-01T00:00:00Z,1` */
static void parse(const char *line, struct row *row) {
    char time[32];
    struct tm tm = {0};
    if (sscanf(line, "%31[^,],%lf,%31[^,],%lld", row->sensor_id, &row->temperature, time,
               &row->sequence) != 4 ||
        !strptime(time, "%Y-%m-%dT%H:%M:%SZ", &tm))
        die("a line is no reading");
    row->seconds = timegm(&tm);
}

static struct row *read_rows(size_t *n) {
    char line[256];
    struct row *rows = NULL;
    size_t cap = 0;
    *n = 0;
    if (!fgets(line, sizeof(line), stdin)) /* the header */
        die("there is no input");
    while (fgets(line, sizeof(line), stdin)) {
        if (*n == cap) {
            cap = cap ? 2 * cap : 65536;
            rows = reallocarray(rows, cap, sizeof(*rows));
            if (!rows)
                die("memory ran out");
        }
        parse(line, &rows[(*n)++]);
    }
    return rows;
}

static void execute(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
}

/* The key is what tells a repeat: sensor, time and sequence. */
static void prepare(sqlite3 *db) {
    execute(db, "PRAGMA journal_mode=WAL");
    execute(db, "PRAGMA synchronous=FULL");
    execute(db, "CREATE TABLE reading(sensor_id TEXT, seconds INTEGER, sequence INTEGER, "
                "temperature REAL, PRIMARY KEY(sensor_id, seconds, sequence)) WITHOUT ROWID");
}

static void insert(sqlite3 *db, sqlite3_stmt *statement, const struct row *row) {
    sqlite3_bind_text(statement, 1, row->sensor_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, row->seconds);
    sqlite3_bind_int64(statement, 3, row->sequence);
    sqlite3_bind_double(statement, 4, row->temperature);
    if (sqlite3_step(statement) != SQLITE_DONE)
        die(sqlite3_errmsg(db));
    sqlite3_reset(statement);
}

static void insert_all(sqlite3 *db, const struct row *rows, size_t n) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, "INSERT OR IGNORE INTO reading VALUES(?, ?, ?, ?)", -1, &statement,
                           NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    for (size_t i = 0; i < n; i++) {
        if (i % ROWS_PER_TRANSACTION == 0)
            execute(db, i ? "COMMIT; BEGIN" : "BEGIN");
        insert(db, statement, &rows[i]);
    }
    execute(db, "COMMIT");
    sqlite3_finalize(statement);
}

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    sqlite3 *db;
    size_t n;
    struct stat file;
    if (argc != 2)
        die("usage: sqlite-store FILE <readings.csv");
    if (sqlite3_open(argv[1], &db) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    struct row *rows = read_rows(&n);
    prepare(db);
    double started = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    insert_all(db, rows, n);
    double took = seconds_of(CLOCK_MONOTONIC) - started;
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    execute(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (sqlite3_close(db) != SQLITE_OK || stat(argv[1], &file) != 0)
        die("the file cannot be closed");
    printf("{\"readings\": %zu, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"disk_bytes\": %lld}\n",
           n, took, cpu, (long long)file.st_size);
    free(rows);
    return 0;
}
