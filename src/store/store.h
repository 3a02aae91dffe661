/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/reading.h"
#include "store/stats.h"

/*
 * The store: takes readings from many workers, keeps them, tells when they are kept, gives them
 * back.
 *
 * Writing. Each worker has a port. What one turn of its loop brings is appended to the port's open
 * batch and handed to the writer thread by store_port_flush(), once. The writer commits all batches
 * that wait as one group and sends them back with their outcomes; the port's watermark moves, and
 * each writer (one for each call) whose readings lay under it is told what became of them. Nothing
 * is said before that: a settled reading is kept, as well as the backend keeps anything.
 *
 *     append, append, ... -> open batch --flush--> ring -> writer thread: commit (one sync)
 *     settled(outcome)   <- watermark  <--wakeup-- ring <-
 *
 * Reading. Cursors and statistics may be used from any thread, one thread at a time for each
 * cursor, and see only readings that are kept. They may take long: run them in the worker pool.
 *
 * Whatever is kept behind this interface is a backend (store/backend.h); this file's code does not
 * know which.
 */
struct store;
struct store_port;
struct store_backend;
struct store_observer;

enum {
    STORE_E_FULL = 1,      /* the port takes nothing more now; it says so when it does again */
    STORE_E_NO_SENSOR = 2, /* nobody has written to that sensor; no sensor matches */
    STORE_E_BUSY = 3,      /* STORE_MAX_CURSORS are open */
    STORE_E_NO_FILES = 3,  /* it keeps nothing in files */
};

/* Why readings were refused by the writer. */
enum store_refusal {
    STORE_TAKEN = 0,
    STORE_REFUSED_MEMORY,  /* the memory limit is reached */
    STORE_REFUSED_SENSORS, /* it would be a sensor more than there may be */
    STORE_REFUSED_FAILED,  /* the store has failed and takes nothing more */
};

/* What an observer (store/observer.h) made of a commit, for those whose readings it kept: the store
 * only carries it. All zero without one. */
struct store_commit_mark {
    uint8_t bytes[40];
};

/* What became of some readings of one writer, in the order in which they were appended. */
struct store_outcome {
    uint64_t accepted;                    /* kept now, repeats included; these come first */
    uint64_t duplicates;                  /* of these: they had been kept before */
    uint64_t refused;                     /* not kept; all after the writer's first refused one */
    enum store_refusal reason;            /* of the first refused one */
    const struct store_commit_mark *mark; /* valid in `settled` */
};

/*
 * One call that writes: embedded in the call's state, zeroed but for `settled`. It has to stay
 * where it is while n_pending is not 0. `settled` runs on the port's thread.
 *
 * What is kept of a writer's readings is always the first of them: once one is refused, so are all
 * that the writer appends after it, those on their way in other batches included.
 */
struct store_writer {
    void (*settled)(struct store_writer *writer, const struct store_outcome *outcome);
    uint64_t n_pending;         /* readings appended and not settled; kept by the port */
    enum store_refusal refusal; /* of its first refused reading; the writer thread's own */
};

/* ---- life ---- */

/* Takes the backend. 0 or a negated errno; on failure the backend is still the caller's. */
MUST_USE int store_new(struct store **store, struct store_backend *backend);

/* Before store_start(). Copies the observer. */
void store_observe(struct store *store, const struct store_observer *observer);

/* Starts the writer thread, after all ports are made. 0 or a negated errno. */
MUST_USE int store_start(struct store *store);

/*
 * Ends the writer thread after it has committed every batch that was flushed. Ports can still
 * collect outcomes with store_port_collect(). Does nothing when it is not running.
 */
void store_stop(struct store *store);

/*
 * Lets the writer thread look for work once more, and says how often it has looked so far: when the
 * number is still the same some time after, the thread is stuck, as in a disk that does not answer.
 * Any thread, while it runs.
 */
uint64_t store_wake_writer(struct store *store);

/* After store_stop() and after all ports are closed. Frees the backend too. NULL is fine. */
void store_free(struct store *store);

/* ---- writing: all on the port's thread ---- */

/* `resumed(user)` runs after a STORE_E_FULL, when there is room again. */
typedef void (*store_resumed_fn)(void *user);

/* Before store_start(). `loop` is the worker's. 0 or a negated errno. */
MUST_USE int store_port_new(struct store *store, uv_loop_t *loop, store_resumed_fn resumed,
                            void *user, struct store_port **port);

/*
 * Appends a valid reading to the open batch; its id is copied. 0, STORE_E_FULL (the batch is at its
 * limit and the ring to the writer is full) or -ENOMEM.
 */
MUST_USE int store_port_append(struct store_port *port, struct store_writer *writer,
                               const struct reading *reading);

