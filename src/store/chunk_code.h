/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <math.h>

#include "store/chunk_impl.h"

/*
 * A reading as the fields of a format. Inline, for these are the inner loop of appending.
 */
struct chunk_coded {
    struct chunk_numbers numbers;
    uint64_t time, sequence, value; /* fields */
    uint64_t change_ns;             /* how the delta changed */
};

/* Further apart than this is written whole: so no delta, and no change of one, leaves an int64. */
#define CHUNK_FARTHEST_S (UINT64_C(1) << 32)

/* Units below this, so that adding a half to one is exact. */
#define CHUNK_MAX_UNITS 0x1p52

static inline bool chunk_fits(uint64_t field, unsigned width) {
    return width >= 64 || field >> width == 0;
}

static inline unsigned chunk_width_of(uint64_t field) {
    return field ? 64 - (unsigned)__builtin_clzll(field) : 0;
}

static inline bool chunk_divide(uint64_t ns, unsigned unit, uint64_t *units) {
    int64_t n = (int64_t)ns;
    switch (unit) {
    case 0:
        n /= (int64_t)NS_PER_S;
        break;
    case 1:
        n /= (int64_t)NS_PER_MS;
        break;
    case 2:
        n /= (int64_t)NS_PER_US;
        break;
    default:
        break;
    }
    *units = (uint64_t)n;
    return *units * chunk_unit_ns[unit] == ns;
}

/* False if they are too far apart. */
static inline bool chunk_delta(const struct chunk_past *past, struct stats_instant time,
                               uint64_t *delta_ns) {
    uint64_t seconds = (uint64_t)time.seconds - (uint64_t)past->seconds;
    *delta_ns = seconds * NS_PER_S + (uint64_t)(int64_t)(time.nanos - past->nanos);
    return seconds + CHUNK_FARTHEST_S <= 2 * CHUNK_FARTHEST_S;
}

/* The time field; false if the unit is too coarse. */
static inline bool chunk_code_time(const struct chunk_format *format, struct chunk_coded *coded) {
    if (format->time_mode == CHUNK_TIME_DELTA)
        return chunk_divide(coded->numbers.delta_ns, format->time_unit, &coded->time);
    coded->time = 0;
    if (coded->change_ns == 0)
        return true;
    uint64_t change;
    bool is_whole = chunk_divide(coded->change_ns, format->time_unit, &change);
    coded->time = chunk_zigzag(change);
    return is_whole;
}

static inline bool chunk_decimal_units(double value, unsigned scale, uint64_t *units) {
    double exact = value * chunk_tens[scale];
    *units = 0;
    if (!(fabs(exact) < CHUNK_MAX_UNITS))
        return false;
    *units = (uint64_t)(int64_t)(exact + copysign(0.5, exact));
    return chunk_bits_of(chunk_decimal(*units, scale)) == chunk_bits_of(value);
}

/* The value field; false if the value is none of these units. */
static inline bool chunk_code_value(const struct chunk_past *past,
                                    const struct chunk_format *format, double value,
                                    struct chunk_coded *coded) {
    bool is_exact;
    if (format->value_kind == CHUNK_VALUE_DECIMAL) {
        is_exact = chunk_decimal_units(value, format->value_scale, &coded->numbers.units);
    } else {
        coded->numbers.units = chunk_bits_of(value) >> format->value_scale;
        is_exact = coded->numbers.units << format->value_scale == chunk_bits_of(value);
    }
    coded->value = chunk_zigzag(coded->numbers.units - chunk_value_before(past, format));
    return is_exact;
}

/* Gives the fields that do not fit, as CHUNK_HAS_ bits; 0: all do. */
__attribute__((always_inline)) static inline unsigned chunk_code(const struct chunk_past *past,
                                                                 const struct chunk_format *format,
                                                                 const struct kept *reading,
                                                                 struct chunk_coded *coded) {
    unsigned lacking = 0;
    if (!chunk_delta(past, reading->time, &coded->numbers.delta_ns))
        lacking = CHUNK_HAS_TIME;
    coded->change_ns = coded->numbers.delta_ns - past->delta_ns;
    if (!chunk_code_time(format, coded) || !chunk_fits(coded->time, format->time_width))
        lacking = CHUNK_HAS_TIME;
    coded->numbers.step = reading->sequence - past->sequence;
    coded->sequence = chunk_zigzag(coded->numbers.step - past->step);
    if (!chunk_fits(coded->sequence, format->sequence_width))
        lacking |= CHUNK_HAS_SEQUENCE;
    if (!chunk_code_value(past, format, reading->temperature, coded) ||
        !chunk_fits(coded->value, format->value_width))
        lacking |= CHUNK_HAS_VALUE;
    return lacking;
}
