/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* SQLITE_IOERR and its like come with the reason in their upper bits. */
#define PRIMARY_CODE(code) ((code)&0xff)

static const struct {
    int code, error;
} errors[] = {
    {SQLITE_FULL, -ENOSPC},    {SQLITE_READONLY, -EROFS},     {SQLITE_CORRUPT, -EBADMSG},
    {SQLITE_NOTADB, -EBADMSG}, {SQLITE_CONSTRAINT, -EBADMSG}, {SQLITE_ERROR, -EBADMSG},
    {SQLITE_NOMEM, -ENOMEM},   {SQLITE_IOERR_NOMEM, -ENOMEM}, {SQLITE_BUSY, -EBUSY},
    {SQLITE_LOCKED, -EBUSY},   {SQLITE_PROTOCOL, -EBUSY},     {SQLITE_PERM, -EACCES},
    {SQLITE_AUTH, -EACCES},    {SQLITE_TOOBIG, -EMSGSIZE},
};

/* What the system said, where SQLite passes that on; else 0. Of a read or a write it may be what
 * was said of something before. */
static int system_errno(sqlite3 *db, int code) {
    int primary = PRIMARY_CODE(code);
    bool is_of_system = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
    return db && is_of_system ? sqlite3_system_errno(db) : 0;
}

static int errno_of(sqlite3 *db, int code) {
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].code == code)
            return errors[i].error;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].code == PRIMARY_CODE(code))
            return errors[i].error;
    int system = system_errno(db, code);
    bool is_sure = PRIMARY_CODE(code) == SQLITE_CANTOPEN || system == ENOSPC || system == EDQUOT;
    return system && is_sure ? -system : -EIO;
}

int sql_trouble(struct sql *sql, int code) {
    int system = system_errno(sql->db, code);
    err_say(&sql->trouble, "%s%s%s (SQLite's code %d)",
            sql->db ? sqlite3_errmsg(sql->db) : sqlite3_errstr(code), system ? ": " : "",
            system ? strerrordesc_np(system) : "", code);
    return errno_of(sql->db, code);
}

int sql_open(struct sql *sql, const struct sql_options *options) {
    int flags =
        options->flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(options->path, &sql->db, flags, options->vfs);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(sql->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return code ? sql_trouble(sql, code) : 0;
}

void sql_close(struct sql *sql) {
    sqlite3_close_v2(sql->db);
    sql->db = NULL;
}

int sql_run(struct sql *sql, const char *text) {
    int code = sqlite3_exec(sql->db, text, NULL, NULL, NULL);
    return code ? sql_trouble(sql, code) : 0;
}

int sql_set_cache(struct sql *sql, unsigned kib) {
    char text[48];
    snprintf(text, sizeof(text), "PRAGMA cache_size = -%u", kib);
    return sql_run(sql, text);
}

static void statement_finalizep(sqlite3_stmt **statement) {
    sqlite3_finalize(*statement);
}

/* The query's first row, to be read. */
static int sql_first(struct sql *sql, const char *query, sqlite3_stmt **statement) {
    int code = sqlite3_prepare_v2(sql->db, query, -1, statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(*statement);
    return code == SQLITE_ROW ? 0 : sql_trouble(sql, code);
}

int sql_number(struct sql *sql, const char *query, int64_t *number) {
    CLEANUP(statement_finalizep) sqlite3_stmt *statement = NULL;
    int r = sql_first(sql, query, &statement);
    if (r)
        return r;
    *number = sqlite3_column_int64(statement, 0);
    return 0;
}

int sql_text(struct sql *sql, const char *query, char *text, size_t size) {
    CLEANUP(statement_finalizep) sqlite3_stmt *statement = NULL;
    int r = sql_first(sql, query, &statement);
    if (r)
        return r;
    const unsigned char *found = sqlite3_column_text(statement, 0);
    snprintf(text, size, "%s", found ? (const char *)found : "");
    return 0;
}

int sql_prepare(struct sql *sql, const char *const *texts, sqlite3_stmt **statements, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int code = sqlite3_prepare_v3(sql->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &statements[i], NULL);
        if (code)
            return sql_trouble(sql, code);
    }
    return 0;
}

int sql_step(struct sql *sql, sqlite3_stmt *statement) {
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        return 0;
    return code == SQLITE_DONE ? SQL_E_DONE : sql_trouble(sql, code);
}

int sql_do(struct sql *sql, sqlite3_stmt *statement) {
    int code = sqlite3_step(statement);
    int r = code == SQLITE_DONE ? 0 : sql_trouble(sql, code);
    sqlite3_reset(statement);
    return r;
}
