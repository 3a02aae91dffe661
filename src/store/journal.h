/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "store/files.h"
#include "store/kept.h"

/*
 * The journal: where readings become durable. One record for each commit, one sync for each record,
 * in segment files that are made ahead and used again.
 *
 * Positions. Every record has a position, a number of bytes since the journal began, and the i-th
 * reading of a record has the record's position + i. Positions only grow, and what has been told or
 * committed never shares one, across restarts too; a record of n readings is longer than n bytes.
 * Segments are named by the position of their first record (`journal-0000000000000000`) and hold
 * records back to back, each checked by a CRC over itself and its position.
 *
 * Threads. The writer thread puts and commits; journal_release() and journal_prepare() are one
 * other thread's (the keeper's). journal_open() and journal_free() have no company.
 */
struct journal;

struct journal_options {
    struct files *files; /* borrowed */
    /* Size of a segment's file; a record that is too long for it gets one of its own. */
    uint64_t segment_bytes;
    /* Where to read from: at least every position that was released, and never less than before. */
    uint64_t from;
    /* New records get positions from here on at least, whatever is found. */
    uint64_t at_least;
    /* What was on the disk before: that it ends earlier is told. 0: nothing is known. */
    uint64_t durable_to;
    /* It was opened before, so it has files: their loss is told even when nothing else tells it. */
    bool is_known;
};

/* What the journal holds, told in order at journal_open(). A function's negative return ends it. */
struct journal_replay {
    int (*sensor)(void *user, uint32_t number, struct bytes id);
    /* `n` readings of one sensor; the i-th has the position `position` + i. */
    int (*readings)(void *user, uint32_t number, const struct kept *readings, size_t n,
                    uint64_t position);
    void *user;
    /* Told of each damaged stretch: the file, where in it, and words; of files that are missing:
     * NULL, 0, and words. May be NULL. */
    void (*damaged)(void *user, const char *file, uint64_t at, const char *words);
};

/* What was found amiss at opening. */
struct journal_found {
    uint64_t n_records;     /* that were told, */
    uint64_t n_bytes;       /* and their length */
    uint64_t n_cut_bytes;   /* of a torn last record: never acknowledged */
    uint64_t n_damaged;     /* stretches with records that were acknowledged and cannot be read */
    struct err_text damage; /* the first of them: which file, where, how long */
};

/* Where the first of its files begins; 0: there is none, or nothing before it is gone. Changes
 * nothing. 0 or a negated errno. */
MUST_USE int journal_begins_at(struct files *files, uint64_t *position);

/*
 * Tells what is there from `from` on and goes on behind it. Segments that end before are not read;
 * of the first record that is told, readings may lie before `from`. What is told is durable when
 * this returns 0. A torn last record is cut off; damage before it is noted in `found`, and what
 * follows is read. 0 or a negated errno, with words: -EPROTONOSUPPORT when a newer version has
 * written it.
 */
MUST_USE int journal_open(const struct journal_options *options,
                          const struct journal_replay *replay, struct journal_found *found,
                          struct journal **journal, struct err_text *why);

/* Closes the files. NULL is fine. */
void journal_free(struct journal *journal);

/* ---- the writer thread ---- */

/* Position of the next reading that is put. */
uint64_t journal_position(const struct journal *journal);

/*
 * At the beginning of a record: makes room for so many readings, all of new sensors and with ids of
 * so many bytes together, so that putting and committing them cannot fail for want of memory; the
 * file that they may need is made ready. 0; -ENOMEM, and nothing is lost; or another negated errno,
 * as of journal_commit().
 */
MUST_USE int journal_reserve(struct journal *journal, size_t n_readings, size_t n_id_bytes);

/*
 * A sensor that has no number yet, before its first reading. 0, or -ENOMEM and nothing has changed:
 * memory ran out, or the record is full (STORE_COMMIT_MAX_READINGS).
 */
MUST_USE int journal_put_sensor(struct journal *journal, uint32_t number, struct bytes id);

/* Readings in a row of one sensor are cheapest. 0, or -ENOMEM as above. */
MUST_USE int journal_put_reading(struct journal *journal, uint32_t number,
                                 const struct kept *reading);

/* Bytes of the file that committing would begin; 0 if the record goes into the one that is there.
 */
uint64_t journal_growth_bytes(const struct journal *journal);

/* From which position on the journal's files are no more than `bytes` together, spare ones left
 * out; or the last file's, however long it is. */
uint64_t journal_position_within(struct journal *journal, uint64_t bytes);

/* Writes what was put as one record and syncs it; does nothing when nothing was put. 0 or a negated
 * errno: then the record is not to be relied on, and the journal takes nothing more (-EIO). */
MUST_USE int journal_commit(struct journal *journal);

/* The file that is written, which must keep its name; NULL: none yet. */
const struct files_held *journal_held(const struct journal *journal);

/* ---- the keeper thread ---- */

/*
 * Nothing before `position` is needed any more, for good: the next journal_open() will be given a
 * `from` that is no less. Whole segments are kept for use again, or unlinked. 0 or a negated errno.
 */
MUST_USE int journal_release(struct journal *journal, uint64_t position);

/* Makes the segment that will be needed next, if there is none. Without it the writer makes one
 * itself, and its commit waits for that. 0 or a negated errno; then it may be tried again. */
MUST_USE int journal_prepare(struct journal *journal);

/* At a clean end, when there is no writer any more: segments that were made ahead are unlinked, but
 * for one if nothing was ever written. 0 or a negated errno. */
MUST_USE int journal_tidy(struct journal *journal);

/* ---- any thread ---- */

/* Bytes of a spare file, of which there may be STORE_SPARE_SEGMENTS. */
uint64_t journal_spare_bytes(const struct journal *journal);

/* Bytes of all its files. */
uint64_t journal_size_bytes(const struct journal *journal);
