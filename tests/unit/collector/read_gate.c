/* SPDX-License-Identifier: Apache-2.0 */
#include "read_gate.h"

#include <pthread.h>

#include "base/mem.h"

struct read_gate {
    struct store_backend backend;
    struct store_backend *inner;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_closed;
    _Atomic bool has_pages_at_hand;
    size_t n_held;
    int fails_with;
};

struct gated_cursor {
    struct store_cursor cursor;
    struct read_gate *gate;
    struct store_cursor *inner;
};

static struct read_gate *gate_of(struct store_backend *backend) {
    return CONTAINER_OF(backend, struct read_gate, backend);
}

/* What the read comes to, when it may go on. */
static int pass(struct read_gate *gate) {
    pthread_mutex_lock(&gate->lock);
    gate->n_held++;
    pthread_cond_broadcast(&gate->changed);
    while (gate->is_closed)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->n_held--;
    int r = gate->fails_with;
    pthread_mutex_unlock(&gate->lock);
    return r;
}

static void gate_commit(struct store_backend *backend, struct store_batch *const *batches,
                        size_t n) {
    struct store_backend *inner = gate_of(backend)->inner;
    inner->ops->commit(inner, batches, n);
}

static const struct store_backend_ops gate_ops;

static int gate_cursor_open(struct store_backend *backend, const struct store_query *query,
                            struct store_cursor **cursor) {
    struct read_gate *gate = gate_of(backend);
    struct gated_cursor *gated = mem_new(struct gated_cursor);
    if (!gated)
        return -ENOMEM;
    gated->cursor.ops = &gate_ops;
    gated->gate = gate;
    int r = gate->inner->ops->cursor_open(gate->inner, query, &gated->inner);
    if (r)
        mem_free(gated);
    else
        *cursor = &gated->cursor;
    return r;
}

static struct gated_cursor *gated_of(struct store_cursor *cursor) {
    return CONTAINER_OF(cursor, struct gated_cursor, cursor);
}

static int gate_cursor_next(struct store_cursor *cursor, struct reading *readings, size_t max,
                            size_t *n) {
    struct gated_cursor *gated = gated_of(cursor);
    int r = gated->gate->has_pages_at_hand ? 0 : pass(gated->gate);
    return r ? r : store_cursor_next(gated->inner, readings, max, n);
}

static bool gate_cursor_is_ready(const struct store_cursor *cursor) {
    const struct gated_cursor *gated = CONTAINER_OF(cursor, const struct gated_cursor, cursor);
    return gated->gate->has_pages_at_hand && store_cursor_is_ready(gated->inner);
}

static void gate_cursor_close(struct store_cursor *cursor) {
    struct gated_cursor *gated = gated_of(cursor);
    store_cursor_close(gated->inner);
    mem_free(gated);
}

static int gate_statistics(struct store_backend *backend, const struct store_filter *filter,
                           const struct store_range *range, uint64_t *n_sensors,
                           struct stats *stats) {
    struct read_gate *gate = gate_of(backend);
    int r = pass(gate);
    return r ? r : gate->inner->ops->statistics(gate->inner, filter, range, n_sensors, stats);
}

static int gate_list(struct store_backend *backend, const struct store_filter *filter,
                     struct store_page *page) {
    struct read_gate *gate = gate_of(backend);
    int r = pass(gate);
    return r ? r : gate->inner->ops->list(gate->inner, filter, page);
}

static void gate_figures(struct store_backend *backend, struct store_figures *figures) {
    struct store_backend *inner = gate_of(backend)->inner;
    inner->ops->figures(inner, figures);
}

static void gate_free(struct store_backend *backend) {
    struct read_gate *gate = gate_of(backend);
    gate->inner->ops->free(gate->inner);
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
    mem_free(gate);
}

static const struct store_backend_ops gate_ops = {
    .commit = gate_commit,
    .cursor_open = gate_cursor_open,
    .cursor_next = gate_cursor_next,
    .cursor_is_ready = gate_cursor_is_ready,
    .cursor_close = gate_cursor_close,
    .statistics = gate_statistics,
    .list = gate_list,
    .figures = gate_figures,
    .free = gate_free,
};

struct read_gate *read_gate_new(struct store_backend *inner) {
    struct read_gate *gate = mem_new(struct read_gate);
    if (!gate)
        return NULL;
    gate->backend.ops = &gate_ops;
    gate->inner = inner;
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    return gate;
}

struct store_backend *read_gate_base(struct read_gate *gate) {
    return &gate->backend;
}

static void gate_set(struct read_gate *gate, bool is_closed) {
    pthread_mutex_lock(&gate->lock);
    gate->is_closed = is_closed;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void read_gate_close(struct read_gate *gate) {
    gate_set(gate, true);
}

void read_gate_open(struct read_gate *gate) {
    gate_set(gate, false);
}

void read_gate_fail(struct read_gate *gate, int r) {
    pthread_mutex_lock(&gate->lock);
    gate->fails_with = r;
    pthread_mutex_unlock(&gate->lock);
}

void read_gate_have_pages_at_hand(struct read_gate *gate) {
    gate->has_pages_at_hand = true;
}

void read_gate_wait_until_held(struct read_gate *gate) {
    pthread_mutex_lock(&gate->lock);
    while (gate->n_held == 0)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}
