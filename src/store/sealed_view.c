/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views. Each is a connection that can only read, with the statements below prepared; each kind of
 * walk has a statement of its own, so that a walk's function may begin another kind, or ask for
 * data.
 *
 * A transaction of SQLite sees the state of its first read, not of its BEGIN: so a view reads at
 * once.
 */
#include <assert.h>
#include <zlib.h>

#include "base/mem.h"
#include "store/limits.h"
#include "store/sealed_impl.h"
#include "store/sealed_row.h"

#define NANOS_MAX 999999999

#define VIEW_SETTINGS                                      \
    "PRAGMA query_only = ON; PRAGMA cell_size_check = ON;" \
    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"

enum view_statement {
    VIEW_BEGIN,
    VIEW_FIX,
    VIEW_END,
    VIEW_SENSORS,
    VIEW_COVERED,
    VIEW_JOURNAL,
    VIEW_MAINS,
    VIEW_MAINS_LAST,
    VIEW_MAINS_BACK,
    VIEW_LATES,
    VIEW_DATA,
    VIEW_N_STATEMENTS,
};

static const char *const texts[VIEW_N_STATEMENTS] = {
    [VIEW_BEGIN] = "BEGIN",
    [VIEW_FIX] = "SELECT 1 FROM sqlite_schema LIMIT 1",
    [VIEW_END] = "COMMIT",
    [VIEW_SENSORS] = "SELECT " SEALED_SENSOR_COLUMNS " FROM sensors ORDER BY id",
    [VIEW_COVERED] = "SELECT " SEALED_SENSOR_COLUMNS " FROM sensors WHERE number = ?1",
    [VIEW_JOURNAL] = "SELECT needed_from, durable_to FROM journal",
    [VIEW_MAINS] = "SELECT " SEALED_HEAD_COLUMNS " FROM heads WHERE sensor = ?1 AND is_late = 0"
                   " AND (last_seconds, last_nanos) >= (?2, ?3)"
                   " ORDER BY last_seconds, last_nanos, rank, id",
    [VIEW_MAINS_LAST] = "SELECT last_seconds, last_nanos FROM heads"
                        " WHERE sensor = ?1 AND is_late = 0"
                        " AND (last_seconds, last_nanos) >= (?2, ?3)"
                        " ORDER BY last_seconds, last_nanos LIMIT 1",
    [VIEW_MAINS_BACK] = "SELECT " SEALED_HEAD_COLUMNS " FROM heads"
                        " WHERE sensor = ?1 AND is_late = 0"
                        " AND (last_seconds, last_nanos) >= (?2, ?3)"
                        " AND (last_seconds, last_nanos) <= (?4, ?5)"
                        " ORDER BY last_seconds DESC, last_nanos DESC, rank DESC, id DESC",
    [VIEW_LATES] = "SELECT " SEALED_HEAD_COLUMNS " FROM heads WHERE sensor = ?1 AND is_late = 1"
                   " AND (last_seconds, last_nanos) >= (?2, ?3) ORDER BY rank, id",
    [VIEW_DATA] = "SELECT data FROM data WHERE id = ?1",
};

struct sealed_view {
    struct sealed *sealed; /* whose count of views it is in */
    struct sql sql;
    sqlite3_stmt *statements[VIEW_N_STATEMENTS];
    bool is_begun;
};

const char *sealed_view_trouble(const struct sealed_view *view) {
    return view->sql.trouble.text;
}

static void view_freep(struct sealed_view **view) {
    sealed_view_free(*view);
}

int sealed_view_new(struct sealed *sealed, struct sealed_view **view) {
    CLEANUP(view_freep) struct sealed_view *made = mem_new(struct sealed_view);
    if (!made)
        return -ENOMEM;
    made->sealed = sealed;
    struct sql_options options = {sealed->path, sealed->vfs, SQLITE_OPEN_READONLY};
    int r = sql_open(&made->sql, &options);
    if (r)
        return err_trace(r);
    sqlite3_busy_timeout(made->sql.db, SEALED_BUSY_MS);
    r = sql_set_cache(&made->sql, STORE_VIEW_CACHE_KIB);
    if (r == 0)
        r = sql_run(&made->sql, VIEW_SETTINGS);
    if (r == 0)
        r = sql_prepare(&made->sql, texts, made->statements, VIEW_N_STATEMENTS);
    if (r)
        return err_trace(r);
    *view = STEAL(made);
    return 0;
}

