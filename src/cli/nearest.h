/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

/*
 * The name that somebody probably meant: the i-th of `n` is `name_at(i)`. NULL when none is near
 * (at most one edit for each three characters, at least one; two neighbours that have changed
 * places are one).
 */
const char *nearest_name(const char *text, const char *(*name_at)(size_t i), size_t n);
