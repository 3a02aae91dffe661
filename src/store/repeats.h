/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "store/budget.h"
#include "store/stats.h"

/*
 * A set of (time, sequence): which readings of large groups of equal time a sensor holds, so that
 * looking for a repeat does not mean looking at the whole group.
 */
struct repeats;

/* 0 or a negated errno. */
MUST_USE int repeats_new(struct budget *budget, struct repeats **repeats);

/* NULL is fine. */
void repeats_free(struct repeats *repeats, struct budget *budget);

bool repeats_has(const struct repeats *repeats, struct stats_instant time, uint64_t sequence);

/* Makes sure that the next repeats_add() finds room. 0 or -ENOMEM. */
MUST_USE int repeats_reserve(struct repeats *repeats, struct budget *budget);

/* After repeats_reserve(). Adding twice is harmless. */
void repeats_add(struct repeats *repeats, struct stats_instant time, uint64_t sequence);
