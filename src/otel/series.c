/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a series: what is settled, for good; and what one collection has gathered, which
 * the next one begins anew. Measuring itself, and gathering, is in measuring.c.
 *
 * Delta temporality would go into otel_series_export(): the tally exported last, subtracted.
 */
#include "otel/series.h"

#include "base/mem.h"

/* ---- its life ---- */

size_t otel_series_n_places(const struct otel_series *series) {
    if (series->measuring->exemplars == OTEL_EXEMPLARS_OFF)
        return 0;
    return series->shape->kind == OTEL_HISTOGRAM ? series->shape->n_bounds + 1 : 1;
}

int otel_series_new(struct measuring *measuring, const struct tally_shape *shape,
                    pthread_mutex_t *lock, struct attribute_set *attributes,
                    struct otel_series **series) {
    struct otel_series as_made = {.measuring = measuring, .shape = shape, .lock = lock};
    size_t n_places = otel_series_n_places(&as_made), n_words = tally_n_words(shape);
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

/* ---- gathering ---- */

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

void otel_series_gather(struct otel_series *series, const uint64_t *words) {
    begin_gathering(series);
    tally_merge(series->shape, series->gathered, words);
}

void otel_series_gather_exemplar(struct otel_series *series, size_t place,
                                 const struct otel_exemplar *exemplar) {
    if (exemplar->time_ns > series->newest[place].time_ns)
        series->newest[place] = *exemplar;
}

void otel_series_settle(struct otel_series *series, const uint64_t *words) {
    pthread_mutex_lock(series->lock);
    tally_merge(series->shape, series->settled, words);
    series->is_settled = true;
    pthread_mutex_unlock(series->lock);
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
    for (size_t i = 0; i < otel_series_n_places(series); i++)
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
    if (series->is_settled)
        otel_series_gather(series, series->settled);
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
