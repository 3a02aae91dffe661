/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct stats_instant {
    int64_t seconds; /* since 1970-01-01 UTC */
    int32_t nanos;
};

/* Negative, 0 or positive, as `a` is before, at or after `b`. */
static inline int stats_instant_compare(struct stats_instant a, struct stats_instant b) {
    if (a.seconds != b.seconds)
        return a.seconds < b.seconds ? -1 : 1;
    return (a.nanos > b.nanos) - (a.nanos < b.nanos);
}

static inline bool stats_is_before(struct stats_instant a, struct stats_instant b) {
    return stats_instant_compare(a, b) < 0;
}

/* The next one; there is none behind the end of time. */
static inline struct stats_instant stats_instant_after(struct stats_instant time) {
    if (time.nanos < 999999999)
        return (struct stats_instant){time.seconds, time.nanos + 1};
    return (struct stats_instant){time.seconds + 1, 0};
}

/* Exponent of the other units that sums may be kept in. */
#define STATS_SCALE 600

/*
 * Running statistics of readings: count, mean, standard deviation, range, first, last, latest.
 *
 * Readings are added one at a time, and two sets can be merged; the order makes no difference
 * beyond the last digits. Kept are sums of the differences from the first reading and of their
 * squares, each as an unevaluated sum of two doubles, so a large common offset (1e15 and a noise of
 * 0.1) costs no digits. Any finite double may come, 1e308 and its opposite among them: nothing
 * overflows on the way to a result that fits.
 */
struct stats {
    uint64_t count;
    double origin;               /* the reading that was added first */
    double sum, sum_low;         /* of all differences from it, times 2^-scale */
    double squares, squares_low; /* of all squared differences, times 2^(-2 scale) */
    int32_t scale; /* 0; STATS_SCALE or -STATS_SCALE when squares would leave a double's range */
    double minimum, maximum;
    struct stats_instant first, last;
    double latest; /* temperature at `last`; of equal times the one that was added last */
};

/* No reading yet. */
void stats_init(struct stats *stats);

/* `temperature` is finite. */
void stats_add(struct stats *stats, struct stats_instant time, double temperature);

/* Adds all of `other`, as if its readings had been added after those of `stats`. */
void stats_merge(struct stats *stats, const struct stats *other);

/* Of at least one reading. */
double stats_mean(const struct stats *stats);

/* The root of the mean squared deviation (of the whole population). Of at least one reading. */
double stats_deviation(const struct stats *stats);
