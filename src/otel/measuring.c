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
 *     for good, and goes with its shard. Only after all cells what is settled is added to what was
 *     gathered. So a value never goes down because a thread ended.
 *   - A thread without memory for a cell counts into what is settled, under the lock: slower, but
 *     nothing is lost.
 *   - Numbers are added in another order each time a thread ends, so a sum could go down by a last
 *     digit, which those who read it take for a restart. Such sums stay what they were.
 *
 * The order of locks: shards, instrument. So no cell is looked for under an instrument's lock.
 *
 * Exponential histograms would be one more shape of a tally (tally.h).
 */
#include "otel/measuring.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "otel/limits.h"
#include "otel/series.h"

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

/* NULL: it has not been made. */
static inline struct cell *find_cell(const struct thread_cells *mine,
                                     const struct otel_series *series) {
    return series->number < mine->n ? mine->by_series[series->number] : NULL;
}

static struct cell *find_or_make_cell(struct thread_cells *mine, struct otel_series *series) {
    if (!mine)
        return NULL;
    struct cell *cell = find_cell(mine, series);
    return cell ? cell : make_cell(mine, series);
}

/* ---- measuring ---- */

/*
 * What nearly every measurement does is inline, and whatever else there may be to do is in
 * functions that it ends with: so the functions that measure keep nothing over a call, and save no
 * registers.
 */
static struct exemplar_slot *exemplars_of(struct thread_cells *mine, struct cell *cell) {
    if (cell->exemplars)
        return cell->exemplars;
    size_t size = otel_series_n_places(cell->series) * sizeof(struct exemplar_slot);
    struct exemplar_slot *slots = arena_alloc(&mine->memory, size);
    if (!slots)
        return NULL;
    memset(slots, 0, size);
    __atomic_store_n(&cell->exemplars, slots, __ATOMIC_RELEASE);
    return slots;
}

/* `cell` is this thread's. */
__attribute__((noinline)) static void offer_exemplar(struct cell *cell, size_t place, double value,
                                                     const struct otel_context *context) {
    struct measuring *measuring = cell->series->measuring;
    struct thread_cells *mine = shards_mine(&measuring->shards);
    struct exemplar_slot *slots = exemplars_of(mine, cell);
    uint32_t collection =
        (uint32_t)atomic_load_explicit(&measuring->n_collections, memory_order_relaxed);
    if (!slots || !exemplar_is_chosen(&slots[place], collection, &mine->random))
        return;
    const struct otel_exemplar exemplar = {value, clock_wall_ns(), context->span.trace_id,
                                           context->span.span_id};
    exemplar_write(&slots[place], &exemplar);
}

static inline bool is_in_sampled_span(const struct otel_context *context) {
    return otel_span_context_is_sampled(&context->span) &&
           otel_span_context_is_valid(&context->span);
}

/* Whether what is measured in this context is offered as an exemplar. */
static inline bool makes_exemplars(const struct measuring *measuring,
                                   const struct otel_context *context) {
    if (measuring->exemplars == OTEL_EXEMPLARS_TRACE_BASED)
        return is_in_sampled_span(context);
    return measuring->exemplars == OTEL_EXEMPLARS_ON;
}

static inline double value_of(const struct tally_shape *shape, struct measurement measurement) {
    return shape->is_integer ? (double)measurement.integer : measurement.number;
}

/* What has been measured may become an exemplar. */
static inline void show(struct cell *cell, size_t place, struct measurement measurement,
                        const struct otel_context *context) {
    const struct otel_series *series = cell->series;
    if (makes_exemplars(series->measuring, context))
        offer_exemplar(cell, place, value_of(series->shape, measurement), context);
}

static void settle_measurement(struct otel_series *series, struct measurement measurement) {
    pthread_mutex_lock(series->lock);
    tally_measure(series->shape, series->settled, measurement);
    series->is_settled = true;
    pthread_mutex_unlock(series->lock);
}

/* For the first time on this thread, or when there is no memory, or too many of them. */
SELDOM static void measure_first(struct otel_series *series, struct measurement measurement,
                                 const struct otel_context *context) {
    struct cell *cell = find_or_make_cell(shards_mine(&series->measuring->shards), series);
    if (cell)
        show(cell, cell_measure(cell, series->shape, measurement), measurement, context);
    else
        settle_measurement(series, measurement);
}

