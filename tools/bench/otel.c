/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What recording costs the thread that does it:
 *
 *     ninja -C build tools/bench/otel && nice build/tools/bench/otel [ROUNDS]
 *
 * A span is started, gets four attributes (two texts, two integers) and ends, and for an exporter
 * with OTLP's encoder is then the bytes that are sent; a log record has a body and two attributes.
 * "not sampled" and "disabled" make the same calls. A round records
 * N_BATCHES batches of 512 through the real SDK to an exporter that takes all at once; what the
 * batching costs, a thread of its own in a program, is measured apart. Time is the thread's own CPU
 * time. Each line: the median, the least and the most of all rounds, in nanoseconds a span or
 * record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "otel/sdk.h"
#include "otlp/encode.h"

enum {
    BATCH = 512,
    N_BATCHES = 400,
    N_EACH = BATCH * N_BATCHES,
    MAX_ROUNDS = 1000,
};

static void die(const char *what) {
    fprintf(stderr, "otel: %s\n", what);
    exit(1);
}

static uint64_t cpu_ns(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now))
        die("no clock");
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- an SDK whose exporter takes all at once ---- */

static size_t n_exported;

static void take_all(struct otel_exporter *exporter, const struct otel_batch *batch,
                     struct otel_export *export, uint64_t now_ns) {
    (void)exporter;
    n_exported += batch->n;
    otel_export_done(export, &(struct otel_export_outcome){0}, now_ns);
}

static void nothing(struct otel_exporter *exporter) {
    (void)exporter;
}

static void wake(void *user) {
    (void)user;
}

static const struct otel_exporter_ops takes_data = {"bench_exporter", take_all, nothing, nothing,
                                                    NULL};
static const struct otel_exporter_ops takes_otlp = {"bench_exporter", take_all, nothing, nothing,
                                                    &otlp_encoder};

static struct otel_sdk *sdk_new(enum otel_sampler_kind sampler,
                                const struct otel_exporter_ops *ops) {
    struct otel_exporter *exporters = calloc(2, sizeof(*exporters)); /* as long as the program */
    if (!exporters)
        die("no memory");
    exporters[0].ops = exporters[1].ops = ops;
    static const struct otel_batch_settings batches = {5 * NS_PER_S, 30 * NS_PER_S, 2048, BATCH};
    static const struct otel_limit_settings limits = {128, SIZE_MAX, 128, 128, 128, 128};
    const struct otel_settings settings = {.sampler = {.kind = sampler, .is_parent_based = true},
                                           .spans = batches,
                                           .logs = batches,
                                           .span_limits = limits,
                                           .log_limits = limits};
    const struct otel_sdk_options options = {
        .settings = &settings,
        .exporters = {[OTEL_TRACES] = &exporters[0], [OTEL_LOGS] = &exporters[1]},
        .wake = wake};
    struct otel_sdk *sdk;
    if (otel_sdk_new(&options, &sdk))
        die("no SDK");
    return sdk;
}

static const struct otel_scope scope = {.name = {(const uint8_t *)"bench", 5}};

/* ---- what is measured ---- */

static void record_span(void *tracer) {
    const struct otel_span_options options = {.name = bytes_str("sensor.v1.Sensors/StreamReadings"),
                                              .kind = OTEL_KIND_SERVER};
    struct otel_span span;
    otel_span_start(tracer, &options, &span);
    otel_span_set(&span, "rpc.system.name", otel_str("grpc"));
    otel_span_set(&span, "server.address", otel_str("collector.example.com"));
    otel_span_set(&span, "server.port", otel_integer(50051));
    otel_span_set(&span, "sensor.readings", otel_integer(17));
    otel_span_end(&span, 0);
}

/* What the caller does itself: it goes round, and says what a span is to be started with. */
static void record_nothing(void *tracer) {
    const struct otel_span_options options = {.name = bytes_str("sensor.v1.Sensors/StreamReadings"),
                                              .kind = OTEL_KIND_SERVER};
    struct otel_span span;
    __asm__ volatile("" : : "r"(&options), "r"(&span), "r"(tracer) : "memory");
}

/* The same below a parent that is not sampled. */
static void record_child(void *tracer) {
    static const struct otel_context parent = {.span = {{{1}}, {{2}}, .flags = 0}};
    struct otel_attached attached;
    otel_context_attach(&attached, &parent);
    record_span(tracer);
    otel_context_detach(&attached);
}

