/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding a reading to a sensor.
 *
 * A repeat is a reading with a sequence whose time and sequence the sensor already holds (DESIGN.md
 * section 5). A reading newer than all cannot be one. For any other the group of readings of its
 * time is looked through from behind, SERIES_SCAN_MAX of them at most. A larger group is entered
 * into a hash set, when first needed and from then on at every insert, so a million readings of one
 * time cost a million lookups and not their square. That a group is in the set as a whole is noted
 * in the set itself, under the sequence 0, which no entered reading has.
 */
#include "store/series.h"

#include <string.h>

/* 64 readings are 2 KiB in a row: looking through them costs less than a hash set would. */
#define SERIES_SCAN_MAX 64

int series_new(struct bytes id, struct budget *budget, struct series **out) {
    struct series *series = budget_alloc(budget, sizeof(*series) + id.len);
    if (!series)
        return -ENOMEM;
    pthread_mutex_init(&series->lock, NULL);
    stats_init(&series->stats);
    series->id.len = (uint32_t)id.len;
    memcpy(series->id.text, id.data, id.len);
    *out = series;
    return 0;
}

void series_free(struct series *series, struct budget *budget) {
    if (!series)
        return;
    blocks_fini(&series->blocks, budget);
    repeats_free(series->repeats, budget);
    pthread_mutex_destroy(&series->lock);
    budget_free(budget, series, sizeof(*series) + series->id.len);
}

static bool same_time(struct stats_instant a, struct stats_instant b) {
    return a.seconds == b.seconds && a.nanos == b.nanos;
}

/* Looks through the `max` readings before `end` that have this one's time. */
static bool scan_for_repeat(const struct blocks *blocks, struct place end,
                            const struct kept *reading, uint64_t max) {
    for (uint64_t i = 0; i < max && blocks_back(blocks, &end, 1); i++) {
        const struct kept *other = blocks_at(blocks, end);
        if (!same_time(other->time, reading->time))
            return false;
        if (other->sequence == reading->sequence)
            return true;
    }
    return false;
}

/* Whether more than SERIES_SCAN_MAX readings of that time lie before `end`. */
static bool group_is_large(const struct blocks *blocks, struct place end,
                           struct stats_instant time) {
    return blocks_back(blocks, &end, SERIES_SCAN_MAX + 1) &&
           same_time(blocks_at(blocks, end)->time, time);
}

/* Enters the group of readings of `time`, which ends at `end`, into the set if it is not yet. */
static int enter_group(struct series *series, struct stats_instant time, struct place end,
                       struct budget *budget) {
    int r = series->repeats ? 0 : repeats_new(budget, &series->repeats);
    if (r || repeats_has(series->repeats, time, 0))
        return r;
    struct place place = blocks_first_from(&series->blocks, time);
    for (; !place_equal(place, end); place = blocks_forward(&series->blocks, place, 1)) {
        uint64_t sequence = blocks_at(&series->blocks, place)->sequence;
        r = sequence ? repeats_reserve(series->repeats, budget) : 0;
        if (r)
            return r;
        if (sequence)
            repeats_add(series->repeats, time, sequence);
    }
    r = repeats_reserve(series->repeats, budget);
    if (r == 0)
        repeats_add(series->repeats, time, 0);
    return r;
}

/* Inserts into a large group, unless it is a repeat. */
static int insert_in_group(struct series *series, struct place place, const struct kept *reading,
                           struct budget *budget) {
    int r = enter_group(series, reading->time, place, budget);
    if (r) {
        /* At the memory limit repeats are still known for what they are, if slowly. */
        bool is_repeat = scan_for_repeat(&series->blocks, place, reading, UINT64_MAX);
        return is_repeat ? SERIES_E_REPEAT : r;
    }
    if (repeats_has(series->repeats, reading->time, reading->sequence))
        return SERIES_E_REPEAT;
    r = repeats_reserve(series->repeats, budget);
    if (r == 0)
        r = blocks_insert(&series->blocks, place, reading, budget);
    if (r == 0)
        repeats_add(series->repeats, reading->time, reading->sequence);
    return r;
}

static int insert_late(struct series *series, const struct kept *reading, struct budget *budget) {
    struct place place = blocks_first_after(&series->blocks, reading->time);
    if (reading->sequence) {
        if (group_is_large(&series->blocks, place, reading->time))
            return insert_in_group(series, place, reading, budget);
        if (scan_for_repeat(&series->blocks, place, reading, SERIES_SCAN_MAX))
            return SERIES_E_REPEAT;
    }
    return blocks_insert(&series->blocks, place, reading, budget);
}

int series_insert(struct series *series, const struct store_item *item, struct budget *budget) {
    struct kept reading = {
        .time = {item->seconds, item->nanos},
        .sequence = item->sequence,
        .temperature = item->temperature,
    };
    struct blocks *blocks = &series->blocks;
    int r;
    if (blocks->n == 0 || stats_instant_compare(reading.time, blocks_newest(blocks)->time) > 0)
        r = blocks_insert(blocks, blocks_end(blocks), &reading, budget);
    else
        r = insert_late(series, &reading, budget);
    if (r == 0)
        stats_add(&series->stats, reading.time, reading.temperature);
    return r;
}

void series_stats(struct series *series, struct stats *stats) {
    pthread_mutex_lock(&series->lock);
    *stats = series->stats;
    pthread_mutex_unlock(&series->lock);
}
