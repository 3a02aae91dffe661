/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Bytes that nobody can guess, from the kernel. 0 or a negated errno. */
MUST_USE int random_bytes(void *out, size_t n);

/*
 * A sequence of numbers that is the same for the same seed, on every machine: for the simulator,
 * for jitter and for tests, never for secrets. xoshiro256** (Blackman and Vigna), seeded by
 * SplitMix64.
 */
struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);

uint64_t random_u64(struct random *random);

/* 0 <= x < 1, 53 bits. */
double random_unit(struct random *random);

/* 0 <= x < bound, without bias; `bound` is at least 1. */
uint64_t random_below(struct random *random, uint64_t bound);

/* Normal distribution with mean 0 and deviation 1. */
double random_gauss(struct random *random);
