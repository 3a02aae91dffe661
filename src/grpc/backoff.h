/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* How long a client waits between two attempts to connect (grpc/doc/connection-backoff.md). */
#define GRPC_BACKOFF_FIRST_S    1
#define GRPC_BACKOFF_MAX_S      120
#define GRPC_BACKOFF_MULTIPLIER 1.6
#define GRPC_BACKOFF_JITTER     0.2

/* One attempt, from the name's look-up to the server's SETTINGS, takes no longer than this. */
#define GRPC_CONNECT_TIMEOUT_S 20

/*
 * The wait after `n_failed` attempts in a row, at least 1. `jitter` is random, 0 <= jitter < 1: it
 * spreads the clients of a server that went down, so that they do not all come back at once.
 */
uint64_t grpc_backoff_ns(unsigned n_failed, double jitter);
