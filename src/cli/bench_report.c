/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_report.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

enum {
    MAX_LINES = 24,
    MAX_VALUE = 32,
};

/* The lines in the order in which they are printed. */
struct report {
    struct output_column columns[MAX_LINES];
    const char *values[MAX_LINES];
    char texts[MAX_LINES][MAX_VALUE];
    size_t n;
};

static void add_text(struct report *report, const char *name, const char *text) {
    assert(report->n < MAX_LINES);
    report->columns[report->n] = (struct output_column){name, .type = OUTPUT_TEXT};
    report->values[report->n++] = text;
}

/* The number as text, so that a rate needs no decimals and a microsecond has three. */
static void add_number(struct report *report, const char *name, const char *format, ...)
    PRINTF(3, 4);
static void add_number(struct report *report, const char *name, const char *format, ...) {
    char *text = report->texts[report->n];
    va_list args;
    va_start(args, format);
    vsnprintf(text, MAX_VALUE, format, args);
    va_end(args);
    add_text(report, name, text);
    report->columns[report->n - 1].type = OUTPUT_NUMBER;
}

static void add_count(struct report *report, const char *name, uint64_t count) {
    add_number(report, name, "%llu", (unsigned long long)count);
}

static void add_us(struct report *report, const char *name, uint64_t ns) {
    add_number(report, name, "%.1f", (double)ns / (double)NS_PER_US);
}

static void add_settings(struct report *report, const struct bench_settings *settings) {
    add_text(report, "kind", bench_kind_name(settings->kind));
    add_count(report, "connections", settings->n_connections);
    add_count(report, "streams", settings->n_streams);
    add_count(report, "sensors", settings->n_sensors);
    if (settings->rate)
        add_count(report, "rate_asked_for", settings->rate);
}

static void add_rates(struct report *report, const struct bench_counts *counts) {
    bool has_answers = counts->last_answer_ns > counts->began_ns;
    double seconds =
        has_answers ? (double)(counts->last_answer_ns - counts->began_ns) / NS_PER_S : 0;
    double per_s = has_answers ? 1 / seconds : 0;
    add_number(report, "seconds", "%.3f", seconds);
    add_count(report, "calls", counts->calls);
    add_count(report, "readings", counts->readings);
    add_number(report, "calls_per_second", "%.0f", (double)counts->calls * per_s);
    add_number(report, "readings_per_second", "%.0f", (double)counts->readings * per_s);
}

static void add_latencies(struct report *report, const struct histogram *latencies) {
    if (latencies->n == 0)
        return;
    add_us(report, "p50_us", histogram_quantile(latencies, 0.5));
    add_us(report, "p99_us", histogram_quantile(latencies, 0.99));
    add_us(report, "p999_us", histogram_quantile(latencies, 0.999));
    add_us(report, "max_us", latencies->max);
}

static void add_usage(struct report *report, const struct bench_result *result) {
    double ns = (double)(result->after.cpu_ns - result->before.cpu_ns);
    const struct bench_counts *counts = &result->counts;
    add_number(report, "server_cpu_seconds", "%.3f", ns / NS_PER_S);
    if (counts->calls)
        add_number(report, "server_us_per_call", "%.3f", ns / NS_PER_US / (double)counts->calls);
    if (counts->readings)
        add_number(report, "server_ns_per_reading", "%.1f", ns / (double)counts->readings);
    add_count(report, "server_peak_rss_bytes", result->after.peak_rss_bytes);
}

void bench_report_print(const struct bench_settings *settings, const struct bench_result *result,
                        enum output_format format) {
    struct report report = {.n = 0};
    struct output output;
    const struct bench_counts *counts = &result->counts;
    add_settings(&report, settings);
    add_rates(&report, counts);
    add_latencies(&report, &result->latencies);
    add_count(&report, "sent_bytes", counts->sent_bytes);
    add_count(&report, "received_bytes", counts->received_bytes);
    add_count(&report, "failed_calls", counts->failed);
    if (settings->rate)
        add_count(&report, "unstarted_calls", counts->unstarted);
    if (settings->server_pid)
        add_usage(&report, result);
    add_text(&report, "verified_by",
             bench_verify_name(result->is_verified ? settings->verify : BENCH_VERIFY_NONE));
    output_init(&output, stdout, format, report.columns, report.n);
    output_single(&output, report.values);
}
