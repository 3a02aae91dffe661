/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal, read back as a start would read it, in one step: it is bounded by its limit. A
 * torn last record is what a crash leaves: a note, and no damage.
 *
 * A sensor that it names must be the one that store.sqlite knows by that number, if it does. A
 * reading counts if its sensor is not sealed beyond it.
 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/table.h"
#include "store/check_impl.h"
#include "store/journal_replay.h"
#include "store/limits.h"

/* A sensor that only the journal knows. */
struct fresh {
    uint32_t number;
    uint32_t len;
    uint8_t id[];
};

struct replaying {
    struct check *check;
    struct table by_id; /* of struct fresh */
    uint64_t n_nameless;
};

static struct bytes fresh_id(const void *object) {
    const struct fresh *fresh = object;
    return bytes_of(fresh->id, fresh->len);
}

static void tell(struct check *check, struct bytes sensor_id, const char *words) {
    struct check_finding finding = {.kind = "journal", .sensor_id = sensor_id};
    err_say(&finding.words, "%s", words);
    check_tell(check, &finding);
}

static void on_damaged(void *user, const char *file, uint64_t at, const char *words) {
    struct replaying *replaying = user;
    struct check_finding finding = {.kind = "journal", .file = file, .offset = at};
    err_say(&finding.words, "%s", words);
    check_tell(replaying->check, &finding);
}

/* ---- sensors ---- */

/* The number by which store.sqlite knows the id. 0, SQL_E_DONE or a negated errno. */
static int sealed_number(struct check *check, struct bytes id, int64_t *number) {
    sqlite3_stmt *row = check->statements[CHECK_NUMBER];
    sqlite3_bind_blob64(row, 1, id.data, id.len, SQLITE_STATIC);
    int r = sql_step(&check->sql, row);
    if (r == 0)
        *number = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return r;
}

static int add_fresh(struct replaying *replaying, uint32_t number, struct bytes id) {
    CLEANUP(mem_freep) struct fresh *fresh = mem_alloc(sizeof(*fresh) + id.len);
    if (!fresh)
        return -ENOMEM;
    fresh->number = number;
    fresh->len = (uint32_t)id.len;
    if (id.len)
        memcpy(fresh->id, id.data, id.len);
    int r = table_add(&replaying->by_id, fresh);
    if (r == 0)
        r = check_set_covered(replaying->check, number, 0);
    if (r == 0)
        STEAL(fresh);
    return r;
}

/* The number by which the sensor is known until now, by store.sqlite or by the journal. */
static int known_number(struct replaying *replaying, struct bytes id, int64_t *number) {
    const struct fresh *fresh = table_find(&replaying->by_id, id);
    if (!fresh)
        return sealed_number(replaying->check, id, number);
    *number = fresh->number;
    return 0;
}

static int on_sensor(void *user, uint32_t number, struct bytes id) {
    struct replaying *replaying = user;
    struct check *check = replaying->check;
    int64_t known;
    int r = known_number(replaying, id, &known);
    if (r < 0)
        return r;
    if (r == 0) {
        if (known != number)
            tell(check, id, "the journal gives it another number than it has");
        return 0;
    }
    if (check_covered(check, number) == CHECK_DAMAGED)
        return 0;
    if (number >= STORE_MAX_SENSORS || check_covered(check, number) != CHECK_UNKNOWN) {
        tell(check, id, "the journal gives it a number that is another sensor's");
        return 0;
    }
    check->counts.n_sensors++;
    return add_fresh(replaying, number, id);
}

/* ---- readings ---- */

static int on_readings(void *user, uint32_t number, const struct kept *readings, size_t n,
                       uint64_t position) {
    struct replaying *replaying = user;
    uint64_t covered = check_covered(replaying->check, number);
    (void)readings;
    if (covered == CHECK_UNKNOWN)
        replaying->n_nameless += n;
    for (size_t i = 0; i < n; i++)
        replaying->check->counts.n_journal_readings += position + i >= covered;
    return 0;
}

static void tell_nameless(struct replaying *replaying) {
    struct err_text words;
    if (replaying->n_nameless == 0)
        return;
    err_say(
        &words, "%s of sensors without a name",
        counted(replaying->n_nameless, "reading in the journal is", "readings in the journal are")
            .text);
    tell(replaying->check, bytes_of(NULL, 0), words.text);
}

/* ---- the whole ---- */

/* What store.sqlite knows of the journal. */
static int find_known(struct check *check, struct journal_replay_job *job) {
    sqlite3_stmt *row = check->statements[CHECK_JOURNAL_ROW];
    int r = sql_step(&check->sql, row);
    job->is_known = r == 0;
    if (r == 0) {
        job->from = (uint64_t)sqlite3_column_int64(row, 0);
        job->durable_to = (uint64_t)sqlite3_column_int64(row, 1);
    }
    sqlite3_reset(row);
    if (r < 0)
        return check_unreadable(check, r, (struct check_finding){.kind = "file"});
    return 0;
}

/* What is sealed of any sensor was in the journal before. */
static uint64_t covered_most(const struct check *check) {
    uint64_t most = 0;
    for (uint32_t i = 0; i < check->n_numbers; i++) {
        uint64_t covered = check->covered[i];
        if (covered != CHECK_UNKNOWN && covered != CHECK_DAMAGED && covered > most)
            most = covered;
    }
    return most;
}

static void tell_cut(struct check *check, uint64_t n_bytes) {
    struct check_finding finding = {.kind = "journal-cut", .is_note = true};
    if (n_bytes == 0)
        return;
    err_say(&finding.words,
            "the journal ends with %" PRIu64 " bytes of an incomplete last commit; the next start "
            "cuts them off",
            n_bytes);
    check_tell(check, &finding);
}

static int replay(struct replaying *replaying, struct journal_segments *segments) {
    const struct journal_replay told = {
        .sensor = on_sensor, .readings = on_readings, .user = replaying, .damaged = on_damaged};
    struct journal_replay_job job = {
        .segments = segments, .replay = &told, .at_least = covered_most(replaying->check)};
    struct journal_found found = {0};
    struct journal_end end = {0};
    struct err_text *why = replaying->check->why;
    int r = find_known(replaying->check, &job);
    if (r)
        return r;
    r = journal_segments_find(segments);
    if (r)
        files_say(why, r, "read", "the journal's directory");
    else
        r = journal_replay_all(&job, &found, &end, why);
    mem_free(end.last);
    if (r == 0) {
        tell_nameless(replaying);
        tell_cut(replaying->check, found.n_cut_bytes);
    }
    return r;
}

static void free_fresh(struct table *by_id) {
    for (size_t i = 0; i < by_id->n_slots; i++)
        mem_free(table_at(by_id, i));
    table_fini(by_id);
}

int check_step_journal(struct check *check) {
    struct replaying replaying = {.check = check};
    struct journal_segments segments;
    int r = table_init(&replaying.by_id, fresh_id);
    if (r)
        return r;
    journal_segments_init(&segments, check->files, 0);
    r = replay(&replaying, &segments);
    journal_segments_fini(&segments);
    free_fresh(&replaying.by_id);
    return r ? r : CHECK_E_DONE;
}
