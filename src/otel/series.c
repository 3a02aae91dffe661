/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A series is measured on many threads and collected on one. Each thread has a cell for each series
 * that it has measured (cell.h), and finds it by the series' number in a table of its own; so two
 * threads share no lock and write to no common cache line. Cells are chained, newest first, for the
 * collection, which reads them while their threads go on.
 *
 * What must hold, so that sums are exact whatever threads come and go:
 *
 *   - A collection meets each cell once: as one that lives, and then what is in it is added to what
 *     this collection gathers; or as one that was left, and then it is added to what is settled,
 *     for good, and taken out of the chain. Only after all cells what is settled is added to what
 *     was gathered. So a value never goes down because a thread ended.
 *   - A thread without memory for a cell counts into what is settled, under the lock: slower, but
 *     nothing is lost.
 *   - Numbers are added in another order each time a thread ends, so a sum could go down by a last
 *     digit, which those who read it take for a restart. Such sums stay what they were.
 *
 * The order of locks: shards, instrument. So no cell is looked for under an instrument's lock.
 *
 * Delta temporality would go into otel_series_export(): the tally exported last, subtracted.
 * Exponential histograms are one more shape of a tally (tally.h).
 */
#include "otel/series.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "otel/limits.h"

/* Kept out of the way of those who measure, so that these need few registers. */
#define SELDOM __attribute__((noinline, cold))

enum {
    FIRST_CELLS = 64,
    MAX_WORDS = TALLY_COUNTS + OTEL_MAX_BOUNDS + 1,
};

/* A thread's. */
struct thread_cells {
    struct shard shard;
    struct cell *newest; /* written with release; the chain is the collection's to read */
    struct cell **by_series;
    size_t n;            /* of the table */
    struct arena memory; /* of cells */
    struct random random;
};

/* ---- its life ---- */

static size_t n_exemplars(const struct otel_series *series) {
    if (series->measuring->exemplars == OTEL_EXEMPLARS_OFF)
        return 0;
    return series->shape->kind == OTEL_HISTOGRAM ? series->shape->n_bounds + 1 : 1;
}

int otel_series_new(struct measuring *measuring, const struct tally_shape *shape,
                    pthread_mutex_t *lock, struct attribute_set *attributes,
                    struct otel_series **series) {
    struct otel_series as_made = {.measuring = measuring, .shape = shape, .lock = lock};
    size_t n_places = n_exemplars(&as_made), n_words = tally_n_words(shape);
    struct otel_series *made = mem_zalloc(1, sizeof(*made) + 2 * n_words * sizeof(*made->settled) +
                                                 2 * n_places * sizeof(*made->newest));
    if (!made)
        return err_trace(-ENOMEM);
    *made = as_made;
    list_init(&made->link);
    made->attributes = attributes;
    made->settled = (uint64_t *)(made + 1);
    made->gathered = made->settled + n_words;
    made->newest = (struct otel_exemplar *)(made->gathered + n_words);
    made->exported = made->newest + n_places;
    tally_clear(shape, made->settled);
    *series = made;
    return 0;
}

void otel_series_free(struct otel_series *series) {
    mem_free(series->attributes);
    mem_free(series);
}

void otel_series_bind(struct otel_series *series) {
    if (series->is_bound)
        return;
    series->is_bound = true;
    series->number = atomic_fetch_add(&series->measuring->n_bound, 1);
}

struct bytes otel_series_key(const void *series) {
    return ((const struct otel_series *)series)->attributes->key;
}

/* ---- a thread's cells ---- */

static int open_cells(struct shard *shard) {
    struct thread_cells *cells = CONTAINER_OF(shard, struct thread_cells, shard);
    arena_init(&cells->memory, OTEL_MAX_THREAD_CELL_BYTES);
    random_init(&cells->random, (uintptr_t)cells);
    return 0;
}

static void close_cells(struct shard *shard) {
    struct thread_cells *cells = CONTAINER_OF(shard, struct thread_cells, shard);
    arena_fini(&cells->memory);
    mem_free(cells->by_series);
}

static int reach(struct thread_cells *mine, size_t number) {
    size_t n = mine->n ? mine->n : FIRST_CELLS;
    while (n <= number)
        n *= 2;
    if (n == mine->n)
        return 0;
    struct cell **more = mem_resize(mine->by_series, n, sizeof(struct cell *));
    if (!more)
        return -ENOMEM;
    memset(more + mine->n, 0, (n - mine->n) * sizeof(struct cell *));
    mine->by_series = more;
    mine->n = n;
    return 0;
}

SELDOM static struct cell *make_cell(struct thread_cells *mine, struct otel_series *series) {
    if (reach(mine, series->number))
        return NULL;
    struct cell *cell = arena_alloc(&mine->memory, cell_size(series->shape));
    if (!cell)
        return NULL;
    *cell = (struct cell){.next = mine->newest, .series = series};
    tally_clear(series->shape, cell->words);
    mine->by_series[series->number] = cell;
    __atomic_store_n(&mine->newest, cell, __ATOMIC_RELEASE);
    return cell;
}

