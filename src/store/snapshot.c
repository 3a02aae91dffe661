/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view is begun first and the memory looked at after it. Meanwhile the keeper may have
 * committed a sealing: if the view does not see it and the memory does not have it any more, we try
 * again; if both have it, the position up to which the view's state covers the sensor tells which
 * sealings to leave out.
 */
#include "store/snapshot.h"

#include <string.h>

#include "base/mem.h"
#include "store/sorted.h"

static size_t durable_bytes(const struct open_chunk *open) {
    return open ? chunk_bytes(&open->chunk, open->durable).len : 0;
}

static void add_piece(struct snapshot *snapshot, const struct open_chunk *open, bool is_late,
                      struct bytes packed) {
    if (!open || open->durable.n == 0)
        return;
    snapshot->pieces[snapshot->n_pieces++] =
        (struct piece){.stats = open->stats, .is_late = is_late, .packed = packed};
}

static struct bytes copy_open(const struct open_chunk *open, uint8_t *to) {
    struct bytes packed = open ? chunk_bytes(&open->chunk, open->durable) : bytes_of(NULL, 0);
    if (packed.len)
        memcpy(to, packed.data, packed.len);
    return bytes_of(to, packed.len);
}

static struct bytes sealing_bytes(const struct open_chunk *open) {
    return open ? chunk_bytes(&open->chunk, open->durable) : bytes_of(NULL, 0);
}

/* What is in memory and not covered by the view's state. With the history's lock held. */
static int copy_memory(struct snapshot *snapshot, uint64_t covered) {
    struct history *history = snapshot->history;
    size_t n_sealings = 0;
    LIST_FOR_EACH (link, &history->sealings)
        n_sealings += CONTAINER_OF(link, struct sealing, link)->covered > covered;
    size_t n_main = durable_bytes(history->main);
    snapshot->pieces = mem_new_array(struct piece, 2 * (n_sealings + 1));
    snapshot->sealings = mem_new_array(struct sealing *, n_sealings + 1);
    snapshot->copies = mem_alloc(n_main + durable_bytes(history->late));
    if (!snapshot->pieces || !snapshot->sealings || !snapshot->copies)
        return -ENOMEM;
    LIST_FOR_EACH (link, &history->sealings) {
        struct sealing *sealing = CONTAINER_OF(link, struct sealing, link);
        if (sealing->covered <= covered)
            continue;
        snapshot->sealings[snapshot->n_sealings++] = sealing_ref(sealing);
        add_piece(snapshot, sealing->main, false, sealing_bytes(sealing->main));
        add_piece(snapshot, sealing->late, true, sealing_bytes(sealing->late));
    }
    add_piece(snapshot, history->main, false, copy_open(history->main, snapshot->copies));
    add_piece(snapshot, history->late, true, copy_open(history->late, snapshot->copies + n_main));
    return 0;
}

enum {
    SNAPSHOT_E_STALE = 1, /* the view is older than the memory */
};

static int snapshot_try(struct snapshot *snapshot) {
    struct history *history = snapshot->history;
    uint64_t covered = 0;
    int r = sealed_view_begin(snapshot->view);
    if (r)
        return r;
    r = sealed_view_covered(snapshot->view, history->number, &covered);
    if (r >= 0) {
        pthread_mutex_lock(&history->lock);
        r = history->covered > covered ? SNAPSHOT_E_STALE : copy_memory(snapshot, covered);
        pthread_mutex_unlock(&history->lock);
    }
    if (r)
        snapshot_end(snapshot);
    return r;
}

int snapshot_begin(struct snapshot *snapshot, struct history *history, struct sealed_view *view) {
    int r;
    do {
        *snapshot = (struct snapshot){.view = view, .history = history};
        r = snapshot_try(snapshot);
    } while (r == SNAPSHOT_E_STALE);
    return r;
}

void snapshot_end(struct snapshot *snapshot) {
    sealed_view_end(snapshot->view);
    for (size_t i = 0; i < snapshot->n_sealings; i++)
        sealing_unref(snapshot->sealings[i]);
    mem_free(snapshot->sealings);
    mem_free(snapshot->pieces);
    mem_free(snapshot->copies);
}

static const struct stats_instant instant_first = {INT64_MIN, 0};
static const struct stats_instant instant_beyond = {INT64_MAX, 999999999};

static struct piece sealed_piece(const struct sealed_head *head) {
    return (struct piece){
        .stats = head->stats,
        .is_late = head->is_late,
        .is_sealed = true,
        .head = *head,
    };
}

