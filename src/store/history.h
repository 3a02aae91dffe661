/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "base/list.h"
#include "store/chunk.h"
#include "store/names.h"

/*
 * One sensor of the durable store: what of it is not in SQLite yet, and what is known of the rest.
 *
 *     append -> main (in order of time), late (what comes behind something newer)
 *                 |  one of them is full, or the journal wants to be rid of its oldest end
 *                 v
 *               sealing (does not change any more) -> the keeper thread -> SQLite
 *
 * Readings are appended before they are durable; each chunk has a mark up to which they are, and
 * nobody but the writer thread looks beyond it. The lock is held for a slice of readings or for a
 * copy, never across I/O.
 */
struct open_chunk {
    struct chunk chunk;
    struct chunk_mark durable;
    struct stats stats; /* of the readings up to `durable` */
    uint64_t serial;    /* position of its first reading: no other chunk ever has it */
};

/* Both open chunks of a sensor, taken away together, so that one position says what is sealed. */
struct sealing {
    struct list link;        /* in history.sealings, oldest first */
    struct list queue_link;  /* in the writer's hands, then in the keeper's queue, */
    struct list minima_link; /* and there perhaps among the oldest */
    struct history *history;
    struct open_chunk *main, *late; /* NULL: there was none */
    uint64_t oldest;                /* position of the first reading */
    uint64_t covered;               /* and behind the last */
    struct stats sealed;            /* of all that is sealed once this is; the keeper's own */
    _Atomic unsigned n_refs;
};

struct history {
    pthread_mutex_t lock; /* the writer thread takes it only to change what follows */
    uint32_t number;
    struct open_chunk *main, *late; /* NULL: empty */
    struct list sealings;
    uint64_t covered;    /* all its readings before this position are in SQLite, */
    struct stats sealed; /* and these are their statistics */

    /* the writer thread's own */
    struct stats_instant newest; /* of all that was appended */
    uint64_t oldest, last;       /* positions of the first and the last reading in main and late */
    struct list by_age;          /* in order of `oldest`, while main or late hold anything */
    bool is_shown;               /* it has readings that readers see */
    bool wants_naming;           /* the journal gives its number to another sensor too */
    bool is_doubtful;            /* it was said that repeats of it cannot be found */

    /* the keeper's own */
    struct list to_merge; /* in its list of sensors that may need merging */
    bool is_unmergeable;  /* one of its chunks is damaged */

    _Atomic bool is_unreadable; /* it was said that readers have met a damaged chunk of it */

    struct name id;
};

/* Copies the id. 0 or -ENOMEM. */
MUST_USE int history_new(uint32_t number, struct bytes id, struct history **history);

/* With everything that it still holds. NULL is fine. */
void history_free(struct history *history);

static inline struct history *history_of(struct name *id) {
    return CONTAINER_OF(id, struct history, id);
}

/* Whether it can be a repeat at all: whether something as new is there already. */
static inline bool history_is_newer(const struct history *history, struct stats_instant time) {
    return stats_instant_compare(time, history->newest) > 0;
}

/* Whether nothing was ever appended: the journal does not know it yet. */
static inline bool history_is_new(const struct history *history) {
    return history->newest.seconds == INT64_MIN;
}

/* Where a reading went. */
struct history_place {
    struct open_chunk *chunk;
    struct sealing *sealing; /* what had to make room, or NULL; it belongs to the history */
};

/* The writer thread, with the lock held: appends a reading that is no repeat. 0 or -ENOMEM; then
 * the reading is not there (a sealing may be). */
MUST_USE int history_append(struct history *history, const struct kept *reading, uint64_t position,
                            struct history_place *place);

/* The writer thread, with the lock held: takes main and late away. NULL: memory ran out, and
 * nothing has changed. There is something in them. */
struct sealing *history_seal(struct history *history);

/* The keeper thread, after the sealing was committed. Lets it go. */
void history_sealed(struct history *history, struct sealing *sealing);

/* Heap memory of its open chunks. The writer thread. */
size_t history_open_bytes(const struct history *history);

/* Statistics of all durable readings. Any thread. */
void history_stats(struct history *history, struct stats *stats);

struct sealing *sealing_ref(struct sealing *sealing);
void sealing_unref(struct sealing *sealing);

/* Statistics of all its readings. */
void sealing_stats(const struct sealing *sealing, struct stats *stats);

/* Heap memory of its chunks. */
size_t sealing_cap_bytes(const struct sealing *sealing);
