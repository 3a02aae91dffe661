/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings on their way from chunks to chunks: unpacked into one array, merged in it, cut into
 * pieces that a chunk can hold, packed.
 *
 * What must hold: equal times stay in order of arrival, so what is added goes behind its equals;
 * and what is loaded is what its head says, or nothing is written.
 */
#include "store/merge_readings.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "store/chunk.h"
#include "store/sorted.h"

void merge_readings_fini(struct merge_readings *readings) {
    mem_free(readings->list);
    *readings = (struct merge_readings){0};
}

static int make_room(struct merge_readings *readings, size_t n) {
    if (readings->cap - readings->n >= n)
        return 0;
    size_t cap = readings->n + n;
    if (cap < 2 * readings->cap)
        cap = 2 * readings->cap;
    struct kept *list = mem_resize(readings->list, cap, sizeof(*list));
    if (!list)
        return -ENOMEM;
    readings->list = list;
    readings->cap = cap;
    return 0;
}

/* The head says what the data must be. */
static bool is_like(const struct kept *list, size_t n, const struct sealed_head *head) {
    for (size_t i = 1; i < n; i++)
        if (stats_instant_compare(list[i - 1].time, list[i].time) > 0)
            return false;
    return stats_instant_compare(list[0].time, head->stats.first) == 0 &&
           stats_instant_compare(list[n - 1].time, head->stats.last) == 0;
}

int merge_readings_load(struct merge_readings *readings, struct sealed_view *view,
                        const struct sealed_head *head) {
    struct bytes data;
    uint32_t count = (uint32_t)head->stats.count;
    int r = sealed_view_data(view, head, &data);
    if (r)
        return r == SEALED_E_NONE ? -EBADMSG : r;
    r = make_room(readings, count);
    if (r)
        return r;
    struct kept *list = readings->list + readings->n;
    if (chunk_unpack(data, count, list) || !is_like(list, count, head))
        return -EBADMSG;
    readings->n += count;
    return 0;
}

size_t merge_readings_before(const struct merge_readings *readings, struct stats_instant time) {
    return sorted_first_from(readings->list, readings->n, time);
}

/* From the end on, into the room behind: what is moved is never overwritten before. */
int merge_readings_add(struct merge_readings *readings, const struct kept *more, size_t n) {
    int r = make_room(readings, n);
    if (r)
        return r;
    size_t left = readings->n, to = readings->n + n;
    readings->n = to;
    while (n > 0) {
        bool is_more_later = left == 0 || stats_instant_compare(readings->list[left - 1].time,
                                                                more[n - 1].time) <= 0;
        readings->list[--to] = is_more_later ? more[--n] : readings->list[--left];
    }
    return 0;
}

/* How many of the `n` go into the next chunk. */
static size_t next_piece(const struct kept *readings, size_t n) {
    size_t n_pieces = (n + CHUNK_MAX_READINGS - 1) / CHUNK_MAX_READINGS;
    size_t at = (n + n_pieces - 1) / n_pieces, cut = at;
    if (at == n)
        return n;
    while (cut > 0 && stats_instant_compare(readings[cut - 1].time, readings[at].time) == 0)
        cut--;
    return cut ? cut : at;
}

static int pack(struct chunk *chunk, struct stats *stats, const struct kept *readings, size_t n) {
    stats_init(stats);
    for (size_t i = 0; i < n; i++) {
        int r = chunk_append(chunk, &readings[i]);
        assert(r <= 0); /* there are no more than a chunk holds */
        if (r)
            return r;
        stats_add(stats, readings[i].time, readings[i].temperature);
    }
    return 0;
}

static int write_piece(struct sealed *sealed, struct sealed_head *head, const struct kept *readings,
                       size_t n) {
    CLEANUP(chunk_fini) struct chunk chunk = {0};
    int r = pack(&chunk, &head->stats, readings, n);
    if (r)
        return r;
    struct bytes data = chunk_bytes(&chunk, chunk_end(&chunk));
    return sealed_add(sealed, head, data);
}

int merge_readings_write(struct sealed *sealed, const struct sealed_head *like,
                         const struct kept *readings, size_t n) {
    for (size_t at = 0; at < n;) {
        struct sealed_head head = {
            .sensor = like->sensor, .is_late = like->is_late, .rank = like->rank};
        size_t n_piece = next_piece(readings + at, n - at);
        int r = write_piece(sealed, &head, readings + at, n_piece);
        if (r)
            return r;
        at += n_piece;
    }
    return 0;
}
