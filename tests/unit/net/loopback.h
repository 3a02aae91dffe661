/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "certs.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/loop.h"

/*
 * A server and its clients on one loop, over 127.0.0.1: what tests of connections start from. Time
 * is the test's (loopback_advance), the log is kept for looking at, and nothing sleeps: a test says
 * what it waits for.
 */

/* One end of a connection. What is sent is a pattern that the receiver can check. */
struct end {
    struct net_conn *conn; /* NULL once it is closed */
    int n_opened;
    int n_closed;
    int n_ticked;
    int n_handshaken;
    struct net_handshake handshake; /* the last */
    int n_limits_hit;
    const char *limit; /* the last */
    int n_filled;      /* times it was asked for what it has to send */
    char why[512];     /* of the end; empty: an orderly one */
    uint64_t n_received;
    uint64_t n_sent;
    uint64_t n_to_send;
    bool is_garbled; /* something else came than the pattern */
    bool echoes;     /* sends back what comes */
    bool is_inside;  /* a callback of this end is running */
    struct buf echo;
    void (*on_received)(struct end *self);
};

struct loopback {
    struct net_loop loop;
    struct net_listener *listener;
    SSL_CTX *server_tls; /* NULL: plaintext */
    SSL_CTX *client_tls;
    struct certs certs;
    struct end server; /* of the connection accepted last */
    struct end client;
    int n_accepted;
    int send_buffer_bytes; /* of each socket; 0: the system's choice */
    int n_turns;           /* that turn_ended was called for */
    const char *server_name;
};

/* cmocka's setup and teardown; `*state` is the struct loopback. With certificates, but plaintext.
 */
int loopback_setup(void **state);
int loopback_teardown(void **state);

/* Both ends over TLS from now on. */
void loopback_use_tls(struct loopback *loopback);

/* Connects the client's end, which may have been told what to do. */
void loopback_connect(struct loopback *loopback);

/* Connects the client's end somewhere else. 0 or a negated errno. */
MUST_USE int loopback_try_connect(struct loopback *loopback, const struct net_target *target);
void loopback_connect_to(struct loopback *loopback, const struct net_target *target);

/* loopback_connect(), and waits until both ends are open. */
void loopback_open(struct loopback *loopback);

/* A plain socket of the test's own, connected to the server and non-blocking. */
int loopback_raw(struct loopback *loopback);

/* Turns the loop until the condition holds; fails the test when it does not come true. */
#define loopback_until(loopback, condition)                   \
    do {                                                      \
        int turns_ = 0;                                       \
        while (!(condition) && turns_++ < LOOPBACK_TURNS_MAX) \
            uv_run(&(loopback)->loop.uv, UV_RUN_ONCE);        \
        assert_true(condition);                               \
    } while (0)
#define LOOPBACK_TURNS_MAX 100000

/* A few turns that wait for nothing. */
void loopback_turn(struct loopback *loopback);

/* Lets time pass, and the loop see it. */
void loopback_advance(struct loopback *loopback, uint64_t seconds);

/* What the log has said since the loopback was set up. */
extern int loopback_n_lines;
extern char loopback_last_line[512];
