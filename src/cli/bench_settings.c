/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_settings.h"

#include "base/clock.h"
#include "cli/bench_readings.h"
#include "http2/limits.h"

/* A thousand connections with all their streams are more calls than any server here takes well. */
#define MAX_CONNECTIONS 1000
#define MAX_THREADS     64

/* At ten million a second the gaps are 100 ns: the clock is not read faster. */
#define MAX_RATE 10000000

/* A day: every run ends by itself. */
#define MAX_DURATION_NS (86400 * NS_PER_S)

#define MAX_READINGS_PER_STREAM 100000000

const char *bench_kind_name(enum bench_kind kind) {
    return option_info(OPTION_KIND)->choices[kind];
}

const char *bench_verify_name(enum bench_verify_how how) {
    return option_info(OPTION_VERIFY)->choices[how];
}

static int read_choices(const struct options *options, struct bench_settings *settings,
                        struct err_text *why) {
    unsigned kind = BENCH_UNARY, how = BENCH_VERIFY_STATISTICS;
    int r = options_choice(options, OPTION_KIND, &kind, why);
    if (r == 0)
        r = options_choice(options, OPTION_VERIFY, &how, why);
    settings->kind = (enum bench_kind)kind;
    settings->verify = (enum bench_verify_how)how;
    return r;
}

static int read_numbers(const struct options *options, struct bench_settings *settings,
                        struct err_text *why) {
    const struct {
        enum option_id id;
        struct parse_range range;
        uint64_t *value;
    } numbers[] = {
        {OPTION_CONNECTIONS, {1, MAX_CONNECTIONS}, &settings->n_connections},
        {OPTION_STREAMS, {1, H2_MAX_STREAMS}, &settings->n_streams},
        {OPTION_SENSORS, {1, BENCH_MAX_SENSORS}, &settings->n_sensors},
        {OPTION_THREADS, {1, MAX_THREADS}, &settings->n_threads},
        {OPTION_READINGS_PER_STREAM, {1, MAX_READINGS_PER_STREAM}, &settings->readings_per_stream},
        {OPTION_RATE, {1, MAX_RATE}, &settings->rate},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++)
        r = options_count(options, numbers[i].id, numbers[i].range, numbers[i].value, why);
    return r;
}

static int read_pid(const struct options *options, struct bench_settings *settings,
                    struct err_text *why) {
    uint64_t pid = 0;
    int r = options_count(options, OPTION_SERVER_PID, (struct parse_range){1, 1 << 22}, &pid, why);
    settings->server_pid = (pid_t)pid;
    return r;
}

static int read_times(const struct options *options, struct bench_settings *settings,
                      struct err_text *why) {
    int r = options_duration(options, OPTION_DURATION, &settings->duration_ns, why);
    if (r == 0)
        r = options_duration(options, OPTION_WARMUP, &settings->warmup_ns, why);
    if (r)
        return r;
    if (settings->duration_ns >= NS_PER_MS && settings->duration_ns <= MAX_DURATION_NS &&
        settings->warmup_ns <= MAX_DURATION_NS)
        return 0;
    err_say(why, "a run takes from 1ms to 1d");
    return options_blame(options, OPTION_DURATION, why);
}

/* What makes sense only together. */
static int check(const struct options *options, struct bench_settings *settings,
                 struct err_text *why) {
    uint64_t n_streams = settings->n_connections * settings->n_streams;
    if (settings->n_threads > settings->n_connections) {
        err_say(why, "each thread needs a connection, and there are %llu",
                (unsigned long long)settings->n_connections);
        return options_blame(options, OPTION_THREADS, why);
    }
    if (settings->n_sensors == 0)
        settings->n_sensors = n_streams;
    if (settings->n_sensors >= n_streams)
        return 0;
    err_say(why, "each of the %llu streams needs a sensor of its own",
            (unsigned long long)n_streams);
    return options_blame(options, OPTION_SENSORS, why);
}

int bench_settings_read(const struct options *options, struct bench_settings *settings,
                        struct err_text *why) {
    *settings = (struct bench_settings){0};
    int r = read_choices(options, settings, why);
    if (r == 0)
        r = read_numbers(options, settings, why);
    if (r == 0)
        r = read_pid(options, settings, why);
    if (r == 0)
        r = read_times(options, settings, why);
    return r ? r : check(options, settings, why);
}
