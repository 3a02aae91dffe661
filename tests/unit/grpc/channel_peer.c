/* SPDX-License-Identifier: Apache-2.0 */
#include "channel_peer.h"

#include <stdio.h>

#include "unit.h"

struct h2_field peer_field(const char *name, const char *value) {
    return (struct h2_field){.name = bytes_str(name), .value = bytes_str(value)};
}

/* ---- answers ---- */

void peer_give_up(struct peer_call *call) {
    call->has_failed = true;
    h2_stream_reset(call->stream, H2_INTERNAL_ERROR);
    net_conn_wake(call->conn->net);
}

/* Memory may run out on this side too, when a test makes it. */
static void sent(struct peer_call *call, int r) {
    if (r)
        peer_give_up(call);
    net_conn_wake(call->conn->net);
}

void peer_respond(struct peer_call *call) {
    const struct h2_field fields[] = {
        peer_field(":status", "200"),
        peer_field("content-type", "application/grpc"),
        peer_field("grpc-encoding", "gzip"),
        peer_field("x-head", "warm"),
    };
    sent(call, h2_stream_respond(call->stream, fields, ARRAY_LEN(fields), false));
}

void peer_send_raw(struct peer_call *call, struct bytes bytes) {
    uint8_t *room;
    if (call->has_failed)
        return;
    int r = h2_stream_reserve(call->stream, bytes.len, &room);
    if (r == 0 && bytes.len) {
        memcpy(room, bytes.data, bytes.len);
        h2_stream_commit(call->stream, bytes.len);
    }
    sent(call, r);
}

void peer_send(struct peer_call *call, struct bytes message) {
    uint8_t prefix[GRPC_PREFIX_SIZE];
    grpc_framing_write_prefix(prefix, false, message.len);
    peer_send_raw(call, bytes_of(prefix, sizeof(prefix)));
    peer_send_raw(call, message);
}

void peer_finish(struct peer_call *call, const char *status) {
    const struct h2_field trailers[] = {peer_field("grpc-status", status),
                                        peer_field("x-trail", "cold")};
    if (!call->has_failed)
        sent(call, h2_stream_finish(call->stream, trailers, ARRAY_LEN(trailers)));
}

void peer_answer_only(struct peer_call *call, const struct h2_field *fields, size_t n) {
    sent(call, h2_stream_respond(call->stream, fields, n, true));
}

/* ---- what the session tells ---- */

static void note_request(struct peer *peer, const struct h2_headers *headers) {
    size_t used = 0;
    for (size_t i = 0; i < headers->n_fields; i++) {
        const struct h2_field *field = &headers->fields[i];
        int n = snprintf(peer->request + used, sizeof(peer->request) - used, "%.*s: %.*s\n",
                         BYTES_ARGS(field->name), BYTES_ARGS(field->value));
        used += (size_t)n;
        assert_true(used < sizeof(peer->request));
    }
}

static const struct peer_behaviour *find_behaviour(const struct peer *peer,
                                                   const struct h2_headers *headers) {
    for (const struct peer_behaviour *one = peer->behaviours; one->path; one++) {
        for (size_t i = 0; i < headers->n_fields; i++) {
            if (bytes_equal_str(headers->fields[i].name, ":path") &&
                bytes_equal_str(headers->fields[i].value, one->path))
                return one;
        }
    }
    fail_msg("no such path");
    return NULL;
}

static struct peer_call *find_call(struct peer *peer) {
    for (size_t i = 0; i < PEER_MAX_CALLS; i++) {
        if (!peer->call_pool[i].conn)
            return &peer->call_pool[i];
    }
    fail_msg("too many calls");
    return NULL;
}

static struct peer_conn *find_conn(struct peer *peer) {
    for (size_t i = 0; i < PEER_MAX_CONNS; i++) {
        if (!peer->conn_pool[i].peer)
            return &peer->conn_pool[i];
    }
    fail_msg("too many connections");
    return NULL;
}

static void on_headers(void *user, struct h2_stream *stream, const struct h2_headers *headers) {
    struct peer_conn *conn = user;
    struct peer_call *call = find_call(conn->peer);
    *call = (struct peer_call){.conn = conn, .stream = stream, .headers = headers};
    call->behaviour = find_behaviour(conn->peer, headers);
    grpc_framing_init(&call->framing);
    h2_stream_set_user(stream, call);
    note_request(conn->peer, headers);
    if (++conn->peer->n_running > conn->peer->most_running)
        conn->peer->most_running = conn->peer->n_running;
    if (call->behaviour->request)
        call->behaviour->request(call);
}

static void on_data(void *user, struct h2_stream *stream, struct bytes piece) {
    (void)user;
    struct peer_call *call = h2_stream_user(stream);
    struct grpc_message message;
    size_t len = piece.len;
    while (grpc_framing_next(&call->framing, &piece, &message) == 0) {
        call->n_messages++;
        if (call->behaviour->message)
            call->behaviour->message(call, &message);
    }
    h2_stream_consume(stream, len);
}

