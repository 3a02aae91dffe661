/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/instrument.h"

/* A meter: the instruments of one scope, and who observes for it. A metering owns it, and the locks
 * for its parts. */
struct meter_locks {
    pthread_mutex_t structure; /* meters, and the instruments in them */
    pthread_mutex_t observing; /* observers; held while they run */
};

struct otel_meter {
    struct measuring *measuring;
    struct meter_locks *locks;
    struct list link;        /* the metering's, in order of their making */
    struct otel_scope scope; /* copies, in `texts` */
    struct table by_name;
    struct list instruments; /* in order of their making */
    struct list observers;
    char texts[];
};

/* What an observer reports to. */
struct otel_observations {
    int trouble; /* 0 or -ENOMEM: something was not taken */
};

/* 0, -ENOMEM or another negated errno. */
MUST_USE int meter_new(struct measuring *measuring, struct meter_locks *locks,
                       const struct otel_scope *scope, struct otel_meter **meter);
void meter_free(struct otel_meter *meter);
void meter_freep(struct otel_meter **meter);

/* Runs its observers. Under the lock for that. */
void meter_observe(struct otel_meter *meter, struct otel_observations *out);
