/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/store.h"

/*
 * The backend that keeps readings in memory (`--data none`): gone when the program ends. It is also
 * the model that other backends are tested against. At `limit_bytes` it refuses readings and keeps
 * what it has. 0 or a negated errno.
 */
MUST_USE int store_memory_new(size_t limit_bytes, struct store_backend **backend);