static inline struct cell *cell_at_hand(const struct otel_series *series) {
    const struct thread_cells *mine = shards_at_hand(&series->measuring->shards);
    return mine ? find_cell(mine, series) : NULL;
}

static inline void add(struct otel_series *series, struct measurement measurement) {
    const struct otel_context *context = otel_context_current();
    struct cell *cell = cell_at_hand(series);
    if (__builtin_expect(!cell, false)) {
        measure_first(series, measurement, context);
        return;
    }
    tally_add(series->shape, cell->words, measurement);
    show(cell, 0, measurement, context);
}

void otel_series_add(struct otel_series *series, int64_t value) {
    struct measurement measurement = {0};
    if (series && is_sum(series->shape) &&
        measurement_of_integer(series->shape, value, &measurement))
        add(series, measurement);
}

void otel_series_add_number(struct otel_series *series, double value) {
    struct measurement measurement = {0};
    if (series && is_sum(series->shape) &&
        measurement_of_number(series->shape, value, &measurement))
        add(series, measurement);
}

static inline bool is_recorded(const struct otel_series *series, double value) {
    return series && series->shape->kind == OTEL_HISTOGRAM && isfinite(value);
}

/* What all series of a metering have alike on this thread. */
struct recording {
    const struct measuring *measuring;
    const struct thread_cells *mine;
    bool makes_exemplars;
};

static inline void record_one(struct recording *recording, struct otel_series *series, double value,
                              const struct otel_context *context) {
    if (series->measuring != recording->measuring)
        *recording =
            (struct recording){series->measuring, shards_at_hand(&series->measuring->shards),
                               makes_exemplars(series->measuring, context)};
    struct cell *cell = recording->mine ? find_cell(recording->mine, series) : NULL;
    if (__builtin_expect(!cell, false)) {
        measure_first(series, (struct measurement){.number = value}, context);
        return;
    }
    size_t place = cell_record(cell, series->shape, value);
    if (recording->makes_exemplars)
        offer_exemplar(cell, place, value, context);
}

void otel_series_record_all(const struct otel_recorded *recorded, size_t n,
                            const struct otel_context *context) {
    struct recording recording = {0};
    if (!context)
        context = otel_context_current();
    for (size_t i = 0; i < n; i++)
        if (is_recorded(recorded[i].series, recorded[i].value))
            record_one(&recording, recorded[i].series, recorded[i].value, context);
}

void otel_series_record(struct otel_series *series, double value,
                        const struct otel_context *context) {
    const struct otel_recorded recorded = {series, value};
    otel_series_record_all(&recorded, 1, context);
}

/* A clock that all threads have in common, and that nobody sets, says which value is the last. */
static void set(struct otel_series *series, struct measurement measurement) {
    const struct otel_context *context = otel_context_current();
    struct cell *cell = cell_at_hand(series);
    measurement.time_ns = clock_monotonic_ns();
    if (cell)
        show(cell, cell_measure(cell, series->shape, measurement), measurement, context);
    else
        measure_first(series, measurement, context);
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

static void gather_exemplars(struct cell *cell) {
    struct otel_series *series = cell->series;
    const struct exemplar_slot *slots = __atomic_load_n(&cell->exemplars, __ATOMIC_ACQUIRE);
    struct otel_exemplar exemplar;
    for (size_t i = 0; slots && i < otel_series_n_places(series); i++)
        if (exemplar_read(&slots[i], &exemplar))
            otel_series_gather_exemplar(series, i, &exemplar);
}

static void gather_cell(struct cell *cell) {
    uint64_t words[MAX_WORDS];
    cell_read(cell, cell->series->shape, words);
    otel_series_gather(cell->series, words);
}

static bool gather_shard(void *unused, struct shard *shard, bool is_left) {
    struct thread_cells *cells = CONTAINER_OF(shard, struct thread_cells, shard);
    struct cell *cell = __atomic_load_n(&cells->newest, __ATOMIC_ACQUIRE);
    (void)unused;
    for (; cell; cell = cell->next) {
        gather_exemplars(cell);
        if (is_left)
            otel_series_settle(cell->series, cell->words);
        else
            gather_cell(cell);
    }
    return true;
}

void measuring_gather(struct measuring *measuring) {
    shards_visit(&measuring->shards, gather_shard, NULL);
}
