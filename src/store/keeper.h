/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/history.h"
#include "store/journal.h"
#include "store/sealed.h"

/*
 * The keeper: a thread that does all that no answer waits for. It packs sealings into SQLite, lets
 * the journal go of what is sealed, prepares its next segment, merges chunks, and empties the WAL.
 *
 * It fails once and for all: then `failed` is called, on its thread, and nobody waits for it any
 * more. What it could not seal stays in memory and in the journal. Want of memory is no failure: it
 * tries again until there is some; but towards the end (keeper_hurry) a step that has been tried
 * for a second is one.
 */
struct keeper;

struct keeper_options {
    struct sealed *sealed;   /* borrowed */
    struct journal *journal; /* borrowed */
    /*
     * Histories that may need merging, linked by to_merge: taken. One that fell silent would keep
     * its small chunks for ever. Looking costs some 20 us for each where nothing is due (heads
     * only), and gives way to sealing, so a start looks at all.
     */
    struct list *to_merge;
    void (*failed)(void *user, const char *words);
    void *user;
    uint64_t (*now_ns)(void); /* NULL: clock_monotonic_ns(); tests bring their own */
};

/* Starts the thread. 0 or a negated errno. */
MUST_USE int keeper_new(const struct keeper_options *options, struct keeper **keeper);

/* The end is near: views that pin the WAL are waited for no more, so that whoever waits for the
 * keeper waits for the disk alone. Any thread. */
void keeper_hurry(struct keeper *keeper);

/*
 * Ends the thread when it has sealed what it was given, or has failed, or after `patience_ns`: then
 * it ends the turn that it is at, and the rest stays in the journal for the next start. NULL is
 * fine.
 */
void keeper_free(struct keeper *keeper, uint64_t patience_ns);

/* ---- the writer thread ---- */

/*
 * Gives it the sealings of a list (linked by queue_link, durable all of them), and says that no
 * other reading before the position `open_from` is needed in the journal, which is on the disk up
 * to `durable_to`. Waits while more than KEEPER_QUEUE_MAX sealings are in its hands.
 */
void keeper_give(struct keeper *keeper, struct list *sealings, uint64_t open_from,
                 uint64_t durable_to);

/* Whether keeper_give() would wait for long. */
bool keeper_is_behind(struct keeper *keeper);

/* Waits until the journal needs nothing before `position` any more, or the keeper has failed. What
 * is there has to be given first. */
void keeper_wait_released(struct keeper *keeper, uint64_t position);

/* ---- any thread ---- */

struct keeper_figures {
    uint64_t released; /* the journal needs nothing before this position */
    uint64_t n_sealed; /* sealings put into SQLite */
    uint64_t n_merges;
    uint64_t n_waits;             /* times that the writer had to wait for it */
    uint64_t n_queue;             /* sealings in its hands, */
    uint64_t queue_bytes;         /* and their heap memory */
    struct sealed_figures sealed; /* after its last turn */
};
void keeper_figures(struct keeper *keeper, struct keeper_figures *figures);
