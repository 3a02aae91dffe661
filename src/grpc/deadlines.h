/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The deadlines of one thread's calls, soonest first. Time is handed in; whoever owns the set keeps
 * one timer for deadlines_next(). A deadline lies inside the call it belongs to.
 */
struct deadline {
    uint64_t at_ns;
    size_t place; /* kept by the set; 0 outside any */
    void (*passed)(struct deadline *deadline);
};

struct deadlines {
    struct deadline **heap;
    size_t n, cap;
};

void deadlines_init(struct deadlines *set);
void deadlines_fini(struct deadlines *set);

/* Adds one that is in no set. 0 or -ENOMEM. */
MUST_USE int deadlines_add(struct deadlines *set, struct deadline *deadline);

/* Takes it out; harmless when it is in none. */
void deadlines_remove(struct deadlines *set, struct deadline *deadline);

/* When the soonest passes; UINT64_MAX without any. */
uint64_t deadlines_next(const struct deadlines *set);

/* Takes out and calls all that have passed. `passed` may add and remove others. */
void deadlines_expire(struct deadlines *set, uint64_t now_ns);
