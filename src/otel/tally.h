/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <math.h>

#include "otel/bucket_index.h"
#include "otel/metric.h"

/*
 * What has been measured of one series, by one thread or by all: an array of words, of a shape that
 * the instrument's kind gives.
 *
 *     counters    value
 *     gauge       time of setting (0: never), value
 *     histogram   sum, least, most, counts of the buckets
 *
 * A histogram has no word for its count: it is the sum of the buckets' counts and so never differs
 * from them.
 *
 * One thread writes a tally, another one may read it meanwhile (cell.h). So words are written with
 * release and read by others with acquire, in this order; both cost nothing on x86. They are plain
 * words under atomic built-ins, since the tallies that nobody else sees are the same.
 */
struct tally_shape {
    enum otel_instrument_kind kind;
    bool is_integer;
    const double *bounds;
    size_t n_bounds;
    struct bucket_index index; /* of the bounds */
};

/* One value, as it comes in. */
struct measurement {
    union {
        int64_t integer;
        double number;
    };
    uint64_t time_ns; /* of gauges: monotonic */
};

/* The value as the shape keeps it. False: it is not to be counted, since it is negative for a sum
 * that only grows, or not finite, or a number where integers are. */
static inline bool measurement_of_integer(const struct tally_shape *shape, int64_t value,
                                          struct measurement *measurement) {
    if (shape->is_integer)
        measurement->integer = value;
    else
        measurement->number = (double)value;
    return value >= 0 || shape->kind != OTEL_COUNTER;
}

static inline bool measurement_of_number(const struct tally_shape *shape, double value,
                                         struct measurement *measurement) {
    measurement->number = value;
    return !shape->is_integer && isfinite(value) && (value >= 0 || shape->kind != OTEL_COUNTER);
}

static inline bool is_sum(const struct tally_shape *shape) {
    return shape->kind == OTEL_COUNTER || shape->kind == OTEL_UP_DOWN_COUNTER;
}

enum {
    TALLY_GAUGE_TIME = 0,
    TALLY_GAUGE_VALUE = 1,
    TALLY_SUM = 0,
    TALLY_MIN = 1,
    TALLY_MAX = 2,
    TALLY_COUNTS = 3,
};

static inline uint64_t word_of_number(double number) {
    uint64_t word;
    memcpy(&word, &number, sizeof(word));
    return word;
}

static inline double number_of_word(uint64_t word) {
    double number;
    memcpy(&number, &word, sizeof(number));
    return number;
}

static inline uint64_t word_read(const uint64_t *word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void word_write(uint64_t *word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void word_write_number(uint64_t *word, double number) {
    word_write(word, word_of_number(number));
}

size_t tally_n_words(const struct tally_shape *shape);

/* Nothing has been measured. */
void tally_clear(const struct tally_shape *shape, uint64_t *words);

/* Adds what `from` holds to `into`; of gauges the later one stays. */
void tally_merge(const struct tally_shape *shape, uint64_t *into, const uint64_t *from);

/* Of a histogram. */
uint64_t tally_count(const struct tally_shape *shape, const uint64_t *words);

/* A sum's. */
static inline void tally_add(const struct tally_shape *shape, uint64_t *words,
                             struct measurement measurement) {
    if (shape->is_integer)
        word_write(words, words[0] + (uint64_t)measurement.integer);
    else
        word_write_number(words, number_of_word(words[0]) + measurement.number);
}

/* A histogram's; finite. Returns its bucket. */
static inline size_t tally_record(const struct tally_shape *shape, uint64_t *words, double number) {
    size_t bucket = bucket_index_find(&shape->index, number);
    word_write_number(&words[TALLY_SUM], number_of_word(words[TALLY_SUM]) + number);
    if (number < number_of_word(words[TALLY_MIN]))
        word_write_number(&words[TALLY_MIN], number);
    if (number > number_of_word(words[TALLY_MAX]))
        word_write_number(&words[TALLY_MAX], number);
    word_write(&words[TALLY_COUNTS + bucket], words[TALLY_COUNTS + bucket] + 1);
    return bucket;
}

/* `words` are written by this thread only. Returns the place of an exemplar: of a histogram the
 * bucket, otherwise 0. */
static inline size_t tally_measure(const struct tally_shape *shape, uint64_t *words,
                                   struct measurement measurement) {
    switch (shape->kind) {
    case OTEL_COUNTER:
    case OTEL_UP_DOWN_COUNTER:
        tally_add(shape, words, measurement);
        return 0;
    case OTEL_GAUGE:
        word_write(&words[TALLY_GAUGE_TIME], measurement.time_ns);
        word_write(&words[TALLY_GAUGE_VALUE], (uint64_t)measurement.integer);
        return 0;
    case OTEL_HISTOGRAM:
        return tally_record(shape, words, measurement.number);
    }
    return 0;
}
