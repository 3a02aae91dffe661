/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "proto/reading.h"

/*
 * The readings of a benchmark, made at many millions a second: temperatures like those of data set
 * A (a daily curve of 5 degrees, noise of 0.1, two decimals) from tables that are filled once. Each
 * sensor's time goes on by a second and its sequence by one with each of its readings, so that no
 * server is measured on its way with equal times.
 *
 * Times start in 2001: the millions of seconds that a fast server takes in one run would soon lie
 * in the future of any later start.
 */
#define BENCH_START_S 1000000000

enum {
    BENCH_MAX_SENSORS = 1000000,
    BENCH_ID_SIZE = 32, /* `bench-01234567-1000000` and its end */
    BENCH_MINUTES = 1440,
    BENCH_NOISE = 4096,
    BENCH_MAX_FRAMED = 80, /* bytes of one reading with its prefix */
};

/* What all streams share; nothing changes after the start. */
struct bench_readings {
    char prefix[BENCH_ID_SIZE - 8]; /* `bench-01234567-`, of this run only */
    uint64_t n_sensors;
    char (*ids)[BENCH_ID_SIZE];
    int curve[BENCH_MINUTES]; /* hundredths of a degree */
    int noise[BENCH_NOISE];
};

/* 0 or a negated errno. */
MUST_USE int bench_readings_init(struct bench_readings *readings, uint64_t n_sensors);
void bench_readings_fini(struct bench_readings *readings);

/*
 * What one of `n_streams` streams sends: of the sensors every n_streams-th, in turn. No other
 * stream writes to them.
 */
struct bench_source {
    const struct bench_readings *readings; /* borrowed */
    uint64_t first;
    uint64_t step;
    uint64_t sensor; /* whose turn it is */
    uint64_t second; /* since BENCH_START_S */
};

void bench_source_init(struct bench_source *source, const struct bench_readings *readings,
                       uint64_t stream, uint64_t n_streams);

/* How many sensors are its own. */
uint64_t bench_source_n_sensors(const struct bench_source *source);

/* The next reading; borrows its id from the shared table. */
void bench_source_next(struct bench_source *source, struct reading *reading);

/*
 * Writes the next `n` readings as gRPC messages, each with its prefix, at `out`, which has room for
 * n * BENCH_MAX_FRAMED bytes. Returns where the next byte goes.
 */
uint8_t *bench_source_write(struct bench_source *source, size_t n, uint8_t *out);
