/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A point in time: seconds since 1970-01-01 UTC, and the part of the second. */
struct moment {
    int64_t seconds;
    int32_t nanos;
};

struct moment moment_of_ns(uint64_t ns);

/*
 * As people write it: seconds since 1970 (`1790000000`, `1790000000.25`), ISO 8601
 * (`2026-11-24T10:00:00Z`, an offset such as `+01:00`, a date alone; without an offset it is UTC),
 * `now`, or relative to now (`-1h`, `-7d`, `+5m`; whole seconds). 0 or -EINVAL with words.
 */
MUST_USE int moment_parse(const char *text, uint64_t now_ns, struct moment *moment,
                          struct err_text *why);

/* ISO 8601 in UTC, with as many digits of the second as it takes to be exact. */
struct moment_text {
    char text[48];
};
struct moment_text moment_format(struct moment moment);
