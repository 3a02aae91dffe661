/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend that keeps everything in memory.
 *
 *     by_id   hash table, the writer thread's own: finds a reading's series
 *     names   the same series in order, for readers: listing, patterns, cursors (names.c)
 *     series  the readings and their statistics, each under a lock of its own (series.c)
 *
 * A commit goes through the batches run by run. Readings in a row of one sensor share one lookup
 * and, in slices, one lock. A series is shown to readers when it holds its first reading, never
 * empty, and is not taken away before the store ends.
 *
 * At the memory limit, at that of sensors, or when an allocation fails, a reading is refused and
 * with it all that its writer sent after it, so what a writer was promised is always a prefix of
 * what it sent. Repeats need no memory: other writers' are acknowledged as ever.
 */
#include "store/memory.h"

#include "base/table.h"
#include "store/backend.h"
#include "store/limits.h"
#include "store/names.h"
#include "store/series.h"

/* Readings inserted under one hold of a series' lock: some 10 microseconds. */
#define MEMORY_SLICE 256

/* A sensor's share of by_id: the table is at least 3/8 full. */
#define MEMORY_TABLE_SHARE (sizeof(struct table_slot) * 8 / 3)

struct memory {
    struct store_backend backend;
    struct budget budget;
    struct table by_id;
    struct names names;
    uint32_t max_sensors;
    _Atomic uint64_t n_sensors;
    _Atomic uint64_t n_readings;
};

struct memory_cursor {
    struct store_cursor cursor;
    struct series *series;
    struct series_walk walk;
};

static struct series *series_of(struct name *name) {
    return CONTAINER_OF(name, struct series, id);
}

static struct memory *memory_of(struct store_backend *backend) {
    return CONTAINER_OF(backend, struct memory, backend);
}

/* Makes the series known, first to the writer and last to the readers. It holds a reading. */
static int memory_publish(struct memory *memory, struct series *series) {
    int r = budget_take(&memory->budget, MEMORY_TABLE_SHARE);
    if (r)
        return r;
    r = table_add(&memory->by_id, series);
    if (r == 0) {
        r = names_add(&memory->names, &series->id, &memory->budget);
        if (r == 0)
            return 0;
        table_remove(&memory->by_id, series_id(series));
    }
    budget_give(&memory->budget, MEMORY_TABLE_SHARE);
    return -ENOMEM;
}

/* Makes a sensor of its first reading. 0, -ENOMEM, or -EUSERS: there are as many as there may be.
 */
static int memory_add_sensor(struct memory *memory, struct bytes id, const struct store_item *item,
                             struct series **out) {
    struct series *series = NULL;
    if (memory->n_sensors == memory->max_sensors)
        return -EUSERS;
    int r = series_new(id, &memory->budget, &series);
    if (r)
        return r;
    r = series_insert(series, item, &memory->budget);
    if (r == 0)
        r = memory_publish(memory, series);
    if (r) {
        series_free(series, &memory->budget);
        return r;
    }
    memory->n_sensors++;
    *out = series;
    return 0;
}

/* Inserts up to MEMORY_SLICE readings of one sensor; counts them in the outcome. 0 or -ENOMEM. */
static int memory_insert_slice(struct memory *memory, struct series *series,
                               const struct store_item *items, size_t n,
                               struct store_outcome *outcome) {
    int r = 0;
    pthread_mutex_lock(&series->lock);
    for (size_t i = 0; i < n; i++) {
        r = series_insert(series, &items[i], &memory->budget);
        if (r < 0)
            break;
        outcome->accepted++;
        outcome->duplicates += r == SERIES_E_REPEAT;
    }
    pthread_mutex_unlock(&series->lock);
    return r < 0 ? r : 0;
}

/* `n` readings in a row of one sensor. 0, -ENOMEM or -EUSERS. */
static int memory_insert(void *user, struct bytes id, const struct store_item *items, uint32_t n,
                         struct store_outcome *outcome) {
    struct memory *memory = user;
    struct series *series = table_find(&memory->by_id, id);
    uint32_t done = 0;
    if (!series) {
        int r = memory_add_sensor(memory, id, items, &series);
        if (r)
            return r;
        outcome->accepted++;
        done = 1;
    }
    while (done < n) {
        uint32_t slice = n - done < MEMORY_SLICE ? n - done : MEMORY_SLICE;
        int r = memory_insert_slice(memory, series, items + done, slice, outcome);
        if (r)
            return r;
        done += slice;
    }
    return 0;
}

static void memory_commit_run(struct memory *memory, const struct store_batch *batch,
                              struct store_run *run) {
    store_batch_put_run(batch, run, memory_insert, memory);
    memory->n_readings += run->outcome.accepted - run->outcome.duplicates;
}

