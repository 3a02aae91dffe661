/* SPDX-License-Identifier: Apache-2.0 */
#include "gate_backend.h"

#include <pthread.h>

#include "base/mem.h"

struct gate_backend {
    struct store_backend backend;
    struct store_backend *inner;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_closed;
    size_t n_held;    /* batches of the commit that stands at the gate */
    size_t n_commits; /* done */
};

static struct gate_backend *gate_of(struct store_backend *backend) {
    return CONTAINER_OF(backend, struct gate_backend, backend);
}

static struct store_backend *inner_of(struct store_backend *backend) {
    return gate_of(backend)->inner;
}

static void gate_commit(struct store_backend *backend, struct store_batch *const *batches,
                        size_t n) {
    struct gate_backend *gate = gate_of(backend);
    pthread_mutex_lock(&gate->lock);
    while (gate->is_closed) {
        gate->n_held = n;
        pthread_cond_broadcast(&gate->changed);
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    gate->n_held = 0;
    pthread_mutex_unlock(&gate->lock);
    gate->inner->ops->commit(gate->inner, batches, n);
    pthread_mutex_lock(&gate->lock);
    gate->n_commits++;
    pthread_mutex_unlock(&gate->lock);
}

static int gate_cursor_open(struct store_backend *backend, const struct store_query *query,
                            struct store_cursor **cursor) {
    return inner_of(backend)->ops->cursor_open(inner_of(backend), query, cursor);
}

static int gate_statistics(struct store_backend *backend, const struct store_filter *filter,
                           const struct store_range *range, uint64_t *n_sensors,
                           struct stats *stats) {
    return inner_of(backend)->ops->statistics(inner_of(backend), filter, range, n_sensors, stats);
}

static int gate_list(struct store_backend *backend, const struct store_filter *filter,
                     struct store_page *page) {
    return inner_of(backend)->ops->list(inner_of(backend), filter, page);
}

static void gate_figures(struct store_backend *backend, struct store_figures *figures) {
    inner_of(backend)->ops->figures(inner_of(backend), figures);
}

static void gate_free(struct store_backend *backend) {
    struct gate_backend *gate = gate_of(backend);
    gate->inner->ops->free(gate->inner);
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
    mem_free(gate);
}

/* A cursor is the inner backend's own and goes there by itself. */
static const struct store_backend_ops gate_ops = {
    .commit = gate_commit,
    .cursor_open = gate_cursor_open,
    .statistics = gate_statistics,
    .list = gate_list,
    .figures = gate_figures,
    .free = gate_free,
};

struct gate_backend *gate_backend_new(struct store_backend *inner) {
    struct gate_backend *gate = mem_new(struct gate_backend);
    if (!gate)
        return NULL;
    gate->backend.ops = &gate_ops;
    gate->inner = inner;
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    return gate;
}

struct store_backend *gate_backend_base(struct gate_backend *gate) {
    return &gate->backend;
}

static void gate_set(struct gate_backend *gate, bool is_closed) {
    pthread_mutex_lock(&gate->lock);
    gate->is_closed = is_closed;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void gate_backend_close(struct gate_backend *gate) {
    gate_set(gate, true);
}

void gate_backend_open(struct gate_backend *gate) {
    gate_set(gate, false);
}

size_t gate_backend_wait_until_held(struct gate_backend *gate) {
    pthread_mutex_lock(&gate->lock);
    while (gate->n_held == 0)
        pthread_cond_wait(&gate->changed, &gate->lock);
    size_t n = gate->n_held;
    pthread_mutex_unlock(&gate->lock);
    return n;
}

size_t gate_backend_n_commits(struct gate_backend *gate) {
    pthread_mutex_lock(&gate->lock);
    size_t n = gate->n_commits;
    pthread_mutex_unlock(&gate->lock);
    return n;
}
