/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "collector/telemetry.h"
#include "collector/tokens.h"
#include "grpc/server.h"
#include "store/store.h"

/*
 * The product's services on a gRPC server: SensorService and thermograph.v1.Thermograph, the check
 * of tokens, and the worker's way to the store.
 */
struct collector;

struct collector_options {
    struct store *store;                   /* borrowed */
    const char *tokens_file;               /* NULL: anyone may do anything */
    uint64_t max_future_s;                 /* how far ahead of our clock a reading's time may be */
    uint64_t (*wall_clock_ns)(void);       /* NULL: clock_wall_ns() */
    struct collector_telemetry *telemetry; /* borrowed; NULL: none */
    /* The span of a call, for what the collector adds to it. NULL: there are none. */
    struct otel_span *(*span_of_call)(const struct grpc_call *call);
};

/* 0 or a negated errno with words. */
MUST_USE int collector_new(const struct collector_options *options, struct collector **collector,
                           struct err_text *why);

/* Its services, for the server's table and for health and reflection. */
#define COLLECTOR_N_SERVICES 2
const struct grpc_service *const *collector_services(const struct collector *collector);

/* Its hooks, for the server's options. */
void collector_hooks(struct collector *collector, struct grpc_server_hooks *hooks);

/*
 * Reads the tokens' file again and hands the set to every worker; calls that run keep the rights
 * they began with. When the file cannot be read the old set stays. 0 or a negated errno with words.
 * On the accepting loop's thread.
 */
MUST_USE int collector_reload_tokens(struct collector *collector, struct grpc_server *server,
                                     struct err_text *why);

/* How many tokens it knows; with none every call but those of health is refused. */
size_t collector_n_tokens(const struct collector *collector);

/* After the server is freed. NULL is fine. */
void collector_free(struct collector *collector);
