/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows: each sensor's, with those of its chunks. And SQLite's own check of the file before, and
 * the bytes without a chunk after it.
 *
 * Online, what is compared here is read in one transaction; a sensor's chunks are some thousands of
 * rows at most, without their bytes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "store/check_impl.h"
#include "store/journal.h"
#include "store/limits.h"
#include "store/sealed_row.h"

/* Rows after which a step ends with the sensor that it is at. */
#define STEP_ROWS 1024

#define NANOS_MAX 999999999

/* What is looked at together. */
struct family {
    int64_t number;
    bool has_row, has_bad_row; /* of the sensor */
    struct sealed_sensor sensor;
    struct bytes id; /* empty: it cannot be told */
    uint64_t n_heads;
    uint64_t n_bad_heads;
    struct stats sum; /* of the sound heads */
    struct sealed_head last_main;
};

static struct check_finding of_family(const struct family *family, const char *kind) {
    return (struct check_finding){.kind = kind, .sensor_id = family->id};
}

static struct check_finding of_head(const struct family *family, const char *kind,
                                    const struct sealed_head *head) {
    struct check_finding finding = of_family(family, kind);
    finding.chunk = head->id;
    finding.has_times = true;
    finding.from = head->stats.first;
    finding.to = head->stats.last;
    return finding;
}

/* ---- the sensor's own row ---- */

static int note_covered(struct check *check, const struct family *family) {
    if (!family->has_row)
        return 0;
    return check_set_covered(check, family->number,
                             family->has_bad_row ? CHECK_DAMAGED : family->sensor.covered);
}

static int take_sensor(struct check *check, struct family *family) {
    sqlite3_stmt *row = check->statements[CHECK_SENSOR];
    sqlite3_reset(row);
    sqlite3_bind_int64(row, 1, family->number);
    int r = sql_step(&check->sql, row);
    if (r == SQL_E_DONE)
        return 0;
    family->has_row = true;
    check->counts.n_sensors++;
    if (r == 0)
        r = sealed_row_sensor(row, &family->sensor);
    if (r == 0 && family->sensor.number != family->number)
        r = -EBADMSG;
    family->has_bad_row = r != 0;
    sqlite3_reset(row);
    if (r == 0)
        family->id = check_sensor_id(check, family->number);
    if (r == -EBADMSG) {
        struct check_finding finding = of_family(family, "sensor-row");
        err_say(&finding.words, "the row of sensor number %" PRId64 " is damaged", family->number);
        check_tell(check, &finding);
        r = 0;
    }
    return r ? r : note_covered(check, family);
}

/* ---- heads ---- */

