/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a start finds: sensors in SQLite, each with the position up to which its readings are
 * sealed, and the journal. A reading of the journal is taken in again unless its sensor is sealed
 * beyond its position. Nothing has to be checked for repeats: the journal holds none.
 *
 * A journal that is damaged is no reason not to start: the damage is named, what can be read is
 * read. Readings whose number has lost its sensor's name, or means two sensors, are counted and
 * left out. `thermograph check` says the same again. A store.sqlite that is gone is a reason.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plural.h"
#include "store/durable_impl.h"

struct recovery {
    struct durable *durable;
    struct sealed_journal journal; /* what was noted of it */
    bool has_journal;              /* it was opened before */
    uint64_t covered_most;         /* of all sensors */
    uint64_t started_ns;
    uint64_t n_read_back; /* readings of the journal that are not sealed */
    uint64_t n_nameless;  /* readings whose sensor's name was in a damaged place */
    struct buf doubtful;  /* a bit for each number: it means two sensors, from here on */
};

/* ---- numbers that mean two sensors ---- */

static bool is_doubtful(const struct recovery *recovery, uint32_t number) {
    return number / 8 < buf_len(&recovery->doubtful) &&
           recovery->doubtful.data[number / 8] & 1U << number % 8;
}

static int set_doubtful(struct recovery *recovery, uint32_t number) {
    static const uint8_t none;
    while (buf_len(&recovery->doubtful) <= number / 8) {
        int r = buf_append(&recovery->doubtful, bytes_of(&none, 1));
        if (r)
            return -ENOMEM;
    }
    recovery->doubtful.data[number / 8] |= (uint8_t)(1U << number % 8);
    return 0;
}

static void clear_doubtful(struct recovery *recovery, uint32_t number) {
    if (is_doubtful(recovery, number))
        recovery->doubtful.data[number / 8] &= (uint8_t) ~(1U << number % 8);
}

/* The sensor that has the number keeps it; what it gets from now on is told with its name. */
static int doubt(struct recovery *recovery, uint32_t number) {
    struct durable *durable = recovery->durable;
    if (number >= durable->options.max_sensors)
        return 0; /* it has no sensor at all */
    if (number < durable->n_numbers && durable->by_number[number])
        durable->by_number[number]->wants_naming = true;
    return set_doubtful(recovery, number);
}

/* ---- what SQLite has ---- */

static int recover_sensor(void *user, const struct sealed_sensor *sensor) {
    struct recovery *recovery = user;
    struct history *history;
    int r = durable_add_sensor(recovery->durable, sensor->number, sensor->id, &history);
    if (r)
        return r;
    history->covered = sensor->covered;
    history->sealed = sensor->stats;
    history->newest = sensor->stats.last;
    if (sensor->stats.count > 0)
        list_append(&recovery->durable->unmerged, &history->to_merge);
    durable_show(recovery->durable, history, sensor->stats.count);
    if (sensor->covered > recovery->covered_most)
        recovery->covered_most = sensor->covered;
    return 0;
}

static int recover_sealed(struct recovery *recovery) {
    struct sealed_view *view;
    int r = sealed_view_new(recovery->durable->sealed, &view);
    if (r)
        return r;
    r = sealed_view_begin(view);
    if (r == 0)
        r = sealed_view_journal(view, &recovery->journal);
    recovery->has_journal = r == 0;
    if (r == 0 || r == SEALED_E_NONE)
        r = sealed_view_each_sensor(view, recover_sensor, recovery);
    sealed_view_end(view);
    sealed_view_free(view);
    return r;
}

/* ---- what the journal has ---- */

/* A sensor of the journal that SQLite may know too. */
static int replay_sensor(void *user, uint32_t number, struct bytes id) {
    struct recovery *recovery = user;
    struct durable *durable = recovery->durable;
    struct history *history = durable_find(durable, id);
    bool is_taken = number < durable->n_numbers && durable->by_number[number];
    if (history && history->number == number) {
        clear_doubtful(recovery, number);
        return 0;
    }
    if (history || is_taken || number >= durable->options.max_sensors)
        return doubt(recovery, number);
    return durable_add_sensor(durable, number, id, &history);
}

/* Whose they are is not known. The number is not given again: it would make them another's. */
static int skip_nameless(struct recovery *recovery, uint32_t number, size_t n) {
    recovery->n_nameless += n;
    return number < recovery->durable->options.max_sensors
               ? durable_skip_number(recovery->durable, number)
               : 0;
}

static int replay_readings(void *user, uint32_t number, const struct kept *readings, size_t n,
                           uint64_t position) {
    struct recovery *recovery = user;
    struct durable *durable = recovery->durable;
    struct history *history = number < durable->n_numbers ? durable->by_number[number] : NULL;
    if (!history || is_doubtful(recovery, number))
        return skip_nameless(recovery, number, n);
    uint64_t n_taken = 0;
    for (size_t i = 0; i < n; i++) {
        struct open_chunk *chunk;
        if (position + i < history->covered)
            continue;
        int r = durable_append(durable, history, &readings[i], position + i, &chunk);
        if (r)
            return r;
        stats_add(&chunk->stats, readings[i].time, readings[i].temperature);
        chunk->durable = chunk_end(&chunk->chunk);
        n_taken++;
    }
    durable_show(durable, history, n_taken);
    recovery->n_read_back += n_taken;
    return 0;
}

