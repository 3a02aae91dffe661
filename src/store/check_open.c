/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a store for a check. It gets a connection of its own, since the views of sealed.h end at
 * the first row that is damaged.
 *
 * Offline nothing may change, not even files that SQLite would make or mend at opening. With a WAL
 * the file is opened without locks (the directory's own lock is held) and in exclusive mode, where
 * SQLite keeps the WAL's index in memory; without a WAL it is opened as immutable.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/check_files.h"
#include "store/check_impl.h"
#include "store/sealed_row.h"
#include "store/sealed_schema.h"

#define BUSY_MS     5000 /* as SEALED_BUSY_MS; the lock is held for microseconds */
#define HEAD_PLACE  "(sensor, is_late, last_seconds, last_nanos, rank, id)"
#define HEAD_ORDER  "sensor, is_late, last_seconds, last_nanos, rank, id"
#define SETTINGS    "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF"
#define TEXT(value) #value
#define LIMIT(n)    TEXT(n)
#define STEP_CHUNKS 64 /* unpacking them takes 5 ms */

static const char *const texts[CHECK_N_STATEMENTS] = {
    [CHECK_BEGIN] = "BEGIN",
    [CHECK_COUNT] = "SELECT count(*) FROM heads",
    [CHECK_NEXT_SENSOR] =
        "SELECT min(n) FROM (SELECT (SELECT number FROM sensors WHERE number > ?1"
        " ORDER BY number LIMIT 1) AS n UNION ALL"
        " SELECT (SELECT sensor FROM heads WHERE sensor > ?1 ORDER BY sensor LIMIT 1))",
    [CHECK_SENSOR] = "SELECT " SEALED_SENSOR_COLUMNS " FROM sensors WHERE number = ?1",
    [CHECK_HEADS] =
        "SELECT " SEALED_HEAD_COLUMNS " FROM heads WHERE sensor = ?1 ORDER BY " HEAD_ORDER,
    [CHECK_NEXT_HEADS] =
        "SELECT " SEALED_HEAD_COLUMNS " FROM heads WHERE " HEAD_PLACE
        " > (?1, ?2, ?3, ?4, ?5, ?6) ORDER BY " HEAD_ORDER " LIMIT " LIMIT(STEP_CHUNKS),
    [CHECK_DATA] = "SELECT data FROM data WHERE id = ?1",
    [CHECK_STRAY_DATA] = "SELECT id FROM data WHERE id NOT IN (SELECT id FROM heads)",
    [CHECK_JOURNAL_ROW] = "SELECT needed_from, durable_to FROM journal",
    [CHECK_NUMBER] = "SELECT number FROM sensors WHERE id = ?1",
};

/* ---- opening ---- */

/* Only for reading: another check may have it too. Who never served from the directory has left no
 * file to lock. */
static int lock_directory(struct check *check, struct err_text *why) {
    const char *directory = check->options.directory;
    CLEANUP(mem_freep) char *path = mem_format_text("%s/lock", directory);
    if (!path)
        return -ENOMEM;
    check->lock_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (check->lock_fd < 0 && errno == ENOENT)
        return 0;
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    if (check->lock_fd >= 0 && fcntl(check->lock_fd, F_SETLK, &lock) == 0)
        return 0;
    int r = -errno;
    if (r == -ENOTDIR) {
        err_say(why, "%s is no directory", directory);
        return r;
    }
    if (r != -EAGAIN && r != -EACCES) {
        err_say(why, "the lock of the directory %s cannot be had: %s", directory, strerror(-r));
        return r;
    }
    if (check->lock_fd < 0) {
        err_say(why, "%s cannot be read: %s", path, strerror(-r));
        return r;
    }
    fcntl(check->lock_fd, F_GETLK, &lock);
    err_say(why,
            "the directory %s is in use by another thermograph (process %ld): `thermograph check' "
            "without a directory checks it while it serves",
            directory, (long)lock.l_pid);
    return -EBUSY;
}

/* As a URI: what would mean something else there is escaped. */
static char *uri_of_immutable(const char *path) {
    static const char digits[] = "0123456789ABCDEF";
    CLEANUP(mem_freep) char *escaped = mem_alloc(3 * strlen(path) + 1);
    size_t n = 0;
    if (!escaped)
        return NULL;
    for (const char *c = path; *c; c++) {
        if (!strchr("%?#", *c)) {
            escaped[n++] = *c;
            continue;
        }
        escaped[n++] = '%';
        escaped[n++] = digits[(unsigned char)*c >> 4];
        escaped[n++] = digits[(unsigned char)*c & 15];
    }
    escaped[n] = '\0';
    return mem_format_text("file:%s?immutable=1", escaped);
}

static int open_sqlite(struct check *check, const char *path, const char *vfs, int more_flags) {
    struct sql_options options = {path, vfs, SQLITE_OPEN_READONLY | more_flags};
    int r = sql_open(&check->sql, &options);
    if (r == 0)
        sqlite3_busy_timeout(check->sql.db, BUSY_MS);
    return r;
}

static int open_immutable(struct check *check) {
    CLEANUP(mem_freep) char *uri = uri_of_immutable(check->path);
    return uri ? open_sqlite(check, uri, NULL, SQLITE_OPEN_URI) : -ENOMEM;
}

static int open_exclusive(struct check *check) {
    int r = open_sqlite(check, check->path, "unix-none", 0);
    return r ? r : sql_run(&check->sql, "PRAGMA locking_mode = EXCLUSIVE");
}

static int open_offline(struct check *check) {
    CLEANUP(mem_freep) char *wal = mem_format_text("%s-wal", check->path);
    if (!wal)
        return -ENOMEM;
    if (access(check->path, F_OK) == 0)
        return access(wal, F_OK) == 0 ? open_exclusive(check) : open_immutable(check);
    int r = -errno;
    err_say(&check->sql.trouble, "%s", strerror(-r));
    return r;
}

/* A file without tables is what a start has left that went no further. */
static int prepare(struct check *check) {
    int64_t version;
    int r = sql_run(&check->sql, SETTINGS);
    if (r == 0)
        r = sealed_schema_identify(&check->sql, &sealed_schema, &version);
    if (r || version == 0)
        return r;
    if (version < sealed_schema.n_steps) {
        err_say(&check->sql.trouble, "it is of an older version: `thermograph serve' brings it up");
        return -EPROTONOSUPPORT;
    }
    r = sql_prepare(&check->sql, texts, check->statements, CHECK_N_STATEMENTS);
    check->has_tables = r == 0;
    return r;
}

/* Damage is no reason not to check the rest: the first step tells it. */
static int open_file(struct check *check, struct err_text *why) {
    err_say(&check->sql.trouble, "not enough memory");
    int r = check->options.is_offline ? open_offline(check)
                                      : open_sqlite(check, check->path, check->options.vfs, 0);
    if (r == 0)
        r = prepare(check);
    if (r == 0)
        check->sql.trouble.text[0] = '\0';
    if (r == 0 || (check->options.is_offline && (r == -EBADMSG || r == -EIO)))
        return 0;
    if (r == -ENOENT && check->options.is_offline && check->lock_fd < 0) {
        err_say(why,
                "%s is no data directory of Thermograph, there is no store.sqlite in it: give the "
                "one that `thermograph serve --data' has",
                check->options.directory);
        return r;
    }
    err_say(why, "%s cannot be checked: %s", check->path, check->sql.trouble.text);
    return r;
}

static int open_all(struct check *check, struct err_text *why) {
    int r = check->options.is_offline ? lock_directory(check, why) : 0;
    if (r)
        return r;
    if (check->options.is_offline)
        r = check_files_new(check->options.directory, &check->files);
    if (r) {
        err_say(why, "the directory %s cannot be read: %s", check->options.directory, strerror(-r));
        return r;
    }
    return open_file(check, why);
}

static void check_freep(struct check **check) {
    check_free(*check);
}

static int copy_options(struct check *check, const struct check_options *options) {
    check->options.is_offline = options->is_offline;
    check->options.directory = mem_copy_text(options->directory, strlen(options->directory));
    check->path = mem_format_text("%s/store.sqlite", options->directory);
    if (options->vfs)
        check->options.vfs = mem_copy_text(options->vfs, strlen(options->vfs));
    bool is_whole =
        check->options.directory && check->path && (check->options.vfs || !options->vfs);
    return is_whole ? 0 : -ENOMEM;
}

int check_new(const struct check_options *options, struct check **out, struct err_text *why) {
    CLEANUP(check_freep) struct check *check = mem_new(struct check);
    err_say(why, "not enough memory");
    if (!check)
        return -ENOMEM;
    check->lock_fd = -1;
    check->sensor = check->id_number = check->place.sensor = INT64_MIN;
    int r = copy_options(check, options);
    if (r == 0)
        r = open_all(check, why);
    if (r)
        return err_trace(r);
    *out = STEAL(check);
    return 0;
}

void check_free(struct check *check) {
    if (!check)
        return;
    for (size_t i = 0; i < CHECK_N_STATEMENTS; i++)
        sqlite3_finalize(check->statements[i]);
    sql_close(&check->sql);
    if (check->files)
        check->files->ops->free(check->files);
    if (check->lock_fd >= 0)
        close(check->lock_fd);
    mem_free(check->covered);
    mem_free(check->edges);
    mem_free(check->path);
    mem_free((char *)check->options.directory);
    mem_free((char *)check->options.vfs);
    mem_free(check);
}
