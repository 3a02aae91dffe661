/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>

#include "base/table.h"
#include "grpc/call_impl.h"
#include "grpc/server.h"
#include "net/listener.h"

struct grpc_worker;

struct grpc_listen {
    struct grpc_server *server;
    struct net_listener *listener;
    SSL_CTX *tls;
};

/* A server as its workers see it: what does not change after the start. */
struct grpc_server {
    struct net_loop *loop; /* the accepting one */
    struct grpc_server_hooks hooks;
    const struct grpc_server_observer *observer; /* NULL: none */
    struct grpc_route *routes;
    size_t n_routes;
    struct table routes_by_path;
    struct grpc_route unknown; /* of all other paths */
    size_t max_state_size;     /* of all methods, aligned: a spare call fits any */

    struct grpc_worker *workers;
    unsigned n_workers;

    /* The accepting thread's own. */
    struct grpc_listen **listens;
    size_t n_listens;
    struct mailbox mailbox;
    bool has_started;
    bool is_stopping;
    unsigned n_running;
    void (*stopped)(void *user);
    void *stopped_user;
};

/* Any thread: the route of a path, or `unknown`. */
const struct grpc_route *server_find_route(const struct grpc_server *server, struct bytes path);

/* A worker's thread, at its very end. */
void server_worker_ended(struct grpc_worker *worker);
