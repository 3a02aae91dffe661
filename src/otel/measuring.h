/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/settings.h"
#include "otel/shards.h"

/*
 * How series are measured, by metric.h's functions for that, and gathered. What all of a metering
 * share:
 */
struct measuring {
    struct shards shards; /* struct thread_cells */
    enum otel_exemplar_filter exemplars;
    _Atomic uint64_t n_collections; /* begun; that of now is the last one */
    _Atomic size_t n_bound;         /* series that threads may measure, as long as it lives */
};

/* 0 or a negated errno. */
MUST_USE int measuring_init(struct measuring *measuring, enum otel_exemplar_filter exemplars);
void measuring_fini(struct measuring *measuring);

/* Reads what all threads have measured, and takes what threads left that have ended. */
void measuring_gather(struct measuring *measuring);
