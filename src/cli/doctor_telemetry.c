/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends what the variables want sent: a span, a metric and a log record, one after the other, and
 * says what was answered. Values of headers are secrets and are never said.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/doctor_checks.h"
#include "cli/telemetry.h"
#include "otel/shown_endpoint.h"
#include "otel/text_list.h"
#include "otel/variables.h"
#include "otlp/probe.h"

/* Where the settings have no limit: whoever waits for an answer wants one before long. */
#define LONGEST_WAIT_NS (30 * NS_PER_S)

static const struct {
    const char *check;
    const char *item;
    const char *variable_part; /* OTEL_TRACES_EXPORTER */
} signals[OTEL_N_SIGNALS] = {
    [OTEL_TRACES] = {"telemetry.traces", "a span", "TRACES"},
    [OTEL_METRICS] = {"telemetry.metrics", "a metric", "METRICS"},
    [OTEL_LOGS] = {"telemetry.logs", "a log record", "LOGS"},
};

static const char *getenv_of(const char *name) {
    return getenv(name);
}

static struct bytes variable(const char *name) {
    return variable_text(getenv_of, name);
}

/* `OTEL_` `TRACES` `_EXPORTER` */
static struct bytes variable_of(const char *prefix, enum otel_signal signal, const char *suffix) {
    struct err_text name;
    err_say(&name, "%s%s%s", prefix, signals[signal].variable_part, suffix);
    return variable(name.text);
}

/* ---- what is not exported ---- */

static void say_unexported(struct doctor_report *report, enum otel_signal signal) {
    const char *part = signals[signal].variable_part;
    struct bytes exporter = variable_of("OTEL_", signal, "_EXPORTER");
    bool has_endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT").data ||
                        variable_of("OTEL_EXPORTER_OTLP_", signal, "_ENDPOINT").data;
    if (text_is_word(exporter, "none"))
        doctor_report_say(report, DOCTOR_NOT_CHECKED, "not exported: OTEL_%s_EXPORTER is none",
                          part);
    else if (has_endpoint)
        doctor_report_say(report, DOCTOR_FAILED,
                          "not exported: the endpoint that the variables name cannot be used");
    else
        doctor_report_say(report, DOCTOR_NOT_CHECKED,
                          "not exported: OTEL_EXPORTER_OTLP_ENDPOINT, or "
                          "OTEL_EXPORTER_OTLP_%s_ENDPOINT, would say where to",
                          part);
}

/* ---- what is ---- */

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* No longer than a batch of the signal may take. */
static uint64_t timeout_of(const struct otel_settings *settings, enum otel_signal signal) {
    const uint64_t of_batches[OTEL_N_SIGNALS] = {[OTEL_TRACES] = settings->spans.timeout_ns,
                                                 [OTEL_METRICS] = settings->metric_timeout_ns,
                                                 [OTEL_LOGS] = settings->logs.timeout_ns};
    uint64_t of_attempt = settings->otlp[signal].timeout_ns;
    uint64_t limit_ns = sooner(of_batches[signal], LONGEST_WAIT_NS);
    return of_attempt ? sooner(of_attempt, limit_ns) : limit_ns;
}

/* `http://localhost:4318/v1/traces (http/protobuf)` */
static struct err_text destination(const struct otel_otlp_settings *settings) {
    struct err_text words;
    err_say(&words, "%s (%s)", shown_endpoint(settings->endpoint).text,
            settings->protocol == OTEL_PROTOCOL_GRPC ? "gRPC" : "http/protobuf");
    return words;
}

static void say_accepted(struct doctor_report *report, const struct otlp_probe_options *options,
                         const struct otlp_probe_outcome *outcome) {
    struct err_text to = destination(options->settings);
    const char *item = signals[options->signal].item, *words = outcome->words.text;
    if (*words)
        doctor_report_say(report, DOCTOR_WARNING, "%s was accepted by %s, which says: %s", item,
                          to.text, words);
    else
        doctor_report_say(report, DOCTOR_OK, "%s was accepted by %s within %llu ms", item, to.text,
                          (unsigned long long)(outcome->took_ns / NS_PER_MS + 1));
}