static uint64_t count_open_sensors(const struct durable *durable) {
    uint64_t n = 0;
    for (size_t i = 0; i < durable->n_numbers; i++) {
        const struct history *history = durable->by_number[i];
        n += history && (history->main || history->late || !list_is_empty(&history->sealings));
    }
    return n;
}

/* An end that is clean seals all, and nothing is to be said. */
static void say_read_back(const struct recovery *recovery, const struct journal_found *found) {
    uint64_t n = recovery->n_read_back, n_sensors = count_open_sensors(recovery->durable);
    uint64_t took_ns = clock_monotonic_ns() - recovery->started_ns;
    if (n > 0)
        log_info("read %s of %s back from the journal (%llu bytes) within %llu ms",
                 counted(n, "reading", "readings").text,
                 counted(n_sensors, "sensor", "sensors").text, (unsigned long long)found->n_bytes,
                 (unsigned long long)(took_ns / NS_PER_MS + 1));
}

static void say_found(const struct recovery *recovery, const struct journal_found *found) {
    if (found->n_cut_bytes)
        log_info("cut %s of an incomplete last commit off the journal",
                 counted(found->n_cut_bytes, "byte", "bytes").text);
    if (found->n_damaged)
        log_error("the journal is damaged in %s; what can be read is kept. First: %s",
                  counted(found->n_damaged, "place", "places").text, found->damage.text);
    if (recovery->n_nameless)
        log_error("%s lost the name of %s sensor to the damage",
                  counted(recovery->n_nameless, "reading in the journal has",
                          "readings in the journal have")
                      .text,
                  plural(recovery->n_nameless, "its", "their"));
}

/*
 * A store.sqlite that was opened before knows of the journal (note_journal below), and the first
 * journal begins at 0. So without either, the file that held what lies before is gone; to go on
 * would look like an empty store and give its sensors new numbers.
 */
static int refuse_lost_file(const struct recovery *recovery, struct err_text *why) {
    uint64_t begin = 0;
    if (recovery->has_journal)
        return 0;
    int r = journal_begins_at(recovery->durable->files, &begin);
    if (r) {
        files_say(why, r, "read", "the journal's directory");
        return r;
    }
    if (begin == 0)
        return 0;
    err_say(why,
            "%s/store.sqlite is missing or empty, and the journal begins at %llu: all readings "
            "from before are gone with it. Restore a backup of the whole directory, or move the "
            "journal-* files away to start empty",
            recovery->durable->options.directory, (unsigned long long)begin);
    return -EBADMSG;
}

static int recover_journal(struct recovery *recovery, struct err_text *why) {
    struct durable *durable = recovery->durable;
    uint64_t limit = durable->options.journal_limit_bytes;
    const struct journal_options options = {
        .files = durable->files,
        .segment_bytes = limit / STORE_JOURNAL_SEGMENTS,
        .from = recovery->journal.needed_from,
        .durable_to = recovery->journal.durable_to,
        .is_known = recovery->has_journal,
        .at_least = recovery->covered_most,
    };
    const struct journal_replay replay = {
        .sensor = replay_sensor, .readings = replay_readings, .user = recovery};
    struct journal_found found = {0};
    int r = journal_open(&options, &replay, &found, &durable->journal, why);
    if (r == 0) {
        say_found(recovery, &found);
        say_read_back(recovery, &found);
    } else {
        const struct err_text words = *why;
        err_say(why, "%s: %s", durable->options.directory, words.text);
    }
    buf_fini(&recovery->doubtful);
    return r;
}

/* Notes that there is a journal and up to where, so that its loss is seen. */
static int note_journal(const struct recovery *recovery, struct err_text *why) {
    struct sealed *sealed = recovery->durable->sealed;
    struct sealed_journal journal = recovery->journal;
    journal.durable_to = journal_position(recovery->durable->journal);
    if (recovery->has_journal && journal.durable_to == recovery->journal.durable_to)
        return 0;
    int r = sealed_begin(sealed);
    if (r == 0)
        r = sealed_put_journal(sealed, &journal);
    if (r == 0)
        r = sealed_commit(sealed);
    if (r) {
        sealed_rollback(sealed);
        err_say(why, "%s/store.sqlite cannot be written: %s", recovery->durable->options.directory,
                sealed_trouble(sealed));
    }
    return r;
}

int durable_recover(struct durable *durable, struct err_text *why) {
    struct recovery recovery = {.durable = durable, .started_ns = clock_monotonic_ns()};
    buf_init(&recovery.doubtful, STORE_MAX_SENSORS / 8 + 1);
    int r = recover_sealed(&recovery);
    if (r) {
        err_say(why, "the sensors in %s/store.sqlite cannot be read: %s",
                durable->options.directory, strerror(-r));
        return r;
    }
    r = refuse_lost_file(&recovery, why);
    if (r == 0)
        r = recover_journal(&recovery, why);
    return r ? r : note_journal(&recovery, why);
}
