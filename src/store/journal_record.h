/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "store/kept.h"

/*
 * How the readings of one commit are written into a journal record: bytes in, bytes out. Lossless
 * for every double, any seconds and nanos from 0 to 999,999,999.
 *
 * The payload is a row of entries, each with a tag byte in front:
 *
 *     0x80  the readings that follow are of another sensor: varint number
 *     0x81  a new sensor: varint number, varint length, its id
 *     less  a reading: bits 0-1 how its time follows, bit 2 how its sequence follows, bits 3-6 its
 *           temperature; then the bytes of the three, in this order
 *
 *     time         0  the step from the reading before is the same as the last step
 *                  1  the nanos of the step are the same: zigzag varint, change of its seconds
 *                  2  zigzag varint, change of the step in nanoseconds (steps below 2^32 s)
 *                  3  the step: zigzag varint seconds, varint nanos
 *     sequence     0  the step is the same as the last step
 *                  1  the step: zigzag varint
 *     temperature  0-12  that many decimals: zigzag varint, change of the units if the last such
 *                        reading had as many decimals, else the units
 *                  13    the double: 8 bytes, little-endian
 *                  14    the same bits as the reading before
 *
 * "Before" is the reading before in the record, whatever its sensor; before the first all is 0.
 */

/* From one time to the next: seconds + nanos / 10^9. */
struct journal_step {
    uint64_t seconds; /* modulo 2^64 */
    int32_t nanos;    /* 0 to 999,999,999 */
};

/* What both sides remember of the readings before. */
struct journal_trail {
    uint64_t number; /* of the sensor; JOURNAL_NO_SENSOR at the beginning */
    struct kept last;
    struct journal_step step;
    uint64_t step_sequence;
    int64_t units;
    unsigned decimals;
};

#define JOURNAL_NO_SENSOR UINT64_MAX

/* A reading that changes everything: its sensor 1 + 5, tag 1, time 10 + 5, sequence 10, units 10.
 */
#define JOURNAL_READING_MAX_BYTES 42

/* A sensor's entry beside its id. */
#define JOURNAL_SENSOR_MAX_BYTES 8

/* Room that is left free behind every entry, so that padding a record needs no memory. */
#define JOURNAL_PADDING_BYTES 8

struct journal_encoder {
    struct journal_trail trail;
    unsigned n_binary; /* readings in a row that were no decimals */
};

/* At the beginning of each record. */
void journal_encoder_init(struct journal_encoder *encoder);

/* Appends to `out`. 0, or -ENOMEM (no memory, or `out` is at its bound) and nothing has changed. */
MUST_USE int journal_encode_sensor(struct buf *out, uint32_t number, struct bytes id);
MUST_USE int journal_encode_reading(struct journal_encoder *encoder, struct buf *out,
                                    uint32_t number, const struct kept *reading);

struct journal_decoder {
    struct journal_trail trail;
    struct bytes rest;
};

struct journal_entry {
    bool is_sensor;
    uint32_t number;
    struct bytes id;     /* of a sensor; borrowed from the payload */
    struct kept reading; /* otherwise */
};

enum {
    JOURNAL_RECORD_E_END = 1,
};

/* Borrows the payload: any bytes. */
void journal_decoder_init(struct journal_decoder *decoder, struct bytes payload);

/* The next entry: 0, JOURNAL_RECORD_E_END, or -EBADMSG when this is no payload. */
MUST_USE int journal_decode(struct journal_decoder *decoder, struct journal_entry *entry);
