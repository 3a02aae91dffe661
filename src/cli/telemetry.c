/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/telemetry.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static const char *variable(const char *name) {
    return getenv(name);
}

static int say_why(int r, struct err_text *why) {
    if (r)
        err_say(why, "cannot start telemetry: %s", strerror(-r));
    return r;
}

int telemetry_read(struct telemetry *telemetry, struct err_text *why) {
    int r = otel_settings_read(variable, &telemetry->settings);
    telemetry->has_settings = r == 0;
    return say_why(r, why);
}

static bool is_exported(const struct telemetry *telemetry, enum otel_signal signal) {
    return telemetry->settings.exporters[signal] != OTEL_EXPORT_NONE;
}

static bool is_any_exported(const struct telemetry *telemetry) {
    return is_exported(telemetry, OTEL_TRACES) || is_exported(telemetry, OTEL_METRICS) ||
           is_exported(telemetry, OTEL_LOGS);
}

int telemetry_resource(const char *service, struct otel_resource **resource) {
    const struct otel_resource_options who = {
        .service_name = service,
        .service_version = THERMOGRAPH_VERSION,
        .variable = variable,
        .root = "",
    };
    return otel_resource_new(&who, resource);
}

static int start_sdk(struct telemetry *telemetry, const char *service) {
    struct otlp_telemetry_options options = {.settings = &telemetry->settings};
    int r = telemetry_resource(service, &options.resource);
    return r ? r : otlp_telemetry_start(&options, &telemetry->otlp);
}

static void take_parts(struct telemetry *telemetry, bool has_page) {
    const struct otel_scope scope = {
        .name = bytes_str("thermograph"),
        .version = bytes_str(THERMOGRAPH_VERSION),
    };
    telemetry->sdk = otlp_telemetry_sdk(telemetry->otlp);
    telemetry->tracer = otel_sdk_tracer(telemetry->sdk, &scope);
    if (has_page || is_exported(telemetry, OTEL_METRICS))
        telemetry->meter = otel_sdk_meter(telemetry->sdk, &scope);
    if (is_exported(telemetry, OTEL_LOGS))
        otel_log_bridge_start(&telemetry->bridge, otel_sdk_logger(telemetry->sdk, &scope));
}

int telemetry_start(struct telemetry *telemetry, const char *service, bool has_page,
                    struct err_text *why) {
    if (telemetry->settings.is_disabled || !(has_page || is_any_exported(telemetry)))
        return 0;
    log_add_fields(otel_log_fields);
    int r = start_sdk(telemetry, service);
    if (r)
        return say_why(r, why);
    take_parts(telemetry, has_page);
    return say_why(otel_process_metrics_open(&telemetry->process, telemetry->meter, ""), why);
}

/* Messages are events, of a stream soon all that a span may have: some are kept for what else
 * happens in a call, such as that its readings are durable. */
static size_t events_for_messages(size_t n_events) {
    enum {
        KEPT = 16
    };
    return n_events > (size_t)2 * KEPT ? n_events - KEPT : n_events / 2;
}

struct otlp_grpc_options telemetry_of_calls(const struct telemetry *telemetry) {
    return (struct otlp_grpc_options){
        .tracer = telemetry->tracer,
        .meter = telemetry->meter,
        .propagators = telemetry->settings.propagators,
        .max_events = events_for_messages(telemetry->settings.span_limits.n_events),
    };
}

void telemetry_flush(struct telemetry *telemetry) {
    if (telemetry->meter && !telemetry->is_flushed)
        otlp_telemetry_flush(telemetry->otlp, TELEMETRY_PATIENCE_NS);
    telemetry->is_flushed = true;
}

void telemetry_close(struct telemetry *telemetry) {
    telemetry_flush(telemetry);
    if (telemetry->process.meter)
        otel_process_metrics_close(&telemetry->process);
    if (telemetry->bridge.logger)
        otel_log_bridge_stop(&telemetry->bridge);
    bool has_ended = otlp_telemetry_stop(telemetry->otlp, TELEMETRY_PATIENCE_NS);
    if (telemetry->has_settings && has_ended)
        otel_settings_fini(&telemetry->settings);
}
