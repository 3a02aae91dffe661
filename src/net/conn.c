/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a connection: its states, and reading and writing in them.
 *
 * What must always hold:
 * - Callbacks run from the loop (a poll event, the passes of loop.c, a closed handle), never from
 *   inside a function of conn.h. So each place that calls one looks at the state after it, and
 *   nothing else can have changed.
 * - A connection is freed in one place, conn_end(), which runs when libuv has given the
 *   handle back: no pointer to it is on the stack then.
 * - Reading goes on whatever waits to be written: what a peer may send is bounded by HTTP/2's flow
 *   control, and a peer that takes nothing is dropped after a while.
 * - While the socket is full, and only then, the poll looks for UV_WRITABLE and `unsent` holds what
 *   has to be offered again. With TLS it must be the same bytes: OpenSSL has sealed them already.
 */
#include "net/conn.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn_impl.h"
#include "net/connect.h"
#include "net/limits.h"

/* ---- states ---- */

#define TO(state) (1u << (state))

static const unsigned legal_moves[] = {
    [CONN_RESOLVING] = TO(CONN_CONNECTING) | TO(CONN_CLOSED),
    [CONN_CONNECTING] = TO(CONN_HANDSHAKING) | TO(CONN_CLOSED),
    [CONN_HANDSHAKING] = TO(CONN_OPEN) | TO(CONN_CLOSED),
    [CONN_OPEN] = TO(CONN_FLUSHING) | TO(CONN_BROKEN) | TO(CONN_CLOSED),
    [CONN_FLUSHING] = TO(CONN_LINGERING) | TO(CONN_CLOSED),
    [CONN_LINGERING] = TO(CONN_CLOSED),
    [CONN_BROKEN] = TO(CONN_CLOSED),
    [CONN_CLOSED] = 0,
};

/* What is said when a state has lasted too long; NULL is no fault of anybody's. */
static const char *const overdue[CONN_CLOSED + 1] = {
    [CONN_RESOLVING] = "the server's name was not resolved in time",
    [CONN_CONNECTING] = "the server did not answer in time",
    [CONN_HANDSHAKING] = "the TLS handshake was not finished in time",
    [CONN_OPEN] = "the peer took nothing of what was sent to it for too long",
    [CONN_FLUSHING] = "the peer took nothing of what was sent to it for too long",
    [CONN_LINGERING] = NULL,
};

void conn_move(struct net_conn *conn, enum conn_state to) {
    assert(legal_moves[conn->state] & TO(to));
    conn->state = to;
}

static void conn_expire_in(struct net_conn *conn, uint64_t seconds) {
    conn->deadline_ns = conn->loop->now_ns + seconds * NS_PER_S;
}

/* ---- birth and end ---- */

struct net_conn *conn_new(struct net_loop *loop, const struct net_conn_ops *ops, void *user,
                          enum conn_state state) {
    if (uv_is_closing((uv_handle_t *)&loop->second))
        return NULL;
    struct net_conn *conn = mem_new(struct net_conn);
    if (!conn)
        return NULL;
    net_loop_renew(loop);
    list_init(&conn->dirty_link);
    list_init(&conn->unread_link);
    list_append(&loop->conns, &conn->link);
    atomic_fetch_add(&loop->n_conns, 1);
    conn->loop = loop;
    conn->ops = ops;
    conn->user = user;
    conn->state = state;
    conn->transport.fd = -1;
    buf_init(&conn->unsent, NET_PLAIN_WRITE_SIZE);
    conn_expire_in(conn, NET_HANDSHAKE_TIMEOUT_S);
    return conn;
}

void conn_free(struct net_conn *conn) {
    list_unlink(&conn->link);
    list_unlink(&conn->dirty_link);
    list_unlink(&conn->unread_link);
    atomic_fetch_sub(&conn->loop->n_conns, 1);
    connector_free(conn->connector);
    transport_fini(&conn->transport);
    buf_fini(&conn->unsent);
    mem_free(conn);
}

void conn_end(struct net_conn *conn) {
    net_loop_renew(conn->loop);
    conn->ops->closed(conn->user, conn->why.text[0] ? conn->why.text : NULL);
    conn_free(conn);
}

void conn_blame(struct net_conn *conn, const char *why) {
    if (why && conn->why.text[0] == '\0')
        err_say(&conn->why, "%s", why);
}

