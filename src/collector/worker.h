/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/list.h"
#include "collector/caller.h"
#include "collector/collector.h"
#include "net/loop.h"

/* What the services have on each worker of the server. */
struct collector_worker {
    struct collector *collector;
    struct net_loop *loop;
    struct store_port *port;
    struct token_set *token_set; /* the current one */
    struct list held;            /* struct writing.held: calls that wait for room in the store */
    int64_t now_s;               /* the wall clock, read at most once in a turn of the loop */
    uint64_t clock_read_at_ns;
};

/* The wall clock in seconds since 1970. */
int64_t worker_now_s(struct collector_worker *worker);

/* The latest time that a reading may have, in seconds since 1970. */
int64_t worker_latest_s(struct collector_worker *worker);

/* When the server was started, by the wall clock. */
uint64_t worker_started_at_ns(const struct collector_worker *worker);

struct store *worker_store(const struct collector_worker *worker);

/* NULL: none. */
struct collector_telemetry *worker_telemetry(const struct collector_worker *worker);

/* The call's span; NULL: it has none. */
struct otel_span *worker_span(const struct collector_worker *worker, const struct grpc_call *call);
