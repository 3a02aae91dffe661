/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/journal.h"
#include "store/journal_segments.h"

/* Where a journal's records end, and what is needed to go on there. */
struct journal_end {
    uint64_t position; /* of the next record */
    /* The segment to write on in, or NULL when the next record wants a new one. */
    const struct journal_segment *segment;
    struct journal_head head;
    uint64_t at;   /* in the file: where the next record goes */
    uint8_t *last; /* the segment's last record, ending there; owned, NULL if it has none */
    size_t last_bytes;
};

struct journal_replay_job {
    struct journal_segments *segments;
    uint64_t from;
    uint64_t at_least; /* the position at the end is no less */
    uint64_t durable_to;
    bool is_known; /* as in journal_options */
    const struct journal_replay *replay;
};

/*
 * Reads the records of all segments that reach beyond `from`, in order, and tells what is in them.
 * Takes a last segment that was never used for stale; changes no file. 0 or a negated errno, with
 * words.
 */
MUST_USE int journal_replay_all(const struct journal_replay_job *job, struct journal_found *found,
                                struct journal_end *end, struct err_text *why);
