/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor time comes from the scheduler's own account of each thread (schedstat, in
 * nanoseconds). Kernels built without it have utime and stime in /proc/PID/stat, in ticks of 10 ms.
 */
#include "cli/process_usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* The start of a small file of /proc as text. 0 or a negated errno. */
static int read_text(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    size_t n = fread(text, 1, size - 1, file);
    text[n] = '\0';
    fclose(file);
    return n ? 0 : -ESRCH;
}

static void closedirp(DIR **directory) {
    if (*directory)
        closedir(*directory);
}

/* 0, or a negated errno when this kernel keeps no such account. */
static int add_threads(pid_t pid, uint64_t *ns) {
    char path[64], text[128];
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    CLEANUP(closedirp) DIR *tasks = opendir(path);
    if (!tasks)
        return -errno;
    *ns = 0;
    for (const struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.10s/schedstat", pid, task->d_name);
        if (read_text(path, text, sizeof(text)) == 0)
            *ns += strtoull(text, NULL, 10);
    }
    return *ns ? 0 : -ENOENT;
}

/* Fields 14 and 15; the name in the second may hold blanks and parentheses. */
static int read_ticks(pid_t pid, uint64_t *ns) {
    char path[64], text[1024];
    unsigned long long user, system;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int r = read_text(path, text, sizeof(text));
    if (r)
        return r;
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                        &system) != 2)
        return -EPROTO;
    *ns = (user + system) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
    return 0;
}

static int read_peak_rss(pid_t pid, uint64_t *bytes) {
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    int r = read_text(path, text, sizeof(text));
    if (r)
        return r;
    const char *line = strstr(text, "\nVmHWM:");
    *bytes = line ? strtoull(line + strlen("\nVmHWM:"), NULL, 10) * 1024 : 0;
    return 0;
}

int process_usage_read(pid_t pid, struct process_usage *usage) {
    int r = read_peak_rss(pid, &usage->peak_rss_bytes);
    if (r)
        return r;
    return add_threads(pid, &usage->cpu_ns) ? read_ticks(pid, &usage->cpu_ns) : 0;
}
