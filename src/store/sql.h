/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A connection to an SQLite file, by our law of errors: SQLite's codes become 0 or a negated errno,
 * with its words kept beside.
 */
struct sql {
    sqlite3 *db;
    struct err_text trouble; /* words about the last failure */
};

struct sql_options {
    const char *path;
    const char *vfs; /* NULL: the system's */
    int flags;       /* SQLITE_OPEN_READONLY, or READWRITE and perhaps CREATE */
};

enum {
    SQL_E_DONE = 1, /* there is no other row */
};

/* One thread at a time. Closing never checkpoints. After a failure there are words too, and it is
 * to be closed all the same. */
MUST_USE int sql_open(struct sql *sql, const struct sql_options *options);

/* After its statements are finalized. */
void sql_close(struct sql *sql);

/* Notes what SQLite says about `code`, one of its own, and gives the errno for it, negated. */
MUST_USE int sql_trouble(struct sql *sql, int code);

/* Keeps pages of so many KiB in memory. */
MUST_USE int sql_set_cache(struct sql *sql, unsigned kib);

/* Runs statements that are to give no row, or rows that do not matter. */
MUST_USE int sql_run(struct sql *sql, const char *text);

/* The one number or, up to `size`, the one text that a query gives. */
MUST_USE int sql_number(struct sql *sql, const char *query, int64_t *number);
MUST_USE int sql_text(struct sql *sql, const char *query, char *text, size_t size);

/* Prepares statements for the life of the connection. */
MUST_USE int sql_prepare(struct sql *sql, const char *const *texts, sqlite3_stmt **statements,
                         size_t n);

/* To the next row: 0, SQL_E_DONE or a negated errno. */
MUST_USE int sql_step(struct sql *sql, sqlite3_stmt *statement);

/* Runs a statement that gives no row, and makes it ready for the next time. */
MUST_USE int sql_do(struct sql *sql, sqlite3_stmt *statement);
