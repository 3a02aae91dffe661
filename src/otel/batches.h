/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/export.h"
#include "otel/recorder.h"

/*
 * The batch processor (OpenTelemetry specification, "Batching processor") of spans or of log
 * records: exports when a batch is full or the delay is over, one batch at a time, oldest first.
 * On the thread that turns the SDK; time is a parameter.
 */
struct batches {
    enum record_kind kind;
    struct recorder *recorder;
    struct otel_batch_settings settings;
    const struct otel_resource *resource;
    struct otel_export export;
    struct record_list waiting; /* recorder_gather() appends here */
    struct record **exporting;  /* `settings.max_batch` of them, and what is lent of each: */
    union {
        const struct otel_span_data **spans;
        const struct otel_log_data **logs;
        const struct otel_encoded **encoded;
        void *view;
    };
    size_t n_exporting;
    uint64_t due_ns;
    size_t n_due;                          /* of `waiting`, not to be delayed any more */
    size_t n_to_flush;                     /* of `exporting` and `waiting` */
    uint64_t n_overflowed, n_without_room; /* until the last turn */
    _Atomic uint64_t n_processed;          /* handed to the exporter */
    void (*changed)(void *user);
    void *user;
};

struct batches_options {
    enum record_kind kind;
    struct recorder *recorder;
    const struct otel_batch_settings *settings; /* copied */
    const struct otel_resource *resource;
    struct otel_exporter *exporter; /* borrowed */
    const char *endpoint;           /* for the log */
    const struct sdk_metrics *metrics;
    void (*changed)(void *user); /* an export has ended: it may be turned */
    void *user;
    uint64_t now_ns;
};

/* 0 or -ENOMEM. */
MUST_USE int batches_init(struct batches *batches, const struct batches_options *options);

/* Drops what waits, and says so; no export is under way. A zeroed one is fine. */
void batches_fini(struct batches *batches);

/* Exports what is due. When it is due again. */
uint64_t batches_turn(struct batches *batches, uint64_t now_ns);

/* All that waits is due at once. */
void batches_flush(struct batches *batches);

static inline bool batches_are_flushed(const struct batches *batches) {
    return batches->n_to_flush == 0;
}
