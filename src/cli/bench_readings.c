/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_readings.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "grpc/framing.h"

/* Hundredths of a degree. */
#define MEAN  1500
#define CURVE 500.0
#define NOISE 10.0

static void fill_temperatures(struct bench_readings *readings) {
    struct random random;
    random_init(&random, 1);
    for (int i = 0; i < BENCH_MINUTES; i++)
        readings->curve[i] = (int)lround(CURVE * cos(2.0 * M_PI * i / BENCH_MINUTES));
    for (int i = 0; i < BENCH_NOISE; i++)
        readings->noise[i] = (int)lround(NOISE * random_gauss(&random));
}

int bench_readings_init(struct bench_readings *readings, uint64_t n_sensors) {
    uint32_t run;
    int r = random_bytes(&run, sizeof(run));
    if (r)
        return r;
    readings->ids = mem_alloc(n_sensors * sizeof(*readings->ids));
    if (!readings->ids)
        return -ENOMEM;
    readings->n_sensors = n_sensors;
    snprintf(readings->prefix, sizeof(readings->prefix), "bench-%08x-", run);
    for (uint64_t i = 0; i < n_sensors; i++)
        snprintf(readings->ids[i], BENCH_ID_SIZE, "bench-%08x-%u", run, (unsigned)i + 1);
    fill_temperatures(readings);
    return 0;
}

void bench_readings_fini(struct bench_readings *readings) {
    mem_freep(&readings->ids);
}

void bench_source_init(struct bench_source *source, const struct bench_readings *readings,
                       uint64_t stream, uint64_t n_streams) {
    *source = (struct bench_source){
        .readings = readings, .first = stream, .step = n_streams, .sensor = stream};
}

uint64_t bench_source_n_sensors(const struct bench_source *source) {
    return (source->readings->n_sensors - source->first + source->step - 1) / source->step;
}

/* The noise is drawn by a hash of sensor and second: a sensor's readings are its own. */
static double temperature_of(const struct bench_source *source) {
    const struct bench_readings *readings = source->readings;
    uint64_t draw = (source->sensor << 32 ^ source->second) * UINT64_C(0x9E3779B97F4A7C15);
    int hundredths = MEAN + (int)(source->sensor * 37 % 100) * 10 +
                     readings->curve[source->second / 60 % BENCH_MINUTES] +
                     readings->noise[draw >> 52];
    return hundredths / 100.0;
}

void bench_source_next(struct bench_source *source, struct reading *reading) {
    const char *id = source->readings->ids[source->sensor];
    *reading = (struct reading){
        .sensor_id = bytes_str(id),
        .temperature = temperature_of(source),
        .seconds = BENCH_START_S + (int64_t)source->second,
        .sequence = source->second + 1,
    };
    source->sensor += source->step;
    if (source->sensor < source->readings->n_sensors)
        return;
    source->sensor = source->first;
    source->second++;
}

uint8_t *bench_source_write(struct bench_source *source, size_t n, uint8_t *out) {
    struct reading reading;
    for (; n > 0; n--) {
        bench_source_next(source, &reading);
        uint8_t *end = reading_encode(&reading, out + GRPC_PREFIX_SIZE);
        grpc_framing_write_prefix(out, false, (size_t)(end - out) - GRPC_PREFIX_SIZE);
        out = end;
    }
    return out;
}
