/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"
#include "net/conn.h"

/*
 * What a connection reads from and writes to: a socket as it is, or TLS on that socket. It hides
 * which of the two, and nothing else: it has no buffer and no state of its own.
 */
struct transport {
    int fd;   /* -1: none yet */
    SSL *ssl; /* NULL: plaintext */
};

enum {
    TRANSPORT_E_WANTS_READ = 1, /* nothing more before the socket is readable again */
    TRANSPORT_E_WANTS_WRITE,    /* the same, writable */
    TRANSPORT_E_ENDED,          /* the peer has said all */
};

enum transport_side {
    TRANSPORT_SERVER,
    TRANSPORT_CLIENT,
};

/* `tls` NULL: plaintext. 0 or -ENOMEM. */
MUST_USE int transport_init(struct transport *transport, SSL_CTX *tls, enum transport_side side);

/* Closes the socket. */
void transport_fini(struct transport *transport);

/* A client over TLS: whom the server's certificate must name. 0 or -EINVAL. */
MUST_USE int transport_expect(struct transport *transport, const char *server_name);

/* Takes `fd`, also on failure. 0 or -ENOMEM. */
MUST_USE int transport_attach(struct transport *transport, int fd);

/*
 * Goes on with the handshake. 0 when it is done, WANTS_READ, WANTS_WRITE, or -EPROTO with words.
 * `handshake` is filled in with 0 and -EPROTO; without TLS its result is NULL.
 */
MUST_USE int transport_handshake(struct transport *transport, struct net_handshake *handshake,
                                 struct err_text *why);

/*
 * Reads up to `cap` bytes; `*n` counts, whatever is returned. 0: there may be more at once.
 * WANTS_READ: the loop will tell when there is more. WANTS_WRITE, ENDED, or a negated errno with
 * words.
 */
MUST_USE int transport_read(struct transport *transport, uint8_t *out, size_t cap, size_t *n,
                            struct err_text *why);

/*
 * Writes from the start of `bytes`, under TLS at most NET_WRITE_SIZE; `*n` counts, whatever is
 * returned. With fewer than all the socket is full, and the next write must offer the rest again,
 * the same bytes. 0 or a negated errno with words.
 */
MUST_USE int transport_write(struct transport *transport, struct bytes bytes, size_t *n,
                             struct err_text *why);

/* Tells the peer that this was all; reading goes on. 0 or a negated errno. */
MUST_USE int transport_say_goodbye(struct transport *transport);

/* Reads and forgets what the peer still sends. WANTS_READ, ENDED or a negated errno. */
MUST_USE int transport_discard(struct transport *transport, uint8_t *scratch, size_t cap);

/* The error that waits at the socket, taken from there; -ECONNRESET when there is none. */
MUST_USE int transport_take_error(struct transport *transport);
