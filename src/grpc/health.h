/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/server.h"

/*
 * The health service (grpc.health.v1: Check, Watch, List). "" is the server as a whole. Needs no
 * token.
 */
struct grpc_health;

/* 0 or a negated errno. Each named service starts as not serving. Borrows the names. */
MUST_USE int grpc_health_new(const char *const *services, size_t n_services,
                             struct grpc_health **health);

/* Put it into the server's table. Lives as long as `health`. */
const struct grpc_service *grpc_health_service(struct grpc_health *health);

/* Lets watchers be told; before grpc_server_start(). 0 or -ENOMEM. */
MUST_USE int grpc_health_attach(struct grpc_health *health, struct grpc_server *server);

/* Any thread. Sets every service, "" too, and tells the watchers. */
void grpc_health_set(struct grpc_health *health, bool is_serving);

/* Any thread, before grpc_server_stop(): not serving from now on, and watchers are told and let go.
 */
void grpc_health_stop(struct grpc_health *health);

/* After the server is freed. NULL is fine. */
void grpc_health_free(struct grpc_health *health);
