/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC's metrics twice: by gRFC A66, which has names, attributes and buckets of its own, and by
 * OpenTelemetry's conventions, for who watches more than gRPC. Both are histograms of a method and
 * a status, so one table has them all, and one loop binds them.
 *
 * Statuses are few and methods are the server's own, so a client cannot make series grow; the
 * methods of a channel are bounded by its observer. To extend: a line in the side's table, and
 * where its value comes from in measured_method_ended().
 */
#include "otlp/grpc_measures.h"

#include "base/mem.h"
#include "otel/attribute_list.h"
#include "otel/instruments.h"

/* gRFC A66, "Latency Buckets" and "Size Buckets". */
static const double latency_bounds[] = {
    0,     0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004,
    0.005, 0.006,   0.008,   0.01,   0.013,  0.016,  0.02,   0.025, 0.03,  0.04,  0.05,
    0.065, 0.08,    0.1,     0.13,   0.16,   0.2,    0.25,   0.3,   0.4,   0.5,   0.65,
    0.8,   1,       2,       5,      10,     20,     50,     100,
};
static const double size_bounds[] = {
    0,       1024,    2048,     4096,     16384,     65536,      262144,
    1048576, 4194304, 16777216, 67108864, 268435456, 1073741824, 4294967296,
};

/* Semantic conventions, rpc.server.call.duration. */
static const double rpc_bounds[] = {
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
};

enum measured {
    MEASURED_DURATION,
    MEASURED_SENT,
    MEASURED_RECEIVED,
};

struct measures_histogram {
    const char *name;
    enum measured measured;
    bool is_rpc; /* OpenTelemetry's own, with its attributes and bounds */
    const char *description;
};

static const struct measures_histogram server_histograms[] = {
    {"grpc.server.call.duration", MEASURED_DURATION, false,
     "End-to-end time taken to complete a call from the server transport's perspective."},
    {"grpc.server.call.sent_total_compressed_message_size", MEASURED_SENT, false,
     "Compressed message bytes sent per call."},
    {"grpc.server.call.rcvd_total_compressed_message_size", MEASURED_RECEIVED, false,
     "Compressed message bytes received per call."},
    {"rpc.server.call.duration", MEASURED_DURATION, true,
     "Measures the duration of an incoming Remote Procedure Call (RPC)."},
};

/* A call of ours is one attempt. */
static const struct measures_histogram client_histograms[] = {
    {"grpc.client.call.duration", MEASURED_DURATION, false,
     "End-to-end time taken to complete a call from the client's perspective."},
    {"grpc.client.attempt.duration", MEASURED_DURATION, false,
     "End-to-end time taken to complete a client call attempt."},
    {"grpc.client.attempt.sent_total_compressed_message_size", MEASURED_SENT, false,
     "Compressed message bytes sent per client call attempt."},
    {"grpc.client.attempt.rcvd_total_compressed_message_size", MEASURED_RECEIVED, false,
     "Compressed message bytes received per call attempt."},
    {"rpc.client.call.duration", MEASURED_DURATION, true,
     "Measures the duration of an outgoing Remote Procedure Call (RPC)."},
};

/* Of a server only what is its own fault: a client that asks for what is not there is answered. */
static bool is_server_error(enum grpc_status status) {
    switch (status) {
    case GRPC_UNKNOWN:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_UNIMPLEMENTED:
    case GRPC_INTERNAL:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS:
        return true;
    default:
        return false;
    }
}

static bool is_client_error(enum grpc_status status) {
    return status != GRPC_OK;
}

const struct measures_side measures_server = {
    .started = "grpc.server.call.started",
    .started_unit = "{call}",
    .histograms = server_histograms,
    .n_histograms = ARRAY_LEN(server_histograms),
    .handshakes = "grpc.server.tls.handshakes",
    .limits = "grpc.server.limits_hit",
    .is_error = is_server_error,
};

const struct measures_side measures_client = {
    .started = "grpc.client.attempt.started",
    .started_unit = "{attempt}",
    .histograms = client_histograms,
    .n_histograms = ARRAY_LEN(client_histograms),
    .handshakes = "grpc.client.tls.handshakes",
    .limits = "grpc.client.limits_hit",
    .has_target = true,
    .is_error = is_client_error,
};

