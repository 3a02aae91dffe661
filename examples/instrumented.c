/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain C program with OpenTelemetry: spans, a counter, a histogram, log records. The usual
 * variables say where they go: OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317 and so on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "otlp/telemetry.h"

static struct otel_tracer *tracer;
static struct otel_logger *logger;
static struct otel_instrument *loaves, *duration;
static const char *variable(const char *name) {
    return getenv(name);
}

static void prepare(struct otel_sdk *sdk) {
    const struct otel_scope scope = {.name = bytes_str("bakery"), .version = bytes_str("1.0")};
    struct otel_meter *meter = otel_sdk_meter(sdk, &scope);
    struct otel_instrument_options counter = {OTEL_COUNTER, true, .name = "bakery.loaves"};
    struct otel_instrument_options histogram = {OTEL_HISTOGRAM, .name = "bakery.time", .unit = "s"};
    tracer = otel_sdk_tracer(sdk, &scope);
    logger = otel_sdk_logger(sdk, &scope);
    if (otel_instrument_new(meter, &counter, &loaves) ||
        otel_instrument_new(meter, &histogram, &duration))
        fprintf(stderr, "not measured; the bread is baked all the same\n");
}

static void bake(int number) {
    const struct otel_attribute rye = otel_attribute("bakery.kind", otel_str("rye"));
    const uint64_t begin_ns = clock_monotonic_ns();
    struct otel_span span;
    otel_span_start(tracer, &(struct otel_span_options){.name = bytes_str("bake")}, &span);
    otel_span_set(&span, "bakery.loaf", otel_integer(number));
    otel_span_event(&span, "risen", 0, &rye, 1);
    otel_logger_emit(logger, &(struct otel_log_record){.severity = OTEL_INFO,
                                                       .body = otel_str("a loaf is done"),
                                                       .context = &span.context});
    otel_series_add(otel_series_of(loaves, &rye, 1), 1);
    otel_series_record(otel_series_of(duration, &rye, 1),
                       (double)(clock_monotonic_ns() - begin_ns) / (double)NS_PER_S, &span.context);
    otel_span_end(&span, 0);
}

int main(void) {
    const struct otel_resource_options who = {"bakery", "1.0", .variable = variable, .root = ""};
    struct otel_settings settings;
    struct otlp_telemetry_options options = {.settings = &settings};
    struct otlp_telemetry *telemetry;
    if (otel_settings_read(variable, &settings) || otel_resource_new(&who, &options.resource) ||
        otlp_telemetry_start(&options, &telemetry))
        return 1;
    prepare(otlp_telemetry_sdk(telemetry));
    for (int number = 1; number <= 3; number++)
        bake(number);
    if (otlp_telemetry_stop(telemetry, 5 * NS_PER_S))
        otel_settings_fini(&settings);
}
