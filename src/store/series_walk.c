/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a sensor's readings a page at a time, both ways.
 *
 * Between two pages the lock is free and readings come in, so a walk keeps no places but marks (see
 * series.h). It starts with what is there: its far end is the newest reading of that moment, so
 * a fast writer cannot make a walk endless. Late readings that fall into the part still to come are
 * given; those of the part that was given are not. Nothing that was there is left out or given
 * twice.
 */
#include "store/series.h"

/* Readings looked at under one hold of the lock for the statistics of a range. */
#define RANGE_PAGE 256

/* No reading's time: seconds that are valid are far inside. */
static const struct series_mark series_start = {{INT64_MIN, 0}, 0};

static int mark_compare(const struct series_mark *a, const struct series_mark *b) {
    int order = stats_instant_compare(a->time, b->time);
    return order ? order : (a->n_before > b->n_before) - (a->n_before < b->n_before);
}

static struct place mark_place(const struct blocks *blocks, const struct series_mark *mark) {
    return blocks_forward(blocks, blocks_first_from(blocks, mark->time), mark->n_before);
}

static struct series_mark place_mark(const struct blocks *blocks, struct place place) {
    struct stats_instant time = blocks_at(blocks, place)->time;
    return (struct series_mark){time, blocks_count(blocks, blocks_first_from(blocks, time), place)};
}

/* Right behind a reading. */
static struct series_mark mark_after(const struct blocks *blocks, struct place place) {
    struct series_mark mark = place_mark(blocks, place);
    mark.n_before++;
    return mark;
}

static struct series_mark newest_mark(const struct blocks *blocks) {
    struct place place = blocks_end(blocks);
    return blocks_back(blocks, &place, 1) ? mark_after(blocks, place) : series_start;
}

void series_walk_init(struct series_walk *walk, struct series *series,
                      const struct store_query *query) {
    *walk = (struct series_walk){.from = series_start, .newest_first = query->newest_first};
    if (query->range.start_seconds)
        walk->from.time.seconds = query->range.start_seconds;
    pthread_mutex_lock(&series->lock);
    walk->to = newest_mark(&series->blocks);
    pthread_mutex_unlock(&series->lock);
    struct series_mark end = {{query->range.end_seconds, 0}, 0};
    if (query->range.end_seconds && mark_compare(&end, &walk->to) < 0)
        walk->to = end;
}

static void copy_reading(const struct series *series, const struct kept *kept,
                         struct reading *reading) {
    *reading = (struct reading){
        .sensor_id = series_id(series),
        .temperature = kept->temperature,
        .seconds = kept->time.seconds,
        .nanos = kept->time.nanos,
        .sequence = kept->sequence,
    };
}

static size_t walk_forward(struct series_walk *walk, const struct series *series,
                           struct reading *readings, size_t max) {
    const struct blocks *blocks = &series->blocks;
    struct place place = mark_place(blocks, &walk->from);
    struct place to = mark_place(blocks, &walk->to);
    struct place last = place;
    size_t n = 0;
    for (; n < max && !place_equal(place, to); place = blocks_forward(blocks, place, 1)) {
        copy_reading(series, blocks_at(blocks, place), &readings[n++]);
        last = place;
    }
    if (n > 0)
        walk->from = mark_after(blocks, last);
    return n;
}

static size_t walk_back(struct series_walk *walk, const struct series *series,
                        struct reading *readings, size_t max) {
    const struct blocks *blocks = &series->blocks;
    struct place from = mark_place(blocks, &walk->from);
    struct place place = mark_place(blocks, &walk->to);
    size_t n = 0;
    while (n < max && !place_equal(place, from) && blocks_back(blocks, &place, 1))
        copy_reading(series, blocks_at(blocks, place), &readings[n++]);
    if (n > 0)
        walk->to = place_mark(blocks, place);
    return n;
}

size_t series_walk_next(struct series_walk *walk, struct series *series, struct reading *readings,
                        size_t max) {
    if (mark_compare(&walk->from, &walk->to) >= 0)
        return 0;
    pthread_mutex_lock(&series->lock);
    size_t n = walk->newest_first ? walk_back(walk, series, readings, max)
                                  : walk_forward(walk, series, readings, max);
    pthread_mutex_unlock(&series->lock);
    return n;
}

void series_range_stats(struct series *series, const struct store_range *range,
                        struct stats *stats) {
    const struct store_query query = {.range = *range};
    struct series_walk walk;
    struct reading page[RANGE_PAGE];
    if (store_range_is_all(range)) {
        series_stats(series, stats);
        return;
    }
    stats_init(stats);
    series_walk_init(&walk, series, &query);
    for (size_t n = RANGE_PAGE; n > 0;) {
        n = series_walk_next(&walk, series, page, RANGE_PAGE);
        for (size_t i = 0; i < n; i++)
            stats_add(stats, (struct stats_instant){page[i].seconds, page[i].nanos},
                      page[i].temperature);
    }
}
