/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/*
 * Patterns for names: `*` stands for any run of bytes, `?` for one character, all else for itself.
 * The time is at most the product of the two lengths, whatever the pattern.
 */
bool glob_matches(struct bytes pattern, struct bytes name);

/* Whether it has a `*` or `?` at all, or names just one thing. */
bool glob_is_pattern(struct bytes pattern);
