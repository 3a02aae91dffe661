/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between net, which has the socket, and http2, which has the session. Two rules are kept here:
 *
 * - The channel learns of an end before the calls do: a call that starts another one from its
 *   `status` must meet the channel's new state. So the session, with which the streams end, is
 *   freed last.
 * - Whatever happens, the connection ends by net's `closed`, which comes by itself and never inside
 *   another callback: there, and only there, it is freed.
 *
 * The time for an attempt is net's for the handshake and the session's for the SETTINGS; the
 * channel's timer stands behind both.
 */
#include "grpc/channel_conn.h"

#include <assert.h>

#include "base/log.h"
#include "base/mem.h"
#include "grpc/client_answer.h"
#include "grpc/client_call.h"
#include "grpc/client_observing.h"

/* ---- what the session tells ---- */

static void on_headers(void *user, struct h2_stream *stream, const struct h2_headers *headers) {
    (void)user;
    struct grpc_client_call *call = h2_stream_user(stream);
    if (call)
        client_answer_headers(call, headers);
}

static void on_data(void *user, struct h2_stream *stream, struct bytes piece) {
    (void)user;
    struct grpc_client_call *call = h2_stream_user(stream);
    if (!call) {
        h2_stream_consume(stream, piece.len);
        return;
    }
    client_answer_data(call, stream, piece);
}

static void on_ended(void *user, struct h2_stream *stream) {
    (void)user;
    struct grpc_client_call *call = h2_stream_user(stream);
    if (call)
        client_answer_ended(call);
}

static void on_writable(void *user, struct h2_stream *stream) {
    (void)user;
    struct grpc_client_call *call = h2_stream_user(stream);
    if (call)
        client_call_queue_is_short(call);
}

static void on_stream_closed(void *user, struct h2_stream *stream, uint32_t error,
                             bool is_unprocessed) {
    (void)user;
    struct grpc_client_call *call = h2_stream_user(stream);
    if (call)
        client_answer_stream_closed(call, error, is_unprocessed);
}

static void on_ready(void *user) {
    struct channel_conn *conn = user;
    if (conn->state != CONN_CONNECTING) {
        channel_conn_has_room(conn->channel); /* the server may take more calls than before */
        return;
    }
    conn->state = CONN_UP;
    channel_conn_ready(conn->channel, conn);
}

static void on_goaway(void *user, uint32_t error, struct bytes debug) {
    struct channel_conn *conn = user;
    log_debug("%s takes no more calls: HTTP/2 error %u %.*s", conn->channel->authority, error,
              BYTES_ARGS(debug));
    if (conn->state == CONN_UP) {
        conn->state = CONN_DRAINING;
        channel_conn_retired(conn->channel, conn);
    }
}

static void on_limit_hit(void *user, const char *limit) {
    const struct channel_conn *conn = user;
    channel_hit_limit(conn->channel, limit);
}

static const struct h2_ops session_ops = {
    .headers = on_headers,
    .data = on_data,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_stream_closed,
    .ready = on_ready,
    .goaway = on_goaway,
    .limit_hit = on_limit_hit,
};

/* ---- what net tells ---- */

/* Net's words about addresses that it has tried say already what failed. */
static bool names_the_failure(const char *why) {
    return why && bytes_start_with(bytes_str(why), "cannot connect");
}

static void conn_say_why(struct channel_conn *conn, const char *why) {
    const char *peer = conn->channel->authority;
    if (names_the_failure(why))
        err_say(&conn->why, "%s", why);
    else if (conn->state == CONN_CONNECTING)
        err_say(&conn->why, "cannot connect to %s: %s", peer, why ? why : "it closed at once");
    else if (why)
        err_say(&conn->why, "the connection to %s was lost: %s", peer, why);
    else
        err_say(&conn->why, "%s closed the connection", peer);
}

/* It is of no use any more, but what is left (a GOAWAY) shall still reach the server. */
static void conn_break(struct channel_conn *conn, const char *why) {
    if (conn->state == CONN_ENDING)
        return;
    conn_say_why(conn, why);
    conn->state = CONN_ENDING;
    channel_conn_ended(conn->channel, conn, conn->why.text);
    net_conn_finish(conn->net);
}

