/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>

#include "otel/exporter.h"
#include "otel/outage.h"
#include "otel/sdk_metrics.h"

/*
 * The exports of one signal, one after the other: what is under way, and what became of those
 * before. On the thread that turns the SDK; the counts are for all.
 */
struct otel_export {
    enum otel_signal signal;
    struct otel_exporter *exporter;
    const struct sdk_metrics *metrics;
    struct outage outage;
    struct otel_batch batch;
    bool is_under_way;
    uint64_t started_ns;
    void (*done)(void *user); /* what the batch borrows may go */
    void *user;
    _Atomic uint64_t n_lost;   /* spans, records or points that were not taken */
    _Atomic uint64_t n_failed; /* exports */
};

struct export_options {
    enum otel_signal signal;
    struct otel_exporter *exporter; /* borrowed */
    const char *endpoint;           /* for the log; NULL: none */
    const struct sdk_metrics *metrics;
    void (*done)(void *user);
    void *user;
};

void export_init(struct otel_export *export, const struct export_options *options);

/* Sends; `done` may come from inside. None is under way. */
void export_start(struct otel_export *export, const struct otel_batch *batch, uint64_t now_ns);

/* Gives up what is under way. */
void export_cancel(struct otel_export *export);

/* Gives it up if its exporter has not kept to the deadline. */
void export_check(struct otel_export *export, uint64_t now_ns);

/* When export_check() has something to do; UINT64_MAX: none is under way. */
uint64_t export_due_ns(const struct otel_export *export);
