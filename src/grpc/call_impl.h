/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/call.h"
#include "grpc/compression.h"
#include "grpc/deadlines.h"
#include "grpc/framing.h"
#include "grpc/observing.h"
#include "http2/session.h"

/*
 * A server's call from inside: what call.c (its life and its answers), call_input.c (its messages)
 * and connection.c share.
 *
 *     RUNNING --finish, deadline, reset, connection lost--> OVER --last reference gone--> used
 * again
 */
struct grpc_connection;
struct grpc_worker;

/* A method with its service, found by path. */
struct grpc_route {
    const struct grpc_method *method;
    const struct grpc_service *service;
    const char *path; /* `/SensorService/SendSingleReading` */
    void *observed;   /* grpc_call_observer_method() */
};

struct grpc_call {
    struct grpc_worker *worker;
    struct grpc_connection *connection; /* NULL when it is gone */
    struct list link;                   /* in the connection's calls */
    const struct grpc_route *route;
    struct h2_stream *stream;  /* NULL when the call is over */
    struct h2_headers request; /* its fields live as long as the stream */
    unsigned n_refs;
    struct deadline deadline;

    /* What comes in: call_input.c. */
    struct grpc_framing framing;
    enum grpc_encoding encoding;
    struct buf inbox;    /* wire bytes that were not taken: the call is held */
    struct buf inflated; /* the message that was decompressed last */
    struct buf single;   /* the one message of a unary or server-stream call */
    size_t n_unconsumed; /* bytes that the client's window still lacks */
    bool has_single;
    bool is_held;
    bool is_delivering; /* further up the stack */
    bool has_ended;     /* the client has finished its side */
    bool end_was_told;

    /* What goes out: call.c. */
    bool has_responded; /* the header block was sent */
    bool answers_gzip;
    size_t reserved; /* of the message being written, with its prefix */
    uint8_t *room;   /* what was reserved last */
    struct buf
        staged; /* messages with their prefixes that cannot be written into the stream's queue */

    /* call_observing.c. The first two are the same all its life, and are asked for at every turn.
     */
    const struct grpc_server_observer *observer; /* NULL: there is none */
    void *observed;                              /* grpc_call_observer_state() */
    struct observing observing;

    _Alignas(max_align_t) uint8_t state[]; /* the handler's, and behind it the observer's */
};

/* ---- call.c ---- */

/* A call on a stream: takes its first reference for the stream. NULL when memory runs out. */
struct grpc_call *call_new(struct grpc_connection *connection, struct h2_stream *stream,
                           const struct grpc_route *route);

/* Of a worker that ends. */
void call_free(struct grpc_call *call);

/* The stream is gone, or the connection, `why` for a person: ends the call without an answer. */
void call_cancel(struct grpc_call *call, const char *why);

/* ---- call_input.c ---- */

void call_input_data(struct grpc_call *call, struct bytes piece);
void call_input_ended(struct grpc_call *call);

/* Goes on with what a hold kept back. */
void call_input_run(struct grpc_call *call);

void call_input_reset(struct grpc_call *call);
