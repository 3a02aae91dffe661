/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/store.h"

/*
 * The backend that keeps readings in memory (`--data none`): gone when the program ends. It is also
 * the model that other backends are tested against. At a limit it refuses readings and keeps what
 * it has.
 */
struct store_memory_options {
    size_t limit_bytes;   /* 0: none */
    uint32_t max_sensors; /* for tests; 0: STORE_MAX_SENSORS */
};

/* 0 or a negated errno. */
MUST_USE int store_memory_new(const struct store_memory_options *options,
                              struct store_backend **backend);
