/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums in twice the precision of a double.
 *
 * With d the difference of a reading from the first one (the origin), kept are T, the sum of d, and
 * Q, the sum of d*d. Then mean = origin + T/n, and the squared deviations are Q - T*T/n. In plain
 * doubles that difference is infamous for cancelling; here it cannot hurt: the origin is itself one
 * of the readings, so the squared deviations are at least d_mean^2 while Q is at most about n times
 * that, and of the 106 bits that T and Q have no more than log2(n) are lost. In return adding a
 * reading needs no division, and merging is a change of origin. (Welford's and Chan's formulas do
 * with fewer bits and pay with a division a reading.)
 *
 * "Two doubles" is an unevaluated sum high + low with |low| at most half a unit in high's last
 * place; two_sum and two_product give the exact result of an operation in that form (Knuth; Dekker
 * 1971). They count on every operation being rounded by itself: the build forbids the compiler to
 * fuse multiplications with additions.
 *
 * Squares of differences above 2^480 or below 2^-400 would leave the range of a double together
 * with their low parts. Such sums are kept in other units, 2^scale; the unit follows the largest
 * difference, what gets lost at the other end is far below its last bit.
 */
#include "store/stats.h"

#include <math.h>

#define STATS_LARGE 0x1p480
#define STATS_SMALL 0x1p-400

struct twofold {
    double high, low;
};

static inline struct twofold two_sum(double a, double b) {
    double sum = a + b;
    double b_part = sum - a;
    return (struct twofold){sum, (a - (sum - b_part)) + (b - b_part)};
}

/* `a` is 0 or not the smaller one. */
static inline struct twofold two_sum_ordered(double a, double b) {
    double sum = a + b;
    return (struct twofold){sum, b - (sum - a)};
}

/* Cuts a double into two halves whose products are exact. */
static inline struct twofold halves(double a) {
    double shifted = 0x8000001p0 * a;
    double high = shifted - (shifted - a);
    return (struct twofold){high, a - high};
}

static inline struct twofold two_product(double a, double b) {
    double product = a * b;
    struct twofold x = halves(a), y = halves(b);
    double error = ((x.high * y.high - product) + x.high * y.low + x.low * y.high) + x.low * y.low;
    return (struct twofold){product, error};
}

static inline struct twofold twofold_add(struct twofold a, struct twofold b) {
    struct twofold high = two_sum(a.high, b.high);
    struct twofold low = two_sum(a.low, b.low);
    high = two_sum_ordered(high.high, high.low + low.high);
    return two_sum_ordered(high.high, high.low + low.low);
}

static inline struct twofold twofold_multiply(struct twofold a, struct twofold b) {
    struct twofold product = two_product(a.high, b.high);
    return two_sum_ordered(product.high, product.low + (a.high * b.low + a.low * b.high));
}

static struct twofold twofold_divide(struct twofold a, double b) {
    double quotient = a.high / b;
    struct twofold back = two_product(quotient, b);
    return two_sum_ordered(quotient, ((a.high - back.high) - back.low + a.low) / b);
}

void stats_init(struct stats *stats) {
    *stats = (struct stats){0};
}

static void stats_set_scale(struct stats *stats, int32_t scale) {
    int by = stats->scale - scale;
    if (by == 0)
        return;
    stats->sum = ldexp(stats->sum, by);
    stats->sum_low = ldexp(stats->sum_low, by);
    stats->squares = ldexp(stats->squares, 2 * by);
    stats->squares_low = ldexp(stats->squares_low, 2 * by);
    stats->scale = scale;
}

static int32_t scale_of(double difference) {
    double size = fabs(difference);
    if (size > STATS_LARGE)
        return STATS_SCALE;
    return size < STATS_SMALL ? -STATS_SCALE : 0;
}

/* Chooses units for the sums so far and one more difference, which is not 0. */
static void stats_make_room(struct stats *stats, double difference) {
    int32_t scale = scale_of(difference);
    if (stats->squares == 0 || scale > stats->scale)
        stats_set_scale(stats, scale);
}

static struct twofold scaled_difference(const struct stats *stats, double value) {
    return two_sum(ldexp(value, -stats->scale), -ldexp(stats->origin, -stats->scale));
}

/*
 * Adds without normalizing: the rounding errors gather in `low`, which may grow beyond a half unit
 * of `high` and is exact enough for that. So the next reading waits for one addition of this one
 * and not for eight in a row. Whoever reads the sums normalizes them.
 */
static inline struct twofold twofold_gather(struct twofold sum, struct twofold term) {
    struct twofold high = two_sum(sum.high, term.high);
    return (struct twofold){high.high, sum.low + (high.low + term.low)};
}

