/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port: batches go round between one worker and the writer thread.
 *
 *      spare --> open --flush--> to_writer ring --> (writer: commit) --> from_writer ring --+
 *        ^                                                                                  |
 *        +------------------------------ collect: settle each run --------------------------+
 *
 * There are STORE_RING_SLOTS batches and the open one, so a ring always has a slot for a batch that
 * exists: what runs out are spare batches, and that is the bound on what a worker may have on its
 * way. Then flush leaves the open batch open, append fills it up and says STORE_E_FULL, and collect
 * makes good for both as soon as a batch has come back.
 *
 * Each batch that is handed over has a number, its ticket. Batches come back in order, so one
 * number, the watermark, says which are kept: all whose ticket it has reached. Nobody is told that
 * a reading is kept before the watermark has passed it.
 */
#include "store/port.h"

#include <assert.h>

#include "base/mem.h"

static int port_init_shared(struct store_port *port) {
    int r = ring_init(&port->to_writer, STORE_RING_SLOTS);
    if (r == 0)
        r = ring_init(&port->from_writer, STORE_RING_SLOTS);
    if (r == 0)
        r = -pthread_mutex_init(&port->wakeup_lock, NULL);
    return r;
}

static void port_on_woken(struct wakeup *wakeup) {
    store_port_collect(CONTAINER_OF(wakeup, struct store_port, wakeup));
}

static void port_freep(struct store_port **port) {
    port_free(*port);
}

int port_new(struct bell *writer_bell, uv_loop_t *loop, store_resumed_fn resumed, void *user,
             struct store_port **out) {
    CLEANUP(port_freep) struct store_port *port = mem_new(struct store_port);
    if (!port)
        return -ENOMEM;
    list_init(&port->link);
    port->writer_bell = writer_bell;
    port->resumed = resumed;
    port->user = user;
    for (size_t i = 0; i < PORT_N_BATCHES; i++) {
        store_batch_init(&port->batches[i]);
        port->spare[port->n_spare++] = &port->batches[i];
    }
    port->open = port->spare[--port->n_spare];
    int r = port_init_shared(port);
    if (r == 0)
        r = wakeup_init(&port->wakeup, loop, port_on_woken);
    if (r)
        return err_trace(r);
    *out = STEAL(port);
    return 0;
}

void port_free(struct store_port *port) {
    if (!port)
        return;
    for (size_t i = 0; i < PORT_N_BATCHES; i++)
        store_batch_fini(&port->batches[i]);
    ring_fini(&port->to_writer);
    ring_fini(&port->from_writer);
    pthread_mutex_destroy(&port->wakeup_lock);
    mem_free(port);
}

int store_port_append(struct store_port *port, struct store_writer *writer,
                      const struct reading *reading) {
    int r = store_batch_append(port->open, writer, reading);
    if (r == STORE_BATCH_E_FULL) {
        store_port_flush(port);
        r = store_batch_append(port->open, writer, reading);
    }
    if (r == STORE_BATCH_E_FULL) {
        port->append_waits = true;
        return STORE_E_FULL;
    }
    if (r)
        return r;
    writer->n_pending++;
    port->n_pending++;
    return 0;
}

void store_port_flush(struct store_port *port) {
    if (port->open->n_items == 0)
        return;
    port->flush_waits = port->n_spare == 0;
    if (port->flush_waits)
        return;
    int r = ring_push(&port->to_writer, port->open);
    assert(r == 0);
    port->ticket++;
    port->open = port->spare[--port->n_spare];
    bell_ring(port->writer_bell);
}

/* The runs' writers may be gone, or have appended again, when their `settled` returns. */
static void port_settle(struct store_port *port, struct store_batch *batch) {
    port->watermark++;
    assert(port->watermark <= port->ticket);
    for (size_t i = 0; i < batch->n_runs; i++) {
        struct store_run *run = &batch->runs[i];
        run->outcome.mark = &batch->mark;
        run->writer->n_pending -= run->n;
        port->n_pending -= run->n;
        run->writer->settled(run->writer, &run->outcome);
    }
}

static void port_set_state(struct store_port *port, enum port_state state) {
    pthread_mutex_lock(&port->wakeup_lock);
    port->state = state;
    pthread_mutex_unlock(&port->wakeup_lock);
}

static void port_close_if_settled(struct store_port *port) {
    if (port->state != PORT_CLOSING || port->n_pending > 0)
        return;
    port_set_state(port, PORT_CLOSED);
    wakeup_close(&port->wakeup);
}

void store_port_collect(struct store_port *port) {
    for (struct store_batch *batch; (batch = ring_pop(&port->from_writer));) {
        port_settle(port, batch);
        store_batch_reset(batch);
        port->spare[port->n_spare++] = batch;
    }
    if (port->n_spare == 0)
        return;
    if (port->flush_waits)
        store_port_flush(port);
    if (port->append_waits) {
        port->append_waits = false;
        port->resumed(port->user);
    }
    port_close_if_settled(port);
}

/*
 * Where the writer thread shares our core it mostly runs as soon as it is called, and has committed
 * before we go on: then nobody needs to be woken, and the answers leave in this turn.
 */
void store_port_end_turn(struct store_port *port) {
    if (port->open->n_items == 0)
        return;
    wakeup_promise_look(&port->wakeup);
    store_port_flush(port);
    wakeup_look(&port->wakeup);
    store_port_collect(port);
    store_port_flush(port); /* what the settled calls have brought */
}

uint64_t store_port_pending(const struct store_port *port) {
    return port->n_pending;
}

void store_port_close(struct store_port *port) {
    port_set_state(port, PORT_CLOSING);
    store_port_flush(port);
    port_close_if_settled(port);
}

size_t port_take(struct store_port *port, struct store_batch **batches) {
    size_t n = 0;
    while (n < STORE_RING_SLOTS && (batches[n] = ring_pop(&port->to_writer)))
        n++;
    return n;
}

void port_give(struct store_port *port, struct store_batch *const *batches, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int r = ring_push(&port->from_writer, batches[i]);
        assert(r == 0);
    }
    pthread_mutex_lock(&port->wakeup_lock);
    if (port->state != PORT_CLOSED)
        wakeup_send(&port->wakeup);
    pthread_mutex_unlock(&port->wakeup_lock);
}