void sealed_view_free(struct sealed_view *view) {
    if (!view)
        return;
    sealed_view_end(view);
    for (size_t i = 0; i < VIEW_N_STATEMENTS; i++)
        sqlite3_finalize(view->statements[i]);
    sql_close(&view->sql);
    mem_free(view);
}

int sealed_view_begin(struct sealed_view *view) {
    assert(!view->is_begun);
    int r = sql_do(&view->sql, view->statements[VIEW_BEGIN]);
    if (r)
        return err_trace(r);
    view->is_begun = true;
    view->sealed->n_views++;
    r = sql_step(&view->sql, view->statements[VIEW_FIX]);
    sqlite3_reset(view->statements[VIEW_FIX]);
    if (r)
        sealed_view_end(view);
    return r == SQL_E_DONE ? -EBADMSG : r;
}

/* Committing what only read cannot fail but for reasons that end the transaction too. */
void sealed_view_end(struct sealed_view *view) {
    if (!view->is_begun)
        return;
    for (size_t i = 0; i < VIEW_N_STATEMENTS; i++)
        sqlite3_reset(view->statements[i]);
    sqlite3_step(view->statements[VIEW_END]);
    sqlite3_reset(view->statements[VIEW_END]);
    view->is_begun = false;
    view->sealed->n_views--;
}

/* A statement at its beginning. Walks of one kind do not nest. */
static sqlite3_stmt *view_use(struct sealed_view *view, enum view_statement which) {
    assert(view->is_begun && !sqlite3_stmt_busy(view->statements[which]));
    return view->statements[which];
}

/* A row that does not fit its CRC, or makes no sense. */
static int bad_row(struct sealed_view *view, int r, const char *what, int64_t which) {
    if (r == -EBADMSG)
        err_say(&view->sql.trouble, "the row of %s %lld is damaged", what, (long long)which);
    return r;
}

static int walk_sensors(struct sealed_view *view, sqlite3_stmt *rows, sealed_sensor_fn each,
                        void *user) {
    for (;;) {
        struct sealed_sensor sensor;
        int r = sql_step(&view->sql, rows);
        if (r)
            return r == SQL_E_DONE ? 0 : r;
        r = bad_row(view, sealed_row_sensor(rows, &sensor), "sensor",
                    sqlite3_column_int64(rows, 0));
        if (r == 0)
            r = each(user, &sensor);
        if (r)
            return r;
    }
}

int sealed_view_each_sensor(struct sealed_view *view, sealed_sensor_fn each, void *user) {
    sqlite3_stmt *rows = view_use(view, VIEW_SENSORS);
    int r = walk_sensors(view, rows, each, user);
    sqlite3_reset(rows);
    return r;
}

int sealed_view_covered(struct sealed_view *view, uint32_t sensor, uint64_t *covered) {
    sqlite3_stmt *row = view_use(view, VIEW_COVERED);
    struct sealed_sensor found;
    sqlite3_bind_int64(row, 1, sensor);
    int r = sql_step(&view->sql, row);
    if (r == 0)
        r = bad_row(view, sealed_row_sensor(row, &found), "sensor", sensor);
    sqlite3_reset(row);
    if (r)
        return r == SQL_E_DONE ? SEALED_E_NONE : r;
    *covered = found.covered;
    return 0;
}

int sealed_view_journal(struct sealed_view *view, struct sealed_journal *journal) {
    sqlite3_stmt *row = view_use(view, VIEW_JOURNAL);
    int r = sql_step(&view->sql, row);
    *journal = (struct sealed_journal){0};
    if (r == 0) {
        journal->needed_from = (uint64_t)sqlite3_column_int64(row, 0);
        journal->durable_to = (uint64_t)sqlite3_column_int64(row, 1);
    }
    sqlite3_reset(row);
    return r == SQL_E_DONE ? SEALED_E_NONE : r;
}

