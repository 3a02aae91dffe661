/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "otel/attribute_set.h"
#include "otel/cell.h"
#include "otel/measuring.h"

/* A series: one set of attributes of an instrument, which owns it. */
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

/* Takes `attributes` on success. 0 or -ENOMEM. */
MUST_USE int otel_series_new(struct measuring *measuring, const struct tally_shape *shape,
                             pthread_mutex_t *lock, struct attribute_set *attributes,
                             struct otel_series **series);
void otel_series_free(struct otel_series *series);

/* From here on it may be measured. Under the lock. */
void otel_series_bind(struct otel_series *series);

/* Places for exemplars: of a histogram its buckets. */
size_t otel_series_n_places(const struct otel_series *series);

/* For a table; of attributes alone otel_series_key(). */
struct bytes otel_series_key(const void *series);

/* ---- the collection's ---- */

/* Whether it has been gathered or observed in this collection. */
bool otel_series_is_gathered(const struct otel_series *series);

/* Adds a tally, for this collection. */
void otel_series_gather(struct otel_series *series, const uint64_t *words);

/* Adds a tally, for good: its thread has ended. Not under the lock. */
void otel_series_settle(struct otel_series *series, const uint64_t *words);

/* An exemplar may be met any number of times: the newest of each place stays. */
void otel_series_gather_exemplar(struct otel_series *series, size_t place,
                                 const struct otel_exemplar *exemplar);

/* What an observer reports: in place of what it has reported before, and of the overflow beside it.
 */
void otel_series_observe(struct otel_series *series, struct measurement measurement);

/* The point of this collection but for its times, valid until the next one; false: nothing has been
 * measured. After measuring_gather(), under the lock. */
bool otel_series_export(struct otel_series *series, struct otel_point *point);
