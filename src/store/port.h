/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "base/list.h"
#include "base/ring.h"
#include "base/wakeup.h"
#include "store/batch.h"
#include "store/bell.h"
#include "store/limits.h"
#include "store/store.h"

/* The open batch and those on their way. */
#define PORT_N_BATCHES (STORE_RING_SLOTS + 1)

/*
 *     OPEN --store_port_close()--> CLOSING --all settled--> CLOSED
 */
enum port_state {
    PORT_OPEN,
    PORT_CLOSING,
    PORT_CLOSED, /* the loop may be gone */
};

/* One worker's door to the writer thread. What the two sides share are the rings and the wakeup. */
struct store_port {
    struct list link; /* in the store's ports; fixed while the writer runs */
    struct bell *writer_bell;
    struct ring to_writer;
    struct ring from_writer;

    pthread_mutex_t wakeup_lock; /* held to change `state` and to use `wakeup` */
    enum port_state state;
    struct wakeup wakeup;

    /* the worker's own */
    struct store_batch batches[PORT_N_BATCHES];
    struct store_batch *spare[PORT_N_BATCHES];
    size_t n_spare;
    struct store_batch *open;
    uint64_t ticket;    /* number of the last batch that was handed over; the first is 1 */
    uint64_t watermark; /* number of the last batch that came back: all up to it are settled */
    uint64_t n_pending; /* readings */
    bool flush_waits;   /* a flush found no room */
    bool append_waits;  /* an append found no room; `resumed` is owed */
    store_resumed_fn resumed;
    void *user;
};

/* ---- the writer thread's side; store_port_new() and the rest are the worker's ---- */

/* Takes all batches that wait, at most STORE_RING_SLOTS. Returns how many. */
size_t port_take(struct store_port *port, struct store_batch **batches);

/* Sends `n` committed batches back, in the order in which they were taken, and wakes the worker. */
void port_give(struct store_port *port, struct store_batch *const *batches, size_t n);

/* ---- the store's side ---- */

/* 0 or a negated errno. Its handle is on the loop then: store_port_close() before port_free(). */
MUST_USE int port_new(struct bell *writer_bell, uv_loop_t *loop, store_resumed_fn resumed,
                      void *user, struct store_port **port);
void port_free(struct store_port *port);
