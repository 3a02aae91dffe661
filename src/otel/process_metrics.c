/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/process_metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "otel/instruments.h"

enum {
    STAT_FIELDS = 52, /* proc(5): of /proc/self/stat, counted from 1; 2 is the name in brackets */
    STAT_THREADS = 20,
    STAT_START = 22, /* in clock ticks since the machine's boot */
    STAT_VIRTUAL = 23,
    STAT_RESIDENT = 24, /* in pages */
    FIRST_BEHIND_NAME = 3,
    PATH_SIZE = 256,
};

static FILE *open_file(const struct otel_process_metrics *metrics, const char *name) {
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof(path), "%s/proc/%s", metrics->root, name);
    return n < (int)sizeof(path) ? fopen(path, "re") : NULL;
}

static void file_close(FILE **file) {
    if (*file)
        fclose(*file);
}

/* ---- /proc/self/stat ---- */

/* The numbers behind the name, which may have spaces and brackets itself. False: there are none. */
static bool parse_stat(const char *line, long long fields[STAT_FIELDS + 1]) {
    const char *at = strrchr(line, ')');
    int i = FIRST_BEHIND_NAME;
    if (!at || strlen(at) < 4)
        return false;
    at += 3; /* ") S": the state is a letter */
    for (i++; i <= STAT_FIELDS; i++) {
        char *end;
        fields[i] = strtoll(at, &end, 10);
        if (end == at)
            break;
        at = end;
    }
    return i > STAT_RESIDENT;
}

static bool read_stat(const struct otel_process_metrics *metrics,
                      long long fields[STAT_FIELDS + 1]) {
    char line[1024];
    CLEANUP(file_close) FILE *file = open_file(metrics, "self/stat");
    return file && fgets(line, sizeof(line), file) && parse_stat(line, fields);
}

static void observe_uptime(const struct otel_process_metrics *metrics, long long start_ticks,
                           struct otel_observations *out) {
    double since_boot;
    CLEANUP(file_close) FILE *file = open_file(metrics, "uptime");
    if (!file || fscanf(file, "%lf", &since_boot) != 1)
        return;
    double started = (double)start_ticks / (double)sysconf(_SC_CLK_TCK);
    otel_observe_number(out, metrics->uptime, since_boot > started ? since_boot - started : 0, NULL,
                        0);
}

static void observe_stat(const struct otel_process_metrics *metrics,
                         struct otel_observations *out) {
    long long fields[STAT_FIELDS + 1];
    if (!read_stat(metrics, fields))
        return;
    otel_observe(out, metrics->threads, fields[STAT_THREADS], NULL, 0);
    otel_observe(out, metrics->virtual_memory, fields[STAT_VIRTUAL], NULL, 0);
    otel_observe(out, metrics->memory, fields[STAT_RESIDENT] * sysconf(_SC_PAGESIZE), NULL, 0);
    observe_uptime(metrics, fields[STAT_START], out);
}

/* ---- the rest ---- */

static void observe_descriptors(const struct otel_process_metrics *metrics,
                                struct otel_observations *out) {
    char path[PATH_SIZE];
    int64_t n = 0;
    snprintf(path, sizeof(path), "%s/proc/self/fd", metrics->root);
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    otel_observe(out, metrics->descriptors, n - 1, NULL, 0); /* without the folder's own */
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void observe_usage(const struct otel_process_metrics *metrics,
                          struct otel_observations *out) {
    struct rusage usage;
    struct otel_attribute mode = otel_attribute("cpu.mode", otel_str("user"));
    struct otel_attribute type =
        otel_attribute("process.context_switch.type", otel_str("voluntary"));
    if (getrusage(RUSAGE_SELF, &usage))
        return;
    otel_observe_number(out, metrics->cpu_time, seconds_of(usage.ru_utime), &mode, 1);
    mode.value = otel_str("system");
    otel_observe_number(out, metrics->cpu_time, seconds_of(usage.ru_stime), &mode, 1);
    otel_observe(out, metrics->context_switches, usage.ru_nvcsw, &type, 1);
    type.value = otel_str("involuntary");
    otel_observe(out, metrics->context_switches, usage.ru_nivcsw, &type, 1);
}

static void observe(void *user, struct otel_observations *out) {
    const struct otel_process_metrics *metrics = user;
    observe_usage(metrics, out);
    observe_stat(metrics, out);
    observe_descriptors(metrics, out);
}

/* ---- its life ---- */

static int make(struct otel_process_metrics *metrics) {
    const struct otel_instrument_row instruments[] = {
        {&metrics->cpu_time,
         OTEL_MEASURES_NUMBERS(OTEL_COUNTER, "process.cpu.time", "s", "Processor time used.")},
        {&metrics->memory, OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "process.memory.usage",
                                                  "By", "Memory that is resident.")},
        {&metrics->virtual_memory,
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "process.memory.virtual", "By",
                                "Address space in use.")},
        {&metrics->threads,
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "process.threads", "{thread}", "Threads.")},
        {&metrics->descriptors,
         OTEL_MEASURES_INTEGERS(OTEL_UP_DOWN_COUNTER, "process.file_descriptors",
                                "{file_descriptor}", "Open file descriptors.")},
        {&metrics->uptime, OTEL_MEASURES_NUMBERS(OTEL_GAUGE, "process.uptime", "s",
                                                 "Time since the process started.")},
        {&metrics->context_switches,
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, "process.context_switches", "{context_switch}",
                                "Times that a thread gave its core away, or had to.")},
    };
    return otel_instruments_new(metrics->meter, instruments, ARRAY_LEN(instruments));
}

int otel_process_metrics_open(struct otel_process_metrics *metrics, struct otel_meter *meter,
                              const char *root) {
    *metrics = (struct otel_process_metrics){.meter = meter, .root = root};
    int r = make(metrics);
    return r ? r : otel_meter_observe(meter, observe, metrics);
}

void otel_process_metrics_close(struct otel_process_metrics *metrics) {
    otel_meter_forget(metrics->meter, observe, metrics);
}
