/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/random.h"
#include "cli/moment.h"
#include "proto/reading.h"

/*
 * Simulated readings: temperatures that follow a daily curve of 5 degrees, the warmest at 15:00
 * UTC, each sensor around a mean of its own, with Gaussian noise of 0.1, rounded to 0.01.
 *
 * Data set A: one reading of each sensor a second, on whole seconds. Data set B: of each sensor at
 * random intervals of 1 to 10 s, with nanoseconds. Readings come in order of time. The same seed
 * gives the same readings on every machine, as far as its sin(), cos() and log() agree to about 14
 * digits: the rounding hides the rest but where a value lies on the edge between two hundredths.
 */
enum generator_set {
    GENERATOR_A,
    GENERATOR_B,
};

struct generator_options {
    enum generator_set set;
    uint64_t seed;
    uint64_t n_sensors; /* 1 to GENERATOR_MAX_SENSORS */
    const char *prefix; /* borrowed; at most 100 bytes */
    int64_t start_s;
};

/* 24 bytes each in data set B. */
#define GENERATOR_MAX_SENSORS 10000000

struct generator;

/* 0 or -ENOMEM. */
MUST_USE int generator_new(const struct generator_options *options, struct generator **generator);
void generator_free(struct generator *generator);
void generator_freep(struct generator **generator);

/* The next reading; its id is valid until the next call. Each sensor's sequence
 * counts from 1. */
void generator_next(struct generator *generator, struct reading *reading);

/* The temperature of the n-th sensor (from 0) at a time, with noise. */
double generator_temperature(struct random *random, uint64_t sensor, struct moment time);
