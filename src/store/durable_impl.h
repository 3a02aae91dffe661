/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/table.h"
#include "store/durable.h"
#include "store/history.h"
#include "store/journal.h"
#include "store/keeper.h"
#include "store/limits.h"
#include "store/sealed.h"
#include "store/seen.h"

/* The durable backend's inside, shared by the durable_*.c files. */

/* Readings in a row that a commit has appended to one chunk. */
struct span {
    struct history *history;
    struct open_chunk *chunk;
    const struct store_item *items;
    uint32_t n;
    struct chunk_mark end; /* of the chunk, with them in it */
};

struct durable {
    struct store_backend backend;
    struct store_durable_options options;
    int lock_fd;
    struct files *files;
    struct files_held database; /* store.sqlite */
    struct journal *journal;
    struct sealed *sealed;
    struct keeper *keeper;

    struct names names; /* all sensors, in order of their ids, for readers */
    struct budget names_budget;

    /* the writer thread's own */
    struct table by_id;
    struct history **by_number;
    uint32_t n_numbers, cap_numbers; /* numbers given so far; NULL: of a sensor without readings */
    struct seen *seen;
    struct list by_age;   /* histories with open chunks, the one with the oldest reading first */
    struct list unmerged; /* found sealed at the start, for the keeper; empty from then on */
    struct list detached; /* sealings that the keeper has not been given yet */
    struct span *spans;   /* of the commit: STORE_COMMIT_MAX_READINGS of them */
    size_t n_spans;
    uint64_t open_bytes; /* heap memory of open chunks */
    uint64_t open_from;  /* nothing in open chunks came before this position */

    pthread_mutex_t failure_lock; /* for two that fail at once */
    struct err_text failure;      /* does not change any more once has_failed is set */
    _Atomic bool has_failed;

    _Atomic uint64_t n_shown_sensors, n_readings, n_commits, last_sync_ns, max_sync_ns;
    _Atomic uint64_t shown_open_bytes;
    _Atomic uint32_t n_cursors;

    pthread_mutex_t views_lock;
    struct sealed_view *views[STORE_MAX_IDLE_VIEWS];
    size_t n_views;
};

static inline struct durable *durable_of(struct store_backend *backend) {
    return CONTAINER_OF(backend, struct durable, backend);
}

/* Bytes that the journal's files may have together, with as many sensors as there are. Any thread.
 */
static inline uint64_t durable_journal_limit(const struct durable *durable) {
    uint64_t n_sensors = durable->n_shown_sensors, n_free = STORE_JOURNAL_FREE_SENSORS;
    uint64_t n_more = n_sensors > n_free ? n_sensors - n_free : 0;
    return durable->options.journal_limit_bytes + n_more * STORE_JOURNAL_BYTES_A_SENSOR;
}

/* Nothing more is kept from now on. Any thread. */
void durable_fail(struct durable *durable, const char *what, const char *words);

/* Fails if a file that is held open has lost its name: what it holds would be gone with the end of
 * the process. 0, or a negated errno and it has failed. Any thread. */
MUST_USE int durable_look(struct durable *durable, const struct files_held *held);

/* ---- durable_sensors.c: the writer thread, or before it runs ---- */

struct history *durable_find(struct durable *durable, struct bytes id);

/* Adds a sensor; `number` is not given yet. 0, -ENOMEM, or -EUSERS: there are as
 * many as there may be. */
MUST_USE int durable_add_sensor(struct durable *durable, uint32_t number, struct bytes id,
                                struct history **history);

/* Never gives this number, nor any before it. 0 or -ENOMEM. The number is below STORE_MAX_SENSORS.
 */
MUST_USE int durable_skip_number(struct durable *durable, uint32_t number);

/* Counts a sensor's readings in that readers can see from now on. */
void durable_show(struct durable *durable, struct history *history, uint64_t n_readings);

/* Appends a reading that is no repeat, and keeps the list by age. 0 or -ENOMEM. With the history's
 * lock held. */
MUST_USE int durable_append(struct durable *durable, struct history *history,
                            const struct kept *reading, uint64_t position,
                            struct open_chunk **chunk);

/* Takes the open chunks of sensors away whose oldest reading lies before `position`. 0 or -ENOMEM.
 */
MUST_USE int durable_seal_before(struct durable *durable, uint64_t position);

/* Gives the keeper what was taken away; all of it is durable. Between two records. */
void durable_hand_over(struct durable *durable);

/* Seals what is open and holds too much of the journal or of the memory, and hands it over. 0 or
 * -ENOMEM. Between two records. */
MUST_USE int durable_make_room(struct durable *durable);

/* ---- durable_recover.c ---- */

/* Reads the sensors and what the journal holds. 0 or a negated errno with words. */
MUST_USE int durable_recover(struct durable *durable, struct err_text *why);

/* ---- durable_commit.c ---- */

void durable_commit(struct store_backend *backend, struct store_batch *const *batches, size_t n);

/* ---- views ---- */

/* 0 or a negated errno. */
MUST_USE int durable_take_view(struct durable *durable, struct sealed_view **view);
void durable_give_view(struct durable *durable, struct sealed_view *view);

/* What a reader met: damage is told, once a start for each sensor. Any thread. */
void durable_say_damage(struct history *history, const struct sealed_view *view, int r);

/* ---- durable_statistics.c, durable_cursor.c ---- */

int durable_statistics(struct store_backend *backend, const struct store_filter *filter,
                       const struct store_range *range, uint64_t *n_sensors, struct stats *stats);

int durable_cursor_open(struct store_backend *backend, const struct store_query *query,
                        struct store_cursor **cursor);
int durable_cursor_next(struct store_cursor *cursor, struct reading *readings, size_t max,
                        size_t *n);
bool durable_cursor_is_ready(const struct store_cursor *cursor);
void durable_cursor_close(struct store_cursor *cursor);
