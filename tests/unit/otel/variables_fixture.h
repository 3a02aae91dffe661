/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"

/* An environment for tests, and the lines that were logged since it was last cleared. */
void variables_clear(void);
void variables_set(const char *name, const char *value);
const char *variables_get(const char *name);

/* From the first call on lines go here, not to standard error. */
unsigned variables_n_lines(void);
/* The `i`-th line's words, without time and level. */
const char *variables_line(unsigned i);
