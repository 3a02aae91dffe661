/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/*
 * The OTEL_* variables by their types (OpenTelemetry specification, "Common configuration" and
 * "Environment variables"). An empty variable counts as unset. What cannot be read counts as unset
 * too, and is logged in one line that names the variable, its value, what is allowed, and what is
 * taken.
 */
typedef const char *(*variable_fn)(const char *name); /* getenv, or a test's own */

/* Without the blanks around it, terminated behind them; data NULL: unset. */
struct bytes variable_text(variable_fn variable, const char *name);

/* Says that the value is not what it must be, and what is taken. */
void variable_complain(const char *name, struct bytes value, const char *allowed,
                       const char *taken);

/* Only `true` is true, in whatever case; unset it is `otherwise`. */
bool variable_is_true(variable_fn variable, const char *name, bool otherwise);

#define VARIABLE_NO_LIMIT UINT64_MAX

struct variable_range {
    uint64_t min, max;
    uint64_t otherwise;
};

/* A whole number. */
uint64_t variable_number(variable_fn variable, const char *name,
                         const struct variable_range *range);

/* Milliseconds, as nanoseconds. */
uint64_t variable_duration_ns(variable_fn variable, const char *name,
                              const struct variable_range *range_ms);

/* The same where 0 means that there is no limit: a time that does not come, but can be added to. */
uint64_t variable_timeout_ns(variable_fn variable, const char *name, uint64_t otherwise_ns);

struct variable_choice {
    const char *word; /* NULL ends a table of them */
    int value;
};

/* Sets `*chosen` to what the word stands for, in whatever case. False: unset or none of them, and
 * `*chosen`, which has to be one of them, is what is taken. */
bool variable_choose(variable_fn variable, const char *name, const struct variable_choice *choices,
                     int *chosen);