static void record_log(void *logger) {
    const struct otel_attribute attributes[] = {
        otel_attribute("sensor.id", otel_str("boiler-17")),
        otel_attribute("sensor.readings", otel_integer(17))};
    const struct otel_log_record record = {.severity = OTEL_INFO,
                                           .severity_text = bytes_str("INFO"),
                                           .body = otel_str("the sensor has come back after 3 s"),
                                           .attributes = attributes,
                                           .n_attributes = 2};
    otel_logger_emit(logger, &record);
}

struct times {
    double recording[MAX_ROUNDS], batching[MAX_ROUNDS];
};

static void run(struct otel_sdk *sdk, void (*record)(void *handle), void *handle,
                struct times *times, size_t round) {
    uint64_t recording_ns = 0, batching_ns = 0;
    for (size_t i = 0; i < N_BATCHES; i++) {
        uint64_t start_ns = cpu_ns();
        for (size_t k = 0; k < BATCH; k++)
            record(handle);
        uint64_t recorded_ns = cpu_ns();
        otel_sdk_turn(sdk, 0);
        batching_ns += cpu_ns() - recorded_ns;
        recording_ns += recorded_ns - start_ns;
    }
    times->recording[round] = (double)recording_ns / N_EACH;
    times->batching[round] = (double)batching_ns / N_EACH;
}

/* ---- report ---- */

static int order(const void *a, const void *b) {
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void report(const char *what, double *ns, size_t n) {
    qsort(ns, n, sizeof(*ns), order);
    printf("  %-36s %7.1f  (%.1f to %.1f) ns\n", what, ns[n / 2], ns[0], ns[n - 1]);
}

static void measure_spans(const char *what, const struct otel_exporter_ops *ops, size_t n_rounds) {
    static struct times times;
    struct otel_sdk *sdk = sdk_new(OTEL_ALWAYS_ON, ops);
    struct otel_tracer *tracer = otel_sdk_tracer(sdk, &scope);
    n_exported = 0;
    for (size_t i = 0; i < n_rounds; i++)
        run(sdk, record_span, tracer, &times, i);
    if (n_exported != n_rounds * N_EACH)
        die("spans were lost");
    report(what, times.recording, n_rounds);
    report("  batching, a span", times.batching, n_rounds);
    otel_sdk_free(sdk);
}

static void measure_not_sampled(size_t n_rounds) {
    static struct times roots, children;
    struct otel_sdk *sdk = sdk_new(OTEL_ALWAYS_OFF, &takes_data);
    struct otel_tracer *tracer = otel_sdk_tracer(sdk, &scope);
    for (size_t i = 0; i < n_rounds; i++) {
        run(sdk, record_span, tracer, &roots, i);
        run(sdk, record_child, tracer, &children, i);
    }
    report("span, not sampled, a root", roots.recording, n_rounds);
    report("span, not sampled, a child", children.recording, n_rounds);
    otel_sdk_free(sdk);
}

static void measure_disabled(size_t n_rounds) {
    static struct times times;
    for (size_t i = 0; i < n_rounds; i++)
        run(NULL, record_span, NULL, &times, i);
    report("span, disabled", times.recording, n_rounds);
    for (size_t i = 0; i < n_rounds; i++)
        run(NULL, record_nothing, NULL, &times, i);
    report("  the caller's own part of these", times.recording, n_rounds);
}

static void measure_logs(size_t n_rounds) {
    static struct times times;
    struct otel_sdk *sdk = sdk_new(OTEL_ALWAYS_ON, &takes_data);
    struct otel_logger *logger = otel_sdk_logger(sdk, &scope);
    n_exported = 0;
    for (size_t i = 0; i < n_rounds; i++)
        run(sdk, record_log, logger, &times, i);
    if (n_exported != n_rounds * N_EACH)
        die("records were lost");
    report("log record, two attributes", times.recording, n_rounds);
    report("  batching, a record", times.batching, n_rounds);
    otel_sdk_free(sdk);
}

int main(int argc, char **argv) {
    size_t n_rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 9;
    if (n_rounds < 1 || n_rounds > MAX_ROUNDS)
        die("ROUNDS is 1 to 1000");
    printf("spans and log records, one thread\n");
    measure_spans("span, four attributes", &takes_data, n_rounds);
    measure_spans("span, four attributes, as OTLP", &takes_otlp, n_rounds);
    measure_not_sampled(n_rounds);
    measure_disabled(n_rounds);
    measure_logs(n_rounds);
    return 0;
}
