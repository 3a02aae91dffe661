/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing names each member once, unpacking once more, in the same order; a member that is added to
 * struct stats is added to both and to is_sane(), and makes a new version of the file.
 */
#include "store/stats_packed.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define NANOS_A_SECOND 1000000000

static uint8_t *put_number(uint8_t *out, uint64_t value, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
    return out + n_bytes;
}

static uint8_t *put_double(uint8_t *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return put_number(out, bits, sizeof(bits));
}

static uint8_t *put_instant(uint8_t *out, struct stats_instant time) {
    out = put_number(out, (uint64_t)time.seconds, sizeof(time.seconds));
    return put_number(out, (uint32_t)time.nanos, sizeof(time.nanos));
}

void stats_pack(const struct stats *stats, uint8_t packed[STATS_PACKED_BYTES]) {
    uint8_t *out = put_number(packed, stats->count, sizeof(stats->count));
    out = put_double(out, stats->origin);
    out = put_double(out, stats->sum);
    out = put_double(out, stats->sum_low);
    out = put_double(out, stats->squares);
    out = put_double(out, stats->squares_low);
    out = put_number(out, (uint32_t)stats->scale, sizeof(stats->scale));
    out = put_double(out, stats->minimum);
    out = put_double(out, stats->maximum);
    out = put_instant(out, stats->first);
    out = put_instant(out, stats->last);
    out = put_double(out, stats->latest);
    assert(out == packed + STATS_PACKED_BYTES);
}

static uint64_t take_number(const uint8_t **in, size_t n_bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < n_bytes; i++)
        value |= (uint64_t)(*in)[i] << (8 * i);
    *in += n_bytes;
    return value;
}

static double take_double(const uint8_t **in) {
    uint64_t bits = take_number(in, sizeof(bits));
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static struct stats_instant take_instant(const uint8_t **in) {
    int64_t seconds = (int64_t)take_number(in, sizeof(seconds));
    return (struct stats_instant){seconds, (int32_t)take_number(in, sizeof(int32_t))};
}

static bool is_instant(struct stats_instant time) {
    return time.nanos >= 0 && time.nanos < NANOS_A_SECOND;
}

/* Comparisons with a NaN are false. */
static bool is_between(double value, const struct stats *stats) {
    return value >= stats->minimum && value <= stats->maximum;
}

static bool is_scale(int32_t scale) {
    return scale == 0 || scale == STATS_SCALE || scale == -STATS_SCALE;
}

static bool is_sane(const struct stats *stats) {
    return is_scale(stats->scale) && isfinite(stats->minimum) && isfinite(stats->maximum) &&
           is_between(stats->origin, stats) && is_between(stats->latest, stats) &&
           isfinite(stats->sum) && isfinite(stats->sum_low) && isfinite(stats->squares) &&
           isfinite(stats->squares_low) && stats->squares >= 0 && is_instant(stats->first) &&
           is_instant(stats->last) && stats_instant_compare(stats->first, stats->last) <= 0;
}

static bool is_all_zero(const uint8_t packed[STATS_PACKED_BYTES]) {
    static const uint8_t zeros[STATS_PACKED_BYTES];
    return memcmp(packed, zeros, sizeof(zeros)) == 0;
}

int stats_unpack(const uint8_t packed[STATS_PACKED_BYTES], struct stats *stats) {
    const uint8_t *in = packed;
    stats->count = take_number(&in, sizeof(stats->count));
    stats->origin = take_double(&in);
    stats->sum = take_double(&in);
    stats->sum_low = take_double(&in);
    stats->squares = take_double(&in);
    stats->squares_low = take_double(&in);
    stats->scale = (int32_t)take_number(&in, sizeof(stats->scale));
    stats->minimum = take_double(&in);
    stats->maximum = take_double(&in);
    stats->first = take_instant(&in);
    stats->last = take_instant(&in);
    stats->latest = take_double(&in);
    bool is_known = stats->count ? is_sane(stats) : is_all_zero(packed);
    return is_known ? 0 : STATS_E_NONSENSE;
}
