/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/check.h"
#include "store/chunk.h"
#include "store/files.h"
#include "store/sealed.h"
#include "store/sql.h"

/* The inside of a check, shared by the check_*.c files: one for each kind of step. */

enum check_phase {
    CHECK_FILE,
    CHECK_SENSORS,
    CHECK_CHUNKS,
    CHECK_STRAYS,
    CHECK_JOURNAL,
    CHECK_END,
};

enum check_statement {
    CHECK_BEGIN,
    CHECK_COUNT,
    CHECK_NEXT_SENSOR,
    CHECK_SENSOR,
    CHECK_HEADS,
    CHECK_NEXT_HEADS,
    CHECK_DATA,
    CHECK_STRAY_DATA,
    CHECK_JOURNAL_ROW,
    CHECK_NUMBER,
    CHECK_N_STATEMENTS,
};

/* Where a head stands in the table, sound or not. */
struct check_place {
    int64_t sensor, is_late, last_seconds, last_nanos, rank, id;
};

/* What the journal's readings are held against. */
#define CHECK_UNKNOWN UINT64_MAX       /* no row has this number */
#define CHECK_DAMAGED (UINT64_MAX - 1) /* its row cannot be read */

/* Where a chunk begins or ends. */
struct check_edge {
    struct stats_instant time;
    bool is_end, is_late;
};

struct check {
    struct check_options options;
    char *path;
    int lock_fd;         /* -1: none */
    struct files *files; /* NULL: online */
    struct sql sql;
    sqlite3_stmt *statements[CHECK_N_STATEMENTS];
    bool has_tables;
    enum check_phase phase;
    struct err_text told_of_file; /* that it cannot be read: each step meets the same */

    struct check_counts counts;
    uint64_t n_chunks; /* to be looked at, and */
    uint64_t n_done;   /* looked at */

    int64_t sensor;           /* the last that was looked at */
    struct check_place place; /* the last chunk */

    uint64_t *covered; /* offline: by the sensor's number, or one of the marks above */
    uint32_t n_numbers;

    /* of the sensor that was asked for last */
    int64_t id_number;
    uint8_t id[256];
    size_t id_len;

    struct check_edge *edges; /* of one sensor's chunks */
    size_t n_edges, cap_edges;
    struct kept readings[CHUNK_MAX_READINGS];

    /* the step's */
    check_found_fn found;
    void *user;
    struct err_text *why;
};

/* Counts a finding and tells it. */
void check_tell(struct check *check, const struct check_finding *finding);

/* What a failed read means: damage is told (0), everything else is handed up. */
MUST_USE int check_unreadable(struct check *check, int r, struct check_finding finding);

/* The id of a sensor, empty if it has none that can be read; lives until the next call. */
struct bytes check_sensor_id(struct check *check, int64_t number);

/* Notes up to where a sensor is sealed. 0 or -ENOMEM. */
MUST_USE int check_set_covered(struct check *check, int64_t number, uint64_t covered);
uint64_t check_covered(const struct check *check, uint32_t number);

/* Whether both tell of the same readings. */
bool check_same_stats(const struct stats *a, const struct stats *b);

/* The steps: 0, CHECK_E_DONE at the end of their kind, or a negated errno. */
MUST_USE int check_step_file(struct check *check);
MUST_USE int check_step_sensors(struct check *check);
MUST_USE int check_step_chunks(struct check *check);
MUST_USE int check_step_strays(struct check *check);
MUST_USE int check_step_journal(struct check *check);
