/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/*
 * A histogram of durations with three significant digits at any size, in fixed memory: every power
 * of two is cut into 1,024 equal slots (log-linear, as HdrHistogram has it). Recording is a shift
 * and an increment, so a benchmark can record each of its calls.
 */
enum {
    HISTOGRAM_BITS = 10,      /* slots of one power of two: 2^10, an error under 0.1 % */
    HISTOGRAM_MAX_POWER = 42, /* 2^42 ns are 73 minutes; what is longer counts as that */
    HISTOGRAM_SLOTS = (HISTOGRAM_MAX_POWER - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS,
};

/* 264 KB: for the heap. All zero is an empty one. */
struct histogram {
    uint64_t n;
    uint64_t max; /* exact */
    uint64_t counts[HISTOGRAM_SLOTS];
};

void histogram_record(struct histogram *histogram, uint64_t value);

/* Adds all that `other` has recorded. */
void histogram_add(struct histogram *histogram, const struct histogram *other);

/*
 * The least recorded value (rounded up by less than 0.1 %) that `share` (0 to 1) of all values do
 * not exceed; 0 of an empty one.
 */
uint64_t histogram_quantile(const struct histogram *histogram, double share);
