/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_telemetry.h"

#include "base/log.h"
#include "otel/instruments.h"

int serve_telemetry_open(struct serve_telemetry *telemetry, struct serve_settings *settings,
                         const struct options *options, struct err_text *why) {
    struct telemetry *base = &telemetry->telemetry;
    int r = telemetry_read(base, why);
    if (r)
        return r;
    if (base->settings.is_disabled)
        log_info("OTEL_SDK_DISABLED is true: there is no telemetry, and no page of metrics");
    serve_settings_take_prometheus(settings, options, &base->settings);
    return telemetry_start(base, "thermograph", settings->has_admin, why);
}

/* ---- the certificate ---- */

static void observe_expiry(void *user, struct otel_observations *out) {
    const struct serve_telemetry *telemetry = user;
    otel_observe(out, telemetry->expiry, telemetry->expires_at, NULL, 0);
}

static int watch_certificate(struct serve_telemetry *telemetry, int64_t expires_at) {
    const struct otel_instrument_row expiry = {
        &telemetry->expiry,
        OTEL_MEASURES_INTEGERS(OTEL_GAUGE, "tls.certificate.expiry", "s",
                               "When the server's certificate expires, in seconds since 1970.")};
    struct otel_meter *meter = telemetry->telemetry.meter;
    if (expires_at == 0)
        return 0;
    telemetry->expires_at = expires_at;
    int r = otel_instruments_new(meter, &expiry, 1);
    return r ? r : otel_meter_observe(meter, observe_expiry, telemetry);
}

/* ---- all of it ---- */

int serve_telemetry_watch(struct serve_telemetry *telemetry, struct store *store,
                          const struct serve_settings *settings, int64_t expires_at) {
    const struct telemetry *base = &telemetry->telemetry;
    const struct otlp_grpc_options of_calls = telemetry_of_calls(base);
    const struct collector_telemetry_options of_readings = {
        .store = store,
        .tracer = base->tracer,
        .meter = base->meter,
        .directory = settings->data,
        .sensors = settings->metrics_sensors,
    };
    if (!base->sdk)
        return 0;
    int r = otlp_grpc_server_new(&of_calls, &telemetry->calls);
    if (r == 0)
        r = collector_telemetry_new(&of_readings, &telemetry->readings);
    return r ? r : watch_certificate(telemetry, expires_at);
}

const struct grpc_server_observer *
serve_telemetry_observer(const struct serve_telemetry *telemetry) {
    return telemetry->calls ? otlp_grpc_server_observer(telemetry->calls) : NULL;
}

void serve_telemetry_unwatch(struct serve_telemetry *telemetry) {
    telemetry_flush(&telemetry->telemetry);
    if (telemetry->expiry)
        otel_meter_forget(telemetry->telemetry.meter, observe_expiry, telemetry);
    collector_telemetry_free(telemetry->readings);
    otlp_grpc_server_free(telemetry->calls);
}

void serve_telemetry_close(struct serve_telemetry *telemetry) {
    telemetry_close(&telemetry->telemetry);
}
