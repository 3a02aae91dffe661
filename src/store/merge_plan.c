/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions on heads, without a look at any data: what is small, what lies too deep. merge.c says
 * by which rules, and does it.
 *
 * What must hold: every plan makes fewer chunks of more, or takes readings out of lates; else steps
 * would go on for ever. A run is taken from its oldest on, so that what comes after it waits for
 * its like.
 */
#include "store/merge_plan.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/chunk.h"
#include "store/merge.h"

enum {
    HEADS_FIRST_CAP = 16,
    RUN = 8,      /* chunks of a level that make one of the next */
    N_LEVELS = 3, /* below the full ones */
    LATE_GROWTH = 4,
};

/* Lates that together are smaller than this are made one; more are worth going into the mains. */
#define SMALL_READINGS (CHUNK_MAX_READINGS / 2)

int merge_heads_append(struct merge_heads *heads, const struct sealed_head *head) {
    if (heads->n == heads->cap) {
        size_t cap = heads->cap ? 2 * heads->cap : HEADS_FIRST_CAP;
        struct sealed_head *list = mem_resize(heads->list, cap, sizeof(*list));
        if (!list)
            return -ENOMEM;
        heads->list = list;
        heads->cap = cap;
    }
    heads->list[heads->n++] = *head;
    return 0;
}

void merge_heads_fini(struct merge_heads *heads) {
    mem_free(heads->list);
    *heads = (struct merge_heads){0};
}

bool merge_covers(const struct sealed_head *head, struct stats_instant instant) {
    return stats_instant_compare(head->stats.first, instant) <= 0 &&
           stats_instant_compare(head->stats.last, instant) >= 0;
}

/* Each is eight times the one before: 64, 512, 4096 readings. */
static int level_of(const struct sealed_head *head) {
    int level = 0;
    for (uint64_t bound = 64; level < N_LEVELS && head->stats.count >= bound; bound *= 8)
        level++;
    return level;
}

/* How many of the newest are of this level or below, and how many of them of this level. */
static size_t count_up_to(const struct merge_heads *heads, int level, size_t *n_of_level) {
    size_t n = 0;
    *n_of_level = 0;
    while (n < heads->n && level_of(&heads->list[n]) <= level)
        *n_of_level += level_of(&heads->list[n++]) == level;
    return n;
}

/* From the oldest on, until there are RUN of the level: the newer ones wait for more. */
static void take_oldest(const struct merge_heads *heads, size_t n, int level, size_t *from) {
    size_t n_of_level = 0, at = n;
    while (at > 0 && n_of_level < RUN)
        n_of_level += level_of(&heads->list[--at]) == level;
    *from = at;
}

void merge_plan_run(const struct merge_heads *newest_first, size_t *from, size_t *n) {
    *n = 0;
    for (int level = 0; level < N_LEVELS; level++) {
        size_t n_of_level, n_small = count_up_to(newest_first, level, &n_of_level);
        if (n_of_level < RUN && n_small < MERGE_MAX_RUN)
            continue;
        take_oldest(newest_first, n_small, level, from);
        *n = n_small - *from;
        return;
    }
}

static size_t of_same_rank(const struct merge_heads *newest_first, size_t from) {
    while (from > 0 && newest_first->list[from - 1].rank == newest_first->list[from].rank)
        from--;
    return from;
}

void merge_plan_late_run(const struct merge_heads *by_rank, size_t *from, size_t *n) {
    struct sealed_head newest[MERGE_MAX_RUN];
    struct merge_heads newest_first = {.list = newest};
    for (size_t i = by_rank->n; i-- > 0 && newest_first.n < MERGE_MAX_RUN;)
        newest[newest_first.n++] = by_rank->list[i];
    size_t start;
    merge_plan_run(&newest_first, &start, n);
    if (*n == 0)
        return;
    size_t end = start + *n;
    start = of_same_rank(&newest_first, start);
    *n = end - start;
    *from = by_rank->n - end;
}

