/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "otel/attribute_set.h"
#include "otel/cell.h"
#include "otel/settings.h"
#include "otel/shards.h"

/*
 * Series, and how they are measured and gathered (series.c). An instrument owns its series.
 */

/* What all series of a metering share. */
struct measuring {
    struct shards shards; /* struct thread_cells */
    enum otel_exemplar_filter exemplars;
    _Atomic uint64_t n_collections; /* begun; that of now is the last one */
    _Atomic size_t n_bound;         /* series that threads may measure, as long as it lives */
};

struct otel_series {
    struct measuring *measuring;
    const struct tally_shape *shape; /* the instrument's, as its lock */
    pthread_mutex_t *lock;
    size_t number; /* of those that are bound: its place in each thread's table */
    bool is_bound; /* somebody holds it: it stays */
    bool is_overflow;

    struct list link; /* the instrument's, in order of their making */
    struct attribute_set *attributes;

    uint64_t *settled; /* a tally, under the lock: of threads that are no more, or had no memory */
    bool is_settled;   /* there is something in it */

    /* The rest is the collection's. */
    uint64_t *gathered;             /* a tally: all that is known in `gathered_in` */
    uint64_t gathered_in;           /* the collection's number */
    double last_sum;                /* exported */
    struct otel_exemplar *newest;   /* for each place; time 0: none */
    struct otel_exemplar *exported; /* those that there are */
};

/* 0 or a negated errno. */
MUST_USE int measuring_init(struct measuring *measuring, enum otel_exemplar_filter exemplars);
void measuring_fini(struct measuring *measuring);

/* Reads what all threads have measured, and takes what threads left that have ended. */
void measuring_gather(struct measuring *measuring);

/* Takes `attributes` on success. 0 or -ENOMEM. */
MUST_USE int otel_series_new(struct measuring *measuring, const struct tally_shape *shape,
                             pthread_mutex_t *lock, struct attribute_set *attributes,
                             struct otel_series **series);
void otel_series_free(struct otel_series *series);

/* From here on it may be measured. Under the lock. */
void otel_series_bind(struct otel_series *series);

/* For a table; of attributes alone otel_series_key(). */
struct bytes otel_series_key(const void *series);

/* ---- the collection's ---- */

/* Whether it has been gathered or observed in this collection. */
bool otel_series_is_gathered(const struct otel_series *series);

/* What an observer reports: in place of what it has reported before, and of the overflow beside it.
 */
void otel_series_observe(struct otel_series *series, struct measurement measurement);

/* The point of this collection but for its times, valid until the next one; false: nothing has been
 * measured. After measuring_gather(), under the lock. */
bool otel_series_export(struct otel_series *series, struct otel_point *point);
