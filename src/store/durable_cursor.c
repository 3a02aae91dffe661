/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of the durable store: a walk, and a view for as long as a window is loaded. */
#include "base/log.h"
#include "base/mem.h"
#include "store/durable_impl.h"
#include "store/walk.h"

struct durable_cursor {
    struct store_cursor cursor;
    struct durable *durable;
    struct walk walk;
};

static struct durable_cursor *cursor_of(struct store_cursor *cursor) {
    return CONTAINER_OF(cursor, struct durable_cursor, cursor);
}

/* A sensor that has shown readings. */
static struct history *find_shown(struct durable *durable, struct bytes id) {
    struct name *name = names_find(&durable->names, id);
    struct stats stats;
    if (!name)
        return NULL;
    history_stats(history_of(name), &stats);
    return stats.count ? history_of(name) : NULL;
}

int durable_cursor_open(struct store_backend *backend, const struct store_query *query,
                        struct store_cursor **out) {
    struct durable *durable = durable_of(backend);
    struct history *history = find_shown(durable, query->sensor_id);
    if (!history)
        return STORE_E_NO_SENSOR;
    struct durable_cursor *cursor = mem_new(struct durable_cursor);
    if (!cursor)
        return -ENOMEM;
    if (atomic_fetch_add(&durable->n_cursors, 1) >= STORE_MAX_CURSORS) {
        durable->n_cursors--;
        mem_free(cursor);
        return STORE_E_BUSY;
    }
    cursor->cursor.ops = backend->ops;
    cursor->durable = durable;
    walk_init(&cursor->walk, history, query);
    *out = &cursor->cursor;
    return 0;
}

void durable_say_damage(struct history *history, const struct sealed_view *view, int r) {
    if (r != -EBADMSG || atomic_exchange(&history->is_unreadable, true))
        return;
    log_error("stored readings of sensor '%.*s' are damaged and cannot be read: %s; `thermograph "
              "check' names all that is damaged",
              BYTES_ARGS(name_bytes(&history->id)), sealed_view_trouble(view));
}

static int load_window(struct durable_cursor *cursor) {
    struct sealed_view *view;
    int r = durable_take_view(cursor->durable, &view);
    if (r)
        return r;
    r = walk_load(&cursor->walk, view);
    durable_say_damage(cursor->walk.history, view, r);
    durable_give_view(cursor->durable, view);
    return r;
}

int durable_cursor_next(struct store_cursor *base, struct reading *readings, size_t max,
                        size_t *n) {
    struct durable_cursor *cursor = cursor_of(base);
    size_t page = max < STORE_PAGE_MAX_READINGS ? max : STORE_PAGE_MAX_READINGS;
    int r = walk_is_empty(&cursor->walk) ? load_window(cursor) : 0;
    *n = r ? 0 : walk_next(&cursor->walk, readings, page);
    return r;
}

bool durable_cursor_is_ready(const struct store_cursor *cursor) {
    return !walk_is_empty(&CONTAINER_OF(cursor, const struct durable_cursor, cursor)->walk);
}

void durable_cursor_close(struct store_cursor *base) {
    struct durable_cursor *cursor = cursor_of(base);
    walk_fini(&cursor->walk);
    cursor->durable->n_cursors--;
    mem_free(cursor);
}