static int compare_firsts(const void *a, const void *b) {
    const struct sealed_head *x = a, *y = b;
    return stats_instant_compare(x->stats.first, y->stats.first);
}

void merge_plan_sort(struct merge_heads *heads) {
    if (heads->n)
        qsort(heads->list, heads->n, sizeof(heads->list[0]), compare_firsts);
}

/* Nothing but readings of one time, and many: a piece of a group that no chunk can hold. Merging
 * would give the same again. */
static bool is_of_one_instant(const struct sealed_head *head) {
    return head->stats.count >= SMALL_READINGS &&
           stats_instant_compare(head->stats.first, head->stats.last) == 0;
}

bool merge_plan_is_crowded(const struct merge_heads *by_first, struct stats_instant *instant) {
    const struct sealed_head *open[MERGE_MAX_DEPTH + 1];
    size_t n = 0;
    for (size_t i = 0; i < by_first->n; i++) {
        const struct sealed_head *head = &by_first->list[i];
        if (is_of_one_instant(head))
            continue;
        size_t n_open = 0;
        for (size_t j = 0; j < n; j++)
            if (stats_instant_compare(open[j]->stats.last, head->stats.first) >= 0)
                open[n_open++] = open[j];
        open[n_open++] = head;
        n = n_open;
        *instant = head->stats.first;
        if (n > MERGE_MAX_DEPTH)
            return true;
    }
    return false;
}

/* Lates that reach into a window. */
struct reach {
    size_t n, n_cut; /* all; the ends of theirs that stay outside */
    uint64_t n_readings;
};

static struct reach count_reach(const struct merge_heads *by_first, struct stats_instant from,
                                struct stats_instant to) {
    struct reach reach = {0};
    for (size_t i = 0; i < by_first->n && stats_is_before(by_first->list[i].stats.first, to); i++) {
        const struct stats *stats = &by_first->list[i].stats;
        if (stats_is_before(stats->last, from))
            continue;
        reach.n++;
        reach.n_cut +=
            (size_t)stats_is_before(stats->first, from) + !stats_is_before(stats->last, to);
        reach.n_readings += stats->count;
    }
    return reach;
}

/* The widest window from the i-th on. */
static bool find_window(const struct merge_heads *by_first, size_t i, struct stats_instant *to) {
    struct stats_instant from = by_first->list[i].stats.first;
    bool is_found = false;
    for (size_t j = i + 1; j <= by_first->n && j <= i + MERGE_MAX_WINDOW; j++) {
        struct stats_instant at = {INT64_MAX, INT32_MAX};
        if (j < by_first->n)
            at = by_first->list[j].stats.first;
        struct reach reach = count_reach(by_first, from, at);
        if (reach.n_readings > CHUNK_MAX_READINGS)
            break;
        if (!stats_is_before(from, at) || 1 + reach.n_cut >= reach.n)
            continue;
        *to = at;
        is_found = true;
    }
    return is_found;
}

bool merge_plan_neighbours(const struct merge_heads *by_first, struct stats_instant *from,
                           struct stats_instant *to) {
    for (size_t i = 0; i < by_first->n; i++) {
        *from = by_first->list[i].stats.first;
        if (find_window(by_first, i, to))
            return true;
    }
    return false;
}

/*
 * The oldest one that is not much larger than all that came after it: rewriting it makes it grow by
 * a quarter at least, so a late reading is rewritten a few dozen times at worst.
 */
size_t merge_plan_small(const struct merge_heads *by_rank, struct stats_instant instant) {
    size_t best = by_rank->n, n_covering = 0;
    uint64_t sum = 0;
    for (size_t i = by_rank->n; i-- > 0;) {
        uint64_t count = by_rank->list[i].stats.count;
        if (sum + count > SMALL_READINGS)
            break;
        n_covering += merge_covers(&by_rank->list[i], instant);
        if (n_covering >= 2 && count <= LATE_GROWTH * sum)
            best = i;
        sum += count;
    }
    return best;
}
