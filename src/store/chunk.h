/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/kept.h"

/*
 * Readings of one sensor, packed bit by bit: about a byte for a reading every second with two
 * decimals. What comes out is bit for bit what went in, in the same order, -0.0 and times out of
 * order included. The format is told in chunk.c.
 *
 * Appending never changes what lies before: the first n readings of a chunk can be copied while it
 * grows, and are read by themselves.
 */

/* Readings in one chunk. The saving of a larger one is a tenth of a percent; reading one reading
 * means unpacking half a chunk, 40 us. */
#define CHUNK_MAX_READINGS 8192

/* Bytes of one chunk: no reading takes more than 32, whatever it is. Readings whose temperatures
 * have 53 random bits take a quarter of this, regular ones a thirtieth. */
#define CHUNK_MAX_BYTES (CHUNK_MAX_READINGS * 32)

/* Where a chunk ends for somebody who copies it. */
struct chunk_mark {
    uint32_t n;
    uint32_t n_bits;
};

enum {
    CHUNK_E_FULL = 1,    /* it holds CHUNK_MAX_READINGS; nothing was appended */
    CHUNK_E_DAMAGED = 2, /* these bytes are not a chunk of so many readings */
};

/* How the fields of a plain reading are written; chunk.c tells the meaning. */
struct chunk_format {
    uint8_t time_mode;
    uint8_t time_unit;
    uint8_t time_width; /* widths in bits, 0 to 64 */
    uint8_t sequence_width;
    uint8_t value_kind;
    uint8_t value_scale; /* decimal digits, or bits that are left out */
    uint8_t value_width;
    uint8_t n_field_bits; /* the sum of the widths */
};

/* What the next reading is told against: the same in him who writes and him who reads. */
struct chunk_past {
    int64_t seconds;
    uint64_t delta_ns; /* from the time before; two's complement, as is all that is a difference */
    uint64_t sequence;
    uint64_t step;  /* from the sequence before */
    uint64_t units; /* the last decimal temperature, a whole number at `scale` */
    uint64_t bits;  /* the last temperature that was kept as the bits of a double */
    int32_t nanos;
    uint16_t n; /* readings so far */
    uint8_t scale;
};

/* The last readings, seen for whether narrower fields would do. */
struct chunk_window {
    uint64_t max_delta_ns, max_change_ns; /* the second: the zigzag of how the delta changed */
    uint64_t max_sequence, max_value;     /* fields */
    uint16_t exception_at;                /* the last reading that was not plain */
    uint8_t n;
    uint8_t level;      /* it is 8 << level readings long */
    uint8_t time_unit;  /* the coarsest that all their deltas are multiples of */
    uint8_t value_fine; /* the scale that they need; of bits: how many of the highest */
    uint8_t strain;     /* how many exceptions there were lately, and how close together */
};

/* Readings of one sensor, packed. Private but for the functions below. */
struct chunk {
    uint8_t *data;
    uint32_t cap_bytes;
    uint32_t n_bits;
    struct chunk_past past;
    struct chunk_format format;
    struct chunk_window window;
};

/* A walk over packed readings. Private but for the functions below. */
struct chunk_reader {
    struct bytes packed;
    uint64_t at_bit;
    uint32_t n_left;
    struct chunk_past past;
    struct chunk_format format;
};

/* The heap memory of an empty chunk is 0 bytes; chunk_cap_bytes() tells it. Zeroed is empty. */
void chunk_fini(struct chunk *chunk);

/* 0, CHUNK_E_FULL or -ENOMEM; then nothing has changed. Any finite or other double and any time
 * whose nanos are 0..999,999,999 may come: a NaN's payload is kept as well. */
MUST_USE int chunk_append(struct chunk *chunk, const struct kept *reading);

/* Up to where it is filled. */
struct chunk_mark chunk_end(const struct chunk *chunk);

/* The bytes that hold the readings up to the mark; the last one's unused bits may be of the next
 * reading. Valid until the next append. */
struct bytes chunk_bytes(const struct chunk *chunk, struct chunk_mark mark);

size_t chunk_cap_bytes(const struct chunk *chunk);

/* Borrows the bytes; `n` is how many readings they hold. */
void chunk_reader_init(struct chunk_reader *reader, struct bytes packed, uint32_t n);

/* Goes on in a chunk that has grown since: the bytes hold `n` readings now, those that were read
 * already among them. */
void chunk_reader_extend(struct chunk_reader *reader, struct bytes packed, uint32_t n);

/* Unpacks the next `max` readings, or as many as are left, how many to `*n`; 0 of them is the end.
 * 0 or CHUNK_E_DAMAGED, when `*n` are those before the damage: never a crash, whatever the bytes
 * are. */
MUST_USE int chunk_read(struct chunk_reader *reader, struct kept *readings, uint32_t max,
                        uint32_t *n);

/* Unpacks all `n` readings at once; `readings` has room for them. 0 or CHUNK_E_DAMAGED. */
MUST_USE int chunk_unpack(struct bytes packed, uint32_t n, struct kept *readings);
