/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables.
 *
 *   sensors  one row a sensor, in the order of their ids, since all are read so at the start: a
 *            million in a second, where an index by id over rows by number takes five.
 *   heads    one row a chunk, in the order in which chunks are read: the key is the row's place, so
 *            that a range of time is one stretch of the table. Statistics over a range read this
 *            and little else.
 *   data     the chunk's bytes, by its id.
 *   journal  one row: from which position on the journal is needed, and up to where it was on the
 *            disk when the row was written.
 *
 * Every row has a CRC over all its values, and a head has one more over the chunk's bytes:
 * a file that still opens may be damaged all the same.
 *
 * To change a table: append a step. It runs on files of every earlier version, so a step that was
 * ever released is never edited.
 */
#include "store/sealed_schema.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* "ThGr" */
#define APPLICATION_ID 0x54684772

static const char version_1[] =
    "CREATE TABLE sensors("
    " id BLOB PRIMARY KEY,"
    " number INTEGER NOT NULL UNIQUE,"
    " covered INTEGER NOT NULL,"
    " stats BLOB NOT NULL,"
    " row_crc INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE heads("
    " sensor INTEGER NOT NULL,"
    " is_late INTEGER NOT NULL,"
    " last_seconds INTEGER NOT NULL,"
    " last_nanos INTEGER NOT NULL,"
    " rank INTEGER NOT NULL,"
    " id INTEGER NOT NULL,"
    " stats BLOB NOT NULL,"
    " n_bytes INTEGER NOT NULL,"
    " data_crc INTEGER NOT NULL,"
    " row_crc INTEGER NOT NULL,"
    " PRIMARY KEY(sensor, is_late, last_seconds, last_nanos, rank, id)) WITHOUT ROWID;"
    "CREATE TABLE data(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE journal(id INTEGER PRIMARY KEY CHECK(id = 0), needed_from INTEGER NOT NULL);";

static const char version_2[] =
    "ALTER TABLE journal ADD COLUMN durable_to INTEGER NOT NULL DEFAULT 0";

static const char *const steps[] = {version_1, version_2};

const struct sealed_schema sealed_schema = {steps, ARRAY_LEN(steps)};

static int refuse_stranger(struct sql *sql) {
    err_say(&sql->trouble, "this is the file of another program, not a store of Thermograph");
    return -EBADMSG;
}

int sealed_schema_identify(struct sql *sql, const struct sealed_schema *schema, int64_t *version) {
    int64_t application, n_tables;
    int r = sql_number(sql, "PRAGMA application_id", &application);
    if (r == 0)
        r = sql_number(sql, "PRAGMA user_version", version);
    if (r == 0)
        r = sql_number(sql, "SELECT count(*) FROM sqlite_schema", &n_tables);
    if (r)
        return r;
    if (application == 0 && *version == 0 && n_tables == 0)
        return 0;
    if (application != APPLICATION_ID || *version < 1)
        return refuse_stranger(sql);
    if (*version <= schema->n_steps)
        return 0;
    err_say(&sql->trouble,
            "the store has version %" PRId64 " of the format, and this program knows versions up to"
            " %" PRId64 ": a newer Thermograph made it, use that one",
            *version, schema->n_steps);
    return -EPROTONOSUPPORT;
}

/* SQLite's file format, section 1.3: numbers are big-endian. */
static int64_t header_number(const uint8_t *at) {
    return (int64_t)at[0] << 24 | (int64_t)at[1] << 16 | (int64_t)at[2] << 8 | at[3];
}

int sealed_schema_read_header(const uint8_t header[SEALED_HEADER_SIZE], int64_t *version) {
    static const char magic[16] = "SQLite format 3";
    int64_t application = header_number(header + 68);
    *version = header_number(header + 60);
    bool is_ours = application == APPLICATION_ID && *version > 0;
    bool is_empty = application == 0 && *version == 0;
    bool is_known = memcmp(header, magic, sizeof(magic)) == 0 && (is_ours || is_empty);
    return is_known ? 0 : -EBADMSG;
}

static int run_steps(struct sql *sql, const struct sealed_schema *schema, int64_t version) {
    for (int64_t i = version; i < schema->n_steps; i++) {
        int r = sql_run(sql, schema->steps[i]);
        if (r)
            return r;
    }
    char mark[96];
    snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64,
             APPLICATION_ID, schema->n_steps);
    return sql_run(sql, mark);
}

int sealed_schema_update(struct sql *sql, const struct sealed_schema *schema, int64_t version) {
    if (version == schema->n_steps)
        return 0;
    int r = sql_run(sql, "BEGIN IMMEDIATE");
    if (r)
        return r;
    r = run_steps(sql, schema, version);
    return r ? r : sql_run(sql, "COMMIT");
}
