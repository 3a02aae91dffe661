/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which chunk a reading goes to: main takes what is not older than anything the sensor has, late
 * takes the rest in order of arrival. So the main chunks of a sensor, sealed ones included, follow
 * each other in time, and of equal times those in main chunks arrived first: once a time is behind
 * the newest, main never sees it again. Readers count on both (walk.c).
 */
#include "store/history.h"

#include <string.h>

#include "base/mem.h"

int history_new(uint32_t number, struct bytes id, struct history **out) {
    struct history *history = mem_zalloc(1, sizeof(*history) + id.len);
    if (!history)
        return -ENOMEM;
    pthread_mutex_init(&history->lock, NULL);
    history->number = number;
    history->newest = (struct stats_instant){INT64_MIN, 0};
    list_init(&history->sealings);
    list_init(&history->by_age);
    list_init(&history->to_merge);
    history->id.len = (uint32_t)id.len;
    memcpy(history->id.text, id.data, id.len);
    *out = history;
    return 0;
}

static void open_chunk_free(struct open_chunk *open) {
    if (!open)
        return;
    chunk_fini(&open->chunk);
    mem_free(open);
}

void history_free(struct history *history) {
    if (!history)
        return;
    for (struct list *link; (link = list_pop(&history->sealings));)
        sealing_unref(CONTAINER_OF(link, struct sealing, link));
    open_chunk_free(history->main);
    open_chunk_free(history->late);
    pthread_mutex_destroy(&history->lock);
    mem_free(history);
}

struct sealing *history_seal(struct history *history) {
    struct sealing *sealing = mem_new(struct sealing);
    if (!sealing)
        return NULL;
    sealing->history = history;
    sealing->main = STEAL(history->main);
    sealing->late = STEAL(history->late);
    sealing->oldest = history->oldest;
    sealing->covered = history->last + 1;
    sealing->n_refs = 1;
    list_init(&sealing->queue_link);
    list_init(&sealing->minima_link);
    list_append(&history->sealings, &sealing->link);
    return sealing;
}

static int append_to(struct open_chunk **slot, const struct kept *reading, uint64_t position) {
    if (*slot)
        return chunk_append(&(*slot)->chunk, reading);
    struct open_chunk *open = mem_new(struct open_chunk);
    if (!open)
        return -ENOMEM;
    open->serial = position;
    int r = chunk_append(&open->chunk, reading);
    if (r) {
        open_chunk_free(open);
        return r;
    }
    *slot = open;
    return 0;
}

/* Whether main and late hold one reading together. */
static bool is_only_one(const struct history *history) {
    const struct open_chunk *open = history->main ? history->main : history->late;
    return !(history->main && history->late) && chunk_end(&open->chunk).n == 1;
}

int history_append(struct history *history, const struct kept *reading, uint64_t position,
                   struct history_place *place) {
    bool is_late = stats_is_before(reading->time, history->newest);
    struct open_chunk **slot = is_late ? &history->late : &history->main;
    place->sealing = NULL;
    int r = append_to(slot, reading, position);
    if (r == CHUNK_E_FULL) {
        place->sealing = history_seal(history);
        if (!place->sealing)
            return -ENOMEM;
        r = append_to(slot, reading, position);
    }
    if (r)
        return r;
    if (!is_late)
        history->newest = reading->time;
    if (is_only_one(history))
        history->oldest = position;
    history->last = position;
    place->chunk = *slot;
    return 0;
}

void history_sealed(struct history *history, struct sealing *sealing) {
    pthread_mutex_lock(&history->lock);
    list_unlink(&sealing->link);
    history->sealed = sealing->sealed;
    history->covered = sealing->covered;
    pthread_mutex_unlock(&history->lock);
    sealing_unref(sealing);
}

static void merge_open(struct stats *stats, const struct open_chunk *main,
                       const struct open_chunk *late) {
    if (main)
        stats_merge(stats, &main->stats);
    if (late)
        stats_merge(stats, &late->stats);
}

void history_stats(struct history *history, struct stats *stats) {
    pthread_mutex_lock(&history->lock);
    *stats = history->sealed;
    LIST_FOR_EACH (link, &history->sealings) {
        struct sealing *sealing = CONTAINER_OF(link, struct sealing, link);
        merge_open(stats, sealing->main, sealing->late);
    }
    merge_open(stats, history->main, history->late);
    pthread_mutex_unlock(&history->lock);
}

void sealing_stats(const struct sealing *sealing, struct stats *stats) {
    stats_init(stats);
    merge_open(stats, sealing->main, sealing->late);
}

struct sealing *sealing_ref(struct sealing *sealing) {
    atomic_fetch_add(&sealing->n_refs, 1);
    return sealing;
}

void sealing_unref(struct sealing *sealing) {
    if (atomic_fetch_sub(&sealing->n_refs, 1) > 1)
        return;
    open_chunk_free(sealing->main);
    open_chunk_free(sealing->late);
    mem_free(sealing);
}

static size_t open_cap_bytes(const struct open_chunk *open) {
    return open ? sizeof(*open) + chunk_cap_bytes(&open->chunk) : 0;
}

size_t sealing_cap_bytes(const struct sealing *sealing) {
    return open_cap_bytes(sealing->main) + open_cap_bytes(sealing->late);
}

size_t history_open_bytes(const struct history *history) {
    return open_cap_bytes(history->main) + open_cap_bytes(history->late);
}
