/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast readings are packed into chunks and unpacked, and how small they get:
 *
 *     ninja -C build tools/bench/bench_chunk && nice build/tools/bench/bench_chunk [ROUNDS]
 *
 * One thread; data sets A and B of the simulator (src/cli/generator.h), 1,000 sensors with 4,000
 * readings each. "in" appends in order of time, so each reading goes to another sensor's chunk than
 * the one before; "in, by sensor" appends one sensor after the other; "out" unpacks each chunk in
 * pages of 1,024. Time is the thread's own CPU time, so that others on the machine who take turns
 * with it are left out (those who share its caches are not). Each line: the median, the least and
 * the most of all rounds, in millions of readings a second. Every reading is compared once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/generator.h"
#include "store/chunk.h"

enum {
    N_SENSORS = 1000,
    N_EACH = 4000,
    N_READINGS = N_SENSORS * N_EACH,
    PAGE = 1024,
    MAX_ROUNDS = 1000,
};

struct entry {
    uint32_t sensor;
    struct kept reading;
};

struct bench {
    struct entry *by_time;
    struct entry *by_sensor;
    struct chunk chunks[N_SENSORS];
};

static void die(const char *what) {
    fprintf(stderr, "bench_chunk: %s\n", what);
    exit(1);
}

static void must(int r, const char *what) {
    if (r)
        die(what);
}

/* ---- data ---- */

static int sensor_order(const void *a, const void *b) {
    const struct entry *left = a, *right = b;
    if (left->sensor != right->sensor)
        return left->sensor < right->sensor ? -1 : 1;
    return stats_instant_compare(left->reading.time, right->reading.time);
}

static void generate(struct bench *bench, enum generator_set set, bool has_sequences) {
    struct generator_options options = {
        .set = set, .seed = 1, .n_sensors = N_SENSORS, .prefix = "s", .start_s = 1700000000};
    CLEANUP(generator_freep) struct generator *generator = NULL;
    must(generator_new(&options, &generator), "no memory");
    for (size_t i = 0; i < N_READINGS; i++) {
        struct reading reading;
        generator_next(generator, &reading);
        bench->by_time[i] = (struct entry){
            .sensor = (uint32_t)atol((const char *)reading.sensor_id.data + 2) - 1,
            .reading = {{reading.seconds, reading.nanos},
                        has_sequences ? reading.sequence : 0,
                        reading.temperature},
        };
    }
    memcpy(bench->by_sensor, bench->by_time, N_READINGS * sizeof(*bench->by_time));
    qsort(bench->by_sensor, N_READINGS, sizeof(*bench->by_sensor), sensor_order);
}

/* ---- what is measured ---- */

static void empty(struct bench *bench) {
    for (size_t i = 0; i < N_SENSORS; i++)
        chunk_fini(&bench->chunks[i]);
}

static uint64_t cpu_ns(void) {
    struct timespec now;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), "no clock");
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static double rate_of(uint64_t start_ns) {
    return N_READINGS * 1e3 / (double)(cpu_ns() - start_ns);
}

static double append_all(struct bench *bench, const struct entry *entries) {
    empty(bench);
    uint64_t start_ns = cpu_ns();
    for (size_t i = 0; i < N_READINGS; i++)
        must(chunk_append(&bench->chunks[entries[i].sensor], &entries[i].reading), "no append");
    return rate_of(start_ns);
}

static double read_all(const struct bench *bench) {
    static struct kept page[PAGE];
    uint64_t start_ns = cpu_ns();
    for (size_t i = 0; i < N_SENSORS; i++) {
        struct chunk_reader reader;
        struct chunk_mark end = chunk_end(&bench->chunks[i]);
        chunk_reader_init(&reader, chunk_bytes(&bench->chunks[i], end), end.n);
        for (uint32_t n = 1; n > 0;)
            must(chunk_read(&reader, page, PAGE, &n), "damaged");
    }
    return rate_of(start_ns);
}

static void compare_all(const struct bench *bench) {
    const struct entry *wanted = bench->by_sensor;
    for (size_t i = 0; i < N_SENSORS; i++) {
        struct chunk_reader reader;
        struct chunk_mark end = chunk_end(&bench->chunks[i]);
        chunk_reader_init(&reader, chunk_bytes(&bench->chunks[i], end), end.n);
        struct kept got;
        for (uint32_t n = 1;; wanted++) {
            must(chunk_read(&reader, &got, 1, &n), "damaged");
            if (n == 0)
                break;
            if (stats_instant_compare(got.time, wanted->reading.time) != 0 ||
                got.sequence != wanted->reading.sequence ||
                got.temperature != wanted->reading.temperature)
                die("what came out is not what went in");
        }
    }
}

/* ---- report ---- */

static int rate_order(const void *a, const void *b) {
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void report(const char *what, double *rates, size_t n) {
    qsort(rates, n, sizeof(*rates), rate_order);
    printf("  %-15s %7.1f  (%.1f to %.1f) million readings/s\n", what, rates[n / 2], rates[0],
           rates[n - 1]);
}

static void report_size(const struct bench *bench) {
    double bytes = 0, cap = 0;
    for (size_t i = 0; i < N_SENSORS; i++) {
        bytes += chunk_end(&bench->chunks[i]).n_bits / 8.0;
        cap += (double)(chunk_cap_bytes(&bench->chunks[i]) + sizeof(struct chunk));
    }
    printf("  %-15s %7.3f  bytes/reading; in memory %.3f\n", "size", bytes / N_READINGS,
           cap / N_READINGS);
}

static void measure(struct bench *bench, const char *name, size_t n_rounds) {
    static double in[MAX_ROUNDS], in_by_sensor[MAX_ROUNDS], out[MAX_ROUNDS];
    printf("%s\n", name);
    for (size_t i = 0; i < n_rounds; i++) {
        in_by_sensor[i] = append_all(bench, bench->by_sensor);
        in[i] = append_all(bench, bench->by_time);
        out[i] = read_all(bench);
    }
    compare_all(bench);
    report("in", in, n_rounds);
    report("in, by sensor", in_by_sensor, n_rounds);
    report("out", out, n_rounds);
    report_size(bench);
}

int main(int argc, char **argv) {
    static struct bench bench;
    size_t n_rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 9;
    if (n_rounds < 1 || n_rounds > MAX_ROUNDS)
        die("ROUNDS is 1 to 1000");
    bench.by_time = mem_new_array(struct entry, N_READINGS);
    bench.by_sensor = mem_new_array(struct entry, N_READINGS);
    if (!bench.by_time || !bench.by_sensor)
        die("no memory");
    printf("a chunk is %zu bytes without its heap memory\n", sizeof(struct chunk));
    generate(&bench, GENERATOR_A, true);
    measure(&bench, "A, with sequences that count all sensors' readings", n_rounds);
    generate(&bench, GENERATOR_B, false);
    measure(&bench, "B, without sequences", n_rounds);
    generate(&bench, GENERATOR_B, true);
    measure(&bench, "B, with sequences that count all sensors' readings", n_rounds);
    empty(&bench);
    mem_free(bench.by_time);
    mem_free(bench.by_sensor);
    return 0;
}