/* Hands the open batch over, if it holds anything and the ring has room. */
void store_port_flush(struct store_port *port);

/* At the end of each loop turn: hands over, and takes in what has come back by then. */
void store_port_end_turn(struct store_port *port);

/* Takes in what the writer thread has sent back. Runs by itself through the loop. */
void store_port_collect(struct store_port *port);

/* Readings that were appended and are not settled yet. */
uint64_t store_port_pending(const struct store_port *port);

/*
 * Hands over what is open, and closes the port's handle on its loop once all that is pending is
 * settled: so before store_stop(). Nothing may be appended any more. Run the loop until its handles
 * are closed; store_free() frees the port.
 */
void store_port_close(struct store_port *port);

/* ---- reading: any thread ---- */

/* Half-open: readings from `start_seconds` on and before `end_seconds`; 0: open at that end. */
struct store_range {
    int64_t start_seconds;
    int64_t end_seconds;
};

static inline bool store_range_is_all(const struct store_range *range) {
    return range->start_seconds == 0 && range->end_seconds == 0;
}

struct store_query {
    struct bytes sensor_id;
    struct store_range range;
    bool newest_first;
};

struct store_cursor;

/*
 * A walk through the readings of one sensor, in order of time, equal times in order of arrival. It
 * ends at the newest reading of the moment it was opened. 0, STORE_E_NO_SENSOR, STORE_E_BUSY or
 * -ENOMEM. Copies the query.
 */
MUST_USE int store_cursor_open(struct store *store, const struct store_query *query,
                               struct store_cursor **cursor);

/* Copies up to `max` readings to `readings`, how many to `*n`; 0 of them is the end. Their
 * sensor_id lives as long as the store. 0 or a negated errno. */
MUST_USE int store_cursor_next(struct store_cursor *cursor, struct reading *readings, size_t max,
                               size_t *n);

/* Whether the next page is at hand: store_cursor_next() would wait for no disk, so a thread that
 * must not wait may call it. */
bool store_cursor_is_ready(const struct store_cursor *cursor);

void store_cursor_close(struct store_cursor *cursor);

/* Which sensors: those that match both patterns (base/glob.h). */
struct store_filter {
    struct bytes pattern;
    struct bytes allowed; /* what the asker's rights cover */
};

/* Merged statistics of the readings in the range of all sensors that match; how many these are to
 * `*n_sensors`. There may be no such reading. 0, STORE_E_NO_SENSOR or a negated errno. */
MUST_USE int store_statistics(struct store *store, const struct store_filter *filter,
                              const struct store_range *range, uint64_t *n_sensors,
                              struct stats *stats);

struct store_sensor {
    struct bytes sensor_id; /* lives as long as the store */
    struct stats stats;
};

/* A page of the list of sensors: what is asked, and the answer. */
struct store_page {
    struct bytes after;           /* only ids after this one, bytewise; empty: from the beginning */
    struct store_sensor *sensors; /* room for `max` */
    size_t max;
    size_t n;  /* how many there are on it */
    bool more; /* whether more come after them */
};

/* Fills the page with the first sensors that match, in order of their ids. 0 or a negated errno. */
MUST_USE int store_list(struct store *store, const struct store_filter *filter,
                        struct store_page *page);

struct check;

/*
 * Begins to check what is in files (store/check.h), but for the journal: that is read at a start.
 * Opens a file, and its steps read: run all of it in the worker pool, and free the check before the
 * store. 0, STORE_E_NO_FILES, or a negated errno with words.
 */
MUST_USE int store_check(struct store *store, struct check **check, struct err_text *why);

/* What only a store on disk has. */
struct store_disk_figures {
    uint64_t journal_bytes, journal_limit_bytes;
    uint64_t file_bytes, wal_bytes; /* of SQLite, as of the last time something was sealed */
    uint64_t n_chunks;              /* sealed, as of then */
    uint64_t open_bytes;            /* memory of what is not given to be sealed yet */
    uint64_t n_sealings_waiting;
    uint64_t n_commits;                 /* since the start */
    uint64_t last_sync_ns, max_sync_ns; /* the latter since the start; 0: there was none */
};

/* Figures about the whole, for `health --verbose` and tests. Any thread; waits for no disk. */
struct store_figures {
    uint64_t n_sensors;
    uint64_t n_readings;
    uint64_t n_refused;         /* readings, since the start */
    uint64_t n_batches_waiting; /* for the writer, in all ports */
    uint64_t memory_bytes;
    uint64_t memory_limit_bytes; /* 0: none */
    struct err_text failure;     /* why it takes nothing more; empty: it does */
    bool is_on_disk;
    struct store_disk_figures disk;
};
void store_figures(struct store *store, struct store_figures *figures);
