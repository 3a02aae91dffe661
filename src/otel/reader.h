/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/export.h"
#include "otel/metering.h"

/*
 * The periodic metric reader (OpenTelemetry specification, "Metrics SDK"): collects at each
 * interval, and when a flush wants it, and exports what there is. On the thread that turns the SDK.
 */
enum reader_flush {
    READER_FLUSHED,
    READER_FLUSH_WANTED,
    READER_FLUSHING, /* the export under way is the one that was wanted */
};

struct reader {
    struct otel_metering *metering;
    const struct sdk_metrics *metrics;
    struct otel_export export;
    uint64_t interval_ns, timeout_ns;
    uint64_t due_ns;
    enum reader_flush flush;
    void (*changed)(void *user);
    void *user;
};

struct reader_options {
    struct otel_metering *metering; /* borrowed */
    const struct sdk_metrics *metrics;
    struct otel_exporter *exporter; /* borrowed */
    const char *endpoint;           /* for the log */
    uint64_t interval_ns, timeout_ns;
    void (*changed)(void *user); /* an export has ended: it may be turned */
    void *user;
    uint64_t now_ns;
};

void reader_init(struct reader *reader, const struct reader_options *options);

/* Collects and exports if that is due. When it is due again. */
uint64_t reader_turn(struct reader *reader, uint64_t now_ns);

void reader_flush(struct reader *reader);

static inline bool reader_is_flushed(const struct reader *reader) {
    return reader->flush == READER_FLUSHED;
}
