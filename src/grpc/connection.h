/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/worker.h"
#include "net/conn.h"

/* A client's connection: glues net's bytes to http2's session, and streams to calls. */
struct grpc_connection {
    struct grpc_worker *worker;
    struct list link; /* in the worker's connections */
    struct net_conn *conn;
    struct h2_session *session; /* NULL until the handshake is over */
    struct list calls;
    bool is_ending; /* nothing more is taken in */
    size_t n_calls; /* also those whose stream is gone and that are still worked at */
    _Alignas(max_align_t) uint8_t state[]; /* the program's, and behind it the observer's */
};

void *connection_observer_state(struct grpc_connection *connection);

/* Takes the socket. Failure is only logged: nobody waits for it. */
void connection_accept(struct grpc_worker *worker, const struct net_socket *socket);

/* There is something to write. */
void connection_wake(struct grpc_connection *connection);

/* Takes no new calls; closes when the last one is over. */
void connection_drain(struct grpc_connection *connection);

/* Closes now. */
void connection_abort(struct grpc_connection *connection, const char *why);
