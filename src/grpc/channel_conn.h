/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/channel_impl.h"
#include "http2/session.h"
#include "net/conn.h"

/*
 * One connection of a channel: it carries bytes between the net layer's connection and the HTTP/2
 * session, and what the session tells to the calls.
 *
 *     CONNECTING -> UP -> DRAINING -> ENDING
 *
 * Whatever happens, it ends with net's `closed`, and then frees itself.
 */
enum channel_conn_state {
    CONN_CONNECTING, /* until the server's SETTINGS */
    CONN_UP,
    CONN_DRAINING, /* no new calls */
    CONN_ENDING,   /* what is left is written, then it closes */
};

struct channel_conn {
    struct grpc_channel *channel;
    struct net_conn *net;
    struct h2_session *session;
    enum channel_conn_state state;
    uint64_t n_opened;   /* streams, ever */
    struct err_text why; /* what the calls on it are told when it ends; empty before */
};

/* Starts to connect. 0 or a negated errno. */
MUST_USE int channel_conn_new(struct grpc_channel *channel, struct channel_conn **conn);

/* Takes no new calls; closes when those that run have ended. */
void channel_conn_drain(struct channel_conn *conn);

/* Closes it in order: GOAWAY, then the socket. Calls that are still on it are told `why`. */
void channel_conn_close(struct channel_conn *conn, const char *why);
