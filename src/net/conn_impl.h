/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/transport.h"

/* What conn.c, connect.c and loop.c share: the connection itself and the steps of its life. */

/* The diagram is in conn.h, the table of legal moves in conn.c. */
enum conn_state {
    CONN_RESOLVING,
    CONN_CONNECTING,
    CONN_HANDSHAKING,
    CONN_OPEN,
    CONN_FLUSHING,
    CONN_LINGERING,
    CONN_BROKEN,
    CONN_CLOSED, /* `closed` is called as soon as the loop has closed the handle */
};

#define CONN_NEVER UINT64_MAX

struct connector;

struct net_conn {
    struct list link; /* in loop->conns until it is freed */
    struct list dirty_link;
    struct list unread_link;
    struct net_loop *loop;
    const struct net_conn_ops *ops;
    void *user;
    enum conn_state state;
    int events;           /* what the poll looks for */
    uint64_t deadline_ns; /* when this state has lasted too long, or CONN_NEVER */
    struct transport transport;
    struct buf unsent; /* what the socket did not take; holds memory only while there is some */
    uv_poll_t poll;
    struct connector *connector; /* RESOLVING and CONNECTING */
    struct net_address_text peer;
    struct err_text why; /* for `closed`; empty: an orderly end */
};

/* Registers a new connection with its loop. NULL: out of memory, or the loop is being closed. */
struct net_conn *conn_new(struct net_loop *loop, const struct net_conn_ops *ops, void *user,
                          enum conn_state state);

/* Frees a connection whose handle is closed or never was; calls nothing. */
void conn_free(struct net_conn *conn);

/* `closed`, then conn_free(). At the top of the stack only. */
void conn_end(struct net_conn *conn);

void conn_move(struct net_conn *conn, enum conn_state to);

/* Remembers what went wrong, unless something did before. NULL is nothing. */
void conn_blame(struct net_conn *conn, const char *why);

/* UV_READABLE, UV_WRITABLE. Costs system calls only when it changes something. */
void conn_watch(struct net_conn *conn, int events);

/* Begins to watch the socket. 0 or a negated errno. */
MUST_USE int conn_watch_socket(struct net_conn *conn, int fd, int events);

/* Closes the handle; conn_end() follows from the loop, or the next attempt to connect. */
void conn_close_handle(struct net_conn *conn);

/* Moves to CLOSED, from any state. */
void conn_close(struct net_conn *conn, const char *why);

/* The socket may have something: the next step of the handshake, or reading. */
void conn_proceed(struct net_conn *conn);

/* Writes what `fill` gives. */
void conn_flush(struct net_conn *conn);

/* Once a second. */
void conn_tick(struct net_conn *conn);
