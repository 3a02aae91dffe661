/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/stats.h"

/*
 * Sealed chunks: the part of the store that no longer changes, in the SQLite file `store.sqlite` of
 * the store's directory. One connection writes (the keeper thread's); readers have connections of
 * their own that can do nothing else, and see what was committed when their view began.
 *
 * Main chunks of a sensor follow each other in time: the last reading of one is not after the first
 * of the next (equal times are allowed there, in order of arrival). Their order is that of
 * (last, rank, id): chunks that end with the same time go by rank, and pieces of one merge, which
 * have its rank in common, by id. Late chunks hold what came when
 * something newer was there already; they overlap main chunks and each other. Inside a chunk
 * readings are in order of time, equal times in order of arrival. Among equal times those of main
 * chunks arrived first, in order of the chunks, then those of late chunks in order of their `rank`.
 */
struct sealed;

struct sealed_head {
    int64_t id;      /* of the chunk; given by sealed_add(), above all that it has ever given */
    uint32_t sensor; /* its number */
    bool is_late;
    uint64_t rank;      /* order of arrival, another for each chunk sealed; below 2^63 */
    struct stats stats; /* of 1 to CHUNK_MAX_READINGS; first and last are its place in time */
    uint32_t n_bytes;
    uint32_t crc; /* zlib's crc32 over the data */
};

struct sealed_sensor {
    uint32_t number;
    struct bytes id;    /* stays the same for a number */
    uint64_t covered;   /* every reading of it up to this journal position is sealed; below 2^63 */
    struct stats stats; /* of all sealed readings; there may be none */
};

struct sealed_options {
    const char *directory;    /* copied */
    const char *vfs;          /* copied; NULL: the system's; tests bring one that fails */
    uint64_t wal_limit_bytes; /* sealed_checkpoint() keeps the WAL file under it */
};

enum {
    SEALED_E_NONE = 1,   /* there is no such row */
    SEALED_E_PINNED = 2, /* the WAL is at its limit, because a view has not ended */
};

/*
 * Opens or makes the file, and brings an older version up to this one in a transaction. 0 or a
 * negated errno with words: -EPROTONOSUPPORT for a newer version, -EBADMSG for what is no store or
 * is damaged, -EROFS for a file that cannot be written.
 */
MUST_USE int sealed_open(const struct sealed_options *options, struct sealed **sealed,
                         struct err_text *why);

/* After all views are freed. What is in the WAL stays there for the next start; a transaction that
 * is not committed is gone. NULL is fine. */
void sealed_free(struct sealed *sealed);

/* Words about the last failure of the keeper's connection: what SQLite said. */
const char *sealed_trouble(const struct sealed *sealed);

/* Whether nothing can be written any more. */
bool sealed_has_failed(const struct sealed *sealed);

/*
 * ---- the keeper thread: everything between begin and commit is kept as a whole or not at all.
 *
 * Full disk: -ENOSPC; read-only: -EROFS; the disk's own error: -EIO; damage: -EBADMSG; -ENOMEM;
 * somebody else writes to the file: -EBUSY. After a negative return: sealed_rollback(), and the
 * store has failed: everything here but sealed_figures() gives that error from now on. But for
 * -ENOMEM, after which it may be tried again. A transaction whose commit failed may be there after
 * the next start, as a whole, or not; after -ENOMEM it may be there at once (a view tells). ----
 */

MUST_USE int sealed_begin(struct sealed *sealed);
MUST_USE int sealed_commit(struct sealed *sealed); /* durable when it returns 0 */
void sealed_rollback(struct sealed *sealed);

/* Adds the sensor, or gives the one of that id, which has that number, another `covered` and
 * `stats`.
 */
MUST_USE int sealed_put_sensor(struct sealed *sealed, const struct sealed_sensor *sensor);

/* What is known of the journal. */
struct sealed_journal {
    uint64_t needed_from; /* position from which on it is needed: what lies before is sealed */
    uint64_t durable_to;  /* position up to which it was on the disk, at least */
};

