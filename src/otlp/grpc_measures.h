/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>

#include "grpc/observer.h"
#include "otel/metric.h"
#include "otel/prepared.h"

/*
 * The metrics of one side's calls: instruments, and for each method the series of each status,
 * bound when the first call ends with it. Any thread, but for what makes and frees.
 */
enum {
    GRPC_N_STATUS = GRPC_UNAUTHENTICATED + 1,
    MEASURES_MAX_HISTOGRAMS = 5,
};

/* What a side has, and where its series come from. */
struct measures_side {
    const char *started, *started_unit;
    const struct measures_histogram *histograms;
    size_t n_histograms;
    const char *handshakes, *limits;
    bool has_target; /* grpc.target */
    bool (*is_error)(enum grpc_status status);
};

extern const struct measures_side measures_server, measures_client;

struct measures {
    const struct measures_side *side;
    struct otel_meter *meter; /* NULL: nothing is measured */
    struct otel_instrument *started, *handshakes, *limits;
    struct otel_instrument *histograms[MEASURES_MAX_HISTOGRAMS];
    const char *target, *address; /* of a client, borrowed */
    uint16_t port;
};

struct measured_method {
    struct measured_method *next;
    const struct measures *measures;
    char *name; /* `pkg.Service/Method`; NULL: of all that are not known */
    /* Of its calls' spans, for the observer to make, owned; NULL: each says its own. */
    struct otel_prepared *prepared;
    struct otel_series *started;
    _Atomic(struct otel_series *) series[GRPC_N_STATUS][MEASURES_MAX_HISTOGRAMS];
};

struct measured_end {
    enum grpc_status status;
    double seconds;
    uint64_t sent_bytes, received_bytes; /* as on the wire */
    const struct otel_context *context;  /* of the call's span */
};

/* 0 or -ENOMEM. */
MUST_USE int measures_init(struct measures *measures, const struct measures_side *side,
                           struct otel_meter *meter);

/* `pkg.Service/Method` of a `:path`; one that does not begin with a slash stays as it is. */
struct bytes measured_path_name(struct bytes path);

/* `path` as in `:path`; empty: unknown ones. NULL without memory. */
struct measured_method *measured_method_new(const struct measures *measures, struct bytes path);
/* All of a list. */
void measured_methods_free(struct measured_method *first);

/* `pkg.Service/Method`, `_OTHER`. */
const char *measured_method_name(const struct measured_method *method);

void measured_method_started(struct measured_method *method);
void measured_method_ended(struct measured_method *method, const struct measured_end *end);

void measures_handshake(const struct measures *measures, const struct net_handshake *handshake);
void measures_limit(const struct measures *measures, const char *limit);