/* ---- instruments ---- */

static int make_counters(struct measures *measures) {
    const struct measures_side *side = measures->side;
    const struct otel_instrument_row rows[] = {
        {&measures->started, OTEL_MEASURES_INTEGERS(OTEL_COUNTER, side->started, side->started_unit,
                                                    "Calls started, those that run included.")},
        {&measures->handshakes,
         OTEL_MEASURES_INTEGERS(OTEL_COUNTER, side->handshakes, "{handshake}",
                                "TLS handshakes, by how they went.")},
        {&measures->limits, OTEL_MEASURES_INTEGERS(OTEL_COUNTER, side->limits, "{hit}",
                                                   "Times that a limit was hit, by its name.")},
    };
    return otel_instruments_new(measures->meter, rows, ARRAY_LEN(rows));
}

static struct otel_instrument_options options_of(const struct measures_histogram *histogram) {
    const char *name = histogram->name, *description = histogram->description;
    if (histogram->is_rpc)
        return (struct otel_instrument_options)OTEL_MEASURES_BUCKETS(name, "s", description,
                                                                     rpc_bounds);
    if (histogram->measured == MEASURED_DURATION)
        return (struct otel_instrument_options)OTEL_MEASURES_BUCKETS(name, "s", description,
                                                                     latency_bounds);
    return (struct otel_instrument_options)OTEL_MEASURES_BUCKETS(name, "By", description,
                                                                 size_bounds);
}

int measures_init(struct measures *measures, const struct measures_side *side,
                  struct otel_meter *meter) {
    struct otel_instrument_row histograms[MEASURES_MAX_HISTOGRAMS];
    *measures = (struct measures){.side = side, .meter = meter};
    if (!meter)
        return 0;
    for (size_t i = 0; i < side->n_histograms; i++)
        histograms[i] = (struct otel_instrument_row){&measures->histograms[i],
                                                     options_of(&side->histograms[i])};
    int r = make_counters(measures);
    return r ? r : otel_instruments_new(meter, histograms, side->n_histograms);
}

/* ---- attributes ---- */

static struct otel_series *series_of(struct otel_instrument *instrument,
                                     const struct otel_attribute_list *attributes) {
    return otel_series_of(instrument, attributes->all, attributes->n);
}

/* gRFC A66: what is not known is `other`. */
static struct otel_attribute_list grpc_attributes(const struct measured_method *method) {
    struct otel_attribute_list attributes = {.n = 0};
    otel_attribute_list_add(&attributes, "grpc.method",
                            otel_str(method->name ? method->name : "other"));
    if (method->measures->side->has_target)
        otel_attribute_list_add(&attributes, "grpc.target", otel_str(method->measures->target));
    return attributes;
}

static struct otel_attribute_list rpc_attributes(const struct measured_method *method,
                                                 enum grpc_status status) {
    const struct measures *measures = method->measures;
    struct otel_attribute_list attributes = {.n = 0};
    otel_attribute_list_add(&attributes, "rpc.system.name", otel_str("grpc"));
    otel_attribute_list_add(&attributes, "rpc.method", otel_str(measured_method_name(method)));
    otel_attribute_list_add(&attributes, "rpc.status_code", otel_str(grpc_status_name(status)));
    if (measures->side->is_error(status))
        otel_attribute_list_add(&attributes, "error.type", otel_str(grpc_status_name(status)));
    if (measures->address) {
        otel_attribute_list_add(&attributes, "server.address", otel_str(measures->address));
        otel_attribute_list_add(&attributes, "server.port", otel_integer(measures->port));
    }
    return attributes;
}

static struct otel_series *series_for(const struct measured_method *method, enum grpc_status status,
                                      size_t i) {
    const struct measures *measures = method->measures;
    struct otel_attribute_list attributes;
    if (measures->side->histograms[i].is_rpc) {
        attributes = rpc_attributes(method, status);
    } else {
        attributes = grpc_attributes(method);
        otel_attribute_list_add(&attributes, "grpc.status", otel_str(grpc_status_name(status)));
    }
    return series_of(measures->histograms[i], &attributes);
}

