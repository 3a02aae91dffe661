/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "store/stats.h"

/*
 * Checking a store on disk: every checksum, every reading, and whether all that is said of them is
 * so. Nothing is changed. It runs in steps of some milliseconds; each looks at one state of the
 * store, so a serving program can be checked while it writes.
 *
 *     file     what SQLite itself says of store.sqlite              (only when nobody has it open)
 *     sensors  each sensor's row, its chunks' rows, their order, their sum
 *     chunks   each chunk's bytes: checksum, packing, order, figures
 *     strays   bytes that belong to no chunk
 *     journal  every record, and whether its sensors are known       (only when nobody has it open)
 *
 * A finding is told once, at its cause: what could not be read is not compared with anything.
 */
struct check;

/* What is told of a store that is badly damaged; the rest is only counted. */
#define CHECK_MAX_FINDINGS 1000

/* Chunks of one sensor that may cover one instant; beyond that reading there is slow until they are
 * merged, which is worth a note. */
#define CHECK_MAX_COVER 8

/* One thing that is wrong. What does not apply is 0 or empty. */
struct check_finding {
    /*
     * file            store.sqlite cannot be read there
     * sensor-row      a sensor's row does not fit its checksum, or makes no sense
     * chunk-row       the same of a chunk's head
     * chunk-data      a chunk's bytes do not fit their checksum
     * chunk-packing   they do, and are not so many readings
     * chunk-order     readings that are not in order of time
     * chunk-figures   the head says other things than the readings
     * main-order      a chunk begins before its predecessor ends
     * overlap         (a note) more than CHECK_MAX_COVER chunks cover one instant
     * sensor-figures  the sensor's figures are not the sum of its chunks'
     * no-sensor       chunks of a sensor that has no row
     * no-data         a chunk without bytes
     * no-head         bytes without a chunk
     * journal         records that cannot be read or are missing, or whose sensors make no sense
     * journal-cut     (a note) its last commit is incomplete
     */
    const char *kind;
    bool is_note;           /* worth knowing, and nothing is wrong */
    struct bytes sensor_id; /* borrowed for the call */
    int64_t chunk;
    bool has_times;
    struct stats_instant from, to;
    const char *file; /* borrowed for the call */
    uint64_t offset;
    struct err_text words;
};

struct check_counts {
    uint64_t n_sensors;
    uint64_t n_chunks;
    uint64_t n_readings;         /* in chunks that can be read, */
    uint64_t n_bytes;            /* and their size */
    uint64_t n_sealed_readings;  /* in all chunks, as their rows say */
    uint64_t n_journal_readings; /* that are not in chunks yet */
    uint64_t n_unchecked;        /* what who asked knows of besides: a check leaves it 0 */
    uint64_t n_findings;         /* without the notes */
    uint64_t n_notes;
};

typedef void (*check_found_fn)(void *user, const struct check_finding *finding);

struct check_options {
    const char *directory; /* copied */
    const char *vfs;       /* copied; NULL: the system's */
    /* Locks the directory, so that nobody begins to use it meanwhile, and checks the journal too.
     * Otherwise it is the store's own process that asks. */
    bool is_offline;
};

enum {
    CHECK_E_DONE = 1,
};

/* 0 or a negated errno with words: -EBUSY if it is in use (with the other's process id), -ENOENT if
 * there is no store. */
MUST_USE int check_new(const struct check_options *options, struct check **check,
                       struct err_text *why);

/* NULL is fine. */
void check_free(struct check *check);

/* The next step; tells what it finds. 0, CHECK_E_DONE or a negated errno with words: it could not
 * go on, and what was not looked at may be damaged or not. */
MUST_USE int check_step(struct check *check, check_found_fn found, void *user,
                        struct err_text *why);

/* Of a step's kind, how much is done: 0 to 100. */
unsigned check_percent(const struct check *check);

void check_counts(const struct check *check, struct check_counts *counts);
