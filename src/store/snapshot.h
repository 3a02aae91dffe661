/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/history.h"
#include "store/sealed.h"

/*
 * What a sensor has at one moment, every durable reading exactly once: SQLite's state through a
 * view, and references to and copies of what is in memory and not in that state. A chunk in either
 * place is a piece.
 */
struct piece {
    struct stats stats; /* count, first, last */
    bool is_late;
    bool is_sealed;
    struct sealed_head head; /* of a sealed one */
    struct bytes packed;     /* of one in memory; late ones lie there in order of arrival */
};

struct snapshot {
    struct sealed_view *view;
    struct history *history;
    struct piece *pieces; /* in memory, oldest first, main before late */
    size_t n_pieces;
    struct sealing **sealings; /* references that keep them */
    size_t n_sealings;
    uint8_t *copies; /* of the open chunks */
};

/* Begins the view, and borrows it. 0 or a negated errno; then there is nothing to end. */
MUST_USE int snapshot_begin(struct snapshot *snapshot, struct history *history,
                            struct sealed_view *view);
void snapshot_end(struct snapshot *snapshot);

/* Up to `max` main pieces that hold anything from `time` on, in order of time; how many to `*n`. 0
 * or a negated errno. */
MUST_USE int snapshot_mains_from(struct snapshot *snapshot, struct stats_instant time,
                                 struct piece *pieces, size_t max, size_t *n);

/* Up to `max` main pieces that hold anything before `time`, the latest first. 0 or a negated errno.
 */
MUST_USE int snapshot_mains_before(struct snapshot *snapshot, struct stats_instant time,
                                   struct piece *pieces, size_t max, size_t *n);

/* Calls `each` for all late pieces that hold anything in [from, to), in order of arrival. 0, or the
 * first result that is not. */
typedef int (*snapshot_piece_fn)(void *user, const struct piece *piece);
MUST_USE int snapshot_each_late(struct snapshot *snapshot, struct stats_instant from,
                                struct stats_instant to, snapshot_piece_fn each, void *user);

/* The same for main pieces, in order of time. */
MUST_USE int snapshot_each_main(struct snapshot *snapshot, struct stats_instant from,
                                struct stats_instant to, snapshot_piece_fn each, void *user);

/* Unpacks a piece, in order of time; `readings` has room for its count. 0, or a negated errno:
 * -EBADMSG for what is damaged. */
MUST_USE int snapshot_read(struct snapshot *snapshot, const struct piece *piece,
                           struct kept *readings);
