/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/sdk.h"

/*
 * OpenTelemetry for a whole program: the SDK, its exporters as the OTEL_* variables want them, and
 * a thread that turns them. What a program calls first and last:
 *
 *     struct otel_settings settings;
 *     struct otlp_telemetry *telemetry = NULL;
 *     ... otel_settings_read(getenv, &settings), otel_resource_new(...), both may fail
 *     ... otlp_telemetry_start(&options, &telemetry), may fail
 *     struct otel_tracer *tracer = otel_sdk_tracer(otlp_telemetry_sdk(telemetry), &scope);
 *     ... the program's work ...
 *     otlp_telemetry_stop(telemetry, 5 * NS_PER_S);
 *
 * Whatever the receiver does, or whether there is one at all, the program works on; the log says
 * what does not arrive. Where nothing is exported there is no thread.
 */
struct otlp_telemetry;

struct otlp_telemetry_options {
    const struct otel_settings *settings; /* borrowed until the stop */
    struct otel_resource *resource;       /* taken, also on failure */
};

/* A signal whose settings are wrong (an endpoint, a certificate) is left out, and the log says why.
 * 0 or a negated errno. */
MUST_USE int otlp_telemetry_start(const struct otlp_telemetry_options *options,
                                  struct otlp_telemetry **telemetry);

/* NULL is fine, and gives NULL: an SDK that does nothing. */
struct otel_sdk *otlp_telemetry_sdk(const struct otlp_telemetry *telemetry);

/*
 * Sends what there is now, metrics collected anew among it, and waits until that is through, for at
 * most `limit_ns`. For before the end: what is measured by callbacks is still there to be asked.
 * Not on the telemetry thread, and by one thread at a time. NULL is fine.
 */
void otlp_telemetry_flush(struct otlp_telemetry *telemetry, uint64_t limit_ns);

/*
 * Sends what there is, for at most `limit_ns`, drops the rest and frees all. No thread may use what
 * the SDK gave any more. NULL is fine.
 *
 * A name of an endpoint that is still being looked up then does not hold up the program's end: that
 * is by _exit(2), and what was registered with atexit(3) before the stop is left out. False says
 * so: the thread is left behind, and the settings have to stay, for it may still read them.
 */
bool otlp_telemetry_stop(struct otlp_telemetry *telemetry, uint64_t limit_ns);
