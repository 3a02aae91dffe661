/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "store/history.h"
#include "store/sealed.h"

/*
 * Which readings a sensor holds already: the rule of repeats (DESIGN.md section 5) for those that
 * are not newer than all of their sensor's. The writer thread's own.
 *
 * For each chunk that was asked about lately there is a set of its (time, sequence); the sets have
 * a limit in bytes, and the one that was used longest ago goes first.
 */
struct seen;

/* Borrows `sealed`. 0 or a negated errno. */
MUST_USE int seen_new(struct sealed *sealed, size_t limit_bytes, struct seen **seen);
void seen_free(struct seen *seen);

/* Whether the sensor holds a reading with this one's time and sequence, pending ones included. 0 or
 * a negated errno: it could not be found out. */
MUST_USE int seen_has(struct seen *seen, struct history *history, const struct kept *reading,
                      bool *has);

/* Bytes of all sets. */
size_t seen_bytes(const struct seen *seen);
