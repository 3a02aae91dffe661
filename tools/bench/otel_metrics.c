/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a measurement costs the thread that makes it:
 *
 *     ninja -C build tools/bench/otel_metrics && nice build/tools/bench/otel_metrics [ROUNDS]
 *
 * One thread measures bound series; "two threads" lets a second one measure the same series
 * meanwhile, and "collected" a third one collect without pause. Time is the thread's own CPU time,
 * so that others on the machine who take turns with it are left out (those who share its caches are
 * not). Each line: the median, the least and the most of all rounds, in nanoseconds a measurement.
 * At the end every sum is compared with what was measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/thread.h"
#include "otel/metering.h"

enum {
    N_VALUES = 4096,
    N_EACH = 1024 * N_VALUES,
    MAX_ROUNDS = 1000,
};

struct bench {
    struct otel_metering *metering;
    struct otel_series *counter, *numbers, *histogram, *gauge;
    double values[N_VALUES];
    const struct otel_context *context;
    _Atomic uint64_t n_rounds; /* of counter and histogram, on all threads */
    _Atomic bool is_over;
};

static void must(int r, const char *what) {
    if (r == 0)
        return;
    fprintf(stderr, "otel_metrics: %s\n", what);
    exit(1);
}

/* ---- what is measured ---- */

static void add_nothing(struct bench *bench) {
    struct otel_series *volatile none = NULL;
    (void)bench;
    for (int i = 0; i < N_EACH; i++)
        otel_series_add(none, i);
}

static void record_nothing(struct bench *bench) {
    struct otel_series *volatile none = NULL;
    for (int i = 0; i < N_EACH; i++)
        otel_series_record(none, bench->values[i % N_VALUES], bench->context);
}

static void add(struct bench *bench) {
    for (int i = 0; i < N_EACH; i++)
        otel_series_add(bench->counter, 1);
    bench->n_rounds++;
}

static void add_numbers(struct bench *bench) {
    for (int i = 0; i < N_EACH; i++)
        otel_series_add_number(bench->numbers, 0.5);
}

static void record(struct bench *bench) {
    for (int i = 0; i < N_EACH; i++)
        otel_series_record(bench->histogram, bench->values[i % N_VALUES], bench->context);
}

static void add_and_record(struct bench *bench) {
    add(bench);
    record(bench);
}

static void set(struct bench *bench) {
    for (int i = 0; i < N_EACH; i++)
        otel_series_set(bench->gauge, i);
}

/* ---- others meanwhile ---- */

static void *measure_meanwhile(void *arg) {
    struct bench *bench = arg;
    while (!bench->is_over)
        add_and_record(bench);
    return NULL;
}

static void *collect_meanwhile(void *arg) {
    struct bench *bench = arg;
    const struct otel_metrics *metrics;
    while (!bench->is_over) {
        must(otel_metering_collect(bench->metering, clock_wall_ns(), &metrics), "no memory");
        otel_metering_end(bench->metering);
    }
    return NULL;
}

/* ---- report ---- */

