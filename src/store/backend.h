/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/batch.h"
#include "store/store.h"

/*
 * What keeps the readings: memory (store/memory.h), later files or a database. A backend embeds
 * this struct. The writer thread alone calls commit(); everything else may come from any thread at
 * the same time.
 */
struct store_backend_ops {
    /*
     * Keeps the readings of all `n` batches, in order, and writes each run's outcome into it.
     * Returns when they are kept; a repeat counts as accepted only when the first is kept too.
     * Cursors and statistics see a reading as soon as it is kept, at the latest from the return on,
     * and not before. Trouble is told in the outcomes, and noted in `refusal` of the run's writer:
     * no later run of it is kept.
     */
    void (*commit)(struct store_backend *backend, struct store_batch *const *batches, size_t n);

    /* As store_cursor_open() and so on. */
    int (*cursor_open)(struct store_backend *backend, const struct store_query *query,
                       struct store_cursor **cursor);
    int (*cursor_next)(struct store_cursor *cursor, struct reading *readings, size_t max,
                       size_t *n);
    bool (*cursor_is_ready)(const struct store_cursor *cursor); /* NULL: never */
    void (*cursor_close)(struct store_cursor *cursor);
    int (*statistics)(struct store_backend *backend, const struct store_filter *filter,
                      const struct store_range *range, uint64_t *n_sensors, struct stats *stats);
    int (*list)(struct store_backend *backend, const struct store_filter *filter,
                struct store_page *page);
    /* As store_check(). NULL: there are no files. */
    int (*check)(struct store_backend *backend, struct check **check, struct err_text *why);
    /* All but `n_refused` and `n_batches_waiting`, which the store counts itself. */
    void (*figures)(struct store_backend *backend, struct store_figures *figures);
    /*
     * NULL: there is nothing to do. The end is near: commits that come from now on, and one that
     * waits, wait for nobody but the disk. What they say is as true as ever.
     */
    void (*stop)(struct store_backend *backend);
    void (*free)(struct store_backend *backend);
};

struct store_backend {
    const struct store_backend_ops *ops;
};

/* The start of every backend's cursor. */
struct store_cursor {
    const struct store_backend_ops *ops;
};
