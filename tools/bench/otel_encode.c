/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast spans become the bytes of an OTLP request:
 *
 *     ninja -C build tools/bench/otel_encode && nice build/tools/bench/otel_encode [ROUNDS]
 *
 * One thread; batches of 512 spans of one scope, each with four attributes as a server's call has
 * them, without and with an event. Time is the thread's own CPU time. Each line: the median, the
 * least and the most of all rounds, in millions of spans a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "otlp/encode.h"

enum {
    N_SPANS = 512,
    N_BATCHES = 400, /* a round: some 30 ms */
    MAX_ROUNDS = 1000,
};

static struct otel_kept_attribute attributes[4];
static struct otel_event event;
static struct otel_span_data data[N_SPANS];
static const struct otel_span_data *spans[N_SPANS];
static const struct otel_scope scope = {.name = {(const uint8_t *)"thermograph", 11},
                                        .version = {(const uint8_t *)"0.1.0", 5}};

static void die(const char *what) {
    fprintf(stderr, "otel_encode: %s\n", what);
    exit(1);
}

static void fill_attributes(void) {
    attributes[0].attribute = otel_attribute("rpc.system.name", otel_str("grpc"));
    attributes[1].attribute =
        otel_attribute("rpc.method", otel_str("SensorService/SendSingleReading"));
    attributes[2].attribute = otel_attribute("sensor.id", otel_str("boiler-17"));
    attributes[3].attribute = otel_attribute("readings", otel_integer(1));
    for (size_t i = 0; i < 3; i++)
        attributes[i].next = &attributes[i + 1];
}

static void fill_spans(void) {
    fill_attributes();
    event = (struct otel_event){.name = bytes_str("durable"), .time_ns = 1700000000000000900};
    for (size_t i = 0; i < N_SPANS; i++) {
        spans[i] = &data[i];
        data[i] = (struct otel_span_data){
            .scope = &scope,
            .context = {{{1, 2, 3}}, {{(uint8_t)i, (uint8_t)(i >> 8), 1}}, .flags = 1},
            .parent = {{9}},
            .kind = OTEL_KIND_SERVER,
            .name = bytes_str("SensorService/SendSingleReading"),
            .start_ns = 1700000000000000000 + i,
            .end_ns = 1700000000000001000 + i,
            .attributes = {&attributes[0], &attributes[3], 4, 0},
        };
    }
}

static void add_events(void) {
    for (size_t i = 0; i < N_SPANS; i++) {
        data[i].first_event = data[i].last_event = &event;
        data[i].n_events = 1;
    }
}

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Millions of spans a second. */
static double measure(struct buf *out) {
    const struct otel_batch batch = {.signal = OTEL_TRACES, .spans = spans, .n = N_SPANS};
    uint64_t begin = cpu_ns();
    for (size_t i = 0; i < N_BATCHES; i++) {
        buf_reset(out);
        if (otlp_encode(&batch, out))
            die("cannot encode");
    }
    return (double)N_SPANS * N_BATCHES * 1000.0 / (double)(cpu_ns() - begin);
}

static int number_order(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void report(const char *what, int n_rounds) {
    static double rates[MAX_ROUNDS];
    CLEANUP(buf_fini) struct buf out;
    buf_init(&out, 1 << 20);
    for (int i = 0; i < n_rounds; i++)
        rates[i] = measure(&out);
    qsort(rates, (size_t)n_rounds, sizeof(rates[0]), number_order);
    printf("encode, %s: %.2f (%.2f to %.2f) million spans a second, %.0f bytes a span\n", what,
           rates[n_rounds / 2], rates[0], rates[n_rounds - 1], (double)buf_len(&out) / N_SPANS);
}

int main(int argc, char **argv) {
    int n_rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 21;
    if (n_rounds < 1 || n_rounds > MAX_ROUNDS)
        die("ROUNDS: 1 to 1000");
    fill_spans();
    report("four attributes", n_rounds);
    add_events();
    report("four attributes, an event", n_rounds);
    return 0;
}
