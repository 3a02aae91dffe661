/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/server.h"
#include "grpc/status.h"
#include "net/conn.h"

/*
 * What a server and a channel tell of their work, for whoever measures it. An observer is a table
 * of callbacks, given with the options; every callback may be NULL, and without an observer the
 * cost is the test of a pointer.
 *
 *     call started -> message in, message out ... -> call ended        exactly once each, in order
 *
 * Each call has zeroed bytes for its observer, as many as the observer says. They stay as long as
 * the call's memory does: a handler that keeps a reference finds them after the end.
 *
 * An observer must not change the call: no sending, no finishing.
 */

/* Messages, and their bytes: plain, and as they were on the wire, both without prefixes. */
struct grpc_counts {
    uint64_t n;
    uint64_t bytes;
    uint64_t wire_bytes;
};

/* A message that was received whole, or given to be sent. */
struct grpc_observed_message {
    uint64_t number; /* in its direction, from 0 */
    size_t size;
    size_t wire_size;
    bool is_compressed;
};

/* How a call ended. Both texts and counts are borrowed for the time of the callback. */
struct grpc_call_end {
    enum grpc_status status; /* CANCELLED when the client or the connection has gone */
    struct bytes text;
    const struct grpc_counts *received, *sent;
};

/* Room on the stack for what an observer keeps from `entered` to `left`. */
struct grpc_observer_scope {
    void *room[2];
};

/*
 * The server's side. Of a call everything comes on its worker's thread; `limit_hit` comes on the
 * accepting thread too.
 */
struct grpc_server_observer {
    void *user;
    size_t call_state_size;       /* grpc_call_observer_state() */
    size_t connection_state_size; /* grpc_call_observer_connection() */

    /* At grpc_server_new(), for each method's path, and once with NULL for the paths of none:
     * `*method` is then grpc_call_observer_method() of these calls. 0 or -ENOMEM. */
    int (*method)(void *user, const char *path, void **method);

    /* A connection is up, after its TLS handshake, if it has one; and is gone, after its calls.
     * `state`: grpc_call_observer_connection() of these. */
    void (*connection_opened)(void *user, void *state);
    void (*connection_closed)(void *user, void *state);

    /* A TLS handshake is over, well or not. */
    void (*handshaken)(void *user, const struct net_handshake *handshake);

    /* A limit of net, http2 or grpc was hit: `grpc.message`, `http2.resets`; a constant. */
    void (*limit_hit)(void *user, const char *limit);

    /* The header block is in; nothing was checked yet but that it is gRPC's. */
    void (*call_started)(void *user, struct grpc_call *call);

    /* Not after grpc_call_observe_no_messages(). */
    void (*message_received)(void *user, struct grpc_call *call,
                             const struct grpc_observed_message *message);
    void (*message_sent)(void *user, struct grpc_call *call,
                         const struct grpc_observed_message *message);

    /* Around every run of the handler's callbacks and of `admit`. They nest, on one thread like the
     * frames of a stack; `ended` of the call may lie in between. */
    void (*entered)(void *user, struct grpc_call *call, struct grpc_observer_scope *scope);
    void (*left)(void *user, struct grpc_call *call, struct grpc_observer_scope *scope);

    /* The status is on its way, or none will be. After the handler's `ended`. */
    void (*call_ended)(void *user, struct grpc_call *call, const struct grpc_call_end *end);
};

/* NULL where there is no observer. */
void *grpc_call_observer_state(const struct grpc_call *call);
void *grpc_call_observer_method(const struct grpc_call *call);

/* The same for its connection: zeroed bytes, from its opening to its end. NULL too once it is gone:
 * a call that is referenced may outlive it. */
void *grpc_call_observer_connection(const struct grpc_call *call);

/* The loop's monotonic time: that of this turn. To look at the clock for each of many calls in a
 * turn costs more than all else that is measured. */
uint64_t grpc_call_now_ns(const struct grpc_call *call);

/* All values of a header field, in order, the first `max` of them; how many it has. */
size_t grpc_call_header_values(const struct grpc_call *call, const char *name, struct bytes *values,
                               size_t max);

/* Messages are only counted from here on: where there are millions of them, telling is too dear. */
void grpc_call_observe_no_messages(struct grpc_call *call);

/* The client's side, all of it on the channel's thread. */
struct grpc_client_call;

struct grpc_client_observer {
    void *user;
    size_t call_state_size; /* grpc_client_call_observer_state() */

    void (*handshaken)(void *user, const struct net_handshake *handshake);
    void (*limit_hit)(void *user, const char *limit);

    /* Inside grpc_client_call_start(), when it can no longer fail; metadata may be added. */
    void (*call_started)(void *user, struct grpc_client_call *call);

    /* It is sent: grpc_client_call_peer() is known. Not of a call that ends before. */
    void (*stream_opened)(void *user, struct grpc_client_call *call);

    /* Not after grpc_client_call_observe_no_messages(). */
    void (*message_received)(void *user, struct grpc_client_call *call,
                             const struct grpc_observed_message *message);
    void (*message_sent)(void *user, struct grpc_client_call *call,
                         const struct grpc_observed_message *message);

    /* The status is decided; the owner is told later. */
    void (*call_ended)(void *user, struct grpc_client_call *call, const struct grpc_call_end *end);
};

/* As above. */
void *grpc_client_call_observer_state(const struct grpc_client_call *call);
uint64_t grpc_client_call_now_ns(const struct grpc_client_call *call);
void grpc_client_call_observe_no_messages(struct grpc_client_call *call);

/* `/SensorService/SendSingleReading` */
struct bytes grpc_client_call_path(const struct grpc_client_call *call);

/* `127.0.0.1:50051`; empty without a stream. */
const char *grpc_client_call_peer(const struct grpc_client_call *call);

/* Adds a field to the request, inside `call_started`. Copies. 0, -EINVAL for what may not be sent,
 * -ENOBUFS (over GRPC_MAX_OBSERVER_METADATA or GRPC_MAX_METADATA) or -ENOMEM. */
MUST_USE int grpc_client_call_add(struct grpc_client_call *call, struct bytes key,
                                  struct bytes value);
