/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap of pointers. Each deadline knows its place (from 1 on), so taking one out from the
 * middle, what nearly every call does, costs a few swaps and no search.
 */
#include "grpc/deadlines.h"

#include <stdbool.h>

#include "base/mem.h"

enum {
    DEADLINES_FIRST_CAP = 64
};

void deadlines_init(struct deadlines *set) {
    *set = (struct deadlines){0};
}

void deadlines_fini(struct deadlines *set) {
    mem_free(set->heap);
    *set = (struct deadlines){0};
}

/* Places count from 1: the children of k are 2k and 2k + 1. */
static struct deadline **slot(const struct deadlines *set, size_t place) {
    return &set->heap[place - 1];
}

static bool is_sooner(const struct deadlines *set, size_t a, size_t b) {
    return (*slot(set, a))->at_ns < (*slot(set, b))->at_ns;
}

static void put(struct deadlines *set, size_t place, struct deadline *deadline) {
    *slot(set, place) = deadline;
    deadline->place = place;
}

static void swap(struct deadlines *set, size_t a, size_t b) {
    struct deadline *moved = *slot(set, a);
    put(set, a, *slot(set, b));
    put(set, b, moved);
}

static void rise(struct deadlines *set, size_t place) {
    for (; place > 1 && is_sooner(set, place, place / 2); place /= 2)
        swap(set, place, place / 2);
}

static void sink(struct deadlines *set, size_t place) {
    for (;;) {
        size_t child = 2 * place;
        if (child > set->n)
            return;
        if (child + 1 <= set->n && is_sooner(set, child + 1, child))
            child++;
        if (!is_sooner(set, child, place))
            return;
        swap(set, child, place);
        place = child;
    }
}

int deadlines_add(struct deadlines *set, struct deadline *deadline) {
    if (set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : DEADLINES_FIRST_CAP;
        struct deadline **heap = mem_resize(set->heap, cap, sizeof(*heap));
        if (!heap)
            return -ENOMEM;
        set->heap = heap;
        set->cap = cap;
    }
    set->n++;
    put(set, set->n, deadline);
    rise(set, set->n);
    return 0;
}

void deadlines_remove(struct deadlines *set, struct deadline *deadline) {
    size_t place = deadline->place;
    if (place == 0)
        return;
    struct deadline *last = *slot(set, set->n);
    set->n--;
    deadline->place = 0;
    if (last == deadline)
        return;
    put(set, place, last);
    rise(set, place);
    sink(set, last->place);
}

uint64_t deadlines_next(const struct deadlines *set) {
    return set->n ? set->heap[0]->at_ns : UINT64_MAX;
}

void deadlines_expire(struct deadlines *set, uint64_t now_ns) {
    while (set->n && set->heap[0]->at_ns <= now_ns) {
        struct deadline *deadline = set->heap[0];
        deadlines_remove(set, deadline);
        deadline->passed(deadline);
    }
}
