/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/options.h"

/*
 * --start and --end as a half-open range of the protocol: whole seconds since 1970-01-01 UTC, 0
 * where it is open. 0, or -EINVAL with words.
 */
MUST_USE int time_range_read(const struct options *options, int64_t *start_s, int64_t *end_s,
                             struct err_text *why);