static struct cell *find_or_make_cell(struct thread_cells *mine, struct otel_series *series) {
    if (!mine)
        return NULL;
    if (series->number < mine->n && mine->by_series[series->number])
        return mine->by_series[series->number];
    return make_cell(mine, series);
}

/* ---- measuring ---- */

__attribute__((noinline)) static void offer_exemplar(struct thread_cells *mine, struct cell *cell,
                                                     size_t place, double value,
                                                     const struct otel_context *context) {
    struct otel_series *series = cell->series;
    if (!cell->exemplars) {
        size_t size = n_exemplars(series) * sizeof(struct exemplar_slot);
        struct exemplar_slot *slots = arena_alloc(&mine->memory, size);
        if (!slots)
            return;
        memset(slots, 0, size);
        __atomic_store_n(&cell->exemplars, slots, __ATOMIC_RELEASE);
    }
    uint64_t collection =
        atomic_load_explicit(&series->measuring->n_collections, memory_order_relaxed);
    struct exemplar_slot *slot = &cell->exemplars[place];
    if (!exemplar_is_chosen(slot, collection, &mine->random))
        return;
    const struct otel_exemplar exemplar = {value, clock_wall_ns(), context->span.trace_id,
                                           context->span.span_id};
    exemplar_write(slot, &exemplar);
}

static bool is_in_sampled_span(const struct otel_context *context) {
    return otel_span_context_is_sampled(&context->span) &&
           otel_span_context_is_valid(&context->span);
}

static double value_of(const struct tally_shape *shape, struct measurement measurement) {
    return shape->is_integer ? (double)measurement.integer : measurement.number;
}

SELDOM static void settle_measurement(struct otel_series *series, struct measurement measurement) {
    pthread_mutex_lock(series->lock);
    tally_measure(series->shape, series->settled, measurement);
    series->is_settled = true;
    pthread_mutex_unlock(series->lock);
}

/* `context` is NULL for the current one. */
static inline void measure(struct otel_series *series, struct measurement measurement,
                           const struct otel_context *context) {
    struct measuring *measuring = series->measuring;
    struct thread_cells *mine = shards_mine(&measuring->shards);
    struct cell *cell = find_or_make_cell(mine, series);
    if (!cell) {
        settle_measurement(series, measurement);
        return;
    }
    size_t place = cell_measure(cell, series->shape, measurement);
    if (measuring->exemplars == OTEL_EXEMPLARS_OFF)
        return;
    if (!context)
        context = otel_context_current();
    if (measuring->exemplars == OTEL_EXEMPLARS_ON || is_in_sampled_span(context))
        offer_exemplar(mine, cell, place, value_of(series->shape, measurement), context);
}

void otel_series_add(struct otel_series *series, int64_t value) {
    struct measurement measurement = {0};
    if (series && is_sum(series->shape) &&
        measurement_of_integer(series->shape, value, &measurement))
        measure(series, measurement, NULL);
}

void otel_series_add_number(struct otel_series *series, double value) {
    struct measurement measurement = {0};
    if (series && is_sum(series->shape) &&
        measurement_of_number(series->shape, value, &measurement))
        measure(series, measurement, NULL);
}

void otel_series_record(struct otel_series *series, double value,
                        const struct otel_context *context) {
    struct measurement measurement = {0};
    if (series && series->shape->kind == OTEL_HISTOGRAM &&
        measurement_of_number(series->shape, value, &measurement))
        measure(series, measurement, context);
}

/* A clock that all threads have in common, and that nobody sets, says which value is the last. */
static void set(struct otel_series *series, struct measurement measurement) {
    measurement.time_ns = clock_monotonic_ns();
    measure(series, measurement, NULL);
}

void otel_series_set(struct otel_series *series, int64_t value) {
    struct measurement measurement = {0};
    if (series && series->shape->kind == OTEL_GAUGE &&
        measurement_of_integer(series->shape, value, &measurement))
        set(series, measurement);
}

void otel_series_set_number(struct otel_series *series, double value) {
    struct measurement measurement = {0};
    if (series && series->shape->kind == OTEL_GAUGE &&
        measurement_of_number(series->shape, value, &measurement))
        set(series, measurement);
}

/* ---- gathering ---- */

int measuring_init(struct measuring *measuring, enum otel_exemplar_filter exemplars) {
    *measuring = (struct measuring){.exemplars = exemplars};
    return shards_init(&measuring->shards, sizeof(struct thread_cells), open_cells, close_cells);
}

void measuring_fini(struct measuring *measuring) {
    shards_fini(&measuring->shards);
}

static uint64_t collection_of_now(const struct otel_series *series) {
    return atomic_load_explicit(&series->measuring->n_collections, memory_order_relaxed);
}

bool otel_series_is_gathered(const struct otel_series *series) {
    return series->gathered_in == collection_of_now(series);
}

