/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/*
 * A temperature reading, and the SensorReading message of proto/sensor.proto, coded by hand: it is
 * the one message that passes by the million. Its bytes are the ones that Google's protobuf writes.
 */
struct reading {
    struct bytes sensor_id; /* borrowed from the message or the store */
    double temperature;     /* degrees Celsius by custom */
    int64_t seconds;        /* since 1970-01-01 UTC */
    int32_t nanos;          /* 0..999,999,999 in a valid reading */
    uint64_t sequence;      /* 0: none */
};

enum {
    READING_E_MALFORMED = 1,
};

/* Wire bytes of a reading whose id has 128 bytes, the longest that is valid. */
enum {
    READING_MAX_SIZE = 192
};

/*
 * Unknown fields are skipped, of a repeated field the last counts. Says nothing about the rules of
 * a reading. The result borrows from `message`.
 */
MUST_USE int reading_decode(struct bytes message, struct reading *reading);

size_t reading_encoded_size(const struct reading *reading);

/* Writes reading_encoded_size() bytes at `out`; returns where the next byte goes. */
uint8_t *reading_encode(const struct reading *reading, uint8_t *out);
