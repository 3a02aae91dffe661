/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>

#include "grpc/observer.h"
#include "otel/attribute_list.h"
#include "otlp/grpc_measures.h"
#include "otlp/grpc_observer.h"

/* What the spans of both sides' calls have in common. */

/*
 * The wall clock, from the loop's monotonic time: looking at it costs up to 100 ns, a third of what
 * a call may cost in all. How far the two are apart is looked up anew every second. Any thread.
 */
struct wall_clock {
    _Atomic uint64_t offset_ns;
    _Atomic uint64_t known_at_ns; /* monotonic; 0: never */
};

uint64_t wall_clock_of(struct wall_clock *clock, uint64_t monotonic_ns);

/* A call's observer state. */
struct observed_call {
    struct otel_span span;
    struct measured_method *method;
    uint64_t start_ns;      /* monotonic */
    uint64_t start_wall_ns; /* of a span that is recorded */
    size_t n_events_left;
};

/* `server.address` and `server.port`, or `network.peer.address` and its port, of `host:port`; left
 * out when the text is none. */
void span_attributes_add_server(struct otel_attribute_list *attributes, struct bytes text);
void span_attributes_add_peer(struct otel_attribute_list *attributes, const char *text);

/* Makes an event of a message (gRFC A72). False: that was the last one. */
bool observed_call_message(struct observed_call *call, const char *name,
                           const struct grpc_observed_message *message, uint64_t now_ns);

/* The wall clock's time, never before the call's start. Of a span that is recorded. */
uint64_t observed_call_wall(const struct observed_call *call, uint64_t now_ns);

/* Ends the span and measures. */
void observed_call_end(struct observed_call *call, const struct grpc_call_end *end,
                       uint64_t now_ns);