static void conn_on_handle_closed(uv_handle_t *handle) {
    struct net_conn *conn = CONTAINER_OF(handle, struct net_conn, poll);
    if (conn->state == CONN_CONNECTING)
        connect_try_next(conn);
    else
        conn_end(conn);
}

void conn_close_handle(struct net_conn *conn) {
    if (!uv_is_closing((uv_handle_t *)&conn->poll))
        uv_close((uv_handle_t *)&conn->poll, conn_on_handle_closed);
}

void conn_close(struct net_conn *conn, const char *why) {
    if (conn->state == CONN_CLOSED)
        return;
    bool is_resolving = conn->state == CONN_RESOLVING;
    conn_blame(conn, why);
    conn_move(conn, CONN_CLOSED);
    list_unlink(&conn->dirty_link);
    list_unlink(&conn->unread_link);
    if (is_resolving)
        connect_cancel(conn);
    else
        conn_close_handle(conn);
}

/* ---- watching the socket ---- */

static void conn_mark_dirty(struct net_conn *conn) {
    if (list_is_empty(&conn->dirty_link))
        list_append(&conn->loop->dirty, &conn->dirty_link);
}

static void conn_mark_unread(struct net_conn *conn) {
    if (list_is_empty(&conn->unread_link))
        list_append(&conn->loop->unread, &conn->unread_link);
}

/* The socket is dead, but what the peer had sent before is still to be read. */
static void conn_break(struct net_conn *conn, const char *why) {
    if (conn->state != CONN_OPEN) {
        conn_close(conn, conn->state == CONN_LINGERING ? NULL : why);
        return;
    }
    conn_move(conn, CONN_BROKEN);
    conn_blame(conn, why);
    conn->deadline_ns = CONN_NEVER;
    buf_release(&conn->unsent);
    list_unlink(&conn->dirty_link);
    conn_mark_unread(conn);
}

/* libuv has stopped watching: the socket has an error, most often a reset. */
static void conn_on_socket_error(struct net_conn *conn) {
    conn->events = 0;
    if (conn->state == CONN_HANDSHAKING) {
        conn_proceed(conn); /* finds out itself, with better words */
        if (conn->state != CONN_HANDSHAKING)
            return;
    }
    struct err_text why;
    err_say(&why, "the connection broke: %s", strerror(-transport_take_error(&conn->transport)));
    conn_break(conn, why.text);
}

static void conn_on_poll(uv_poll_t *poll, int status, int events) {
    struct net_conn *conn = CONTAINER_OF(poll, struct net_conn, poll);
    net_loop_renew(conn->loop);
    if (conn->state == CONN_CONNECTING) {
        connect_on_event(conn);
        return;
    }
    if (status < 0) {
        conn_on_socket_error(conn);
        return;
    }
    if (events & UV_WRITABLE) {
        conn_watch(conn, UV_READABLE);
        conn_mark_dirty(conn);
    }
    /* With TLS a read may have been waiting until it could write. */
    if ((events & UV_READABLE) || conn->transport.ssl)
        conn_proceed(conn);
}

void conn_watch(struct net_conn *conn, int events) {
    if (conn->events == events)
        return;
    conn->events = events;
    int r = uv_poll_start(&conn->poll, events, conn_on_poll);
    assert(r == 0);
    (void)r;
}

int conn_watch_socket(struct net_conn *conn, int fd, int events) {
    int r = uv_poll_init(&conn->loop->uv, &conn->poll, fd);
    if (r)
        return err_trace(r);
    conn->events = 0;
    conn_watch(conn, events);
    return 0;
}

/* ---- handshake ---- */

static void conn_tell_handshake(struct net_conn *conn, const struct net_handshake *handshake) {
    if (handshake->result && conn->ops->handshaken)
        conn->ops->handshaken(conn->user, handshake);
}

static void conn_refuse(struct net_conn *conn, const struct net_handshake *handshake,
                        const char *why) {
    if (conn->transport.ssl && SSL_is_server(conn->transport.ssl))
        net_loop_log_refusal(conn->loop, conn->peer.text, why);
    conn_tell_handshake(conn, handshake);
    conn_close(conn, why);
}

static void conn_open(struct net_conn *conn) {
    conn_move(conn, CONN_OPEN);
    conn->deadline_ns = CONN_NEVER;
    conn_watch(conn, UV_READABLE);
    conn_mark_dirty(conn);
    conn->ops->opened(conn->user);
}

