/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/*
 * Patterns for names: `*` stands for any run of bytes, `?` for one character, all else for itself.
 * The time is at most the product of the two lengths, whatever the pattern.
 */
bool glob_matches(struct bytes pattern, struct bytes name);

/* Longer patterns are taken to overlap with any other. Twice what a token's right may have. */
#define GLOB_OVERLAP_MAX 256

/* Whether there can be a name that matches both, be it the empty one. */
bool glob_overlaps(struct bytes a, struct bytes b);

/* Whether it has a `*` or `?` at all, or names just one thing. */
bool glob_is_pattern(struct bytes pattern);
