/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/ratelimit.h"
#include "otel/settings.h"

/*
 * The words about one signal's exports in the log: a line when they begin to fail (what, where,
 * why), one when they work again, one when the queue overflows, one when threads have no room.
 * Never more of them than a person reads, whatever the endpoint does; all are counted in metrics
 * anyway.
 */
struct outage {
    enum otel_signal signal;
    char where[256];
    bool is_said; /* that it fails: only then it is said that it works again */
    uint64_t n_lost, n_failed;
    uint64_t n_overflowed, n_without_room; /* that are not said yet */
    struct ratelimit lines, overflow_lines, room_lines;
};

/* `endpoint` may be NULL. Both are copied; who may log in is left out of the endpoint. */
void outage_init(struct outage *outage, enum otel_signal signal, const char *endpoint,
                 const char *component_type);

/* An export of `n` has ended, and `n_lost` of these were not taken; `why` counts if there are any.
 */
void outage_export(struct outage *outage, size_t n, size_t n_lost, const char *why,
                   uint64_t now_ns);

/* `n` more were dropped because the queue of `max` is full. */
void outage_overflow(struct outage *outage, uint64_t n, size_t max, uint64_t now_ns);

/* `n` more were dropped because their thread had no memory for them. */
void outage_no_room(struct outage *outage, uint64_t n, uint64_t now_ns);

/* The end: `n` wait that are never exported now; none is fine. */
void outage_end(const struct outage *outage, size_t n);
