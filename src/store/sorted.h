/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "store/kept.h"

/* Readings in order of time, equal times in order of arrival: what arrived first goes first. */

/* Merges `a` and `b`, both sorted, into `out`; at equal times all of `a` comes first. */
void sorted_merge(const struct kept *a, size_t n_a, const struct kept *b, size_t n_b,
                  struct kept *out);

/* Sorts what lies in order of arrival. `scratch` has room for as many. */
void sorted_sort(struct kept *readings, size_t n, struct kept *scratch);

/* The first reading that is not before `time`; `n` if there is none. */
size_t sorted_first_from(const struct kept *readings, size_t n, struct stats_instant time);
