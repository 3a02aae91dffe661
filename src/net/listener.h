/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * Listening sockets. Each accepted socket (non-blocking, TCP_NODELAY) is handed on at once; the
 * receiver owns it. When the process has no file descriptor left, accepting pauses for a moment
 * instead of spinning.
 */
struct net_listener;

/* Whom accepted sockets go to. */
struct net_acceptor {
    void (*accepted)(void *user, int fd);
    void *user;
    const char *option; /* what chooses the address, for words of an error: `--listen` */
    void (*limit_hit)(void *user, const char *limit); /* as in net_conn_ops; may be NULL */
};

/*
 * Listens on every IP address of `address` that this machine has. A port in use is an error with
 * words. 0 or a negated errno.
 */
MUST_USE int net_listener_open(struct net_loop *loop, const struct net_address *address,
                               struct net_acceptor acceptor, struct net_listener **listener,
                               struct err_text *why);

/* The port it got, for an address with port 0. */
uint16_t net_listener_port(const struct net_listener *listener);

/* Closes the sockets; the listener is freed when the loop has closed its handles. NULL is fine. */
void net_listener_close(struct net_listener *listener);
