/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"

/*
 * Calls one thread to work. However often it is rung before that thread comes to look, it costs one
 * wake at most and calls once; a ring that comes while the thread works calls it again. What was
 * done before a ring is seen after the wait that it ends.
 */
struct bell {
    sem_t calls;
    _Atomic bool is_rung;
};

/* 0 or a negated errno. */
MUST_USE int bell_init(struct bell *bell);
void bell_fini(struct bell *bell);

/* Any thread. */
void bell_ring(struct bell *bell);

/* The called thread only. Sleeps until there was a ring. */
void bell_wait(struct bell *bell);