static void conn_shake_hands(struct net_conn *conn) {
    struct err_text why;
    struct net_handshake handshake;
    int r = transport_handshake(&conn->transport, &handshake, &why);
    if (r < 0) {
        conn_refuse(conn, &handshake, why.text);
    } else if (r == 0) {
        conn_tell_handshake(conn, &handshake);
        conn_open(conn);
    } else {
        conn_watch(conn, r == TRANSPORT_E_WANTS_WRITE ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    }
}

/* The socket is full: nothing is written before it has room, and the peer has to make some. */
static void conn_await_room(struct net_conn *conn) {
    if (conn->deadline_ns == CONN_NEVER)
        conn_expire_in(conn, NET_STALL_TIMEOUT_S);
    conn_watch(conn, UV_READABLE | UV_WRITABLE);
}

/* ---- reading ---- */

static bool conn_may_read(const struct net_conn *conn) {
    return conn->state == CONN_OPEN || conn->state == CONN_FLUSHING || conn->state == CONN_BROKEN;
}

/* The peer's last word, a TLS alert, tells more than how the socket broke. */
static void conn_end_broken(struct net_conn *conn, int r, const char *why) {
    if (r == -EPROTO)
        err_say(&conn->why, "%s", why);
    conn_close(conn, NULL);
}

/* After the last read of a turn. */
static void conn_after_read(struct net_conn *conn, int r, const char *why) {
    if (r == 0)
        conn_mark_unread(conn);
    else if (conn->state == CONN_BROKEN)
        conn_end_broken(conn, r, why);
    else if (r == TRANSPORT_E_ENDED)
        conn_close(conn, NULL);
    else if (r == TRANSPORT_E_WANTS_WRITE)
        conn_await_room(conn);
    else if (r < 0)
        conn_close(conn, why);
}

static void conn_read(struct net_conn *conn) {
    struct err_text why;
    uint8_t *buffer = conn->loop->read_buffer;
    int r = 0;
    for (int i = 0; i < NET_READS_PER_TURN && r == 0 && conn_may_read(conn); i++) {
        size_t n;
        r = transport_read(&conn->transport, buffer, NET_READ_SIZE, &n, &why);
        if (n > 0 && conn->state != CONN_FLUSHING)
            conn->ops->received(conn->user, bytes_of(buffer, n));
    }
    if (conn_may_read(conn))
        conn_after_read(conn, r, why.text);
}

static void conn_linger_on(struct net_conn *conn) {
    int r = transport_discard(&conn->transport, conn->loop->read_buffer, NET_READ_SIZE);
    if (r != TRANSPORT_E_WANTS_READ)
        conn_close(conn, NULL);
}

void conn_proceed(struct net_conn *conn) {
    if (conn->state == CONN_HANDSHAKING)
        conn_shake_hands(conn);
    if (conn_may_read(conn)) /* the first request may have come with the end of the handshake */
        conn_read(conn);
    else if (conn->state == CONN_LINGERING)
        conn_linger_on(conn);
}

/* ---- writing ---- */

static bool conn_may_write(const struct net_conn *conn) {
    return (conn->state == CONN_OPEN || conn->state == CONN_FLUSHING) &&
           !(conn->events & UV_WRITABLE);
}

/* How many of the bytes the socket took; with fewer than all it is full or the connection over. */
static size_t conn_write(struct net_conn *conn, struct bytes bytes) {
    struct err_text why;
    size_t n;
    int r = transport_write(&conn->transport, bytes, &n, &why);
    if (r < 0) {
        conn_break(conn, why.text);
        return 0;
    }
    if (n == bytes.len)
        return n;
    if (n > 0) /* it has taken something: its time begins again */
        conn->deadline_ns = CONN_NEVER;
    conn_await_room(conn);
    return n;
}

/* Whether all of it is gone now. */
static bool conn_write_unsent(struct net_conn *conn) {
    if (buf_len(&conn->unsent) == 0) {
        conn->deadline_ns = CONN_NEVER; /* a read that had to write first may have set it */
        return true;
    }
    size_t n = conn_write(conn, buf_bytes(&conn->unsent));
    if (n == 0) /* full as before, or over: then nothing is kept any more */
        return false;
    buf_consume(&conn->unsent, n);
    if (buf_len(&conn->unsent) > 0)
        return false;
    buf_release(&conn->unsent);
    conn->deadline_ns = CONN_NEVER;
    return true;
}

/* Writes new bytes and keeps what the socket did not take. Whether there is room for more. */
static bool conn_write_new(struct net_conn *conn, struct bytes bytes) {
    size_t n = conn_write(conn, bytes);
    if (n == bytes.len)
        return true;
    bool is_over = conn->state != CONN_OPEN && conn->state != CONN_FLUSHING;
    if (!is_over && buf_append(&conn->unsent, bytes_from(bytes, n)))
        conn_close(conn, "out of memory");
    return false;
}

static void conn_linger(struct net_conn *conn) {
    if (transport_say_goodbye(&conn->transport)) {
        conn_close(conn, NULL); /* the peer is gone already */
        return;
    }
    conn_move(conn, CONN_LINGERING);
    conn_expire_in(conn, NET_LINGER_TIMEOUT_S);
}

void conn_flush(struct net_conn *conn) {
    if (!conn_may_write(conn) || !conn_write_unsent(conn))
        return;
    uint8_t *buffer = conn->loop->write_buffer;
    size_t size = conn->transport.ssl ? NET_WRITE_SIZE : NET_PLAIN_WRITE_SIZE;
    for (size_t left = NET_PLAIN_WRITE_SIZE; left > 0; left -= size) {
        size_t n = conn->ops->fill(conn->user, buffer, size);
        assert(n <= size);
        if (!conn_may_write(conn) || (n > 0 && !conn_write_new(conn, bytes_of(buffer, n))))
            return;
        if (n < size) {
            if (conn->state == CONN_FLUSHING)
                conn_linger(conn);
            return;
        }
    }
    conn_mark_dirty(conn);
}

/* ---- time ---- */

/* A peer that does not hang up in time has hit no limit: it was only waited for out of courtesy. */
static void conn_expire(struct net_conn *conn) {
    bool is_stalled = conn->state == CONN_OPEN || conn->state == CONN_FLUSHING;
    if (conn->ops->limit_hit && conn->state != CONN_LINGERING)
        conn->ops->limit_hit(conn->user, is_stalled ? "net.stall_time" : "net.handshake_time");
    const struct net_handshake handshake = {.result = "HANDSHAKE_TIMEOUT"};
    if (conn->state == CONN_HANDSHAKING)
        conn_refuse(conn, &handshake, overdue[CONN_HANDSHAKING]);
    else
        conn_close(conn, overdue[conn->state]);
}

void conn_tick(struct net_conn *conn) {
    if (conn->state == CONN_CLOSED)
        return;
    if (conn->loop->now_ns < conn->deadline_ns) {
        if (conn->state == CONN_OPEN)
            conn->ops->ticked(conn->user);
        return;
    }
    conn_expire(conn);
}

/* ---- what the owner calls ---- */

static void conn_set_peer(struct net_conn *conn, int fd) {
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    getpeername(fd, (struct sockaddr *)&address, &len);
    conn->peer = net_address_format((struct sockaddr *)&address);
}

int net_conn_accept(struct net_loop *loop, const struct net_socket *socket,
                    const struct net_conn_ops *ops, void *user, struct net_conn **accepted) {
    struct net_conn *conn = conn_new(loop, ops, user, CONN_HANDSHAKING);
    if (!conn) {
        close(socket->fd);
        return err_trace(-ENOMEM);
    }
    conn_set_peer(conn, socket->fd);
    int r = transport_init(&conn->transport, socket->tls, TRANSPORT_SERVER);
    int attached = transport_attach(&conn->transport, socket->fd);
    if (r == 0)
        r = attached;
    if (r == 0)
        r = conn_watch_socket(conn, socket->fd, UV_READABLE);
    if (r) {
        conn_free(conn);
        return err_trace(r);
    }
    conn_mark_unread(conn); /* plaintext opens without waiting for anything */
    *accepted = conn;
    return 0;
}

void net_conn_wake(struct net_conn *conn) {
    if (conn->state == CONN_OPEN)
        conn_mark_dirty(conn);
}

void net_conn_finish(struct net_conn *conn) {
    if (conn->state == CONN_OPEN) {
        conn_move(conn, CONN_FLUSHING);
        conn_mark_dirty(conn);
        return;
    }
    if (conn->state != CONN_FLUSHING && conn->state != CONN_LINGERING)
        conn_close(conn, NULL);
}

void net_conn_abort(struct net_conn *conn, const char *why) {
    conn_close(conn, why);
}

const char *net_conn_peer(const struct net_conn *conn) {
    return conn->peer.text;
}
