/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "otel/propagation.h"
#include "otel/sampler.h"

/*
 * What the OTEL_* variables say (OpenTelemetry specification, "Environment variables" and "OTLP
 * exporter"). An empty variable counts as unset. A value that cannot be read is logged once, with
 * the variable's name and what is allowed, and the default is taken.
 */
enum otel_signal {
    OTEL_TRACES,
    OTEL_METRICS,
    OTEL_LOGS,
    OTEL_N_SIGNALS,
};

enum otel_exporter_kind {
    OTEL_EXPORT_NONE,
    OTEL_EXPORT_OTLP,
    OTEL_EXPORT_CONSOLE,
    OTEL_EXPORT_PROMETHEUS, /* metrics only: nothing is sent, the admin port shows them */
};

enum otel_protocol {
    OTEL_PROTOCOL_HTTP_PROTOBUF,
    OTEL_PROTOCOL_GRPC,
};

/* Which measurements may become exemplars. */
enum otel_exemplar_filter {
    OTEL_EXEMPLARS_OFF,
    OTEL_EXEMPLARS_ON,
    OTEL_EXEMPLARS_TRACE_BASED, /* those inside a sampled span */
};

/* Where and how a signal goes; texts belong to the settings. */
struct otel_otlp_settings {
    enum otel_protocol protocol;
    bool is_protocol_named; /* by a variable; otherwise port 4317 means gRPC */
    char *endpoint;         /* a URL: of HTTP the signal's own, path included */
    /* Which variable has it, where it is one of this signal alone; a constant. NULL: that of all */
    const char *own_endpoint_variable;
    bool is_insecure; /* gRPC without a scheme: plaintext */
    bool has_gzip;
    uint64_t timeout_ns;
    char **headers; /* `n_headers` pairs: name, value, decoded */
    size_t n_headers;
    char *ca_file, *client_cert_file, *client_key_file; /* NULL: none */
};

/* Of spans and of log records. */
struct otel_batch_settings {
    uint64_t delay_ns;
    uint64_t timeout_ns; /* of one export */
    size_t max_queue;
    size_t max_batch; /* at most max_queue */
};

struct otel_limit_settings {
    size_t n_attributes; /* of a span or a log record */
    size_t value_length; /* characters of a text, SIZE_MAX: no limit */
    size_t n_events, n_links;
    size_t n_event_attributes, n_link_attributes;
};

struct otel_settings {
    bool is_disabled; /* OTEL_SDK_DISABLED */
    /* By an endpoint or an exporter that a variable names. Otherwise nothing is exported, though
     * the specification says to try localhost: who wants telemetry says where to. */
    enum otel_exporter_kind exporters[OTEL_N_SIGNALS];
    struct otel_otlp_settings otlp[OTEL_N_SIGNALS];
    struct otel_propagators propagators;
    struct otel_sampler sampler;
    struct otel_batch_settings spans, logs;
    struct otel_limit_settings span_limits, log_limits;
    uint64_t metric_interval_ns, metric_timeout_ns;
    enum otel_exemplar_filter exemplars;
    char *prometheus_host; /* OTEL_EXPORTER_PROMETHEUS_HOST, `localhost` */
    uint16_t prometheus_port;
};

/* `variable` is getenv, or a test's own. 0 or -ENOMEM. */
MUST_USE int otel_settings_read(const char *(*variable)(const char *name),
                                struct otel_settings *settings);
void otel_settings_fini(struct otel_settings *settings);