static inline void stats_add_difference(struct stats *stats, struct twofold difference) {
    struct twofold square = two_product(difference.high, difference.high);
    square.low += 2 * difference.high * difference.low;
    struct twofold sum = twofold_gather((struct twofold){stats->sum, stats->sum_low}, difference);
    struct twofold squares =
        twofold_gather((struct twofold){stats->squares, stats->squares_low}, square);
    stats->sum = sum.high;
    stats->sum_low = sum.low;
    stats->squares = squares.high;
    stats->squares_low = squares.low;
}

static inline void stats_add_value(struct stats *stats, double value) {
    struct twofold difference = two_sum(value, -stats->origin);
    if (difference.high == 0)
        return;
    double size = fabs(difference.high);
    if (size > STATS_LARGE || size < STATS_SMALL || stats->scale != 0) {
        stats_make_room(stats, difference.high);
        difference = scaled_difference(stats, value);
    }
    stats_add_difference(stats, difference);
}

void stats_add(struct stats *stats, struct stats_instant time, double temperature) {
    if (stats->count++ == 0) {
        stats->origin = stats->minimum = stats->maximum = stats->latest = temperature;
        stats->first = stats->last = time;
        return;
    }
    stats_add_value(stats, temperature);
    if (temperature < stats->minimum)
        stats->minimum = temperature;
    if (temperature > stats->maximum)
        stats->maximum = temperature;
    if (stats_instant_compare(time, stats->last) >= 0) {
        stats->last = time;
        stats->latest = temperature;
    } else if (stats_is_before(time, stats->first)) {
        stats->first = time;
    }
}

static struct twofold stats_sum(const struct stats *stats) {
    return two_sum(stats->sum, stats->sum_low);
}

static struct twofold stats_squares(const struct stats *stats) {
    return two_sum(stats->squares, stats->squares_low);
}

static int32_t larger_of(int32_t a, int32_t b) {
    return a > b ? a : b;
}

/* Units for the sums of both, seen from one origin. */
static int32_t common_scale(const struct stats *a, const struct stats *b, double distance) {
    if (a->squares == 0 && b->squares == 0 && distance == 0)
        return 0;
    int32_t scale = -STATS_SCALE;
    if (distance != 0)
        scale = larger_of(scale, scale_of(distance));
    if (a->squares != 0)
        scale = larger_of(scale, a->scale);
    if (b->squares != 0)
        scale = larger_of(scale, b->scale);
    return scale;
}

/*
 * With D the distance of the two origins and m readings in `other`: T grows by T' + m D, and Q by
 * Q' + 2 D T' + m D D.
 */
static void stats_merge_sums(struct stats *stats, const struct stats *other) {
    struct stats added = *other;
    int32_t scale = common_scale(stats, other, other->origin - stats->origin);
    stats_set_scale(stats, scale);
    stats_set_scale(&added, scale);

    struct twofold shift = scaled_difference(stats, other->origin);
    struct twofold shifts = twofold_multiply(shift, (struct twofold){(double)added.count, 0});
    struct twofold sum = stats_sum(&added), squares = stats_squares(&added);
    struct twofold twice = {2 * shift.high, 2 * shift.low};
    squares = twofold_add(squares, twofold_multiply(twice, sum));
    squares = twofold_add(squares, twofold_multiply(shifts, shift));
    squares = twofold_add(squares, stats_squares(stats));
    sum = twofold_add(twofold_add(sum, shifts), stats_sum(stats));
    stats->sum = sum.high;
    stats->sum_low = sum.low;
    stats->squares = squares.high;
    stats->squares_low = squares.low;
}

void stats_merge(struct stats *stats, const struct stats *other) {
    if (other->count == 0)
        return;
    if (stats->count == 0) {
        *stats = *other;
        return;
    }
    stats_merge_sums(stats, other);
    stats->count += other->count;
    stats->minimum = fmin(stats->minimum, other->minimum);
    stats->maximum = fmax(stats->maximum, other->maximum);
    if (stats_is_before(other->first, stats->first))
        stats->first = other->first;
    if (stats_instant_compare(other->last, stats->last) >= 0) {
        stats->last = other->last;
        stats->latest = other->latest;
    }
}

static struct twofold mean_difference(const struct stats *stats) {
    return twofold_divide(stats_sum(stats), (double)stats->count);
}

double stats_mean(const struct stats *stats) {
    struct twofold difference = mean_difference(stats);
    struct twofold mean = two_sum(ldexp(stats->origin, -stats->scale), difference.high);
    double rounded = ldexp(mean.high + (mean.low + difference.low), stats->scale);
    return fmin(fmax(rounded, stats->minimum), stats->maximum);
}

double stats_deviation(const struct stats *stats) {
    struct twofold excess = twofold_multiply(stats_sum(stats), mean_difference(stats));
    struct twofold squares =
        twofold_add(stats_squares(stats), (struct twofold){-excess.high, -excess.low});
    if (squares.high <= 0)
        return 0;
    return ldexp(sqrt(twofold_divide(squares, (double)stats->count).high), stats->scale);
}
