/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include <math.h>
#include <stddef.h>

#define SLOTS_OF_A_POWER (UINT64_C(1) << HISTOGRAM_BITS)
#define LARGEST          ((UINT64_C(1) << HISTOGRAM_MAX_POWER) - 1)

/* By how many bits a value is shortened; below 2 * SLOTS_OF_A_POWER each has a slot of its own. */
static unsigned shift_of(uint64_t value) {
    unsigned power = 63 - (unsigned)__builtin_clzll(value | SLOTS_OF_A_POWER);
    return power - HISTOGRAM_BITS;
}

static size_t slot_of(uint64_t value) {
    unsigned shift = shift_of(value);
    return shift * SLOTS_OF_A_POWER + (value >> shift);
}

/* The largest value of a slot. */
static uint64_t top_of(size_t slot) {
    if (slot < 2 * SLOTS_OF_A_POWER)
        return slot;
    uint64_t shift = slot / SLOTS_OF_A_POWER - 1;
    return ((slot - shift * SLOTS_OF_A_POWER + 1) << shift) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t value) {
    histogram->counts[slot_of(value < LARGEST ? value : LARGEST)]++;
    histogram->n++;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_add(struct histogram *histogram, const struct histogram *other) {
    for (size_t i = 0; i < HISTOGRAM_SLOTS; i++)
        histogram->counts[i] += other->counts[i];
    histogram->n += other->n;
    if (other->max > histogram->max)
        histogram->max = other->max;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->n), seen = 0;
    for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && seen >= wanted)
            return top_of(i) < histogram->max ? top_of(i) : histogram->max;
    }
    return histogram->max;
}
