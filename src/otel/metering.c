/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collection, in order:
 *
 *     begin      one at a time; it gets a number, and what is gathered under an older one is old
 *     observe    observers report into the series
 *     gather     all threads' cells are read into the series (measuring.c)
 *     reserve    room for all points, metrics and scopes that there are
 *     fill       a point for each series with something in it
 *     end        whoever collected has done with the points
 *
 * Points hold what the series keep (attributes, buckets, exemplars), so only the three arrays need
 * room; it is kept for the next collection. Whatever fails before `fill` has taken nothing away:
 * series hold totals, and the next collection has them.
 *
 * Meters and instruments stay as they are from `reserve` to the end of `fill`, under the lock for
 * them. Series may be made meanwhile; they wait for the next collection.
 *
 * The order of locks: turn, observing, structure, shards, instrument.
 */
#include "otel/metering.h"

#include "base/mem.h"
#include "otel/limits.h"
#include "otel/meter.h"
#include "otel/scope.h"

struct otel_metering {
    struct measuring measuring;
    struct meter_locks locks;
    const struct otel_resource *resource;
    uint64_t start_ns;
    struct list meters; /* in order of their making */
    size_t n_meters;

    pthread_mutex_t turn_lock;
    pthread_cond_t turn;
    bool is_collecting;

    /* The collection's. */
    struct otel_metrics metrics;
    struct otel_scope_metrics *scopes;
    struct otel_metric *all_metrics;
    struct otel_point *points;
    size_t cap_scopes, cap_metrics, cap_points;
    size_t n_metrics;
    uint64_t time_ns;
};

static struct otel_meter *meter_at(struct list *link) {
    return CONTAINER_OF(link, struct otel_meter, link);
}

static struct otel_instrument *instrument_at(struct list *link) {
    return CONTAINER_OF(link, struct otel_instrument, link);
}

/* ---- its life ---- */

int otel_metering_new(const struct otel_metering_options *options,
                      struct otel_metering **metering) {
    CLEANUP(mem_freep) struct otel_metering *made = mem_new(struct otel_metering);
    if (!made)
        return err_trace(-ENOMEM);
    int r = measuring_init(&made->measuring, options->exemplars);
    if (r)
        return r;
    made->resource = options->resource;
    made->start_ns = options->start_ns;
    list_init(&made->meters);
    pthread_mutex_init(&made->locks.structure, NULL);
    pthread_mutex_init(&made->locks.observing, NULL);
    pthread_mutex_init(&made->turn_lock, NULL);
    pthread_cond_init(&made->turn, NULL);
    *metering = STEAL(made);
    return 0;
}

void otel_metering_free(struct otel_metering *metering) {
    if (!metering)
        return;
    measuring_fini(&metering->measuring);
    LIST_FOR_EACH (link, &metering->meters)
        meter_free(meter_at(link));
    pthread_mutex_destroy(&metering->locks.structure);
    pthread_mutex_destroy(&metering->locks.observing);
    pthread_mutex_destroy(&metering->turn_lock);
    pthread_cond_destroy(&metering->turn);
    mem_free(metering->scopes);
    mem_free(metering->all_metrics);
    mem_free(metering->points);
    mem_free(metering);
}

/* ---- meters ---- */

/* Under the lock. NULL at the limit or without memory. */
static struct otel_meter *find_or_add_meter(struct otel_metering *metering,
                                            const struct otel_scope *scope) {
    struct otel_meter *made = NULL;
    LIST_FOR_EACH (link, &metering->meters)
        if (scope_is(&meter_at(link)->scope, scope))
            return meter_at(link);
    if (metering->n_meters == OTEL_MAX_SCOPES ||
        meter_new(&metering->measuring, &metering->locks, scope, &made))
        return NULL;
    list_append(&metering->meters, &made->link);
    metering->n_meters++;
    return made;
}

struct otel_meter *otel_metering_meter(struct otel_metering *metering,
                                       const struct otel_scope *scope) {
    if (!metering)
        return NULL;
    pthread_mutex_lock(&metering->locks.structure);
    struct otel_meter *meter = find_or_add_meter(metering, scope);
    pthread_mutex_unlock(&metering->locks.structure);
    return meter;
}

/* ---- begin and end ---- */

static void begin(struct otel_metering *metering) {
    pthread_mutex_lock(&metering->turn_lock);
    while (metering->is_collecting)
        pthread_cond_wait(&metering->turn, &metering->turn_lock);
    metering->is_collecting = true;
    pthread_mutex_unlock(&metering->turn_lock);
    atomic_fetch_add(&metering->measuring.n_collections, 1);
}

void otel_metering_end(struct otel_metering *metering) {
    pthread_mutex_lock(&metering->turn_lock);
    metering->is_collecting = false;
    pthread_cond_signal(&metering->turn);
    pthread_mutex_unlock(&metering->turn_lock);
}

/* ---- observe ---- */

