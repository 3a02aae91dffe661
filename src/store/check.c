/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a check's steps, and what they share: telling findings, comparing figures.
 *
 * A step that needs the tables runs inside one transaction, so it sees one state of them. Between
 * steps chunks may be sealed and merged; each kind of step goes on behind the key of the row that
 * it looked at last, which need not be there any more.
 *
 * To add a kind of step: its phase in check_impl.h, its file, a line in the table below.
 */
#include "store/check.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "store/check_impl.h"
#include "store/limits.h"
#include "store/sealed_row.h"

/* ---- findings ---- */

void check_tell(struct check *check, const struct check_finding *finding) {
    uint64_t *n = finding->is_note ? &check->counts.n_notes : &check->counts.n_findings;
    if (++*n <= CHECK_MAX_FINDINGS)
        check->found(check->user, finding);
}

int check_unreadable(struct check *check, int r, struct check_finding finding) {
    if (r != -EBADMSG && r != -EIO) {
        *check->why = check->sql.trouble;
        return err_trace(r);
    }
    finding.file = "store.sqlite";
    finding.words = check->sql.trouble;
    if (strcmp(finding.kind, "file") == 0) {
        if (strcmp(finding.words.text, check->told_of_file.text) == 0)
            return 0;
        check->told_of_file = finding.words;
    }
    check_tell(check, &finding);
    return 0;
}

/* ---- what the steps share ---- */

struct bytes check_sensor_id(struct check *check, int64_t number) {
    sqlite3_stmt *row = check->statements[CHECK_SENSOR];
    struct sealed_sensor sensor;
    if (number == check->id_number)
        return bytes_of(check->id, check->id_len);
    check->id_number = number;
    check->id_len = 0;
    sqlite3_bind_int64(row, 1, number);
    if (sql_step(&check->sql, row) == 0 && sealed_row_sensor(row, &sensor) == 0) {
        check->id_len = sensor.id.len; /* at most STORE_ID_MAX_BYTES */
        memcpy(check->id, sensor.id.data, sensor.id.len);
    }
    sqlite3_reset(row);
    return bytes_of(check->id, check->id_len);
}

int check_set_covered(struct check *check, int64_t number, uint64_t covered) {
    if (!check->files || number < 0 || number >= STORE_MAX_SENSORS)
        return 0;
    if (number >= check->n_numbers) {
        uint32_t n = (uint32_t)number * 2 + 64;
        uint64_t *grown = mem_resize(check->covered, n, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        for (uint32_t i = check->n_numbers; i < n; i++)
            grown[i] = CHECK_UNKNOWN;
        check->covered = grown;
        check->n_numbers = n;
    }
    check->covered[number] = covered;
    return 0;
}

uint64_t check_covered(const struct check *check, uint32_t number) {
    return number < check->n_numbers ? check->covered[number] : CHECK_UNKNOWN;
}

/* Sums have been made in another order, so they differ in their last digits: far less than a
 * billionth of how far the readings are apart. */
static bool is_near(double a, double b, const struct stats *stats) {
    double range = stats->maximum / 2 - stats->minimum / 2;
    return fabs(a / 2 - b / 2) <= range * 1e-9 + fabs(a) * 1e-15;
}

bool check_same_stats(const struct stats *a, const struct stats *b) {
    if (a->count != b->count)
        return false;
    if (a->count == 0)
        return true;
    return stats_instant_compare(a->first, b->first) == 0 &&
           stats_instant_compare(a->last, b->last) == 0 && a->minimum == b->minimum &&
           a->maximum == b->maximum && a->latest == b->latest &&
           is_near(stats_mean(a), stats_mean(b), a) &&
           is_near(stats_deviation(a), stats_deviation(b), a);
}

/* ---- steps ---- */

typedef int (*step_fn)(struct check *check);

static const struct {
    step_fn step;
    bool needs_tables, needs_files;
} phases[] = {
    [CHECK_FILE] = {check_step_file, false, true},
    [CHECK_SENSORS] = {check_step_sensors, true, false},
    [CHECK_CHUNKS] = {check_step_chunks, true, false},
    [CHECK_STRAYS] = {check_step_strays, true, false},
    [CHECK_JOURNAL] = {check_step_journal, true, true},
};

static int step_in_one_state(struct check *check) {
    bool needs_tables = phases[check->phase].needs_tables;
    if (needs_tables && !check->has_tables)
        return CHECK_E_DONE;
    if (phases[check->phase].needs_files && !check->files)
        return CHECK_E_DONE;
    int r = needs_tables ? sql_do(&check->sql, check->statements[CHECK_BEGIN]) : 0;
    if (r)
        return check_unreadable(check, r, (struct check_finding){.kind = "file"});
    r = phases[check->phase].step(check);
    for (size_t i = 0; i < CHECK_N_STATEMENTS && check->has_tables; i++)
        sqlite3_reset(check->statements[i]);
    if (needs_tables && !sqlite3_get_autocommit(check->sql.db))
        sqlite3_exec(check->sql.db, "COMMIT", NULL, NULL, NULL); /* it has only read */
    return r;
}

int check_step(struct check *check, check_found_fn found, void *user, struct err_text *why) {
    if (check->phase == CHECK_END)
        return CHECK_E_DONE;
    check->found = found;
    check->user = user;
    check->why = why;
    err_say(why, "not enough memory");
    int r = step_in_one_state(check);
    if (r != CHECK_E_DONE)
        return r;
    check->phase++;
    return 0;
}

unsigned check_percent(const struct check *check) {
    if (check->phase == CHECK_END)
        return 100;
    if (check->phase > CHECK_CHUNKS)
        return 99;
    uint64_t percent = check->n_done * 99 / (check->n_chunks ? check->n_chunks : 1);
    return percent < 99 ? (unsigned)percent : 99;
}

void check_counts(const struct check *check, struct check_counts *counts) {
    *counts = check->counts;
}
