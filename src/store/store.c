/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer thread: one thread, so that a backend's commit needs no locks against itself and
 * readings of a sensor have one order of arrival.
 *
 * It sleeps until a port rings, takes whatever waits in all ports as one group, lets the backend
 * commit the group (for a backend on disk: one sync), sends the batches back and looks again. While
 * a commit lasts the ports fill further batches, so under load the groups grow by themselves and
 * nothing ever waits on a timer.
 *
 * The backend is told first that the end is near: a commit may be waiting.
 *
 * What must hold: the order to stop is read before the ports are looked at, so everything that was
 * flushed before store_stop() was called is committed.
 */
#include <assert.h>

#include "base/mem.h"
#include "base/thread.h"
#include "store/backend.h"
#include "store/observer.h"
#include "store/port.h"

struct store {
    struct store_backend *backend;
    struct list ports;
    size_t n_ports;
    struct bell bell;
    struct store_observer observer;
    pthread_t writer;
    _Atomic bool is_running; /* from here on `ports` is fixed, for any thread that sees it */
    _Atomic bool is_stopping;
    _Atomic uint64_t n_refused;
    _Atomic uint64_t n_looks;   /* of the writer, for work */
    struct store_batch **group; /* the writer's: room for all batches of all ports */
    size_t *group_sizes;        /* how many of them each port gave */
};

static void store_freep(struct store **store) {
    mem_free(*store);
}

int store_new(struct store **out, struct store_backend *backend) {
    CLEANUP(store_freep) struct store *store = mem_new(struct store);
    if (!store)
        return -ENOMEM;
    list_init(&store->ports);
    int r = bell_init(&store->bell);
    if (r)
        return err_trace(r);
    store->backend = backend;
    *out = STEAL(store);
    return 0;
}

int store_port_new(struct store *store, uv_loop_t *loop, store_resumed_fn resumed, void *user,
                   struct store_port **port) {
    assert(!store->is_running);
    int r = port_new(&store->bell, loop, resumed, user, port);
    if (r)
        return r;
    list_append(&store->ports, &(*port)->link);
    store->n_ports++;
    return 0;
}

void store_observe(struct store *store, const struct store_observer *observer) {
    assert(!store->is_running);
    store->observer = *observer;
}

static void add_outcomes(struct store_commit *commit, const struct store_batch *batch) {
    for (size_t i = 0; i < batch->n_runs; i++) {
        const struct store_outcome *outcome = &batch->runs[i].outcome;
        commit->accepted += outcome->accepted;
        commit->duplicates += outcome->duplicates;
        commit->refused += outcome->refused;
    }
}

static void commit_started(const struct store *store, struct store_commit *commit) {
    for (size_t i = 0; i < commit->n_batches; i++)
        commit->n_readings += store->group[i]->n_items;
    if (store->observer.commit_started)
        store->observer.commit_started(store->observer.user, commit);
}

static void commit_ended(struct store *store, struct store_commit *commit) {
    for (size_t i = 0; i < commit->n_batches; i++)
        add_outcomes(commit, store->group[i]);
    store->n_refused += commit->refused;
    if (store->observer.commit_ended)
        store->observer.commit_ended(store->observer.user, commit);
    for (size_t i = 0; i < commit->n_batches; i++)
        store->group[i]->mark = commit->mark;
}

/* Commits what waits in the ports. False if nothing did. */
static bool store_commit_group(struct store *store) {
    size_t n = 0, i = 0;
    store->n_looks++;
    LIST_FOR_EACH (node, &store->ports) {
        struct store_port *port = CONTAINER_OF(node, struct store_port, link);
        store->group_sizes[i] = port_take(port, store->group + n);
        n += store->group_sizes[i++];
    }
    if (n == 0)
        return false;
    struct store_commit commit = {.n_batches = n};
    commit_started(store, &commit);
    store->backend->ops->commit(store->backend, store->group, n);
    commit_ended(store, &commit);
    struct store_batch **given = store->group;
    i = 0;
    LIST_FOR_EACH (node, &store->ports) {
        struct store_port *port = CONTAINER_OF(node, struct store_port, link);
        size_t n_given = store->group_sizes[i++];
        if (n_given > 0)
            port_give(port, given, n_given);
        given += n_given;
    }
    return true;
}

static void *store_write(void *user) {
    struct store *store = user;
    bool stopping;
    do {
        bell_wait(&store->bell);
        stopping = atomic_load(&store->is_stopping);
        while (store_commit_group(store))
            continue;
    } while (!stopping);
    return NULL;
}

int store_start(struct store *store) {
    store->group = mem_new_array(struct store_batch *, store->n_ports * STORE_RING_SLOTS);
    store->group_sizes = mem_new_array(size_t, store->n_ports);
    if (!store->group || !store->group_sizes)
        return -ENOMEM;
    int r = thread_start(&store->writer, "store-writer", store_write, store);
    if (r)
        return err_trace(r);
    store->is_running = true;
    return 0;
}

void store_stop(struct store *store) {
    if (!store->is_running)
        return;
    if (store->backend->ops->stop)
        store->backend->ops->stop(store->backend);
    atomic_store(&store->is_stopping, true);
    bell_ring(&store->bell);
    pthread_join(store->writer, NULL);
    store->is_running = false;
}

uint64_t store_wake_writer(struct store *store) {
    bell_ring(&store->bell);
    return store->n_looks;
}

void store_free(struct store *store) {
    if (!store)
        return;
    assert(!store->is_running);
    LIST_FOR_EACH (node, &store->ports)
        port_free(CONTAINER_OF(node, struct store_port, link));
    bell_fini(&store->bell);
    store->backend->ops->free(store->backend);
    mem_free(store->group);
    mem_free(store->group_sizes);
    mem_free(store);
}

int store_cursor_open(struct store *store, const struct store_query *query,
                      struct store_cursor **cursor) {
    return store->backend->ops->cursor_open(store->backend, query, cursor);
}

int store_cursor_next(struct store_cursor *cursor, struct reading *readings, size_t max,
                      size_t *n) {
    return cursor->ops->cursor_next(cursor, readings, max, n);
}

bool store_cursor_is_ready(const struct store_cursor *cursor) {
    return cursor->ops->cursor_is_ready && cursor->ops->cursor_is_ready(cursor);
}

void store_cursor_close(struct store_cursor *cursor) {
    cursor->ops->cursor_close(cursor);
}

int store_statistics(struct store *store, const struct store_filter *filter,
                     const struct store_range *range, uint64_t *n_sensors, struct stats *stats) {
    return store->backend->ops->statistics(store->backend, filter, range, n_sensors, stats);
}

int store_list(struct store *store, const struct store_filter *filter, struct store_page *page) {
    return store->backend->ops->list(store->backend, filter, page);
}

int store_check(struct store *store, struct check **check, struct err_text *why) {
    const struct store_backend_ops *ops = store->backend->ops;
    return ops->check ? ops->check(store->backend, check, why) : STORE_E_NO_FILES;
}

void store_figures(struct store *store, struct store_figures *figures) {
    store->backend->ops->figures(store->backend, figures);
    figures->n_refused = store->n_refused;
    figures->n_batches_waiting = 0;
    if (!store->is_running)
        return;
    LIST_FOR_EACH (node, &store->ports)
        figures->n_batches_waiting +=
            ring_length(&CONTAINER_OF(node, struct store_port, link)->to_writer);
}