static int add_edges(struct check *check, const struct sealed_head *head) {
    if (check->n_edges + 2 > check->cap_edges) {
        size_t cap = check->cap_edges ? 2 * check->cap_edges : 256;
        struct check_edge *grown = mem_resize(check->edges, cap, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        check->edges = grown;
        check->cap_edges = cap;
    }
    check->edges[check->n_edges++] = (struct check_edge){head->stats.first, false, head->is_late};
    check->edges[check->n_edges++] = (struct check_edge){head->stats.last, true, head->is_late};
    return 0;
}

/* Rows come in order of their ends, so only the beginning can be out of order. */
static void check_main_order(struct check *check, struct family *family,
                             const struct sealed_head *head) {
    const struct sealed_head *before = &family->last_main;
    if (before->stats.count && stats_is_before(head->stats.first, before->stats.last)) {
        struct check_finding finding = of_head(family, "main-order", head);
        err_say(&finding.words, "it begins before chunk %" PRId64 " ends, which comes before it",
                before->id);
        check_tell(check, &finding);
    }
    family->last_main = *head;
}

static int take_sound_head(struct check *check, struct family *family,
                           const struct sealed_head *head) {
    stats_merge(&family->sum, &head->stats);
    if (!head->is_late)
        check_main_order(check, family, head);
    return add_edges(check, head);
}

static void take_bad_head(struct check *check, struct family *family, int64_t id) {
    struct check_finding finding = of_family(family, "chunk-row");
    family->n_bad_heads++;
    finding.chunk = id;
    err_say(&finding.words, "its row is damaged");
    check_tell(check, &finding);
}

static int take_heads(struct check *check, struct family *family) {
    sqlite3_stmt *rows = check->statements[CHECK_HEADS];
    sqlite3_reset(rows);
    sqlite3_bind_int64(rows, 1, family->number);
    int r;
    while ((r = sql_step(&check->sql, rows)) == 0) {
        struct sealed_head head;
        family->n_heads++;
        r = sealed_row_head(rows, &head);
        if (r == -EBADMSG)
            take_bad_head(check, family, sqlite3_column_int64(rows, 5));
        else if (r == 0)
            r = take_sound_head(check, family, &head);
        if (r && r != -EBADMSG)
            return err_trace(r);
    }
    return r == SQL_E_DONE ? 0 : r;
}

/* ---- how many cover one instant ---- */

/* Both ends belong to a chunk, so at one time beginnings come first. */
static int compare_edges(const void *left, const void *right) {
    const struct check_edge *a = left, *b = right;
    int order = stats_instant_compare(a->time, b->time);
    return order ? order : a->is_end - b->is_end;
}

/* Main chunks count as one: they only touch. */
static void check_cover(struct check *check, const struct family *family) {
    uint64_t n_late = 0, n_main = 0, most = 0;
    struct stats_instant where = {0, 0};
    qsort(check->edges, check->n_edges, sizeof(*check->edges), compare_edges);
    for (size_t i = 0; i < check->n_edges; i++) {
        const struct check_edge *edge = &check->edges[i];
        uint64_t *n = edge->is_late ? &n_late : &n_main;
        *n = edge->is_end ? *n - 1 : *n + 1;
        if (n_late + (n_main > 0) > most) {
            most = n_late + (n_main > 0);
            where = edge->time;
        }
    }
    if (most <= CHECK_MAX_COVER)
        return;
    struct check_finding finding = of_family(family, "overlap");
    finding.is_note = finding.has_times = true;
    finding.from = finding.to = where;
    err_say(&finding.words, "%" PRIu64 " chunks cover one instant and are to be merged to %d", most,
            CHECK_MAX_COVER);
    check_tell(check, &finding);
}

/* ---- the family ---- */

static void compare_with_sum(struct check *check, const struct family *family) {
    if (check_same_stats(&family->sum, &family->sensor.stats))
        return;
    struct check_finding finding = of_family(family, "sensor-figures");
    if (family->sum.count != family->sensor.stats.count)
        err_say(&finding.words, "it counts %s and its chunks %" PRIu64,
                counted(family->sensor.stats.count, "reading", "readings").text, family->sum.count);
    else
        err_say(&finding.words, "its figures are not the sum of its chunks'");
    check_tell(check, &finding);
}

static void tell_orphans(struct check *check, const struct family *family) {
    struct check_finding finding = of_family(family, "no-sensor");
    err_say(&finding.words, "%s of sensor number %" PRId64 ", which is not there",
            counted(family->n_heads, "chunk is", "chunks are").text, family->number);
    check_tell(check, &finding);
}

static int check_family(struct check *check, struct family *family) {
    check->n_edges = 0;
    int r = take_sensor(check, family);
    if (r == 0)
        r = take_heads(check, family);
    if (r)
        return r;
    if (!family->has_row)
        tell_orphans(check, family);
    else if (!family->has_bad_row && family->n_bad_heads == 0)
        compare_with_sum(check, family);
    check_cover(check, family);
    return 0;
}

static int next_number(struct check *check, int64_t *number) {
    sqlite3_stmt *row = check->statements[CHECK_NEXT_SENSOR];
    sqlite3_reset(row);
    sqlite3_bind_int64(row, 1, check->sensor);
    int r = sql_step(&check->sql, row);
    if (r == 0 && sqlite3_column_type(row, 0) == SQLITE_NULL)
        r = SQL_E_DONE;
    *number = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return r;
}

int check_step_sensors(struct check *check) {
    for (uint64_t n = 0; n < STEP_ROWS;) {
        struct family family = {0};
        int r = next_number(check, &family.number);
        if (r == SQL_E_DONE)
            return CHECK_E_DONE;
        if (r == 0)
            r = check_family(check, &family);
        /* Without the number of the next one there is no way on. */
        bool goes_on = family.number > check->sensor;
        check->sensor = family.number;
        if (r)
            r = check_unreadable(check, r, of_family(&family, "file"));
        if (r || !goes_on)
            return r ? r : CHECK_E_DONE;
        n += 1 + family.n_heads;
    }
    return 0;
}

/* ---- the file ---- */

static void tell_of_file(struct check *check, const char *words) {
    struct check_finding finding = {.kind = "file", .file = "store.sqlite"};
    err_say(&finding.words, "%s", words);
    check_tell(check, &finding);
}

/* SQLite puts several lines into a row, the first of which is a heading. */
static void tell_of_lines(struct check *check, const char *lines) {
    struct err_text words;
    for (size_t n; *lines; lines += n + strspn(lines + n, "\n")) {
        n = strcspn(lines, "\n");
        err_say(&words, "SQLite's own check says: %.*s", (int)n, lines);
        if (strncmp(lines, "***", 3) != 0)
            tell_of_file(check, words.text);
    }
}

static void finalizep(sqlite3_stmt **statement) {
    sqlite3_finalize(*statement);
}

/* A start that went no further leaves that too, but then the journal is whole. */
static int check_without_tables(struct check *check) {
    struct err_text words;
    uint64_t begin;
    int r = journal_begins_at(check->files, &begin);
    if (r) {
        files_say(check->why, r, "read", "the journal's directory");
        return r;
    }
    if (begin == 0)
        return CHECK_E_DONE;
    err_say(&words,
            "there is nothing in it, and the journal begins at %" PRIu64
            ": all readings from before are gone",
            begin);
    tell_of_file(check, words.text);
    return CHECK_E_DONE;
}

/* One step, however long it takes: nobody waits but who asked. */
int check_step_file(struct check *check) {
    CLEANUP(finalizep) sqlite3_stmt *rows = NULL;
    if (check->sql.trouble.text[0]) { /* it could not be opened */
        tell_of_file(check, check->sql.trouble.text);
        return CHECK_E_DONE;
    }
    if (!check->has_tables)
        return check_without_tables(check);
    int code = sqlite3_prepare_v2(check->sql.db, "PRAGMA integrity_check", -1, &rows, NULL);
    int r = code ? sql_trouble(&check->sql, code) : 0;
    while (r == 0 && (r = sql_step(&check->sql, rows)) == 0) {
        const char *words = (const char *)sqlite3_column_text(rows, 0);
        if (words && strcmp(words, "ok") != 0)
            tell_of_lines(check, words);
    }
    if (r == SQL_E_DONE)
        return CHECK_E_DONE;
    r = check_unreadable(check, r, (struct check_finding){.kind = "file"});
    return r ? r : CHECK_E_DONE;
}

/* ---- bytes without a chunk ---- */

/* One statement: it keeps the ids of all chunks in memory, 20 bytes each. */
int check_step_strays(struct check *check) {
    sqlite3_stmt *rows = check->statements[CHECK_STRAY_DATA];
    int r;
    while ((r = sql_step(&check->sql, rows)) == 0) {
        struct check_finding finding = {.kind = "no-head", .chunk = sqlite3_column_int64(rows, 0)};
        err_say(&finding.words, "there are its bytes, and no row that says what they are");
        check_tell(check, &finding);
    }
    if (r != SQL_E_DONE)
        r = check_unreadable(check, r, (struct check_finding){.kind = "file"});
    return r ? r : CHECK_E_DONE;
}
