/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "collector/background.h"
#include "collector/caller.h"
#include "collector/limits.h"
#include "proto/thermograph.pb-c.h"
#include "store/store.h"

/*
 * What the calls that read by a pattern have in common: the pattern, the caller's rights to it, and
 * the work in the pool. It is the start of their state.
 */
struct matching {
    struct background background;
    struct caller caller;
    struct bytes pattern;
    uint8_t pattern_bytes[COLLECTOR_MAX_SENSOR_ID]; /* a pattern is at most as long as an id */
};

/* In `started`. `work` and `done` as in struct background. */
void matching_init(struct matching *matching, struct grpc_call *call,
                   void (*work)(struct background *), void (*done)(struct background *));

/* In `ended`, and at the end of `done`. */
void matching_fini(struct matching *matching);

/* Checks pattern and rights and starts the work, or finishes the call. `field` names the pattern in
 * words. */
void matching_start(struct matching *matching, struct bytes pattern, const char *field);

/* NOT_FOUND: there is no such sensor, or none that the caller may read. */
void matching_finish_not_found(const struct matching *matching);

/* For the work: what to look for, and where. */
struct store_filter matching_filter(const struct matching *matching);
struct store *matching_store(const struct matching *matching);

Thermograph__V1__Time matching_time(struct stats_instant instant);
