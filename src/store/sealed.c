/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the sealed chunks: opening and closing.
 *
 * One connection writes. SQLite before 3.51.3 (Debian 12 has 3.40.1) can ruin a database in WAL
 * mode when one connection starts the WAL anew while another one commits or checkpoints. So every
 * write and every checkpoint is made by the one connection of struct sealed, on one thread; views
 * are opened read-only, which SQLite holds to for checkpoints too; no connection checkpoints by
 * itself, neither behind a commit nor when it is closed.
 *
 * The page size is 4096: of chunks of 8 to 40 KB a file has 1.04 bytes a byte (8192: 1.07, 16384:
 * 1.12 to 1.8, since what is left over after whole pages needs a place too), and writing takes as
 * long with any size from 4096 on.
 *
 * synchronous=FULL: a commit returns when the WAL is synced. A file whose sync failed is not
 * written to again: nobody knows what of it is on the disk (`failed`). Want of memory says nothing
 * about the disk: after it SQLite goes on, and so do we.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/files.h"
#include "store/limits.h"
#include "store/sealed_impl.h"
#include "store/sealed_schema.h"

#define SEALED_FILE "store.sqlite"

/* secure_delete, which Debian turns on, would write zeros over every chunk that a merge removes. */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA wal_autocheckpoint = 0;"
                               "PRAGMA secure_delete = OFF;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA trusted_schema = OFF;";

const char *sealed_trouble(const struct sealed *sealed) {
    return sealed->sql.trouble.text;
}

bool sealed_has_failed(const struct sealed *sealed) {
    return sealed->failed != 0;
}

int sealed_fail(struct sealed *sealed, int r) {
    if (r < 0 && !sealed->failed)
        sealed->failed = r;
    return r;
}

int sealed_fail_outside(struct sealed *sealed, int r) {
    return r == -ENOMEM ? r : sealed_fail(sealed, r);
}

static int check_writable(struct sql *sql) {
    if (sqlite3_db_readonly(sql->db, "main") == 0)
        return 0;
    err_say(&sql->trouble, "it cannot be written to");
    return -EROFS;
}

/* WAL mode is a property of the file; the answer tells whether it could be had. */
static int enter_wal_mode(struct sql *sql) {
    char mode[16];
    int r = sql_run(sql, "PRAGMA page_size = 4096");
    if (r == 0)
        r = sql_text(sql, "PRAGMA journal_mode = WAL", mode, sizeof(mode));
    if (r || strcmp(mode, "wal") == 0)
        return r;
    err_say(&sql->trouble, "SQLite refuses WAL mode for it and stays in mode '%s'", mode);
    return -ENOTSUP;
}

/* Nothing is written before the file is known to be ours. */
static int sealed_prepare(struct sealed *sealed) {
    struct sql *sql = &sealed->sql;
    int64_t version, n_chunks = 0;
    int r = check_writable(sql);
    if (r == 0)
        r = sealed_schema_identify(sql, &sealed_schema, &version);
    if (r == 0)
        r = enter_wal_mode(sql);
    if (r == 0)
        r = sql_set_cache(sql, STORE_WRITER_CACHE_KIB);
    if (r == 0)
        r = sql_run(sql, settings);
    if (r == 0)
        r = sealed_schema_update(sql, &sealed_schema, version);
    if (r == 0)
        r = sql_prepare(sql, sealed_statements, sealed->statements, SEALED_N_STATEMENTS);
    if (r == 0)
        r = sql_number(sql, SEALED_COUNT_CHUNKS, &n_chunks);
    if (r == 0)
        r = sql_number(sql, "SELECT ifnull(max(id), 0) FROM data", &sealed->last_id);
    sealed->n_chunks = (uint64_t)n_chunks;
    return r;
}

/* Like all files of a store, for its owner's eyes only; the WAL takes the same mode. */
static int make_private(struct sealed *sealed) {
    if (chmod(sealed->path, S_IRUSR | S_IWUSR) == 0 || errno == EROFS)
        return 0;
    int r = -errno;
    err_say(&sealed->sql.trouble, "its mode cannot be set: %s", strerrordesc_np(-r));
    return r;
}

static int sealed_open_file(struct sealed *sealed) {
    struct sql_options options = {sealed->path, sealed->vfs,
                                  SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
    int r = sql_open(&sealed->sql, &options);
    if (r)
        return r;
    sqlite3_busy_timeout(sealed->sql.db, SEALED_BUSY_MS);
    r = make_private(sealed);
    return r ? r : sealed_prepare(sealed);
}

static void sealed_freep(struct sealed **sealed) {
    sealed_free(*sealed);
}

static struct sealed *sealed_new(const struct sealed_options *options) {
    CLEANUP(sealed_freep) struct sealed *sealed = mem_new(struct sealed);
    if (!sealed)
        return NULL;
    sealed->wal_limit_bytes = options->wal_limit_bytes;
    sealed->path = mem_format_text("%s/%s", options->directory, SEALED_FILE);
    if (!sealed->path)
        return NULL;
    if (!options->vfs)
        return STEAL(sealed);
    sealed->vfs = mem_copy_text(options->vfs, strlen(options->vfs));
    return sealed->vfs ? STEAL(sealed) : NULL;
}

static void say_unopened(struct sealed *sealed, int r, const char *directory,
                         struct err_text *why) {
    bool is_damaged = r == -EBADMSG && sqlite3_errcode(sealed->sql.db) != SQLITE_OK;
    err_say(why, "%s: %s%s", sealed->path, sealed_trouble(sealed), files_remedy(r));
    if (is_damaged)
        err_say(why,
                "%s: %s. `thermograph check %s' tells all that is damaged; a backup of the whole "
                "directory brings it back",
                sealed->path, sealed_trouble(sealed), directory);
}

int sealed_open(const struct sealed_options *options, struct sealed **sealed,
                struct err_text *why) {
    CLEANUP(sealed_freep) struct sealed *made = sealed_new(options);
    if (!made) {
        err_say(why, "%s/%s: memory ran out", options->directory, SEALED_FILE);
        return -ENOMEM;
    }
    int r = sealed_open_file(made);
    if (r) {
        say_unopened(made, r, options->directory, why);
        return r;
    }
    *sealed = STEAL(made);
    return 0;
}

void sealed_free(struct sealed *sealed) {
    if (!sealed)
        return;
    for (size_t i = 0; i < SEALED_N_STATEMENTS; i++)
        sqlite3_finalize(sealed->statements[i]);
    sql_close(&sealed->sql);
    mem_free(sealed->path);
    mem_free(sealed->vfs);
    mem_free(sealed);
}
