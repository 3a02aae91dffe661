/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/*
 * Time, in nanoseconds. Deadlines and durations use the monotonic clock, readings and certificates
 * the wall clock. Code below the I/O edge never asks for the time: it gets `now_ns` as a parameter.
 */
#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

uint64_t clock_monotonic_ns(void);

/* Since 1970-01-01 UTC. */
uint64_t clock_wall_ns(void);