static uint64_t cpu_ns(void) {
    struct timespec now;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), "no clock");
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int cost_order(const void *a, const void *b) {
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void time_it(struct bench *bench, const char *what, void (*run)(struct bench *bench),
                    size_t n_rounds) {
    static double costs[MAX_ROUNDS];
    for (size_t i = 0; i < n_rounds; i++) {
        uint64_t start_ns = cpu_ns();
        run(bench);
        costs[i] = (double)(cpu_ns() - start_ns) / N_EACH;
    }
    qsort(costs, n_rounds, sizeof(*costs), cost_order);
    printf("  %-34s %6.1f  (%.1f to %.1f) ns\n", what, costs[n_rounds / 2], costs[0],
           costs[n_rounds - 1]);
}

static void time_beside(struct bench *bench, const char *what, thread_fn other, size_t n_rounds) {
    pthread_t thread;
    bench->is_over = false;
    must(thread_start(&thread, "other", other, bench), "no thread");
    time_it(bench, what, add_and_record, n_rounds);
    bench->is_over = true;
    must(pthread_join(thread, NULL), "no join");
}

/* ---- the bench ---- */

static struct otel_series *make(struct otel_meter *meter, const char *name,
                                enum otel_instrument_kind kind, bool is_integer) {
    const struct otel_instrument_options options = {
        .kind = kind, .is_integer = is_integer, .name = name};
    struct otel_instrument *instrument;
    must(otel_instrument_new(meter, &options, &instrument), "no instrument");
    return otel_series_of(instrument, NULL, 0);
}

static void start(struct bench *bench, enum otel_exemplar_filter exemplars) {
    const struct otel_metering_options options = {.exemplars = exemplars};
    const struct otel_scope scope = {.name = bytes_str("bench")};
    *bench = (struct bench){.context = &otel_context_none};
    must(otel_metering_new(&options, &bench->metering), "no metering");
    struct otel_meter *meter = otel_metering_meter(bench->metering, &scope);
    bench->counter = make(meter, "counter", OTEL_COUNTER, true);
    bench->numbers = make(meter, "numbers", OTEL_COUNTER, false);
    bench->histogram = make(meter, "histogram", OTEL_HISTOGRAM, false);
    bench->gauge = make(meter, "gauge", OTEL_GAUGE, true);
    struct random random;
    random_init(&random, 1);
    for (size_t i = 0; i < N_VALUES; i++) /* in all buckets alike */
        bench->values[i] = (double)random_below(&random, UINT64_C(1) << random_below(&random, 14));
}

static void finish(struct bench *bench) {
    const struct otel_metrics *metrics;
    must(otel_metering_collect(bench->metering, clock_wall_ns(), &metrics), "no memory");
    for (size_t i = 0; metrics->n_scopes && i < metrics->scopes->n_metrics; i++) {
        const struct otel_metric *metric = &metrics->scopes->metrics[i];
        uint64_t wanted = bench->n_rounds * N_EACH;
        if (strcmp(metric->name, "counter") == 0)
            must(metric->points->integer != (int64_t)wanted, "the counter has lost something");
        if (strcmp(metric->name, "histogram") == 0)
            must(metric->points->histogram.count != wanted, "the histogram has lost something");
    }
    otel_metering_end(bench->metering);
    otel_metering_free(bench->metering);
}

static void measure_without_exemplars(size_t n_rounds) {
    struct bench bench;
    start(&bench, OTEL_EXEMPLARS_TRACE_BASED);
    printf("metrics, outside a sampled span\n");
    time_it(&bench, "nothing: add to no series", add_nothing, n_rounds);
    time_it(&bench, "nothing: record in no series", record_nothing, n_rounds);
    time_it(&bench, "add, numbers", add_numbers, n_rounds);
    time_it(&bench, "set a gauge", set, n_rounds);
    time_it(&bench, "add and record", add_and_record, n_rounds);
    time_beside(&bench, "add and record, two threads", measure_meanwhile, n_rounds);
    time_beside(&bench, "add and record, collected", collect_meanwhile, n_rounds);
    finish(&bench);
}

static void measure_alone(enum otel_exemplar_filter exemplars, const struct otel_context *context,
                          size_t n_rounds) {
    struct otel_attached attached;
    struct bench bench;
    start(&bench, exemplars);
    bench.context = context;
    otel_context_attach(&attached, context);
    time_it(&bench, "add", add, n_rounds);
    time_it(&bench, "record", record, n_rounds);
    otel_context_detach(&attached);
    finish(&bench);
}

int main(int argc, char **argv) {
    size_t n_rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 9;
    must(n_rounds < 1 || n_rounds > MAX_ROUNDS, "ROUNDS is 1 to 1000");
    struct otel_context sampled = {0};
    sampled.span.flags = OTEL_FLAG_SAMPLED;
    sampled.span.trace_id.bytes[0] = sampled.span.span_id.bytes[0] = 1;
    measure_without_exemplars(n_rounds);
    measure_alone(OTEL_EXEMPLARS_TRACE_BASED, &otel_context_none, n_rounds);
    printf("metrics, inside a sampled span\n");
    measure_alone(OTEL_EXEMPLARS_TRACE_BASED, &sampled, n_rounds);
    return 0;
}