static void say_outcome(struct doctor_report *report, const struct otlp_probe_options *options,
                        const struct otlp_probe_outcome *outcome) {
    const char *item = signals[options->signal].item, *words = outcome->words.text;
    struct err_text to = destination(options->settings);
    switch (outcome->result) {
    case OTLP_PROBE_ACCEPTED:
        say_accepted(report, options, outcome);
        return;
    case OTLP_PROBE_REJECTED:
        doctor_report_say(report, DOCTOR_FAILED, "%s arrived at %s, which did not take it%s%s",
                          item, to.text, *words ? ": " : "", words);
        return;
    case OTLP_PROBE_FAILED:
        doctor_report_say(report, DOCTOR_FAILED, "%s did not arrive at %s: %s", item, to.text,
                          words);
        return;
    case OTLP_PROBE_UNUSABLE:
        doctor_report_say(report, DOCTOR_FAILED, "nothing can be sent to %s: %s", to.text, words);
        return;
    }
}

static void send_one(struct doctor_report *report, const struct otel_settings *settings,
                     enum otel_signal signal) {
    struct otel_resource *resource = NULL;
    struct otlp_probe_outcome outcome;
    int r = telemetry_resource("thermograph-doctor", &resource);
    const struct otlp_probe_options options = {.signal = signal,
                                               .settings = &settings->otlp[signal],
                                               .resource = resource,
                                               .timeout_ns = timeout_of(settings, signal)};
    if (r == 0)
        r = otlp_probe(&options, &outcome);
    if (r)
        doctor_report_say(report, DOCTOR_FAILED, "it cannot be tried: %s", strerror(-r));
    else
        say_outcome(report, &options, &outcome);
    otel_resource_free(resource);
}

/* ---- all ---- */

/* One span is sent here whatever it says; of a program's own nothing would be. */
static void warn_of_sampler(struct doctor_report *report, const struct otel_settings *settings,
                            enum otel_signal signal) {
    const struct otel_sampler *sampler = &settings->sampler;
    bool is_none = sampler->kind == OTEL_ALWAYS_OFF ||
                   (sampler->kind == OTEL_TRACE_ID_RATIO && sampler->ratio <= 0);
    if (signal == OTEL_TRACES && settings->exporters[signal] != OTEL_EXPORT_NONE && is_none)
        doctor_report_say(report, DOCTOR_WARNING,
                          "OTEL_TRACES_SAMPLER lets no trace begin here: only calls that belong to "
                          "a caller's trace have spans, if any");
}

static void check_signal(struct doctor_report *report, const struct otel_settings *settings,
                         enum otel_signal signal) {
    doctor_report_check(report, signals[signal].check);
    warn_of_sampler(report, settings, signal);
    switch (settings->exporters[signal]) {
    case OTEL_EXPORT_NONE:
        say_unexported(report, signal);
        return;
    case OTEL_EXPORT_OTLP:
        send_one(report, settings, signal);
        return;
    case OTEL_EXPORT_CONSOLE:
        doctor_report_say(report, DOCTOR_NOT_CHECKED,
                          "nothing is sent: it goes to the standard output (console)");
        return;
    case OTEL_EXPORT_PROMETHEUS:
        doctor_report_say(report, DOCTOR_NOT_CHECKED,
                          "nothing is sent: a server shows its metrics at its admin port, "
                          "http://%s:%u/metrics unless --admin says another",
                          settings->prometheus_host, settings->prometheus_port);
        return;
    }
}

void doctor_telemetry(struct doctor_report *report) {
    struct telemetry telemetry = {0};
    struct err_text why;
    doctor_report_check(report, "telemetry");
    if (telemetry_read(&telemetry, &why)) {
        doctor_report_say(report, DOCTOR_FAILED, "%s", why.text);
        return;
    }
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++) {
        if (telemetry.settings.is_disabled)
            doctor_report_not_checked(report, signals[i].check,
                                      "not exported: OTEL_SDK_DISABLED is true");
        else
            check_signal(report, &telemetry.settings, (enum otel_signal)i);
    }
    telemetry_close(&telemetry);
}