/* With this transaction. */
MUST_USE int sealed_put_journal(struct sealed *sealed, const struct sealed_journal *journal);

/* Adds a chunk; sets the head's id, n_bytes and crc. */
MUST_USE int sealed_add(struct sealed *sealed, struct sealed_head *head, struct bytes data);

/* 0 or SEALED_E_NONE. */
MUST_USE int sealed_remove(struct sealed *sealed, const struct sealed_head *head);

/*
 * Outside a transaction: moves the WAL into the file as far as views allow; cuts it to nothing when
 * it is above half of its limit, for which it waits 50 ms at most for views to end. Costs two
 * syncs, so once in some megabytes is enough; the WAL may pass its limit by what is written between
 * two calls. 0; SEALED_E_PINNED when it is still at its limit: write nothing until views have
 * ended; or a negated errno.
 */
MUST_USE int sealed_checkpoint(struct sealed *sealed);

/* Outside a transaction, at a clean end: everything into the file, and the WAL cut to nothing
 * unless a view is in the way. 0 or a negated errno. */
MUST_USE int sealed_tidy(struct sealed *sealed);

struct sealed_figures {
    uint64_t file_bytes;
    uint64_t wal_bytes;
    uint64_t wal_limit_bytes;
    uint64_t n_chunks; /* committed */
    uint32_t n_views;  /* begun and not ended, now */
};
MUST_USE int sealed_figures(struct sealed *sealed, struct sealed_figures *figures);

/* ---- views: a connection for reading; one thread at a time ---- */

struct sealed_view;

/* Any thread. A file of its own is opened; keep views and use them again. */
MUST_USE int sealed_view_new(struct sealed *sealed, struct sealed_view **view);

/* NULL is fine. */
void sealed_view_free(struct sealed_view *view);

/* Words about the last failure of this view. */
const char *sealed_view_trouble(const struct sealed_view *view);

/* Between begin and end a view sees one state of the store: what is committed now. Keep it short: a
 * WAL cannot be emptied meanwhile. A view that failed to begin has not begun. */
MUST_USE int sealed_view_begin(struct sealed_view *view);
void sealed_view_end(struct sealed_view *view);

/* A function that is called for each row: 0 goes on; anything else ends it and is returned. It may
 * call sealed_view_data(), sealed_view_covered() and the other two each-functions. A row that
 * cannot be what was written is -EBADMSG. */
typedef int (*sealed_sensor_fn)(void *user, const struct sealed_sensor *sensor);
typedef int (*sealed_head_fn)(void *user, const struct sealed_head *head);

/* In order of their ids, bytewise; the id lives for the call. */
MUST_USE int sealed_view_each_sensor(struct sealed_view *view, sealed_sensor_fn each, void *user);

/* 0 or SEALED_E_NONE. */
MUST_USE int sealed_view_covered(struct sealed_view *view, uint32_t sensor, uint64_t *covered);

/* As it was put last. 0 or SEALED_E_NONE: it never was. */
MUST_USE int sealed_view_journal(struct sealed_view *view, struct sealed_journal *journal);

struct sealed_range {
    uint32_t sensor;
    struct stats_instant from; /* chunks that hold anything from here on, */
    struct stats_instant to;   /* and before here */
};

/* Main chunks in order of time, or the other way round. */
MUST_USE int sealed_view_each_main(struct sealed_view *view, const struct sealed_range *range,
                                   bool newest_first, sealed_head_fn each, void *user);

/* Late chunks in order of rank. */
MUST_USE int sealed_view_each_late(struct sealed_view *view, const struct sealed_range *range,
                                   sealed_head_fn each, void *user);

/* The chunk's bytes, checked against its CRC; they live until the next call with this view. 0,
 * SEALED_E_NONE or -EBADMSG. */
MUST_USE int sealed_view_data(struct sealed_view *view, const struct sealed_head *head,
                              struct bytes *data);
