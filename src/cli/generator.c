/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data set A walks through all sensors, second by second. Data set B has a binary heap of all
 * sensors, ordered by the time of their next reading; equal times go by the sensors' numbers, so
 * that the order is the same everywhere.
 */
#include "cli/generator.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    DAY_S = 86400,
    WARMEST_S = 15 * 3600,
    GENERATOR_MAX_ID = 128,
};

#define CURVE_DEGREES 5.0
#define NOISE_DEGREES 0.1

/* A sensor's next reading. */
struct due {
    uint64_t at_ns; /* after the start */
    uint64_t sensor;
    uint64_t sequence;
};

struct generator {
    struct generator_options options;
    struct random random;
    uint64_t n_given; /* data set A only */
    struct due *heap; /* data set B only */
    char id[GENERATOR_MAX_ID];
};

/* 15.0 to 24.9 degrees, the same for a sensor whatever the seed. */
static double mean_of(uint64_t sensor) {
    return 15.0 + (double)(sensor * 37 % 100) / 10.0;
}

double generator_temperature(struct random *random, uint64_t sensor, struct moment time) {
    int64_t second = (time.seconds % DAY_S + DAY_S) % DAY_S - WARMEST_S;
    double curve = CURVE_DEGREES * cos(2.0 * M_PI * (double)second / DAY_S);
    double exact = mean_of(sensor) + curve + NOISE_DEGREES * random_gauss(random);
    /* A whole number of hundredths divided by 100 is the double nearest to the decimal. */
    return nearbyint(exact * 100.0) / 100.0;
}

/* ---- data set B ---- */

static bool comes_before(const struct due *a, const struct due *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sensor < b->sensor;
}

/* Lets the element at `i` sink until both below come after it. */
static void heap_sink(struct due *heap, size_t n, size_t i) {
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
            if (comes_before(&heap[child], &heap[least]))
                least = child;
        if (least == i)
            return;
        struct due other = heap[least];
        heap[least] = heap[i];
        heap[i] = other;
        i = least;
    }
}

static uint64_t draw_interval_ns(struct random *random) {
    return NS_PER_S + random_below(random, 9 * NS_PER_S + 1);
}

static int fill_heap(struct generator *generator) {
    size_t n = generator->options.n_sensors;
    generator->heap = mem_new_array(struct due, n);
    if (!generator->heap)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        generator->heap[i] = (struct due){draw_interval_ns(&generator->random), i, 1};
    for (size_t i = n / 2; i-- > 0;)
        heap_sink(generator->heap, n, i);
    return 0;
}

static struct due take_due(struct generator *generator) {
    struct due due = generator->heap[0];
    generator->heap[0].at_ns += draw_interval_ns(&generator->random);
    generator->heap[0].sequence++;
    heap_sink(generator->heap, generator->options.n_sensors, 0);
    return due;
}

/* ---- both ---- */

int generator_new(const struct generator_options *options, struct generator **out) {
    CLEANUP(generator_freep) struct generator *generator = mem_new(struct generator);
    if (!generator)
        return -ENOMEM;
    generator->options = *options;
    random_init(&generator->random, options->seed);
    int r = options->set == GENERATOR_B ? fill_heap(generator) : 0;
    if (r)
        return r;
    *out = STEAL(generator);
    return 0;
}

void generator_free(struct generator *generator) {
    if (!generator)
        return;
    mem_free(generator->heap);
    mem_free(generator);
}

void generator_freep(struct generator **generator) {
    generator_free(*generator);
}

static struct due next_due(struct generator *generator) {
    if (generator->options.set == GENERATOR_B)
        return take_due(generator);
    uint64_t round = generator->n_given / generator->options.n_sensors;
    uint64_t sensor = generator->n_given++ % generator->options.n_sensors;
    return (struct due){round * NS_PER_S, sensor, round + 1};
}

void generator_next(struct generator *generator, struct reading *reading) {
    struct due due = next_due(generator);
    struct moment time = moment_of_ns(due.at_ns);
    time.seconds += generator->options.start_s;
    int len = snprintf(generator->id, sizeof(generator->id), "%s-%llu", generator->options.prefix,
                       (unsigned long long)due.sensor + 1);
    *reading = (struct reading){
        .sensor_id = bytes_of(generator->id, (size_t)len),
        .temperature = generator_temperature(&generator->random, due.sensor, time),
        .seconds = time.seconds,
        .nanos = time.nanos,
        .sequence = due.sequence,
    };
}
