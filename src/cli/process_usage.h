/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* What another process of this machine has used so far. */
struct process_usage {
    uint64_t cpu_ns;         /* of all its threads; those that have ended may be missing */
    uint64_t peak_rss_bytes; /* the most memory that it had resident */
};

/* 0, or a negated errno: there is no such process, or it may not be looked at. */
MUST_USE int process_usage_read(pid_t pid, struct process_usage *usage);
