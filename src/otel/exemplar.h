/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/random.h"
#include "otel/metric_data.h"

/*
 * A place for one exemplar, written by one thread and read by another.
 *
 * Of all that is measured between two collections each has the same chance to be the one that stays
 * (Metrics SDK, reservoirs of size 1, and one for each bucket): the n-th replaces the one before it
 * with a chance of 1/n. Which one that will be is drawn when one is chosen, so that most only
 * count.
 *
 * All zero is an empty one.
 */
struct exemplar_slot {
    uint32_t sequence; /* odd: being written */
    /* The writer's: */
    uint32_t collection; /* that `n_offered` counts for */
    uint64_t n_offered, next_chosen;
    uint64_t words[5]; /* time, value, trace id, span id */
};

/* Counts a measurement; whether it is to be written. `collection` is the number of the last one. */
bool exemplar_is_chosen(struct exemplar_slot *slot, uint32_t collection, struct random *random);

void exemplar_write(struct exemplar_slot *slot, const struct otel_exemplar *exemplar);

/* False: there is none, or its thread writes just now. */
bool exemplar_read(const struct exemplar_slot *slot, struct otel_exemplar *exemplar);