/* ---- methods ---- */

struct bytes measured_path_name(struct bytes path) {
    return path.len > 0 && path.data[0] == '/' ? bytes_from(path, 1) : path;
}

struct measured_method *measured_method_new(const struct measures *measures, struct bytes path) {
    struct measured_method *method = mem_new(struct measured_method);
    if (!method)
        return NULL;
    method->measures = measures;
    if (path.len > 0) {
        struct bytes name = measured_path_name(path);
        method->name = mem_copy_text((const char *)name.data, name.len);
    }
    if (path.len > 0 && !method->name) {
        mem_free(method);
        return NULL;
    }
    if (measures->meter) {
        struct otel_attribute_list attributes = grpc_attributes(method);
        method->started = series_of(measures->started, &attributes);
    }
    return method;
}

void measured_methods_free(struct measured_method *first) {
    for (struct measured_method *next; first; first = next) {
        next = first->next;
        otel_prepared_free(first->prepared);
        mem_free(first->name);
        mem_free(first);
    }
}

const char *measured_method_name(const struct measured_method *method) {
    return method->name ? method->name : "_OTHER";
}

void measured_method_started(struct measured_method *method) {
    otel_series_add(method->started, 1);
}

/* Threads that bind at the same time are given the same series. Without memory it is tried anew
 * with the next call. Kept out of the way of those that are bound. */
__attribute__((noinline, cold)) static struct otel_series *
bind_series(struct measured_method *method, enum grpc_status status, size_t i) {
    struct otel_series *series = series_for(method, status, i);
    atomic_store_explicit(&method->series[status][i], series, memory_order_release);
    return series;
}

static inline struct otel_series *bound(struct measured_method *method, enum grpc_status status,
                                        size_t i) {
    struct otel_series *series =
        atomic_load_explicit(&method->series[status][i], memory_order_acquire);
    return series ? series : bind_series(method, status, i);
}

void measured_method_ended(struct measured_method *method, const struct measured_end *end) {
    const struct measures_side *side = method->measures->side;
    const struct measures_histogram *histograms = side->histograms;
    const size_t n = side->n_histograms;
    if (!method->measures->meter || (unsigned)end->status >= GRPC_N_STATUS)
        return;
    const double values[] = {[MEASURED_DURATION] = end->seconds,
                             [MEASURED_SENT] = (double)(int64_t)end->sent_bytes,
                             [MEASURED_RECEIVED] = (double)(int64_t)end->received_bytes};
    struct otel_recorded recorded[MEASURES_MAX_HISTOGRAMS];
    for (size_t i = 0; i < n; i++)
        recorded[i] =
            (struct otel_recorded){bound(method, end->status, i), values[histograms[i].measured]};
    otel_series_record_all(recorded, n, end->context);
}

/* ---- what belongs to no call ---- */

void measures_handshake(const struct measures *measures, const struct net_handshake *handshake) {
    struct otel_attribute_list attributes = {.n = 0};
    if (!measures->meter)
        return;
    otel_attribute_list_add(&attributes, "grpc.tls.handshake.result", otel_str(handshake->result));
    otel_attribute_list_add(
        &attributes, "grpc.tls.handshake.resumed",
        otel_str(handshake->is_resumed ? "RESUMED_HANDSHAKE" : "FULL_HANDSHAKE"));
    if (measures->side->has_target)
        otel_attribute_list_add(&attributes, "grpc.target", otel_str(measures->target));
    otel_series_add(series_of(measures->handshakes, &attributes), 1);
}

void measures_limit(const struct measures *measures, const char *limit) {
    struct otel_attribute_list attributes = {.n = 0};
    if (!measures->meter)
        return;
    otel_attribute_list_add(&attributes, "grpc.limit", otel_str(limit));
    if (measures->side->has_target)
        otel_attribute_list_add(&attributes, "grpc.target", otel_str(measures->target));
    otel_series_add(series_of(measures->limits, &attributes), 1);
}