static void on_ended(void *user, struct h2_stream *stream) {
    (void)user;
    struct peer_call *call = h2_stream_user(stream);
    if (call->behaviour->ended)
        call->behaviour->ended(call);
}

static void on_writable(void *user, struct h2_stream *stream) {
    (void)user, (void)stream;
}

static void on_stream_closed(void *user, struct h2_stream *stream, uint32_t error,
                             bool is_unprocessed) {
    (void)is_unprocessed;
    struct peer_conn *conn = user;
    struct peer_call *call = h2_stream_user(stream);
    conn->peer->last_error = error;
    conn->peer->n_closed++;
    conn->peer->n_running--;
    grpc_framing_fini(&call->framing);
    call->conn = NULL;
}

static const struct h2_ops session_ops = {
    .headers = on_headers,
    .data = on_data,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_stream_closed,
};

/* ---- what net tells ---- */

static void conn_opened(void *user) {
    struct peer_conn *conn = user;
    if (conn->peer->is_mute)
        return;
    int r = h2_session_new(H2_SERVER, &session_ops, conn, conn->peer->loop->now_ns, &conn->session);
    if (r) {
        net_conn_abort(conn->net, "no memory");
        return;
    }
    if (conn->peer->takes_no_calls)
        h2_session_drain(conn->session);
    net_conn_wake(conn->net);
}

static void conn_received(void *user, struct bytes bytes) {
    struct peer_conn *conn = user;
    if (!conn->session)
        return;
    if (h2_session_receive(conn->session, bytes, conn->peer->loop->now_ns))
        net_conn_finish(conn->net);
    net_conn_wake(conn->net);
}

/* Writes the test's limit over the one in the SETTINGS frame, the first that is sent. */
static void put_max_streams(uint8_t *frame, uint32_t max_streams) {
    enum {
        FRAME_HEAD = 9,
        ENTRY = 6,
        MAX_CONCURRENT_STREAMS = 3
    };
    size_t len = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
    for (uint8_t *entry = frame + FRAME_HEAD; entry < frame + FRAME_HEAD + len; entry += ENTRY) {
        if (entry[1] == MAX_CONCURRENT_STREAMS) {
            entry[2] = entry[3] = entry[4] = 0;
            entry[5] = (uint8_t)max_streams;
        }
    }
}

static size_t conn_fill(void *user, uint8_t *out, size_t cap) {
    struct peer_conn *conn = user;
    if (!conn->session)
        return 0;
    size_t n = h2_session_fill(conn->session, out, cap);
    bool is_first = n && !conn->has_sent;
    if (is_first && (conn->peer->max_streams || conn->peer->takes_no_calls))
        put_max_streams(out, conn->peer->max_streams);
    conn->has_sent = conn->has_sent || n;
    if (h2_session_is_over(conn->session))
        net_conn_finish(conn->net);
    return n;
}

static void conn_ticked(void *user) {
    (void)user;
}

static void conn_closed(void *user, const char *why) {
    (void)why;
    struct peer_conn *conn = user;
    list_unlink(&conn->link);
    h2_session_free(conn->session);
    conn->peer = NULL;
}

static const struct net_conn_ops net_ops = {
    .opened = conn_opened,
    .received = conn_received,
    .fill = conn_fill,
    .ticked = conn_ticked,
    .closed = conn_closed,
};

static void on_accepted(void *user, int fd) {
    struct peer *peer = user;
    struct peer_conn *conn = find_conn(peer);
    *conn = (struct peer_conn){.peer = peer};
    peer->n_accepted++;
    const struct net_socket socket = {.fd = fd, .tls = peer->tls};
    if (net_conn_accept(peer->loop, &socket, &net_ops, conn, &conn->net)) {
        conn->peer = NULL;
        return;
    }
    list_append(&peer->conns, &conn->link);
}

/* ---- for the tests ---- */

void peer_start(struct peer *peer, uint16_t port) {
    struct net_address address = {.host = "127.0.0.1", .port = port};
    struct err_text why;
    if (!peer->conns.next)
        list_init(&peer->conns);
    struct net_acceptor acceptor = {on_accepted, peer, .option = "--listen"};
    if (net_listener_open(peer->loop, &address, acceptor, &peer->listener, &why))
        fail_msg("%s", why.text);
    peer->port = net_listener_port(peer->listener);
}

void peer_stop_listening(struct peer *peer) {
    net_listener_close(STEAL(peer->listener));
}

void peer_drop(struct peer *peer) {
    LIST_FOR_EACH (node, &peer->conns) {
        net_conn_abort(CONTAINER_OF(node, struct peer_conn, link)->net, NULL);
    }
}

void peer_drain(struct peer *peer) {
    LIST_FOR_EACH (node, &peer->conns) {
        struct peer_conn *conn = CONTAINER_OF(node, struct peer_conn, link);
        h2_session_drain(conn->session);
        net_conn_wake(conn->net);
    }
}

void peer_stop(struct peer *peer) {
    peer_stop_listening(peer);
    peer_drop(peer);
}
