/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/generator.h"
#include "cli/options.h"

/* What the simulator is told by its options. */
enum simulate_kind {
    SIMULATE_UNARY,
    SIMULATE_CLIENT_STREAM,
    SIMULATE_SERVER_STREAM,
    SIMULATE_CHAT,
};

struct simulate_settings {
    enum simulate_kind kind;
    uint64_t n_sensors;
    const char *prefix; /* NULL: any sensor (server-stream) */
    uint64_t min_delay_ns;
    uint64_t max_delay_ns;
    uint64_t count; /* 0: go on */
    uint64_t seed;
    bool is_dataset;
    bool prints;
    enum generator_set set;
    int64_t start_s;
};

/* Borrows from the options. 0, or -EINVAL with words. */
MUST_USE int simulate_settings_read(const struct options *options,
                                    struct simulate_settings *settings, struct err_text *why);