/* The first meters are fixed once they are in the list; later ones are seen or not. */
static struct otel_meter *next_meter(struct otel_metering *metering, struct list *before) {
    pthread_mutex_lock(&metering->locks.structure);
    struct list *next = before->next;
    pthread_mutex_unlock(&metering->locks.structure);
    return next == &metering->meters ? NULL : meter_at(next);
}

static int observe(struct otel_metering *metering) {
    struct otel_observations out = {0};
    pthread_mutex_lock(&metering->locks.observing);
    struct otel_meter *meter = next_meter(metering, &metering->meters);
    for (; meter; meter = next_meter(metering, &meter->link))
        meter_observe(meter, &out);
    pthread_mutex_unlock(&metering->locks.observing);
    return out.trouble;
}

/* ---- reserve ---- */

/* Never none at all, so that there is something to point to. */
static int reserve_array(void *array, size_t *cap, size_t n, size_t size) {
    void **old = array;
    if (*old && n <= *cap)
        return 0;
    size_t more_cap = n + n / 2 + 1;
    void *more = mem_resize(*old, more_cap, size);
    if (!more)
        return err_trace(-ENOMEM);
    *old = more;
    *cap = more_cap;
    return 0;
}

static size_t count_series(struct otel_instrument *instrument) {
    pthread_mutex_lock(&instrument->lock);
    instrument->n_counted = instrument->n_series;
    pthread_mutex_unlock(&instrument->lock);
    return instrument->n_counted;
}

static int reserve(struct otel_metering *m) {
    size_t n_metrics = 0, n_points = 0;
    LIST_FOR_EACH (meter, &m->meters)
        LIST_FOR_EACH (instrument, &meter_at(meter)->instruments) {
            n_metrics++;
            n_points += count_series(instrument_at(instrument));
        }
    int r = reserve_array(&m->scopes, &m->cap_scopes, m->n_meters, sizeof(*m->scopes));
    if (!r)
        r = reserve_array(&m->all_metrics, &m->cap_metrics, n_metrics, sizeof(*m->all_metrics));
    if (!r)
        r = reserve_array(&m->points, &m->cap_points, n_points, sizeof(*m->points));
    return r;
}

/* ---- fill ---- */

static size_t fill_points(struct otel_metering *metering, struct otel_instrument *instrument,
                          struct otel_point *points) {
    size_t n = 0, n_left = instrument->n_counted;
    pthread_mutex_lock(&instrument->lock);
    LIST_FOR_EACH (link, &instrument->series) {
        if (n_left-- == 0)
            break;
        if (!otel_series_export(CONTAINER_OF(link, struct otel_series, link), &points[n]))
            continue;
        points[n].start_ns = metering->start_ns;
        points[n].time_ns = metering->time_ns;
        n++;
    }
    instrument_forget_unobserved(instrument);
    pthread_mutex_unlock(&instrument->lock);
    return n;
}

static void fill_metric(struct otel_metering *metering, struct otel_instrument *instrument) {
    struct otel_point *points = &metering->points[metering->metrics.n_points];
    size_t n_points = fill_points(metering, instrument, points);
    if (n_points == 0)
        return;
    metering->metrics.n_points += n_points;
    metering->all_metrics[metering->n_metrics++] = (struct otel_metric){
        .name = instrument->name,
        .unit = instrument->unit,
        .description = instrument->description,
        .kind = instrument->shape.kind,
        .is_integer = instrument->shape.is_integer,
        .points = points,
        .n_points = n_points,
    };
}

static void fill_scope(struct otel_metering *metering, struct otel_meter *meter) {
    size_t first = metering->n_metrics;
    LIST_FOR_EACH (link, &meter->instruments)
        fill_metric(metering, instrument_at(link));
    if (metering->n_metrics == first)
        return;
    metering->scopes[metering->metrics.n_scopes++] = (struct otel_scope_metrics){
        .scope = &meter->scope,
        .metrics = &metering->all_metrics[first],
        .n_metrics = metering->n_metrics - first,
    };
}

static void fill(struct otel_metering *metering) {
    metering->n_metrics = 0;
    metering->metrics =
        (struct otel_metrics){.resource = metering->resource, .scopes = metering->scopes};
    LIST_FOR_EACH (link, &metering->meters)
        fill_scope(metering, meter_at(link));
}

static int reserve_and_fill(struct otel_metering *metering) {
    pthread_mutex_lock(&metering->locks.structure);
    int r = reserve(metering);
    if (!r)
        fill(metering);
    pthread_mutex_unlock(&metering->locks.structure);
    return r;
}

int otel_metering_collect(struct otel_metering *metering, uint64_t time_ns,
                          const struct otel_metrics **metrics) {
    begin(metering);
    metering->time_ns = time_ns;
    int r = observe(metering);
    if (!r) {
        measuring_gather(&metering->measuring);
        r = reserve_and_fill(metering);
    }
    if (r) {
        otel_metering_end(metering);
        return r;
    }
    *metrics = &metering->metrics;
    return 0;
}
