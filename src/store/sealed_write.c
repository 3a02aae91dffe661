/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions of the keeper. A chunk is two rows, its bytes and its head; only the head's key says
 * where it stands, so a merge that replaces chunks is rows removed and added, seen by views all at
 * once or not at all.
 *
 * Ids are given here and not by SQLite, which gives that of a removed last row again: while the
 * store is open an id stands for one chunk (seen.c keeps what it has read of a chunk by it).
 */
#include <assert.h>
#include <zlib.h>

#include "store/sealed_impl.h"
#include "store/sealed_row.h"

const char *const sealed_statements[SEALED_N_STATEMENTS] = {
    [SEALED_BEGIN] = "BEGIN IMMEDIATE",
    [SEALED_COMMIT] = "COMMIT",
    [SEALED_ROLLBACK] = "ROLLBACK", /* prepared: it may be memory that has run out */
    /* Without the number, which stays: so the index by number is left alone. */
    [SEALED_PUT_SENSOR] = ("INSERT INTO sensors(" SEALED_SENSOR_COLUMNS ") VALUES(?1,?2,?3,?4,?5)"
                           " ON CONFLICT(id) DO UPDATE SET covered = excluded.covered,"
                           " stats = excluded.stats, row_crc = excluded.row_crc"),
    [SEALED_ADD_DATA] = "INSERT INTO data(id, data) VALUES(?1, ?2)",
    [SEALED_ADD_HEAD] = "INSERT INTO heads(" SEALED_HEAD_COLUMNS ")"
                        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
    [SEALED_REMOVE_HEAD] = "DELETE FROM heads WHERE sensor = ?1 AND is_late = ?2"
                           " AND last_seconds = ?3 AND last_nanos = ?4 AND rank = ?5 AND id = ?6",
    [SEALED_REMOVE_DATA] = "DELETE FROM data WHERE id = ?1",
    [SEALED_PUT_JOURNAL] = "INSERT INTO journal(id, needed_from, durable_to) VALUES(0, ?1, ?2)"
                           " ON CONFLICT(id) DO UPDATE SET needed_from = ?1, durable_to = ?2",
};

static int run(struct sealed *sealed, enum sealed_statement statement) {
    return sealed_fail(sealed, sql_do(&sealed->sql, sealed->statements[statement]));
}

static int count_again(struct sealed *sealed) {
    int64_t n_chunks;
    int r = sql_number(&sealed->sql, SEALED_COUNT_CHUNKS, &n_chunks);
    if (r)
        return r;
    sealed->n_chunks = (uint64_t)n_chunks;
    sealed->must_count = false;
    return 0;
}

int sealed_begin(struct sealed *sealed) {
    if (sealed->failed)
        return err_trace(sealed->failed);
    assert(sqlite3_get_autocommit(sealed->sql.db));
    sealed->n_chunks_added = 0;
    int r = sealed->must_count ? count_again(sealed) : 0;
    if (r == 0)
        r = sql_do(&sealed->sql, sealed->statements[SEALED_BEGIN]);
    return sealed_fail_outside(sealed, r);
}

int sealed_commit(struct sealed *sealed) {
    if (sealed->failed)
        return err_trace(sealed->failed);
    assert(!sqlite3_get_autocommit(sealed->sql.db));
    int r = run(sealed, SEALED_COMMIT);
    if (r == 0)
        sealed->n_chunks += (uint64_t)sealed->n_chunks_added;
    sealed->must_count = r == -ENOMEM;
    return r;
}

/* SQLite may have done it by itself when something failed. */
void sealed_rollback(struct sealed *sealed) {
    sqlite3 *db = sealed->sql.db;
    struct err_text first = sealed->sql.trouble; /* what went wrong first is what counts */
    if (!sqlite3_get_autocommit(db) && sql_do(&sealed->sql, sealed->statements[SEALED_ROLLBACK]))
        sealed->sql.trouble = first;
    if (sealed->failed == -ENOMEM && sqlite3_get_autocommit(db))
        sealed->failed = 0;
}

/* Errors that came before stay: a half transaction must not be committed. */
static int check_open(const struct sealed *sealed) {
    assert(sealed->failed || !sqlite3_get_autocommit(sealed->sql.db));
    return sealed->failed;
}

int sealed_put_sensor(struct sealed *sealed, const struct sealed_sensor *sensor) {
    int r = check_open(sealed);
    if (r)
        return err_trace(r);
    uint8_t packed[STATS_PACKED_BYTES];
    sealed_row_bind_sensor(sealed->statements[SEALED_PUT_SENSOR], sensor, packed);
    return run(sealed, SEALED_PUT_SENSOR);
}

int sealed_put_journal(struct sealed *sealed, const struct sealed_journal *journal) {
    int r = check_open(sealed);
    if (r)
        return err_trace(r);
    sqlite3_stmt *row = sealed->statements[SEALED_PUT_JOURNAL];
    sqlite3_bind_int64(row, 1, (int64_t)journal->needed_from);
    sqlite3_bind_int64(row, 2, (int64_t)journal->durable_to);
    return run(sealed, SEALED_PUT_JOURNAL);
}

/* Completes the head and adds its row; the data is there. */
static int add_head(struct sealed *sealed, struct sealed_head *head, struct bytes data) {
    uint8_t packed[STATS_PACKED_BYTES];
    assert(head->stats.count > 0 && data.len <= UINT32_MAX);
    head->n_bytes = (uint32_t)data.len;
    head->crc = (uint32_t)crc32_z(0, data.data, data.len);
    sealed_row_bind_head(sealed->statements[SEALED_ADD_HEAD], head, packed);
    int r = run(sealed, SEALED_ADD_HEAD);
    if (r == 0)
        sealed->n_chunks_added++;
    return r;
}

int sealed_add(struct sealed *sealed, struct sealed_head *head, struct bytes data) {
    int r = check_open(sealed);
    if (r)
        return err_trace(r);
    sqlite3_stmt *statement = sealed->statements[SEALED_ADD_DATA];
    head->id = ++sealed->last_id;
    sqlite3_bind_int64(statement, 1, head->id);
    sqlite3_bind_blob64(statement, 2, data.data, data.len, SQLITE_STATIC);
    r = run(sealed, SEALED_ADD_DATA);
    if (r)
        return r;
    return add_head(sealed, head, data);
}

/* Of a statement that is to change exactly one row. */
static int run_on_one(struct sealed *sealed, enum sealed_statement statement) {
    int r = run(sealed, statement);
    if (r)
        return r;
    return sqlite3_changes(sealed->sql.db) == 1 ? 0 : SEALED_E_NONE;
}

/* A head without its data, or the other way round, cannot be the work of a transaction. */
static int data_is_lost(struct sealed *sealed, const struct sealed_head *head) {
    err_say(&sealed->sql.trouble, "chunk %lld has a head and no data", (long long)head->id);
    return sealed_fail(sealed, -EBADMSG);
}

int sealed_remove(struct sealed *sealed, const struct sealed_head *head) {
    int r = check_open(sealed);
    if (r)
        return err_trace(r);
    sealed_row_bind_head_key(sealed->statements[SEALED_REMOVE_HEAD], head);
    r = run_on_one(sealed, SEALED_REMOVE_HEAD);
    if (r)
        return r;
    sealed->n_chunks_added--;
    sqlite3_bind_int64(sealed->statements[SEALED_REMOVE_DATA], 1, head->id);
    r = run_on_one(sealed, SEALED_REMOVE_DATA);
    return r == SEALED_E_NONE ? data_is_lost(sealed, head) : r;
}
