/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/table.h"
#include "otel/series.h"

/* An instrument: what metric.h says of it, and its series by their attributes. A meter owns it. */
struct otel_instrument {
    struct measuring *measuring;
    struct list link; /* the meter's, in order of their making */
    char *name, *unit, *description;
    char *key; /* the name in lower case: names differ in more than that */
    double *bounds;
    struct tally_shape shape;
    bool has_complained; /* under the metering's lock: another one wanted its name */

    pthread_mutex_t lock; /* for what follows, and for what is settled in the series */
    struct table by_attributes;
    struct list series; /* in order of their making */
    size_t n_series;
    size_t n_bound;

    /* The collection's. */
    size_t n_observed; /* series in `observed_in` */
    uint64_t observed_in;
    size_t n_counted; /* series that this collection has room for */
};

enum {
    OTEL_MAX_NAME = 255,
    OTEL_MAX_UNIT = 63,
};

/* 0; -EINVAL after a line in the log: name or unit is not valid. Bounds that are not valid are
 * logged too, and replaced by the default ones. */
MUST_USE int instrument_check(const struct otel_instrument_options *options);

/* `options` have been checked. 0, -ENOMEM or another negated errno. */
MUST_USE int instrument_new(struct measuring *measuring,
                            const struct otel_instrument_options *options,
                            struct otel_instrument **instrument);
void instrument_free(struct otel_instrument *instrument);
void instrument_freep(struct otel_instrument **instrument);

/* For a table, and for looking a name up there: `key` has room for OTEL_MAX_NAME + 1. */
struct bytes instrument_key(const void *instrument);
struct bytes instrument_key_of(const char *name, char *key);

/* Whether what is asked for is this one. */
bool instrument_is(const struct otel_instrument *instrument,
                   const struct otel_instrument_options *options);

/* The series that an observer reports, in this collection; the overflow series at the limit. 0 or
 * -ENOMEM. */
MUST_USE int instrument_observed(struct otel_instrument *instrument,
                                 const struct otel_attribute *attributes, size_t n,
                                 struct otel_series **series);

/* Frees the series that were observed once, and not in this collection. Under the lock. */
void instrument_forget_unobserved(struct otel_instrument *instrument);
