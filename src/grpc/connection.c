/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a server. Bytes that come in are fed to the session, which tells of streams; a
 * stream's header block becomes a call, or is refused here with a status of its own. What is to be
 * written is pulled by the loop, once a turn.
 *
 * A call can outlive its stream: the client resets it while the store still works at it. Such calls
 * count against the limit of streams, so a client that opens and resets gains nothing
 * (CVE-2023-44487, CVE-2025-8671).
 */
#include "grpc/connection.h"

#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "grpc/call_observing.h"
#include "grpc/request.h"
#include "grpc/server_impl.h"
#include "http2/limits.h"

/* ---- what the session tells ---- */

static void on_headers(void *user, struct h2_stream *stream, const struct h2_headers *headers) {
    struct grpc_connection *connection = user;
    if (headers->block != H2_REQUEST)
        return; /* a client's trailers mean nothing in gRPC */
    if (connection->n_calls >= H2_MAX_STREAMS) {
        server_hit_limit(connection->worker->server, "http2.streams");
        h2_stream_reset(stream, H2_REFUSED_STREAM);
        return;
    }
    request_open_call(connection, stream, headers);
}

static void on_data(void *user, struct h2_stream *stream, struct bytes piece) {
    (void)user;
    struct grpc_call *call = h2_stream_user(stream);
    if (call)
        call_input_data(call, piece);
    else
        h2_stream_consume(stream, piece.len);
}

static void on_ended(void *user, struct h2_stream *stream) {
    (void)user;
    struct grpc_call *call = h2_stream_user(stream);
    if (call)
        call_input_ended(call);
}

static void on_writable(void *user, struct h2_stream *stream) {
    (void)user;
    struct grpc_call *call = h2_stream_user(stream);
    if (!call || !call->route->method->writable)
        return;
    struct grpc_observer_scope scope;
    grpc_call_ref(call);
    call_enter(call, &scope);
    call->route->method->writable(call);
    call_leave(call, &scope);
    grpc_call_unref(call);
}

static void on_stream_closed(void *user, struct h2_stream *stream, uint32_t error,
                             bool is_unprocessed) {
    (void)user;
    (void)is_unprocessed;
    struct grpc_call *call = h2_stream_user(stream);
    if (call)
        call_cancel(call, error == H2_CONNECTION_LOST ? "the connection was lost"
                                                      : "the stream was reset");
}

static void on_limit_hit(void *user, const char *limit) {
    const struct grpc_connection *connection = user;
    server_hit_limit(connection->worker->server, limit);
}

static const struct h2_ops session_ops = {
    .headers = on_headers,
    .data = on_data,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_stream_closed,
    .limit_hit = on_limit_hit,
};

/* ---- what an observer is told; a connection has its session from the one to the other ---- */

static const struct grpc_server_observer *observer_of(const struct grpc_connection *connection) {
    return connection->worker->server->observer;
}

void *connection_observer_state(struct grpc_connection *connection) {
    return connection->state + connection->worker->server->hooks.connection_state_size;
}

static void observe_opened(struct grpc_connection *connection) {
    const struct grpc_server_observer *observer = observer_of(connection);
    if (observer && observer->connection_opened)
        observer->connection_opened(observer->user, connection_observer_state(connection));
}

static void observe_closed(struct grpc_connection *connection) {
    const struct grpc_server_observer *observer = observer_of(connection);
    if (observer && observer->connection_closed)
        observer->connection_closed(observer->user, connection_observer_state(connection));
}

/* ---- what the socket tells ---- */

/* Closes once everything is written; a GOAWAY may still be filled. */
static void connection_end(struct grpc_connection *connection) {
    const char *why = h2_session_why(connection->session);
    if (connection->is_ending)
        return;
    connection->is_ending = true;
    if (why[0])
        net_loop_log_refusal(&connection->worker->loop, net_conn_peer(connection->conn), why);
    net_conn_finish(connection->conn);
}

