/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "store/chunk.h"

/*
 * What the writing and the reading half of a chunk share: the numbers of the format, and how a
 * reading becomes the past of the next one. The format is told in chunk.c.
 *
 * All differences are taken modulo 2^64, so that none of them overflows and every one can be
 * undone.
 */
enum chunk_time_mode {
    CHUNK_TIME_CHANGE, /* zigzag of delta minus the delta before */
    CHUNK_TIME_DELTA,
    CHUNK_TIME_WHOLE, /* 64 bits of seconds, 30 of nanos; it never stays */
};

enum chunk_value_kind {
    CHUNK_VALUE_DECIMAL, /* units of 10^-scale */
    CHUNK_VALUE_BITS,    /* a double's 64 bits without the lowest `scale`, which are zero */
};

enum chunk_how {
    CHUNK_ONCE,       /* this reading has formats of its own, and those fields are no past */
    CHUNK_ONCE_MOVED, /* the same, but they are the past of the next reading */
    CHUNK_FROM_NOW,   /* the formats stay */
};

/* Which fields have a format of their own. */
enum {
    CHUNK_HAS_TIME = 1,
    CHUNK_HAS_SEQUENCE = 2,
    CHUNK_HAS_VALUE = 4,
};

enum {
    CHUNK_HEAD_BITS = 6, /* the control bit, how (2), has (3) */
    CHUNK_MODE_BITS = 2,
    CHUNK_UNIT_BITS = 2,
    CHUNK_KIND_BITS = 1,
    CHUNK_SCALE_BITS = 6,
    CHUNK_WIDTH_BITS = 7,
    CHUNK_SECONDS_BITS = 64,
    CHUNK_NANOS_BITS = 30,
    CHUNK_MAX_UNIT = 3,  /* seconds, milliseconds, microseconds, nanoseconds */
    CHUNK_MAX_SCALE = 9, /* digits after the point; what has more is kept as bits */
    CHUNK_WORD_BITS = 57 /* so many can be had from 8 bytes, wherever they start */
};

static const uint64_t chunk_unit_ns[CHUNK_MAX_UNIT + 1] = {NS_PER_S, NS_PER_MS, NS_PER_US, 1};

/* 10^scale. */
static const double chunk_tens[CHUNK_MAX_SCALE + 1] = {1e0, 1e1, 1e2, 1e3, 1e4,
                                                       1e5, 1e6, 1e7, 1e8, 1e9};

static inline uint64_t chunk_zigzag(uint64_t difference) {
    return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}

static inline uint64_t chunk_unzigzag(uint64_t field) {
    return field >> 1 ^ -(field & 1);
}

static inline uint64_t chunk_bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline double chunk_double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* The double nearest to the decimal: division rounds correctly. */
static inline double chunk_decimal(uint64_t units, unsigned scale) {
    return (double)(int64_t)units / chunk_tens[scale];
}

/* The same decimal at another scale; a coarser one drops digits. */
static inline uint64_t chunk_rescale(uint64_t units, unsigned from, unsigned to) {
    if (to >= from)
        return units * (uint64_t)chunk_tens[to - from];
    return (uint64_t)((int64_t)units / (int64_t)chunk_tens[from - to]);
}

/* What a value field is told against. */
static inline uint64_t chunk_value_before(const struct chunk_past *past,
                                          const struct chunk_format *format) {
    if (format->value_kind == CHUNK_VALUE_BITS)
        return past->bits >> format->value_scale;
    if (past->scale == format->value_scale)
        return past->units;
    return chunk_rescale(past->units, past->scale, format->value_scale);
}

/* The head of a reading that is not plain. */
struct chunk_head {
    uint8_t how;
    uint8_t has;
    struct chunk_format format; /* of this reading; `time_mode` may be CHUNK_TIME_WHOLE */
};

/* A reading in whole numbers; `units` as the value's kind and scale have them. */
struct chunk_numbers {
    uint64_t delta_ns;
    uint64_t step;
    uint64_t units;
};

static inline bool chunk_head_moves(const struct chunk_head *head, unsigned field) {
    return head->how != CHUNK_ONCE || !(head->has & field);
}

static inline void chunk_format_sum(struct chunk_format *format) {
    format->n_field_bits =
        (uint8_t)(format->time_width + format->sequence_width + format->value_width);
}

/* The control bit, and what goes before the fields. */
static inline unsigned chunk_head_bits(const struct chunk_head *head) {
    unsigned bits = head->has ? CHUNK_HEAD_BITS : 1;
    if (head->has & CHUNK_HAS_TIME) {
        bits += CHUNK_MODE_BITS;
        if (head->format.time_mode != CHUNK_TIME_WHOLE)
            bits += CHUNK_UNIT_BITS + CHUNK_WIDTH_BITS;
    }
    if (head->has & CHUNK_HAS_SEQUENCE)
        bits += CHUNK_WIDTH_BITS;
    if (head->has & CHUNK_HAS_VALUE)
        bits += CHUNK_KIND_BITS + CHUNK_SCALE_BITS + CHUNK_WIDTH_BITS;
    return bits;
}

static inline unsigned chunk_fields_bits(const struct chunk_format *format) {
    const bool is_whole = format->time_mode == CHUNK_TIME_WHOLE;
    unsigned time = is_whole ? CHUNK_SECONDS_BITS + CHUNK_NANOS_BITS : format->time_width;
    return time + format->sequence_width + format->value_width;
}

/* Makes the reading the past. */
void chunk_past_move(struct chunk_past *past, const struct chunk_head *head,
                     const struct chunk_numbers *numbers, const struct kept *reading);

/* Takes over what stays of a head. */
void chunk_format_move(struct chunk_format *format, const struct chunk_head *head);
