/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of all readings of a sensor: by time; at equal times those of main chunks first, chunk
 * by chunk, then those of late chunks in order of arrival. What arrives later at a time that is
 * there already comes behind all others of it, and merging keeps the order. So a mark (a time, and
 * how many readings of that time lie before it) never moves.
 *
 * Forward from a time t, the window is the first main chunk A that reaches t, and the late readings
 * from t on up to where the next main chunk begins. Backward, it is the last main chunk that holds
 * anything before the mark, and the late readings from its beginning on (of the first main chunk:
 * all older ones too). Where one time goes on from a main chunk into the next, its late readings
 * belong to the last of them. Either way a window ends earlier, inside its main chunk perhaps,
 * where it would hold too many late ones.
 */
#include "store/walk.h"

#include <string.h>

#include "base/mem.h"
#include "store/sorted.h"

static const struct stats_instant instant_first = {INT64_MIN, 0};
static const struct stats_instant instant_beyond = {INT64_MAX, 0};

static bool is_same(struct stats_instant a, struct stats_instant b) {
    return stats_instant_compare(a, b) == 0;
}

void walk_init(struct walk *walk, struct history *history, const struct store_query *query) {
    struct stats stats;
    history_stats(history, &stats);
    *walk = (struct walk){.history = history, .newest_first = query->newest_first};
    walk->from.time = (struct stats_instant){query->range.start_seconds, 0};
    walk->to.time = stats.count ? stats_instant_after(stats.last) : instant_first;
    struct stats_instant end = {query->range.end_seconds, 0};
    if (query->range.start_seconds == 0)
        walk->from.time = instant_first;
    if (query->range.end_seconds && stats_is_before(end, walk->to.time))
        walk->to.time = end;
}

void walk_fini(struct walk *walk) {
    mem_free(walk->window);
}

/* ---- filling the window ---- */