/* ---- a few main pieces ---- */

struct collection {
    struct piece *pieces;
    size_t n, max;
};

enum {
    COLLECTION_IS_FULL = 1,
};

static int collect(void *user, const struct sealed_head *head) {
    struct collection *collection = user;
    collection->pieces[collection->n++] = sealed_piece(head);
    return collection->n == collection->max ? COLLECTION_IS_FULL : 0;
}

static int collect_sealed(struct snapshot *snapshot, struct stats_instant from,
                          struct stats_instant to, bool newest_first,
                          struct collection *collection) {
    const struct sealed_range range = {snapshot->history->number, from, to};
    if (collection->n == collection->max)
        return 0;
    int r = sealed_view_each_main(snapshot->view, &range, newest_first, collect, collection);
    return r < 0 ? r : 0;
}

int snapshot_mains_from(struct snapshot *snapshot, struct stats_instant time, struct piece *pieces,
                        size_t max, size_t *n) {
    struct collection collection = {pieces, 0, max};
    int r = collect_sealed(snapshot, time, instant_beyond, false, &collection);
    for (size_t i = 0; i < snapshot->n_pieces && collection.n < max; i++) {
        const struct piece *piece = &snapshot->pieces[i];
        if (!piece->is_late && stats_instant_compare(piece->stats.last, time) >= 0)
            pieces[collection.n++] = *piece;
    }
    *n = collection.n;
    return r;
}

int snapshot_mains_before(struct snapshot *snapshot, struct stats_instant time,
                          struct piece *pieces, size_t max, size_t *n) {
    struct collection collection = {pieces, 0, max};
    for (size_t i = snapshot->n_pieces; i-- > 0 && collection.n < max;) {
        const struct piece *piece = &snapshot->pieces[i];
        if (!piece->is_late && stats_is_before(piece->stats.first, time))
            pieces[collection.n++] = *piece;
    }
    int r = collect_sealed(snapshot, instant_first, time, true, &collection);
    *n = collection.n;
    return r;
}

/* ---- all of a kind ---- */

struct walk_over {
    snapshot_piece_fn each;
    void *user;
};

static int over_sealed(void *user, const struct sealed_head *head) {
    const struct walk_over *over = user;
    const struct piece piece = sealed_piece(head);
    return over->each(over->user, &piece);
}

static int over_memory(struct snapshot *snapshot, const struct sealed_range *range, bool is_late,
                       const struct walk_over *over) {
    int r = 0;
    for (size_t i = 0; i < snapshot->n_pieces && r == 0; i++) {
        const struct piece *piece = &snapshot->pieces[i];
        if (piece->is_late == is_late &&
            stats_instant_compare(piece->stats.last, range->from) >= 0 &&
            stats_is_before(piece->stats.first, range->to))
            r = over->each(over->user, piece);
    }
    return r;
}

int snapshot_each_late(struct snapshot *snapshot, struct stats_instant from,
                       struct stats_instant to, snapshot_piece_fn each, void *user) {
    const struct sealed_range range = {snapshot->history->number, from, to};
    struct walk_over over = {each, user};
    int r = sealed_view_each_late(snapshot->view, &range, over_sealed, &over);
    return r ? r : over_memory(snapshot, &range, true, &over);
}

int snapshot_each_main(struct snapshot *snapshot, struct stats_instant from,
                       struct stats_instant to, snapshot_piece_fn each, void *user) {
    const struct sealed_range range = {snapshot->history->number, from, to};
    struct walk_over over = {each, user};
    int r = sealed_view_each_main(snapshot->view, &range, false, over_sealed, &over);
    return r ? r : over_memory(snapshot, &range, false, &over);
}

/* ---- one piece ---- */

static int sort(struct kept *readings, size_t n) {
    CLEANUP(mem_freep) struct kept *scratch = mem_new_array(struct kept, n);
    if (!scratch)
        return -ENOMEM;
    sorted_sort(readings, n, scratch);
    return 0;
}

int snapshot_read(struct snapshot *snapshot, const struct piece *piece, struct kept *readings) {
    struct bytes packed = piece->packed;
    int r = 0;
    if (piece->is_sealed)
        r = sealed_view_data(snapshot->view, &piece->head, &packed);
    if (r)
        return r > 0 ? -EBADMSG : r;
    if (chunk_unpack(packed, (uint32_t)piece->stats.count, readings))
        return -EBADMSG;
    if (piece->is_sealed || !piece->is_late)
        return 0;
    return sort(readings, piece->stats.count);
}
