/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/types.h>

#include "cli/options.h"

/* What the benchmark is told by its options. */
enum bench_kind {
    BENCH_UNARY,
    BENCH_CLIENT_STREAM,
    BENCH_SERVER_STREAM,
    BENCH_CHAT,
};

/* How the server is asked what it holds. */
enum bench_verify_how {
    BENCH_VERIFY_STATISTICS, /* thermograph.v1 GetStatistics of the run's sensors */
    BENCH_VERIFY_TOTAL,      /* sensor `__total`: the time of its reading is the count of all */
    BENCH_VERIFY_NONE,
};

struct bench_settings {
    enum bench_kind kind;
    uint64_t n_connections;
    uint64_t n_streams; /* on each connection */
    uint64_t n_sensors;
    uint64_t n_threads;
    uint64_t readings_per_stream;
    uint64_t duration_ns;
    uint64_t warmup_ns;
    uint64_t rate; /* 0: closed loop */
    enum bench_verify_how verify;
    pid_t server_pid; /* 0: not told */
};

/* `unary` and so on. */
const char *bench_kind_name(enum bench_kind kind);
const char *bench_verify_name(enum bench_verify_how how);

/* 0, or -EINVAL with words. */
MUST_USE int bench_settings_read(const struct options *options, struct bench_settings *settings,
                                 struct err_text *why);
