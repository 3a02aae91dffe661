/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/log_bridge.h"
#include "otel/process_metrics.h"
#include "otlp/grpc_observer.h"
#include "otlp/telemetry.h"

/* How long the end of the program waits for what was not sent yet: twice that at the most. */
#define TELEMETRY_PATIENCE_NS (NS_PER_S / 4)

/*
 * OpenTelemetry in this program, as the OTEL_* variables want it (docs/telemetry.md): the SDK, the
 * log as records, metrics of the process. Nothing set: all of it is nothing, and costs that.
 */
struct telemetry {
    struct otel_settings settings;
    bool has_settings;
    struct otlp_telemetry *otlp;
    struct otel_sdk *sdk;       /* NULL: nothing is exported or shown */
    struct otel_tracer *tracer; /* NULL: no spans */
    struct otel_meter *meter;   /* NULL: no metrics */
    struct otel_log_bridge bridge;
    struct otel_process_metrics process;
    bool is_flushed; /* for the end */
};

/* Reads the variables. 0 or a negated errno with words; to be closed in either case. */
MUST_USE int telemetry_read(struct telemetry *telemetry, struct err_text *why);

/*
 * Starts what they want, before other threads are started. `service` is the service's name unless a
 * variable names it; `has_page`: metrics are shown by the program itself, exported or not. 0 or a
 * negated errno with words.
 */
MUST_USE int telemetry_start(struct telemetry *telemetry, const char *service, bool has_page,
                             struct err_text *why);

/* Who this program is to a receiver. 0 or -ENOMEM. */
MUST_USE int telemetry_resource(const char *service, struct otel_resource **resource);

/* The options of an observer of calls. */
struct otlp_grpc_options telemetry_of_calls(const struct telemetry *telemetry);

/* The first part of the end: sends what there is, while what is measured by callbacks can still be
 * asked. Zeroed is fine. */
void telemetry_flush(struct telemetry *telemetry);

/* Nobody uses what it gave any more, and no other thread logs. Zeroed is fine. */
void telemetry_close(struct telemetry *telemetry);
