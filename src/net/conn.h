/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * A connection: a socket, with or without TLS, that carries HTTP/2 bytes. Bytes are pushed in
 * (`received`) and pulled out (`fill`), so the layer above never waits and never sees a partial
 * write.
 *
 *     RESOLVING -> CONNECTING -> HANDSHAKING -> OPEN -> FLUSHING -> CLOSED
 *     (client)     (client)      (TLS only)             (finish)
 *
 * A peer has 10 s for the handshake (connecting included). A peer that takes nothing of what waits
 * for it for 30 s is dropped.
 */
struct net_conn;

/* All run on the loop's thread. Inside them any function of this header may be called. */
struct net_conn_ops {
    /* The connection is up: TCP, and TLS with `h2` agreed where there is TLS. */
    void (*opened)(void *user);

    /* Bytes from the peer. */
    void (*received)(void *user, struct bytes bytes);

    /* Write up to `cap` bytes at `out` and return how many. Less than `cap`: there is no more now.
     */
    size_t (*fill)(void *user, uint8_t *out, size_t cap);

    /* About once a second, for timeouts. */
    void (*ticked)(void *user);

    /* Always the last. `why` says what went wrong, and is NULL after an orderly end. */
    void (*closed)(void *user, const char *why);
};

/* Takes `fd`, a connected socket, also on failure. `tls` NULL: plaintext. Borrows `ops`. */
MUST_USE int net_conn_accept(struct net_loop *loop, int fd, SSL_CTX *tls,
                             const struct net_conn_ops *ops, void *user);

/*
 * Connects to `address`, trying each of its IP addresses in turn. With TLS the server's certificate
 * must be for `server_name` (a DNS name or an IP address). Failure to connect is told by `closed`,
 * later. 0 or a negated errno.
 */
struct net_target {
    struct net_address address;
    SSL_CTX *tls;            /* NULL: plaintext */
    const char *server_name; /* whom the certificate must name */
};
MUST_USE int net_conn_connect(struct net_loop *loop, const struct net_target *target,
                              const struct net_conn_ops *ops, void *user, struct net_conn **conn);

/* There may be something to fill: before the loop waits again, `fill` is called. Cheap, may be
 * called often. */
void net_conn_wake(struct net_conn *conn);

/* Sends what `fill` still gives, then closes. */
void net_conn_finish(struct net_conn *conn);

/* Closes now. `why` goes to `closed` (copied), NULL for an orderly end. */
void net_conn_abort(struct net_conn *conn, const char *why);

/* The peer, for log lines. */
const char *net_conn_peer(const struct net_conn *conn);

bool net_conn_is_tls(const struct net_conn *conn);