static void on_received(void *user, struct bytes bytes) {
    struct grpc_connection *connection = user;
    int r = h2_session_receive(connection->session, bytes, connection->worker->loop.now_ns);
    if (r == H2_E_BROKEN)
        connection_end(connection);
    else if (r)
        net_conn_abort(connection->conn, "out of memory");
    else
        net_conn_wake(connection->conn);
}

static size_t on_fill(void *user, uint8_t *out, size_t cap) {
    struct grpc_connection *connection = user;
    size_t n = h2_session_fill(connection->session, out, cap);
    if (h2_session_is_over(connection->session))
        connection_end(connection);
    return n;
}

static void on_ticked(void *user) {
    struct grpc_connection *connection = user;
    if (h2_session_tick(connection->session, connection->worker->loop.now_ns))
        connection_end(connection);
    else
        net_conn_wake(connection->conn);
}

static void on_handshaken(void *user, const struct net_handshake *handshake) {
    const struct grpc_server_observer *observer = observer_of(user);
    if (observer && observer->handshaken)
        observer->handshaken(observer->user, handshake);
}

/* Now the handshake is over: SETTINGS have a time of their own, and a peer that only holds a socket
 * open has cost no session. */
static void on_opened(void *user) {
    struct grpc_connection *connection = user;
    int r = h2_session_new(H2_SERVER, &session_ops, connection, connection->worker->loop.now_ns,
                           &connection->session);
    if (r == 0) {
        net_conn_wake(connection->conn); /* our SETTINGS wait */
        observe_opened(connection);
        return;
    }
    log_warn("a connection was closed: %s", strerror(-r));
    net_conn_abort(connection->conn, "out of memory");
}

static void connection_free(struct grpc_connection *connection) {
    h2_session_free(connection->session); /* cancels the calls that run */
    if (connection->session)
        observe_closed(connection);
    LIST_FOR_EACH (node, &connection->calls) {
        struct grpc_call *call = CONTAINER_OF(node, struct grpc_call, link);
        call->connection = NULL;
        list_unlink(&call->link);
    }
    list_unlink(&connection->link);
    mem_free(connection);
}

static void on_closed(void *user, const char *why) {
    struct grpc_connection *connection = user;
    struct grpc_worker *worker = connection->worker;
    if (why)
        log_debug("%s: the connection ended: %s", net_conn_peer(connection->conn), why);
    connection_free(connection);
    worker_lost_connection(worker);
}

static const struct net_conn_ops conn_ops = {
    .handshaken = on_handshaken,
    .limit_hit = on_limit_hit,
    .opened = on_opened,
    .received = on_received,
    .fill = on_fill,
    .ticked = on_ticked,
    .closed = on_closed,
};

/* ---- life ---- */

void connection_accept(struct grpc_worker *worker, const struct net_socket *socket) {
    const struct grpc_server *server = worker->server;
    size_t state_size = server->hooks.connection_state_size +
                        (server->observer ? server->observer->connection_state_size : 0);
    struct grpc_connection *connection = mem_zalloc(1, sizeof(struct grpc_connection) + state_size);
    if (!connection) {
        log_warn("a connection was closed: out of memory");
        close(socket->fd);
        return;
    }
    connection->worker = worker;
    list_init(&connection->calls);
    list_init(&connection->link);
    int r = net_conn_accept(&worker->loop, socket, &conn_ops, connection, &connection->conn);
    if (r) {
        log_warn("a connection was closed: %s", strerror(-r));
        connection_free(connection);
        return;
    }
    list_append(&worker->connections, &connection->link);
}

void connection_wake(struct grpc_connection *connection) {
    net_conn_wake(connection->conn);
}

void connection_drain(struct grpc_connection *connection) {
    if (!connection->session) { /* in its handshake: no call is lost with it */
        net_conn_abort(connection->conn, "the server stops");
        return;
    }
    h2_session_drain(connection->session);
    net_conn_wake(connection->conn);
}

void connection_abort(struct grpc_connection *connection, const char *why) {
    net_conn_abort(connection->conn, why);
}
