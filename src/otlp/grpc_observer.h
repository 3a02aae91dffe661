/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/observer.h"
#include "otel/metric.h"
#include "otel/propagation.h"
#include "otel/span.h"

/*
 * What a gRPC server and a gRPC channel tell (grpc/observer.h), as spans and metrics.
 *
 * Spans by the semantic conventions for gRPC (v1.44): one for each call, a stream's whole life, its
 * parent in the metadata; its messages are events, as gRFC A72 has them. Metrics by gRFC A66
 * (`grpc.server.call.duration` and its family), A118 (TLS handshakes), the semantic conventions
 * (`rpc.server.call.duration`), and two of our own: open connections, and limits that were hit.
 *
 * Of metadata only the propagators' fields are looked at, and no field ever becomes an attribute.
 * Baggage is handed on by clients; a server's call does not read it, for 11 KiB a call that nobody
 * looks at are too much.
 */
struct otlp_grpc_options {
    struct otel_tracer *tracer; /* NULL: no spans; a caller's context is handed on all the same */
    struct otel_meter *meter;   /* NULL: no metrics */
    struct otel_propagators propagators;
    size_t max_events; /* messages of a call that become events; the rest is only counted */
};

/* ---- server ---- */

struct otlp_grpc_server;

/* It lives longer than the server that it observes. 0 or -ENOMEM. */
MUST_USE int otlp_grpc_server_new(const struct otlp_grpc_options *options,
                                  struct otlp_grpc_server **server);

/* NULL is fine. */
void otlp_grpc_server_free(struct otlp_grpc_server *server);

/* For the options of a grpc_server. */
const struct grpc_server_observer *otlp_grpc_server_observer(const struct otlp_grpc_server *server);

/* The span of a call, for what its handler has to say; NULL where nobody observes. Its context is
 * the thread's while handlers run, and stays readable as long as the call is referenced. */
struct otel_span *otlp_grpc_call_span(const struct grpc_call *call);

/* ---- client ---- */

struct otlp_grpc_client;

/*
 * For one channel, to `address`, which it is given to; it lives longer than that. A call's span is
 * a child of the context that is the thread's when the call starts. 0 or -ENOMEM.
 */
MUST_USE int otlp_grpc_client_new(const struct otlp_grpc_options *options,
                                  const struct net_address *address,
                                  struct otlp_grpc_client **client);

/* NULL is fine. */
void otlp_grpc_client_free(struct otlp_grpc_client *client);

/* For the options of a grpc_channel. */
const struct grpc_client_observer *otlp_grpc_client_observer(const struct otlp_grpc_client *client);

/* The span of a call, until its end; NULL where nobody observes. */
struct otel_span *otlp_grpc_client_call_span(const struct grpc_client_call *call);
