/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/metric.h"

/*
 * The running process by itself: processor time, memory, threads, descriptors, time since its start
 * (semantic conventions, "OS process metrics", but for `process.threads` and
 * `process.file_descriptors`: their `.count` is a suffix that Prometheus keeps for histograms),
 * read from /proc and getrusage(2) at each collection. What cannot be read is left out.
 */
struct otel_process_metrics {
    struct otel_meter *meter;
    const char *root; /* where `proc` is looked up; "" but in tests */
    struct otel_instrument *cpu_time, *memory, *virtual_memory, *threads, *descriptors, *uptime,
        *context_switches;
};

/* `root` and `metrics` stay where they are until the close. 0 or -ENOMEM; a NULL meter is fine. */
MUST_USE int otel_process_metrics_open(struct otel_process_metrics *metrics,
                                       struct otel_meter *meter, const char *root);
void otel_process_metrics_close(struct otel_process_metrics *metrics);
