/* SPDX-License-Identifier: Apache-2.0 */
/* The chunks, some at a time: each one's bytes against its head. */
#include <inttypes.h>
#include <zlib.h>

#include "store/check_impl.h"
#include "store/sealed_row.h"

static struct check_finding of_chunk(struct check *check, const char *kind,
                                     const struct sealed_head *head) {
    return (struct check_finding){
        .kind = kind,
        .sensor_id = check_sensor_id(check, head->sensor),
        .chunk = head->id,
        .has_times = true,
        .from = head->stats.first,
        .to = head->stats.last,
    };
}

static void tell(struct check *check, const char *kind, const struct sealed_head *head,
                 const char *words) {
    struct check_finding finding = of_chunk(check, kind, head);
    err_say(&finding.words, "%s", words);
    check_tell(check, &finding);
}

/* ---- readings ---- */

static bool are_in_order(const struct kept *readings, uint64_t n) {
    for (uint64_t i = 1; i < n; i++)
        if (stats_instant_compare(readings[i - 1].time, readings[i].time) > 0)
            return false;
    return true;
}

static void check_readings(struct check *check, const struct sealed_head *head) {
    struct stats stats;
    uint64_t n = head->stats.count;
    stats_init(&stats);
    for (uint64_t i = 0; i < n; i++)
        stats_add(&stats, check->readings[i].time, check->readings[i].temperature);
    check->counts.n_readings += n;
    if (!are_in_order(check->readings, n))
        tell(check, "chunk-order", head, "its readings are not in order of time");
    if (!check_same_stats(&stats, &head->stats))
        tell(check, "chunk-figures", head, "its row says other figures than its readings have");
}

/* ---- bytes ---- */

static void check_bytes(struct check *check, const struct sealed_head *head, struct bytes data) {
    check->counts.n_bytes += data.len;
    if (data.len != head->n_bytes || (uint32_t)crc32_z(0, data.data, data.len) != head->crc)
        tell(check, "chunk-data", head, "its bytes are damaged: they do not fit their checksum");
    else if (chunk_unpack(data, (uint32_t)head->stats.count, check->readings))
        tell(check, "chunk-packing", head, "its bytes are not as many readings as its row says");
    else
        check_readings(check, head);
}

static int check_chunk(struct check *check, const struct sealed_head *head) {
    sqlite3_stmt *row = check->statements[CHECK_DATA];
    sqlite3_reset(row);
    sqlite3_bind_int64(row, 1, head->id);
    int r = sql_step(&check->sql, row);
    if (r == SQL_E_DONE) {
        tell(check, "no-data", head, "its bytes are not there");
        return 0;
    }
    const void *data = r ? NULL : sqlite3_column_blob(row, 0);
    int code = sqlite3_errcode(check->sql.db);
    if (r == 0 && code != SQLITE_ROW)
        r = sql_trouble(&check->sql, code);
    if (r)
        return check_unreadable(check, r, of_chunk(check, "chunk-data", head));
    check_bytes(check, head, bytes_of(data, (size_t)sqlite3_column_bytes(row, 0)));
    return 0;
}

/* ---- some at a time ---- */

static int count_chunks(struct check *check) {
    sqlite3_stmt *row = check->statements[CHECK_COUNT];
    int r = sql_step(&check->sql, row);
    if (r == 0)
        check->n_chunks = (uint64_t)sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return r;
}

static void bind_place(sqlite3_stmt *rows, const struct check_place *place) {
    sqlite3_bind_int64(rows, 1, place->sensor);
    sqlite3_bind_int64(rows, 2, place->is_late);
    sqlite3_bind_int64(rows, 3, place->last_seconds);
    sqlite3_bind_int64(rows, 4, place->last_nanos);
    sqlite3_bind_int64(rows, 5, place->rank);
    sqlite3_bind_int64(rows, 6, place->id);
}

static struct check_place place_of(sqlite3_stmt *rows) {
    return (struct check_place){
        .sensor = sqlite3_column_int64(rows, 0),
        .is_late = sqlite3_column_int64(rows, 1),
        .last_seconds = sqlite3_column_int64(rows, 2),
        .last_nanos = sqlite3_column_int64(rows, 3),
        .rank = sqlite3_column_int64(rows, 4),
        .id = sqlite3_column_int64(rows, 5),
    };
}

/* A row that is damaged was told with its sensor. */
static int take_head(struct check *check, sqlite3_stmt *rows) {
    struct sealed_head head;
    check->place = place_of(rows);
    check->counts.n_chunks++;
    check->n_done++;
    int r = sealed_row_head(rows, &head);
    if (r)
        return r == -EBADMSG ? 0 : r;
    check->counts.n_sealed_readings += head.stats.count;
    return check_chunk(check, &head);
}

int check_step_chunks(struct check *check) {
    sqlite3_stmt *rows = check->statements[CHECK_NEXT_HEADS];
    int r = check->n_chunks ? 0 : count_chunks(check);
    bool has_more = false;
    sqlite3_reset(rows);
    bind_place(rows, &check->place);
    while (r == 0 && (r = sql_step(&check->sql, rows)) == 0) {
        has_more = true;
        r = take_head(check, rows);
        if (r)
            return err_trace(r);
    }
    if (r == SQL_E_DONE)
        return has_more ? 0 : CHECK_E_DONE;
    r = check_unreadable(check, r, (struct check_finding){.kind = "file"});
    return r ? r : CHECK_E_DONE;
}
