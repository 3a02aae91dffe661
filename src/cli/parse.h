/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Values as people write them. Each function returns 0, or -EINVAL with words that quote the text
 * and say what may stand there; where the text came from is for the caller to say.
 */

/* `10` (seconds), `500ms`, `1.5h`, `1h30m`; units ns us ms s m h d. */
MUST_USE int parse_duration(const char *text, uint64_t *ns, struct err_text *why);

/* `1048576`, `512M`, `2G`; units K M G T, of 1024, a B or iB behind them is fine. */
MUST_USE int parse_size(const char *text, uint64_t *bytes, struct err_text *why);

/* A whole number from `min` to `max`. */
struct parse_range {
    uint64_t min;
    uint64_t max;
};
MUST_USE int parse_count(const char *text, struct parse_range range, uint64_t *count,
                         struct err_text *why);

/* `true` or `false`, `yes` or `no`, `on` or `off`, `1` or `0`. */
MUST_USE int parse_flag(const char *text, bool *flag, struct err_text *why);

/* A finite decimal number. */
MUST_USE int parse_temperature(const char *text, double *temperature, struct err_text *why);