static int reserve(struct walk *walk, size_t n) {
    if (walk->cap - walk->n >= n)
        return 0;
    struct kept *grown = mem_resize(walk->window, walk->n + n, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    walk->window = grown;
    walk->cap = walk->n + n;
    return 0;
}

/* Merges what lies in [from, to) of `readings` into the window, behind its equals. */
static int merge_in(struct walk *walk, const struct kept *readings, size_t n,
                    struct stats_instant from, struct stats_instant to) {
    size_t first = sorted_first_from(readings, n, from), last = sorted_first_from(readings, n, to);
    size_t n_added = last - first;
    if (last <= first)
        return 0;
    int r = reserve(walk, n_added);
    if (r)
        return r;
    size_t n_before = sorted_first_from(walk->window, walk->n, readings[first].time);
    size_t n_moved = walk->n - n_before;
    CLEANUP(mem_freep) struct kept *moved = mem_new_array(struct kept, n_moved ? n_moved : 1);
    if (!moved)
        return -ENOMEM;
    memcpy(moved, walk->window + n_before, n_moved * sizeof(*moved));
    sorted_merge(moved, n_moved, readings + first, n_added, walk->window + n_before);
    walk->n += n_added;
    return 0;
}

struct filling {
    struct walk *walk;
    struct snapshot *snapshot;
    struct stats_instant from, to;
};

static int add_late(void *user, const struct piece *piece) {
    const struct filling *filling = user;
    size_t n = piece->stats.count;
    CLEANUP(mem_freep) struct kept *readings = mem_new_array(struct kept, n);
    if (!readings)
        return -ENOMEM;
    int r = snapshot_read(filling->snapshot, piece, readings);
    return r ? r : merge_in(filling->walk, readings, n, filling->from, filling->to);
}

static int fill_main(struct walk *walk, struct snapshot *snapshot, const struct piece *main) {
    int r = reserve(walk, main->stats.count);
    if (r == 0)
        r = snapshot_read(snapshot, main, walk->window);
    if (r == 0)
        walk->n = main->stats.count;
    return r;
}

/* All of a main piece, if there is one, and the late readings in [from, to). */
static int fill(struct walk *walk, struct snapshot *snapshot, const struct piece *main,
                struct stats_instant from, struct stats_instant to) {
    struct filling filling = {walk, snapshot, from, to};
    walk->n = walk->begin = walk->end = 0;
    int r = main ? fill_main(walk, snapshot, main) : 0;
    if (r == 0)
        r = snapshot_each_late(snapshot, from, to, add_late, &filling);
    walk->end = walk->n;
    return r;
}

static size_t count_of_time(const struct walk *walk, struct stats_instant time) {
    return sorted_first_from(walk->window, walk->n, stats_instant_after(time)) -
           sorted_first_from(walk->window, walk->n, time);
}

static void leave_out_beyond(struct walk *walk, struct stats_instant to) {
    size_t end = sorted_first_from(walk->window, walk->n, to);
    if (end < walk->end)
        walk->end = end > walk->begin ? end : walk->begin;
}

/* The two main pieces that a window is made of: its own, and its neighbour on the way. */
struct neighbours {
    struct piece main, next;
    bool has_main, has_next;
};

typedef int (*collect_fn)(struct snapshot *snapshot, struct stats_instant time,
                          struct piece *pieces, size_t max, size_t *n);

/* The piece that comes after `n_passed` others, and the one behind it. */
static int find_neighbours(struct snapshot *snapshot, collect_fn collect, struct stats_instant time,
                           size_t n_passed, struct neighbours *found) {
    size_t n, max = n_passed + 2;
    CLEANUP(mem_freep) struct piece *pieces = mem_new_array(struct piece, max);
    *found = (struct neighbours){0};
    if (!pieces)
        return -ENOMEM;
    int r = collect(snapshot, time, pieces, max, &n);
    *found = (struct neighbours){.has_main = n > n_passed, .has_next = n > n_passed + 1};
    if (found->has_main)
        found->main = pieces[n_passed];
    if (found->has_next)
        found->next = pieces[n_passed + 1];
    return r;
}

/* ---- a window's bound ---- */

/*
 * Late pieces that may begin (forward) or end (backward) in one window, beside those that reach
 * into it: a sensor that sends its past in order has late ones without end between two main ones.
 */
#define WINDOW_MAX_LATES 8

/* The WINDOW_MAX_LATES + 1 ends of pieces that come first on the way, in order. */
struct edges {
    struct stats_instant list[WINDOW_MAX_LATES + 1];
    size_t n;
    struct stats_instant mark; /* beyond it */
    bool is_backward;
};

static bool comes_first(const struct edges *edges, struct stats_instant a, struct stats_instant b) {
    return edges->is_backward ? stats_is_before(b, a) : stats_is_before(a, b);
}

static int note_edge(void *user, const struct piece *piece) {
    struct edges *edges = user;
    struct stats_instant edge = edges->is_backward ? piece->stats.last : piece->stats.first;
    size_t at = edges->n;
    if (!comes_first(edges, edges->mark, edge))
        return 0;
    if (edges->n == ARRAY_LEN(edges->list) && !comes_first(edges, edge, edges->list[at - 1]))
        return 0;
    if (edges->n < ARRAY_LEN(edges->list))
        edges->n++;
    else
        at--;
    for (; at > 0 && comes_first(edges, edge, edges->list[at - 1]); at--)
        edges->list[at] = edges->list[at - 1];
    edges->list[at] = edge;
    return 0;
}

/* Moves the far end of a window between the mark and `bound` towards the mark, if there are too
 * many late pieces in it; says whether it did. */
static int cut_window(struct walk *walk, struct snapshot *snapshot, struct stats_instant *bound,
                      bool *is_cut) {
    struct edges edges = {.is_backward = walk->newest_first};
    edges.mark = edges.is_backward ? walk->to.time : walk->from.time;
    struct stats_instant from = edges.is_backward ? *bound : edges.mark;
    struct stats_instant to = edges.is_backward ? edges.mark : *bound;
    *is_cut = false;
    int r = snapshot_each_late(snapshot, from, to, note_edge, &edges);
    if (r || edges.n <= WINDOW_MAX_LATES)
        return r;
    struct stats_instant edge = edges.list[WINDOW_MAX_LATES];
    struct stats_instant cut = edges.is_backward ? stats_instant_after(edge) : edge;
    *is_cut = stats_is_before(from, cut) && stats_is_before(cut, to);
    if (*is_cut)
        *bound = cut;
    return 0;
}

/* ---- forward ---- */

/*
 * Takes the window of the main piece behind `n_passed` others; `*n_skip` readings of the mark's
 * time are left out, and counted down. Moves the mark to the end of the window, unless nothing was
 * left and its time goes on in the next.
 */
static int load_forward_from(struct walk *walk, struct snapshot *snapshot, size_t n_passed,
                             uint64_t *n_skip) {
    struct neighbours found;
    const struct walk_mark mark = walk->from;
    int r = find_neighbours(snapshot, snapshot_mains_from, mark.time, n_passed, &found);
    struct stats_instant bound = found.has_next ? found.next.stats.first : instant_beyond;
    bool is_cut = false;
    if (r == 0 && found.has_main)
        r = cut_window(walk, snapshot, &bound, &is_cut);
    if (r == 0 && found.has_main)
        r = fill(walk, snapshot, &found.main, mark.time, bound);
    if (r)
        return r;
    if (is_cut)
        walk->n = walk->end = sorted_first_from(walk->window, walk->n, bound);
    size_t n_same = count_of_time(walk, mark.time);
    size_t n_cut = *n_skip < n_same ? (size_t)*n_skip : n_same;
    *n_skip -= n_cut;
    walk->begin = sorted_first_from(walk->window, walk->n, mark.time) + n_cut;
    leave_out_beyond(walk, walk->to.time);
    bool goes_on = is_same(bound, mark.time);
    if (!goes_on || !walk_is_empty(walk))
        walk->from = (struct walk_mark){bound, (goes_on ? mark.n_before - n_cut : 0) +
                                                   count_of_time(walk, bound)};
    return 0;
}

static int load_forward(struct walk *walk, struct snapshot *snapshot) {
    uint64_t n_skip = walk->from.n_before;
    size_t n_passed = 0;
    int r = 0;
    while (r == 0 && walk_is_empty(walk) && stats_is_before(walk->from.time, walk->to.time)) {
        struct stats_instant time = walk->from.time;
        r = load_forward_from(walk, snapshot, n_passed, &n_skip);
        n_passed = is_same(time, walk->from.time) ? n_passed + 1 : 0;
    }
    return r;
}

/* ---- backward ---- */

/* No reading from here on lies before the mark. */
static struct stats_instant backward_limit(const struct walk *walk) {
    return walk->to.n_before ? stats_instant_after(walk->to.time) : walk->to.time;
}

static void leave_out_earlier(struct walk *walk, struct stats_instant from) {
    size_t begin = sorted_first_from(walk->window, walk->n, from);
    walk->begin = begin < walk->end ? begin : walk->end;
}

/* Readings of the piece's first time that lie in main pieces before it. */
static int count_earlier(struct walk *walk, struct snapshot *snapshot, size_t n_passed,
                         const struct neighbours *found, uint64_t *n_earlier) {
    struct stats_instant time = found->main.stats.first;
    struct neighbours before = *found;
    *n_earlier = 0;
    while (before.has_next && is_same(before.next.stats.last, time)) {
        int r = find_neighbours(snapshot, snapshot_mains_before, backward_limit(walk), ++n_passed,
                                &before);
        if (r == 0)
            r = fill(walk, snapshot, &before.main, time, time);
        if (r)
            return r;
        *n_earlier += count_of_time(walk, time);
    }
    return 0;
}

/* Leaves out what is not before the mark; `n_earlier` readings of the time `first` are not here. */
static void cut_back(struct walk *walk, struct stats_instant first, uint64_t n_earlier) {
    const struct walk_mark *mark = &walk->to;
    uint64_t n_not_here = is_same(first, mark->time) ? n_earlier : 0;
    uint64_t n_same = mark->n_before > n_not_here ? mark->n_before - n_not_here : 0;
    size_t at = sorted_first_from(walk->window, walk->n, mark->time);
    walk->end = n_same < walk->n - at ? at + (size_t)n_same : walk->n;
}

/*
 * Takes the window of the main piece behind `n_passed` later ones, up to the mark; before the first
 * main piece there may be late readings still. Moves the mark to the beginning of the window,
 * unless nothing was left and its time begins in an earlier one.
 */
static int load_backward_from(struct walk *walk, struct snapshot *snapshot, size_t n_passed,
                              bool *is_end) {
    struct neighbours found;
    struct stats_instant limit = backward_limit(walk);
    uint64_t n_earlier = 0;
    int r = find_neighbours(snapshot, snapshot_mains_before, limit, n_passed, &found);
    struct stats_instant first = found.has_main ? found.main.stats.first : instant_first;
    struct stats_instant bound = found.has_next ? first : instant_first;
    bool is_cut = false;
    if (r == 0)
        r = count_earlier(walk, snapshot, n_passed, &found, &n_earlier);
    if (r == 0)
        r = cut_window(walk, snapshot, &bound, &is_cut);
    if (r == 0)
        r = fill(walk, snapshot, found.has_main ? &found.main : NULL, bound, limit);
    if (r)
        return r;
    cut_back(walk, first, n_earlier);
    bool is_cut_inside = is_cut && stats_is_before(walk->from.time, bound);
    leave_out_earlier(walk, is_cut_inside ? bound : walk->from.time);
    bool is_before_all = !found.has_main || stats_is_before(first, walk->from.time);
    *is_end = walk_is_empty(walk) && (is_cut || is_before_all);
    if (!walk_is_empty(walk))
        walk->to = (struct walk_mark){bound, is_cut ? 0 : n_earlier};
    return 0;
}

static int load_backward(struct walk *walk, struct snapshot *snapshot) {
    bool is_end = !stats_is_before(walk->from.time, backward_limit(walk));
    int r = 0;
    for (size_t n_passed = 0; r == 0 && !is_end && walk_is_empty(walk); n_passed++)
        r = load_backward_from(walk, snapshot, n_passed, &is_end);
    return r;
}

/* ---- the walk ---- */

int walk_load(struct walk *walk, struct sealed_view *view) {
    struct snapshot snapshot;
    walk->n = walk->begin = walk->end = 0;
    int r = snapshot_begin(&snapshot, walk->history, view);
    if (r)
        return r;
    r = walk->newest_first ? load_backward(walk, &snapshot) : load_forward(walk, &snapshot);
    snapshot_end(&snapshot);
    if (r)
        walk->n = walk->begin = walk->end = 0;
    return r;
}

static void copy_reading(const struct history *history, const struct kept *kept,
                         struct reading *reading) {
    *reading = (struct reading){
        .sensor_id = name_bytes(&history->id),
        .temperature = kept->temperature,
        .seconds = kept->time.seconds,
        .nanos = kept->time.nanos,
        .sequence = kept->sequence,
    };
}

size_t walk_next(struct walk *walk, struct reading *readings, size_t max) {
    size_t n = 0;
    while (n < max && !walk_is_empty(walk)) {
        size_t at = walk->newest_first ? --walk->end : walk->begin++;
        copy_reading(walk->history, &walk->window[at], &readings[n++]);
    }
    return n;
}
