/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "store/journal_segment.h"

/*
 * The segment files of a journal: those in use, oldest first, and the spare ones.
 *
 * A spare is a whole file of written blocks, so that writing over it needs no sync of the file
 * system's own records: made by the keeper, or released and kept. It lies there under its old name
 * until the writer takes it:
 *
 *     journal-spare-N ──made──┐                              ┌─ enough spares ──> unlinked
 *                           spare ──> next ──taken──> in use ┴─ released ──> spare
 *
 * The next one is the writer's: a spare whose file is open, so that taking it needs no memory.
 *
 * The lock is held for a few pointers, never across I/O.
 */
struct journal_segment {
    struct list link;
    uint64_t base; /* in use: position of its first record */
    uint64_t size_bytes;
    struct journal_name name;
};

struct journal_segments {
    struct files *files;
    uint64_t segment_bytes; /* size of a file */
    pthread_mutex_t lock;
    struct list in_use; /* the last is the one that is written */
    struct list spares;
    size_t n_spares;              /* in the list, and the next one */
    struct journal_segment *next; /* the writer's, or NULL */
    struct file *next_file;
    struct list stale;           /* found at the start and of no use */
    size_t n_found;              /* files that journal_segments_find() has found */
    uint64_t n_made;             /* the highest number of a spare */
    _Atomic uint64_t size_bytes; /* of all */
};

/* A segment that is ready for records: its file and head. */
struct journal_place {
    struct file *file;
    struct journal_head head;
    uint64_t size_bytes;
    struct files_held held;
};

/* Borrows `files`. */
void journal_segments_init(struct journal_segments *segments, struct files *files,
                           uint64_t segment_bytes);
void journal_segments_fini(struct journal_segments *segments);

/* Finds what is in the directory, and changes nothing; sizes are not known yet. Spares that were
 * left, finished or not, are stale. 0 or a negated errno. */
MUST_USE int journal_segments_find(struct journal_segments *segments);

/* Before other threads: the last one is no segment after all, and stale. */
void journal_segments_drop_last(struct journal_segments *segments);

/* Before other threads: unlinks what is stale, and syncs the names. 0 or a negated errno. */
MUST_USE int journal_segments_sweep(struct journal_segments *segments);

/* Before other threads: sets the size of one. */
void journal_segments_measure(struct journal_segments *segments, struct journal_segment *segment,
                              uint64_t size_bytes);

/* The segment behind this one, or NULL. Before other threads. */
struct journal_segment *journal_segments_next(const struct journal_segments *segments,
                                              const struct journal_segment *segment);

/* The writer: sees to it that there is a next segment, and makes one if need be. From then on
 * taking it cannot fail for want of memory. 0, -ENOMEM and it may be tried again, or another
 * negated errno. */
MUST_USE int journal_segments_ready(struct journal_segments *segments);

/* The writer: takes the next segment, from `base` on, for a first record of `record_bytes`, which
 * may be longer than others. Its name is synced, its head with the first record. 0 or a negated
 * errno. */
MUST_USE int journal_segments_take(struct journal_segments *segments, uint64_t base,
                                   size_t record_bytes, struct journal_place *place);

/* The writer: the earliest base from which on the files in use are no more than `bytes` together,
 * or that of the last. 0 when there are none. */
uint64_t journal_segments_within(struct journal_segments *segments, uint64_t bytes);

/* The keeper: as journal_release() and journal_prepare(). */
MUST_USE int journal_segments_release(struct journal_segments *segments, uint64_t position);
MUST_USE int journal_segments_prepare(struct journal_segments *segments);

/* Without other threads: unlinks the spares, but for one that is all there is. 0 or a negated
 * errno. */
MUST_USE int journal_segments_drop_spares(struct journal_segments *segments);
