/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/exporter.h"

/*
 * The SDK as a whole: what is recorded on any thread is queued, batched and handed to exporters, on
 * one thread, which turns it:
 *
 *     any thread                      the telemetry thread
 *     span, record ──> its shard ──>  otel_sdk_turn(): batches -> exporter -> otel_export_done()
 *     series       ──> its shard ──>  at each interval: collection -> exporter
 *
 * It has no thread, no clock for its due times and no socket of its own: `now_ns` is handed in, so
 * that a test lives through an hour in a microsecond. Who has a loop turns it there
 * (otlp/telemetry.h).
 *
 * It measures itself as the semantic conventions have it (`otel.sdk.*`), through a meter of its
 * own.
 */
struct otel_sdk;

struct otel_sdk_options {
    const struct otel_settings *settings;            /* copied, but for its texts */
    struct otel_resource *resource;                  /* taken */
    struct otel_exporter *exporters[OTEL_N_SIGNALS]; /* taken; NULL: the signal is not exported */
    /* A batch is full, or there is another reason to turn it before it is due. Any thread; not
     * again until the turn has begun. */
    void (*wake)(void *user);
    void *user;
    uint64_t now_ns; /* monotonic */
};

/* 0 or a negated errno; on failure what would have been taken is still the caller's. */
MUST_USE int otel_sdk_new(const struct otel_sdk_options *options, struct otel_sdk **sdk);

/*
 * Frees it with its exporters and all that was not sent, which is logged. Before it, no thread may
 * use what it gave (tracers and so on) any more, and no export may be under way: flush, or cancel.
 * NULL is fine.
 */
void otel_sdk_free(struct otel_sdk *sdk);

/* They live as long as the SDK; the same scope gives the same one. Texts are copied. NULL, which
 * works as one that does nothing: without memory, when the SDK is NULL, or when the signal is not
 * exported (metrics: they are, through otel_sdk_collect(), unless the SDK is disabled). */
struct otel_tracer *otel_sdk_tracer(struct otel_sdk *sdk, const struct otel_scope *scope);
struct otel_meter *otel_sdk_meter(struct otel_sdk *sdk, const struct otel_scope *scope);
struct otel_logger *otel_sdk_logger(struct otel_sdk *sdk, const struct otel_scope *scope);

/* ---- on the thread that turns it ---- */

/* Does what is due. Returns when it wants to be turned again at the latest. */
uint64_t otel_sdk_turn(struct otel_sdk *sdk, uint64_t now_ns);

/* Everything recorded until now is due at once, and metrics are collected and exported, in the next
 * turns, whatever the delays. otel_sdk_is_flushed() says when all of it is through. */
void otel_sdk_flush(struct otel_sdk *sdk, uint64_t now_ns);
bool otel_sdk_is_flushed(const struct otel_sdk *sdk);

/* Gives up the exports that are under way: they count as failed. */
void otel_sdk_cancel(struct otel_sdk *sdk);

/* ---- any thread ---- */

/*
 * A collection outside the interval, for who asks (a Prometheus page): `use` runs on the calling
 * thread, with what is valid until it returns. One at a time; others wait. 0 or -ENOMEM.
 */
MUST_USE int otel_sdk_collect(struct otel_sdk *sdk,
                              void (*use)(void *user, const struct otel_metrics *metrics),
                              void *user);

/* What has been lost so far, for the program's own words. */
struct otel_losses {
    uint64_t n_spans, n_logs; /* never exported: queue full, no room, rejected, failed */
    uint64_t n_failed_exports[OTEL_N_SIGNALS];
};
void otel_sdk_losses(struct otel_sdk *sdk, struct otel_losses *losses);