static void begin_gathering(struct otel_series *series) {
    if (otel_series_is_gathered(series))
        return;
    tally_clear(series->shape, series->gathered);
    series->gathered_in = collection_of_now(series);
}

/* Each exemplar may be met any number of times: the newest stays. */
static void gather_exemplars(struct cell *cell) {
    struct otel_series *series = cell->series;
    const struct exemplar_slot *slots = __atomic_load_n(&cell->exemplars, __ATOMIC_ACQUIRE);
    struct otel_exemplar exemplar;
    for (size_t i = 0; slots && i < n_exemplars(series); i++)
        if (exemplar_read(&slots[i], &exemplar) && exemplar.time_ns > series->newest[i].time_ns)
            series->newest[i] = exemplar;
}

static void gather_cell(struct cell *cell) {
    struct otel_series *series = cell->series;
    uint64_t words[MAX_WORDS];
    cell_read(cell, series->shape, words);
    begin_gathering(series);
    tally_merge(series->shape, series->gathered, words);
}

static void settle_cell(struct cell *cell) {
    struct otel_series *series = cell->series;
    pthread_mutex_lock(series->lock);
    tally_merge(series->shape, series->settled, cell->words);
    series->is_settled = true;
    pthread_mutex_unlock(series->lock);
}

/* A shard that is found left only here is freed by the next visit: its chain is empty then. */
static bool gather_shard(void *unused, struct shard *shard) {
    struct thread_cells *cells = CONTAINER_OF(shard, struct thread_cells, shard);
    bool is_left = atomic_load(&shard->is_left);
    struct cell *cell = __atomic_load_n(&cells->newest, __ATOMIC_ACQUIRE);
    (void)unused;
    for (; cell; cell = cell->next) {
        gather_exemplars(cell);
        if (is_left)
            settle_cell(cell);
        else
            gather_cell(cell);
    }
    if (is_left)
        cells->newest = NULL;
    return true;
}

void measuring_gather(struct measuring *measuring) {
    shards_visit(&measuring->shards, gather_shard, NULL);
}

void otel_series_observe(struct otel_series *series, struct measurement measurement) {
    begin_gathering(series);
    if (!series->is_overflow)
        tally_clear(series->shape, series->gathered);
    measurement.time_ns = 1;
    tally_measure(series->shape, series->gathered, measurement);
}

/* ---- what is exported ---- */

static double never_less(struct otel_series *series, double sum) {
    if (sum > series->last_sum)
        series->last_sum = sum;
    return series->last_sum;
}

static void export_histogram(struct otel_series *series, struct otel_histogram_data *data) {
    const struct tally_shape *shape = series->shape;
    const uint64_t *words = series->gathered;
    *data = (struct otel_histogram_data){
        .count = tally_count(shape, words),
        .sum = number_of_word(words[TALLY_SUM]),
        .min = number_of_word(words[TALLY_MIN]),
        .max = number_of_word(words[TALLY_MAX]),
        .bounds = shape->bounds,
        .n_bounds = shape->n_bounds,
        .counts = &words[TALLY_COUNTS],
    };
    if (data->min >= 0)
        data->sum = never_less(series, data->sum);
}

static void export_sum(struct otel_series *series, struct otel_point *point) {
    if (series->shape->is_integer) {
        point->integer = (int64_t)series->gathered[0];
        return;
    }
    point->number = number_of_word(series->gathered[0]);
    if (series->shape->kind == OTEL_COUNTER && series->is_bound)
        point->number = never_less(series, point->number);
}

static void export_exemplars(struct otel_series *series, struct otel_point *point) {
    point->exemplars = series->exported;
    for (size_t i = 0; i < n_exemplars(series); i++)
        if (series->newest[i].time_ns)
            series->exported[point->n_exemplars++] = series->newest[i];
}

/* Its thread may not have come further than to make its cell. */
static bool is_measured(const struct otel_series *series) {
    switch (series->shape->kind) {
    case OTEL_COUNTER:
    case OTEL_UP_DOWN_COUNTER:
        return true;
    case OTEL_GAUGE:
        return series->gathered[TALLY_GAUGE_TIME] != 0;
    case OTEL_HISTOGRAM:
        return tally_count(series->shape, series->gathered) != 0;
    }
    return false;
}

bool otel_series_export(struct otel_series *series, struct otel_point *point) {
    if (series->is_settled) {
        begin_gathering(series);
        tally_merge(series->shape, series->gathered, series->settled);
    }
    if (!otel_series_is_gathered(series) || !is_measured(series))
        return false;
    *point = (struct otel_point){.attributes = series->attributes->attributes,
                                 .n_attributes = series->attributes->n};
    if (series->shape->kind == OTEL_HISTOGRAM)
        export_histogram(series, &point->histogram);
    else if (series->shape->kind == OTEL_GAUGE)
        point->integer = (int64_t)series->gathered[TALLY_GAUGE_VALUE];
    else
        export_sum(series, point);
    export_exemplars(series, point);
    return true;
}
