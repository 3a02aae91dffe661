/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics: of all time they are at hand for every sensor. Of a range they are put together from
 * the heads of the chunks that lie inside it; only chunks that its ends cut are unpacked.
 *
 * Main chunks are merged in order of time and late ones after them in order of arrival, so of equal
 * times at the end the one that arrived last is the latest.
 */
#include "base/mem.h"
#include "store/durable_impl.h"
#include "store/snapshot.h"
#include "store/sorted.h"

struct sum {
    struct snapshot *snapshot;
    struct stats_instant from, to;
    struct stats *stats;
    struct kept *readings; /* room for a chunk */
};

static bool is_inside(const struct sum *sum, const struct piece *piece) {
    return stats_instant_compare(piece->stats.first, sum->from) >= 0 &&
           stats_is_before(piece->stats.last, sum->to);
}

static int sum_piece(void *user, const struct piece *piece) {
    const struct sum *sum = user;
    size_t n = piece->stats.count;
    if (is_inside(sum, piece)) {
        stats_merge(sum->stats, &piece->stats);
        return 0;
    }
    int r = snapshot_read(sum->snapshot, piece, sum->readings);
    if (r)
        return r;
    size_t first = sorted_first_from(sum->readings, n, sum->from);
    size_t last = sorted_first_from(sum->readings, n, sum->to);
    for (size_t i = first; i < last; i++)
        stats_add(sum->stats, sum->readings[i].time, sum->readings[i].temperature);
    return 0;
}

static int sum_range(struct sum *sum) {
    int r = snapshot_each_main(sum->snapshot, sum->from, sum->to, sum_piece, sum);
    return r ? r : snapshot_each_late(sum->snapshot, sum->from, sum->to, sum_piece, sum);
}

static int sum_history(struct history *history, const struct store_range *range,
                       struct sealed_view *view, struct kept *readings, struct stats *stats) {
    struct snapshot snapshot;
    struct sum sum = {
        .snapshot = &snapshot,
        .from = {range->start_seconds ? range->start_seconds : INT64_MIN, 0},
        .to = {range->end_seconds ? range->end_seconds : INT64_MAX, 0},
        .stats = stats,
        .readings = readings,
    };
    int r = snapshot_begin(&snapshot, history, view);
    if (r)
        return r;
    r = sum_range(&sum);
    snapshot_end(&snapshot);
    return r;
}

/* What a question about many sensors carries along. */
struct asking {
    const struct store_range *range;
    struct sealed_view *view;
    struct kept *readings;
};

static int ask_sensor(struct history *history, const struct asking *asking, uint64_t *n_sensors,
                      struct stats *stats) {
    struct stats one;
    history_stats(history, &one);
    if (one.count == 0)
        return 0;
    ++*n_sensors;
    if (store_range_is_all(asking->range)) {
        stats_merge(stats, &one);
        return 0;
    }
    stats_init(&one);
    int r = sum_history(history, asking->range, asking->view, asking->readings, &one);
    durable_say_damage(history, asking->view, r);
    if (r == 0)
        stats_merge(stats, &one);
    return r;
}

static int ask_all(struct durable *durable, const struct store_filter *filter,
                   const struct asking *asking, uint64_t *n_sensors, struct stats *stats) {
    struct names_walk walk;
    names_walk_init(&walk, &durable->names, filter, bytes_of(NULL, 0));
    int r = 0;
    for (struct name *name; r == 0 && (name = names_walk_next(&walk));)
        r = ask_sensor(history_of(name), asking, n_sensors, stats);
    if (r)
        return r;
    return *n_sensors > 0 ? 0 : STORE_E_NO_SENSOR;
}

int durable_statistics(struct store_backend *backend, const struct store_filter *filter,
                       const struct store_range *range, uint64_t *n_sensors, struct stats *stats) {
    struct durable *durable = durable_of(backend);
    struct asking asking = {.range = range};
    stats_init(stats);
    *n_sensors = 0;
    if (store_range_is_all(range))
        return ask_all(durable, filter, &asking, n_sensors, stats);
    CLEANUP(mem_freep) struct kept *readings = mem_new_array(struct kept, CHUNK_MAX_READINGS);
    if (!readings)
        return -ENOMEM;
    asking.readings = readings;
    int r = durable_take_view(durable, &asking.view);
    if (r)
        return r;
    r = ask_all(durable, filter, &asking, n_sensors, stats);
    durable_give_view(durable, asking.view);
    return r;
}
