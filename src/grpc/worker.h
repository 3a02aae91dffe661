/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/mailbox.h"
#include "grpc/call_impl.h"
#include "grpc/deadlines.h"
#include "grpc/server.h"
#include "net/loop.h"

/*
 * A worker of a server: a thread with its loop, its connections and their calls.
 *
 *     IDLE -> RUNNING -> DRAINING: no new calls -> CLOSING: no connection is left -> (thread ends)
 */
enum worker_state {
    WORKER_IDLE,
    WORKER_RUNNING,
    WORKER_DRAINING,
    WORKER_CLOSING,
};

struct grpc_worker {
    struct grpc_server *server;
    unsigned index;
    enum worker_state life;
    pthread_t thread;
    bool has_thread;
    struct net_loop loop;
    struct mailbox mailbox;
    _Atomic uint32_t n_coming; /* sockets that are in the mailbox */
    void *state;               /* the program's */
    bool has_state;
    struct letter ended; /* to the server: the thread is through */

    /* The order to stop. It lies here so that stopping needs no memory. */
    struct letter stop;
    _Atomic bool is_stop_posted;
    _Atomic uint64_t stop_limit_ns; /* the smallest that was ordered */

    struct list connections;
    struct deadlines deadlines;
    uv_timer_t deadline_timer;
    uint64_t timer_at_ns; /* UINT64_MAX: not set */
    uv_timer_t stop_timer;

    struct list spare_calls; /* to be used again */
    size_t n_spare_calls;
    struct buf words; /* a status message on its way */
};

/* Makes the loop; the thread comes with worker_start(). 0 or a negated errno; then it needs no
 * worker_fini(). */
MUST_USE int worker_init(struct grpc_worker *worker, struct grpc_server *server, unsigned index);
MUST_USE int worker_start(struct grpc_worker *worker);

/* After the thread has been joined, or when it was never started. */
void worker_fini(struct grpc_worker *worker);

/* Any thread: a connection that was accepted. Takes `fd`. */
void worker_take_socket(struct grpc_worker *worker, int fd, SSL_CTX *tls);

/* The accepting thread: drain, and cancel what still runs at `limit_ns` from now. A further call
 * can only shorten the time. Does nothing when it has ended. */
void worker_stop(struct grpc_worker *worker, uint64_t limit_ns);

/* The worker's thread: the deadlines have changed. */
void worker_set_deadline_timer(struct grpc_worker *worker);

/* The worker's thread: a connection has gone. */
void worker_lost_connection(struct grpc_worker *worker);
