/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the span of a unary call costs a server, up to the bytes that are sent:
 *
 *     ninja -C build tools/bench/otel_call && nice build/tools/bench/otel_call [ROUNDS]
 *
 * It has nine attributes, six of them prepared, three events and a link, as the server records it.
 * A queue of 2048 is filled and then batched and encoded by the same thread: most of what it costs
 * is that so many spans are too large for the caches, and one that is encoded at once would not
 * show that. Time is the thread's own CPU time. Each line: the median, the least and the most of
 * all rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "otel/prepared.h"
#include "otel/sdk.h"
#include "otlp/encode.h"

enum {
    QUEUE = 2048,
    BATCH = 512,
    N_QUEUES = 100, /* a round: some 130 ms */
    MAX_ROUNDS = 1000,
};

static struct buf encoded;
static size_t n_exported;

static void die(const char *what) {
    fprintf(stderr, "otel_call: %s\n", what);
    exit(1);
}

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- an SDK that encodes ---- */

static void encode(struct otel_exporter *exporter, const struct otel_batch *batch,
                   struct otel_export *export, uint64_t now_ns) {
    (void)exporter;
    buf_reset(&encoded);
    if (otlp_encode(batch, &encoded))
        die("cannot encode");
    n_exported += batch->n;
    otel_export_done(export, &(struct otel_export_outcome){0}, now_ns);
}

static void nothing(struct otel_exporter *exporter) {
    (void)exporter;
}

static void wake(void *user) {
    (void)user;
}

static struct otel_sdk *sdk_new(void) {
    static const struct otel_exporter_ops ops = {"bench_exporter", encode, nothing, nothing,
                                                 &otlp_encoder};
    static struct otel_exporter exporter = {&ops};
    static const struct otel_settings settings = {
        .sampler = {.kind = OTEL_ALWAYS_ON},
        .spans = {5 * NS_PER_S, 30 * NS_PER_S, QUEUE, BATCH},
        .span_limits = {128, SIZE_MAX, 128, 128, 128, 128},
    };
    const struct otel_sdk_options options = {
        .settings = &settings, .exporters = {[OTEL_TRACES] = &exporter}, .wake = wake};
    struct otel_sdk *sdk;
    if (otel_sdk_new(&options, &sdk))
        die("no SDK");
    return sdk;
}

/* ---- what is measured ---- */

static void add_event(struct otel_span *span, const char *name, uint64_t time_ns, int64_t number) {
    const struct otel_attribute attributes[] = {
        otel_attribute("sequence-number", otel_integer(number)),
        otel_attribute("message-size", otel_integer(42)),
    };
    otel_span_event(span, name, time_ns, attributes, ARRAY_LEN(attributes));
}

/* What it has alike with others: of its method, and of its connection. */
static void prepare(struct otel_tracer *tracer, struct otel_prepared *prepared[2]) {
    const struct otel_attribute of_method[] = {
        otel_attribute("rpc.system.name", otel_str("grpc")),
        otel_attribute("rpc.method", otel_str("SensorService/SendSingleReading")),
    };
    const struct otel_attribute of_connection[] = {
        otel_attribute("server.address", otel_str("127.0.0.1")),
        otel_attribute("server.port", otel_integer(50051)),
        otel_attribute("network.peer.address", otel_str("127.0.0.1")),
        otel_attribute("network.peer.port", otel_integer(40312)),
    };
    prepared[0] = otel_prepared_new(tracer, of_method, ARRAY_LEN(of_method));
    prepared[1] = otel_prepared_new(tracer, of_connection, ARRAY_LEN(of_connection));
    if (!prepared[0] || !prepared[1])
        die("out of memory");
}

static void record_call(struct otel_tracer *tracer, struct otel_prepared *const prepared[2]) {
    static const struct otel_link_to commit = {.context = {{{1}}, {{2}}, .flags = 1}};
    const struct otel_span_options options = {.name = bytes_str("SensorService/SendSingleReading"),
                                              .kind = OTEL_KIND_SERVER,
                                              .start_ns = 1764000000000000000,
                                              .prepared =
                                                  (const struct otel_prepared *const *)prepared,
                                              .n_prepared = 2};
    struct otel_span span;
    otel_span_start(tracer, &options, &span);
    add_event(&span, "Inbound message", options.start_ns, 0);
    otel_span_set(&span, "sensor.id", otel_str("bench-17-12"));
    otel_span_set(&span, "sensor.readings", otel_integer(1));
    add_event(&span, "durable", 0, 1);
    otel_span_link(&span, &commit);
    add_event(&span, "Outbound message", options.start_ns + 1000, 0);
    otel_span_set(&span, "rpc.status_code", otel_str("OK"));
    otel_span_end(&span, options.start_ns + 1000);
}

struct times {
    double recording[MAX_ROUNDS], encoding[MAX_ROUNDS];
};

static void measure(struct otel_sdk *sdk, struct otel_tracer *tracer, struct times *times,
                    size_t round) {
    struct otel_prepared *prepared[2];
    prepare(tracer, prepared);
    uint64_t recording_ns = 0, encoding_ns = 0;
    for (size_t i = 0; i < N_QUEUES; i++) {
        uint64_t start_ns = cpu_ns();
        for (size_t k = 0; k < QUEUE; k++)
            record_call(tracer, prepared);
        uint64_t recorded_ns = cpu_ns();
        otel_sdk_turn(sdk, 0);
        encoding_ns += cpu_ns() - recorded_ns;
        recording_ns += recorded_ns - start_ns;
    }
    otel_prepared_free(prepared[0]);
    otel_prepared_free(prepared[1]);
    times->recording[round] = (double)recording_ns / (N_QUEUES * QUEUE);
    times->encoding[round] = (double)encoding_ns / (N_QUEUES * QUEUE);
}

static int order(const void *a, const void *b) {
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void report(const char *what, double *ns, size_t n) {
    qsort(ns, n, sizeof(*ns), order);
    printf("  %-36s %7.1f  (%.1f to %.1f) ns\n", what, ns[n / 2], ns[0], ns[n - 1]);
}

int main(int argc, char **argv) {
    static const struct otel_scope scope = {.name = {(const uint8_t *)"bench", 5}};
    static struct times times;
    size_t n_rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 9;
    if (n_rounds < 1 || n_rounds > MAX_ROUNDS)
        die("ROUNDS is 1 to 1000");
    buf_init(&encoded, 16 << 20);
    struct otel_sdk *sdk = sdk_new();
    for (size_t i = 0; i < n_rounds; i++)
        measure(sdk, otel_sdk_tracer(sdk, &scope), &times, i);
    if (n_exported != n_rounds * N_QUEUES * QUEUE)
        die("spans were lost");
    printf("the span of a unary call, nine attributes, three events and a link: %.0f bytes\n",
           (double)buf_len(&encoded) / BATCH);
    report("recording", times.recording, n_rounds);
    report("batching and encoding", times.encoding, n_rounds);
    buf_fini(&encoded);
    otel_sdk_free(sdk);
    return 0;
}