static void bind_instant(sqlite3_stmt *statement, int parameter, struct stats_instant time) {
    sqlite3_bind_int64(statement, parameter, time.seconds);
    sqlite3_bind_int64(statement, parameter + 1, time.nanos);
}

/* A walk over heads whose `last` is in the range already. */
struct walk {
    struct stats_instant to;
    bool stops_at_to; /* later rows are later in time */
    sealed_head_fn each;
    void *user;
};

static int walk_heads(struct sealed_view *view, sqlite3_stmt *rows, const struct walk *walk) {
    for (;;) {
        struct sealed_head head;
        int r = sql_step(&view->sql, rows);
        if (r)
            return r == SQL_E_DONE ? 0 : r;
        r = bad_row(view, sealed_row_head(rows, &head), "chunk", sqlite3_column_int64(rows, 5));
        if (r)
            return r;
        bool is_before_to = stats_is_before(head.stats.first, walk->to);
        if (!is_before_to && walk->stops_at_to)
            return 0;
        r = is_before_to ? walk->each(walk->user, &head) : 0;
        if (r)
            return r;
    }
}

static int view_walk(struct sealed_view *view, sqlite3_stmt *rows, const struct sealed_range *range,
                     const struct walk *walk) {
    sqlite3_bind_int64(rows, 1, range->sensor);
    bind_instant(rows, 2, range->from);
    int r = walk_heads(view, rows, walk);
    sqlite3_reset(rows);
    return r;
}

/* Behind the first main chunk that reaches to `to` or beyond there is nothing before `to`. Gives
 * that chunk's end, or the end of time. */
static int find_last(struct sealed_view *view, const struct sealed_range *range,
                     struct stats_instant *last) {
    sqlite3_stmt *row = view_use(view, VIEW_MAINS_LAST);
    *last = (struct stats_instant){INT64_MAX, NANOS_MAX};
    sqlite3_bind_int64(row, 1, range->sensor);
    bind_instant(row, 2, range->to);
    int r = sql_step(&view->sql, row);
    if (r == 0)
        *last = (struct stats_instant){sqlite3_column_int64(row, 0), sqlite3_column_int(row, 1)};
    sqlite3_reset(row);
    return r == SQL_E_DONE ? 0 : r;
}

int sealed_view_each_main(struct sealed_view *view, const struct sealed_range *range,
                          bool newest_first, sealed_head_fn each, void *user) {
    struct walk walk = {range->to, !newest_first, each, user};
    if (!newest_first)
        return view_walk(view, view_use(view, VIEW_MAINS), range, &walk);
    struct stats_instant last;
    int r = find_last(view, range, &last);
    if (r)
        return r;
    sqlite3_stmt *rows = view_use(view, VIEW_MAINS_BACK);
    bind_instant(rows, 4, last);
    return view_walk(view, rows, range, &walk);
}

int sealed_view_each_late(struct sealed_view *view, const struct sealed_range *range,
                          sealed_head_fn each, void *user) {
    struct walk walk = {range->to, false, each, user};
    return view_walk(view, view_use(view, VIEW_LATES), range, &walk);
}

static int bad_data(struct sealed_view *view, const struct sealed_head *head) {
    err_say(&view->sql.trouble, "the bytes of chunk %lld are damaged", (long long)head->id);
    return -EBADMSG;
}

int sealed_view_data(struct sealed_view *view, const struct sealed_head *head, struct bytes *data) {
    assert(view->is_begun);
    sqlite3_stmt *row = view->statements[VIEW_DATA];
    sqlite3_reset(row);
    sqlite3_bind_int64(row, 1, head->id);
    int r = sql_step(&view->sql, row);
    if (r)
        return r == SQL_E_DONE ? SEALED_E_NONE : r;
    *data = bytes_of(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0));
    int code = sqlite3_errcode(view->sql.db);
    if (code != SQLITE_ROW)
        return sql_trouble(&view->sql, code);
    bool is_whole =
        data->len == head->n_bytes && (uint32_t)crc32_z(0, data->data, data->len) == head->crc;
    return is_whole ? 0 : bad_data(view, head);
}