static void memory_commit(struct store_backend *backend, struct store_batch *const *batches,
                          size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t run = 0; run < batches[i]->n_runs; run++)
            memory_commit_run(memory_of(backend), batches[i], &batches[i]->runs[run]);
}

static int memory_cursor_open(struct store_backend *backend, const struct store_query *query,
                              struct store_cursor **out) {
    struct name *name = names_find(&memory_of(backend)->names, query->sensor_id);
    if (!name)
        return STORE_E_NO_SENSOR;
    struct memory_cursor *cursor = mem_new(struct memory_cursor);
    if (!cursor)
        return -ENOMEM;
    cursor->cursor.ops = backend->ops;
    cursor->series = series_of(name);
    series_walk_init(&cursor->walk, cursor->series, query);
    *out = &cursor->cursor;
    return 0;
}

static int memory_cursor_next(struct store_cursor *base, struct reading *readings, size_t max,
                              size_t *n) {
    struct memory_cursor *cursor = CONTAINER_OF(base, struct memory_cursor, cursor);
    size_t page = max < STORE_PAGE_MAX_READINGS ? max : STORE_PAGE_MAX_READINGS;
    *n = series_walk_next(&cursor->walk, cursor->series, readings, page);
    return 0;
}

static bool memory_cursor_is_ready(const struct store_cursor *cursor) {
    (void)cursor;
    return true;
}

static void memory_cursor_close(struct store_cursor *cursor) {
    mem_free(CONTAINER_OF(cursor, struct memory_cursor, cursor));
}

static int memory_statistics(struct store_backend *backend, const struct store_filter *filter,
                             const struct store_range *range, uint64_t *n_sensors,
                             struct stats *stats) {
    struct names_walk walk;
    names_walk_init(&walk, &memory_of(backend)->names, filter, bytes_of(NULL, 0));
    stats_init(stats);
    *n_sensors = 0;
    for (struct name *name; (name = names_walk_next(&walk));) {
        struct stats one;
        series_range_stats(series_of(name), range, &one);
        stats_merge(stats, &one);
        ++*n_sensors;
    }
    return *n_sensors > 0 ? 0 : STORE_E_NO_SENSOR;
}

static int memory_list(struct store_backend *backend, const struct store_filter *filter,
                       struct store_page *page) {
    struct names_walk walk;
    names_walk_init(&walk, &memory_of(backend)->names, filter, page->after);
    struct name *name = names_walk_next(&walk);
    for (page->n = 0; name && page->n < page->max; name = names_walk_next(&walk)) {
        struct store_sensor *sensor = &page->sensors[page->n++];
        sensor->sensor_id = name_bytes(name);
        series_stats(series_of(name), &sensor->stats);
    }
    page->more = name != NULL;
    return 0;
}

static void memory_figures(struct store_backend *backend, struct store_figures *figures) {
    struct memory *memory = memory_of(backend);
    *figures = (struct store_figures){
        .n_sensors = memory->n_sensors,
        .n_readings = memory->n_readings,
        .memory_bytes = budget_used(&memory->budget),
        .memory_limit_bytes = memory->budget.limit_bytes,
    };
}

static void memory_free(struct store_backend *backend) {
    struct memory *memory = memory_of(backend);
    for (size_t i = 0; i < memory->by_id.n_slots; i++)
        series_free(table_at(&memory->by_id, i), &memory->budget);
    table_fini(&memory->by_id);
    names_fini(&memory->names, &memory->budget);
    mem_free(memory);
}

static const struct store_backend_ops memory_ops = {
    .commit = memory_commit,
    .cursor_open = memory_cursor_open,
    .cursor_next = memory_cursor_next,
    .cursor_is_ready = memory_cursor_is_ready,
    .cursor_close = memory_cursor_close,
    .statistics = memory_statistics,
    .list = memory_list,
    .figures = memory_figures,
    .free = memory_free,
};

static struct bytes series_key(const void *series) {
    return series_id(series);
}

int store_memory_new(const struct store_memory_options *options, struct store_backend **backend) {
    CLEANUP(mem_freep) struct memory *memory = mem_new(struct memory);
    if (!memory)
        return -ENOMEM;
    memory->backend.ops = &memory_ops;
    memory->budget.limit_bytes = options->limit_bytes;
    memory->max_sensors = options->max_sensors ? options->max_sensors : STORE_MAX_SENSORS;
    int r = table_init(&memory->by_id, series_key);
    if (r == 0)
        r = names_init(&memory->names, memory->max_sensors);
    if (r)
        return err_trace(r);
    *backend = &STEAL(memory)->backend;
    return 0;
}
