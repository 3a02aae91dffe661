/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/list.h"
#include "grpc/framing.h"
#include "http2/session.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/loop.h"

/*
 * A server for the channel's tests: an HTTP/2 session on a loopback socket, in the test's own loop,
 * which answers each path as the test says, rightly or wrongly. It is not grpc/server.c: it can
 * send what no server should.
 */
enum {
    PEER_MAX_CONNS = 32,
    PEER_MAX_CALLS = 256,
};

struct peer;
struct peer_call;

/* How a path is answered. Each may be NULL. */
struct peer_behaviour {
    const char *path;
    void (*request)(struct peer_call *call);
    void (*message)(struct peer_call *call, const struct grpc_message *message);
    void (*ended)(struct peer_call *call);
};

struct peer_conn {
    struct list link;
    struct peer *peer; /* NULL: unused */
    struct net_conn *net;
    struct h2_session *session;
    bool has_sent;
};

struct peer_call {
    struct peer_conn *conn; /* NULL: unused */
    struct h2_stream *stream;
    const struct peer_behaviour *behaviour;
    const struct h2_headers *headers; /* inside `request` only */
    struct grpc_framing framing;
    unsigned n_messages;
    bool has_failed; /* for lack of memory; nothing more is sent */
};

struct peer {
    struct net_loop *loop;
    SSL_CTX *tls;
    const struct peer_behaviour *behaviours; /* the last one's path is NULL */
    uint32_t max_streams;                    /* what its SETTINGS say; 0: http2's own limit */
    bool takes_no_calls;                     /* its SETTINGS say 0, and a GOAWAY follows */
    bool is_mute;                            /* says nothing at all */

    /* Not from the heap: a test lets its allocations fail and counts them. */
    struct peer_conn conn_pool[PEER_MAX_CONNS];
    struct peer_call call_pool[PEER_MAX_CALLS];

    struct net_listener *listener;
    uint16_t port;
    struct list conns;
    unsigned n_accepted;
    unsigned n_running, most_running; /* calls at a time */
    char request[4096];               /* the last one's fields, "name: value\n" each */
    uint32_t last_error;              /* with which the last stream was closed */
    unsigned n_closed;
};

/* Listens on 127.0.0.1; `port` 0: any. Fails the test when it cannot. */
void peer_start(struct peer *peer, uint16_t port);

/* Stops listening; connections stay. */
void peer_stop_listening(struct peer *peer);

/* Hangs up on everybody, without a word. */
void peer_drop(struct peer *peer);

/* GOAWAY on every connection. */
void peer_drain(struct peer *peer);

/* Takes back what is still there at the end of a test. */
void peer_stop(struct peer *peer);

/* Response head; messages; trailers with grpc-status. */
void peer_respond(struct peer_call *call);
void peer_send(struct peer_call *call, struct bytes message);
void peer_send_raw(struct peer_call *call, struct bytes bytes);
void peer_finish(struct peer_call *call, const char *status);

/* Ends the call with INTERNAL_ERROR. */
void peer_give_up(struct peer_call *call);

/* One header block that is all of the answer. */
void peer_answer_only(struct peer_call *call, const struct h2_field *fields, size_t n);

struct h2_field peer_field(const char *name, const char *value);
