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
 *     RESOLVING -> CONNECTING -> HANDSHAKING -> OPEN -> FLUSHING -> LINGERING -> CLOSED
 *     (client)     (client)      (TLS only)      |      (finish)
 *                                                +----> BROKEN ----------------> CLOSED
 *
 * FLUSHING sends what is left, LINGERING has sent all and waits a moment for the peer to hang up,
 * BROKEN can send no more and reads what the peer had sent before. Every state may go to CLOSED.
 *
 * A peer has 10 s for the handshake (connecting included). A peer that takes nothing of what waits
 * for it for 30 s is dropped.
 */
struct net_conn;

/* How a TLS handshake went, in the words of gRFC A118. */
struct net_handshake {
    const char *result; /* `SUCCESS`, `CERTIFICATE_EXPIRED`: a constant */
    bool is_resumed;    /* by a ticket of an earlier one */
};

/*
 * All run on the loop's thread, none from inside a function of this header. Inside them any
 * function of this header may be called.
 */
struct net_conn_ops {
    /* A TLS handshake is over, well or not: before `opened` or `closed`. May be NULL. */
    void (*handshaken)(void *user, const struct net_handshake *handshake);

    /* A limit of net/limits.h was hit; `limit` is its name, a constant. May be NULL. */
    void (*limit_hit)(void *user, const char *limit);

    /* The connection is up: TCP, and TLS with `h2` agreed where there is TLS. */
    void (*opened)(void *user);

    /* Bytes from the peer; none after net_conn_finish() or net_conn_abort(). */
    void (*received)(void *user, struct bytes bytes);

    /* Write up to `cap` bytes at `out` and return how many; less than `cap`: no more for now. */
    size_t (*fill)(void *user, uint8_t *out, size_t cap);

    /* About once a second while the connection is open, for timeouts. */
    void (*ticked)(void *user);

    /*
     * Always the last, and the connection is freed after it. `why` says what went wrong; it is NULL
     * after an orderly end, the peer's included.
     */
    void (*closed)(void *user, const char *why);
};

/* A connected, non-blocking socket, and what is to be spoken on it. */
struct net_socket {
    int fd;
    SSL_CTX *tls; /* NULL: plaintext */
};

/* The server's side. Takes the socket's `fd`, also on failure. Borrows `ops`. 0 or a negated errno.
 */
MUST_USE int net_conn_accept(struct net_loop *loop, const struct net_socket *socket,
                             const struct net_conn_ops *ops, void *user, struct net_conn **conn);

/*
 * Connects to `address`, trying each of its IP addresses in turn. With TLS the server's certificate
 * must be for `server_name` (a DNS name or an IP address). Failure to connect is told by `closed`,
 * later. Borrows `ops`, copies `target`. 0 or a negated errno.
 */
struct net_target {
    struct net_address address;
    SSL_CTX *tls;            /* NULL: plaintext */
    const char *server_name; /* whom the certificate must name */
};
MUST_USE int net_conn_connect(struct net_loop *loop, const struct net_target *target,
                              const struct net_conn_ops *ops, void *user, struct net_conn **conn);

/*
 * There may be something to fill: before the loop waits again, `fill` is called. Cheap, may be
 * called often.
 */
void net_conn_wake(struct net_conn *conn);

/* Sends what `fill` still gives, then closes. */
void net_conn_finish(struct net_conn *conn);

/* Closes now. `why` goes to `closed` (copied), NULL for an orderly end. */
void net_conn_abort(struct net_conn *conn, const char *why);

/* The peer, for log lines. */
const char *net_conn_peer(const struct net_conn *conn);
