/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>

#include "base/mailbox.h"
#include "grpc/status.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * A gRPC server: worker threads, each with an event loop and its share of the connections, and a
 * table of methods.
 *
 * A method is a set of callbacks that never block. They run on the worker that has the call's
 * connection, so what belongs to a call or a worker needs no lock. An answer may come at any later
 * time: the call waits (call.h).
 */
struct grpc_server;
struct grpc_server_observer; /* observer.h */
struct grpc_call;

enum grpc_kind {
    GRPC_UNARY,
    GRPC_CLIENT_STREAM,
    GRPC_SERVER_STREAM,
    GRPC_BIDI_STREAM,
};

enum {
    GRPC_E_HOLD = 1, /* from `message`: not taken; give the same again after grpc_call_release() */
};

struct grpc_method {
    const char *name; /* as in the .proto */
    enum grpc_kind kind;
    size_t state_size; /* zeroed bytes for the handler in each call: grpc_call_state() */

    /* The headers are in. May be NULL. */
    void (*started)(struct grpc_call *call);

    /*
     * A message, decompressed; borrowed for the time of the callback. Of a unary or server-stream
     * call there is exactly one, given when the client has finished its side. 0 or GRPC_E_HOLD.
     */
    int (*message)(struct grpc_call *call, struct bytes message);

    /* The client has sent all. Client-stream and bidi only. */
    void (*half_closed)(struct grpc_call *call);

    /*
     * What the client sends from here on cannot be read: a message that is too long, cut off or
     * damaged. The handler ends the call with that status, when it has nothing to wait for any
     * more; the call is held. NULL: it is ended at once. Client-stream and bidi only.
     */
    void (*broken)(struct grpc_call *call, enum grpc_status status, const struct err_text *why);

    /* The queue of answers has become short after grpc_call_is_busy(). May be NULL. */
    void (*writable)(struct grpc_call *call);

    /*
     * The call is over: finished, cancelled, past its deadline, or its connection is gone. Sending
     * is a no-op from now on. Exactly once, also for calls that were finished before any message.
     * May be NULL.
     */
    void (*ended)(struct grpc_call *call);
};

struct grpc_service {
    const char *name; /* `grpc.health.v1.Health`, `SensorService` */
    const struct grpc_method *methods;
    size_t n_methods;
    bool needs_no_token; /* `admit` is not asked */
    void *user;          /* grpc_call_user() */
};

/* What the program does around the calls. Every function may be NULL. */
struct grpc_server_hooks {
    void *user;

    /* On the starting thread, for each worker: `*state` is handed to the other two. 0 or a negated
     * errno. */
    int (*worker_init)(void *user, unsigned worker, struct net_loop *loop, void **state);

    /* On the worker: at the end of each turn of its loop, before answers are written. */
    void (*turn_ended)(void *state);

    /* On the worker: it ends; close what was opened on its loop. */
    void (*worker_closing)(void *state);

    /* On the worker: may this call go on? Otherwise it has been finished with a status. Runs before
     * any message is read. */
    bool (*admit)(void *user, struct grpc_call *call);

    /* Zeroed bytes for the program in each connection: grpc_call_connection_state(). */
    size_t connection_state_size;
};

struct grpc_server_options {
    unsigned n_workers; /* at least 1 */
    const struct grpc_service *const *services;
    size_t n_services;
    struct grpc_server_hooks hooks;
    const struct grpc_server_observer *observer; /* NULL: nobody watches */
};

/* Copies the options; borrows services and observer. `loop` is the one that accepts connections. 0
 * or a negated errno. */
MUST_USE int grpc_server_new(struct net_loop *loop, const struct grpc_server_options *options,
                             struct grpc_server **server);

/* Listens on an address as well; several are fine. `tls` NULL: plaintext; otherwise the server
 * keeps a reference of its own. */
MUST_USE int grpc_server_listen(struct grpc_server *server, const struct net_address *address,
                                SSL_CTX *tls, struct err_text *why);

/* The port of the n-th address, for those with port 0. */
uint16_t grpc_server_port(const struct grpc_server *server, size_t n);

/* Starts the workers and takes connections. 0 or a negated errno. */
MUST_USE int grpc_server_start(struct grpc_server *server);

/*
 * Stops gracefully: closes the listeners, tells every client (GOAWAY), lets running calls finish
 * for at most `limit_ns`, then cancels them. `stopped(user)` runs on the accepting loop when all
 * workers have ended. A second call with a smaller limit hurries the first.
 */
void grpc_server_stop(struct grpc_server *server, uint64_t limit_ns, void (*stopped)(void *user),
                      void *user);

/* After `stopped`, or when it was never started, or its start failed. Its listeners are gone from
 * the accepting loop when that has run once more. NULL is fine. */
void grpc_server_free(struct grpc_server *server);

unsigned grpc_server_n_workers(const struct grpc_server *server);

/* Delivers a letter on a worker's thread. Takes it, unless MAILBOX_E_CLOSED says that the worker
 * has ended. */
MUST_USE int grpc_server_post(struct grpc_server *server, unsigned worker, struct letter *letter);