/* After bytes went in or out: streams may have ended, so that there is room, or nothing is left. */
static void conn_look_around(struct channel_conn *conn) {
    if (conn->state == CONN_ENDING)
        return;
    channel_conn_has_room(conn->channel);
    bool is_drained = conn->state == CONN_DRAINING && h2_session_n_streams(conn->session) == 0;
    bool is_over = h2_session_is_over(conn->session);
    const char *why = h2_session_why(conn->session);
    if (is_over && why[0])
        conn_break(conn, why);
    if (conn->state == CONN_ENDING || (!is_over && !is_drained))
        return;
    conn->state = CONN_ENDING;
    channel_conn_ended(conn->channel, conn, NULL);
    h2_session_terminate(conn->session, H2_NO_ERROR);
    net_conn_finish(conn->net);
}

static const char *session_trouble(const struct channel_conn *conn, int r) {
    return r == H2_E_BROKEN ? h2_session_why(conn->session) : "memory ran out";
}

static void conn_opened(void *user) {
    struct channel_conn *conn = user;
    int r =
        h2_session_new(H2_CLIENT, &session_ops, conn, conn->channel->loop->now_ns, &conn->session);
    if (r)
        net_conn_abort(conn->net, "memory ran out");
    else
        net_conn_wake(conn->net);
}

static void conn_received(void *user, struct bytes bytes) {
    struct channel_conn *conn = user;
    if (!conn->session || conn->state == CONN_ENDING)
        return;
    int r = h2_session_receive(conn->session, bytes, conn->channel->loop->now_ns);
    if (r)
        conn_break(conn, session_trouble(conn, r));
    conn_look_around(conn);
    net_conn_wake(conn->net);
}

static size_t conn_fill(void *user, uint8_t *out, size_t cap) {
    struct channel_conn *conn = user;
    if (!conn->session)
        return 0;
    size_t n = h2_session_fill(conn->session, out, cap);
    conn_look_around(conn);
    return n;
}

static void conn_ticked(void *user) {
    struct channel_conn *conn = user;
    if (!conn->session || conn->state == CONN_ENDING)
        return;
    int r = h2_session_tick(conn->session, conn->channel->loop->now_ns);
    if (r)
        conn_break(conn, session_trouble(conn, r));
}

static void conn_closed(void *user, const char *why) {
    struct channel_conn *conn = user;
    bool is_orderly = !why && conn->state != CONN_CONNECTING;
    if (!conn->why.text[0])
        conn_say_why(conn, why);
    conn->state = CONN_ENDING;
    channel_conn_ended(conn->channel, conn, is_orderly ? NULL : conn->why.text);
    h2_session_free(conn->session);
    struct grpc_channel *channel = conn->channel;
    mem_free(conn);
    channel_conn_gone(channel);
}

static void conn_handshaken(void *user, const struct net_handshake *handshake) {
    const struct channel_conn *conn = user;
    const struct grpc_client_observer *observer = conn->channel->observer;
    if (observer && observer->handshaken)
        observer->handshaken(observer->user, handshake);
}

static const struct net_conn_ops net_ops = {
    .handshaken = conn_handshaken,
    .limit_hit = on_limit_hit,
    .opened = conn_opened,
    .received = conn_received,
    .fill = conn_fill,
    .ticked = conn_ticked,
    .closed = conn_closed,
};

/* ---- for the channel and its calls ---- */

int channel_conn_new(struct grpc_channel *channel, struct channel_conn **out) {
    CLEANUP(mem_freep) struct channel_conn *conn = mem_new(struct channel_conn);
    if (!conn)
        return -ENOMEM;
    *conn = (struct channel_conn){.channel = channel, .state = CONN_CONNECTING};
    const struct net_target target = {
        .address = channel->address, .tls = channel->tls, .server_name = channel->server_name};
    int r = net_conn_connect(channel->loop, &target, &net_ops, conn, &conn->net);
    if (r)
        return err_trace(r);
    channel->n_conns++;
    *out = STEAL(conn);
    return 0;
}

void channel_conn_drain(struct channel_conn *conn) {
    assert(conn->state == CONN_UP);
    conn->state = CONN_DRAINING;
    h2_session_drain(conn->session);
    net_conn_wake(conn->net);
}

void channel_conn_close(struct channel_conn *conn, const char *why) {
    if (conn->state == CONN_ENDING)
        return;
    conn->state = CONN_ENDING;
    err_say(&conn->why, "%s", why);
    if (!conn->session) {
        net_conn_abort(conn->net, NULL);
        return;
    }
    h2_session_terminate(conn->session, H2_NO_ERROR);
    net_conn_finish(conn->net);
}
