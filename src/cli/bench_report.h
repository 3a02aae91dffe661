/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/histogram.h"
#include "cli/bench_settings.h"
#include "cli/bench_worker.h"
#include "cli/output.h"
#include "cli/process_usage.h"

/* What a run came to, all threads together. */
struct bench_result {
    struct bench_counts counts;
    struct histogram latencies;
    struct process_usage before, after; /* of the server, around the measured phase */
    uint64_t n_kept;                    /* readings of the whole run that were acknowledged */
    uint64_t n_held;                    /* of these, what the server holds in the end */
    bool is_verified;                   /* `n_held` was asked for */
};

/* Prints it on standard output. */
void bench_report_print(const struct bench_settings *settings, const struct bench_result *result,
                        enum output_format format);
