/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reading that comes late may be anywhere its sensor keeps readings of that time: in the open
 * chunks, in sealings on their way, in sealed chunks whose range covers it. Each is asked by its
 * set. A set of an open chunk is brought up to date by reading on where it stopped, so a chunk is
 * unpacked once, however often it is asked.
 *
 * In memory first and in SQLite then: a sealing that is gone from memory when we look is in the
 * database already.
 */
#include "store/seen.h"

#include "base/mem.h"
#include "base/table.h"
#include "store/repeats.h"

/* Readings unpacked at a time. */
#define SEEN_SLICE 512

/* Chunks of one sensor are told apart by where they lie. */
#define SEEN_SEALED (UINT64_C(1) << 63)

struct seen_chunk {
    struct list by_use; /* the one used longest ago first */
    uint64_t key;       /* serial of an open chunk, or SEEN_SEALED and the id of a sealed one */
    struct repeats *repeats;
    uint32_t n; /* readings that are in the set */
    struct chunk_reader reader;
};

struct seen {
    struct sealed_view *view;
    struct table chunks;
    struct list by_use;
    struct budget budget;
    struct kept slice[SEEN_SLICE];
};

static struct bytes seen_key(const void *object) {
    const struct seen_chunk *chunk = object;
    return bytes_of(&chunk->key, sizeof(chunk->key));
}

static void forget(struct seen *seen, struct seen_chunk *chunk) {
    list_unlink(&chunk->by_use);
    table_remove(&seen->chunks, seen_key(chunk));
    repeats_free(chunk->repeats, &seen->budget);
    budget_free(&seen->budget, chunk, sizeof(*chunk));
}

static void seen_freep(struct seen **at) {
    struct seen *seen = *at;
    if (!seen)
        return;
    LIST_FOR_EACH (link, &seen->by_use)
        forget(seen, CONTAINER_OF(link, struct seen_chunk, by_use));
    table_fini(&seen->chunks);
    sealed_view_free(seen->view);
    mem_free(seen);
}

int seen_new(struct sealed *sealed, size_t limit_bytes, struct seen **out) {
    CLEANUP(seen_freep) struct seen *seen = mem_new(struct seen);
    if (!seen)
        return -ENOMEM;
    list_init(&seen->by_use);
    seen->budget.limit_bytes = limit_bytes;
    int r = table_init(&seen->chunks, seen_key);
    if (r == 0)
        r = sealed_view_new(sealed, &seen->view);
    if (r)
        return err_trace(r);
    *out = STEAL(seen);
    return 0;
}

void seen_free(struct seen *seen) {
    seen_freep(&seen);
}

size_t seen_bytes(const struct seen *seen) {
    return budget_used(&seen->budget);
}

static int chunk_make(struct seen *seen, uint64_t key, struct seen_chunk **out) {
    struct seen_chunk *chunk = budget_alloc(&seen->budget, sizeof(*chunk));
    if (!chunk)
        return -ENOMEM;
    chunk->key = key;
    list_init(&chunk->by_use);
    int r = repeats_new(&seen->budget, &chunk->repeats);
    if (r == 0)
        r = table_add(&seen->chunks, chunk);
    if (r) {
        repeats_free(chunk->repeats, &seen->budget);
        budget_free(&seen->budget, chunk, sizeof(*chunk));
        return r;
    }
    *out = chunk;
    return 0;
}

static int chunk_enter(struct seen *seen, struct seen_chunk *chunk, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const struct kept *reading = &seen->slice[i];
        if (reading->sequence == 0)
            continue;
        int r = repeats_reserve(chunk->repeats, &seen->budget);
        if (r)
            return r;
        repeats_add(chunk->repeats, reading->time, reading->sequence);
    }
    return 0;
}

/* Enters what the chunk has and the set has not. The set is not to be used after a failure. */
static int chunk_catch_up(struct seen *seen, struct seen_chunk *chunk, struct bytes packed,
                          uint32_t n) {
    if (chunk->n == 0)
        chunk_reader_init(&chunk->reader, packed, n);
    else
        chunk_reader_extend(&chunk->reader, packed, n);
    while (chunk->n < n) {
        uint32_t n_slice;
        int r = chunk_read(&chunk->reader, seen->slice, SEEN_SLICE, &n_slice);
        if (r || n_slice == 0)
            return -EBADMSG;
        r = chunk_enter(seen, chunk, n_slice);
        if (r)
            return r;
        chunk->n += n_slice;
    }
    return 0;
}

/* A set with all of the chunk's readings; others go until there is room for it. */
static int chunk_get(struct seen *seen, uint64_t key, struct bytes packed, uint32_t n,
                     struct seen_chunk **out) {
    for (;;) {
        struct seen_chunk *chunk = table_find(&seen->chunks, bytes_of(&key, sizeof(key)));
        int r = chunk ? 0 : chunk_make(seen, key, &chunk);
        if (chunk)
            list_unlink(&chunk->by_use);
        if (r == 0)
            r = chunk_catch_up(seen, chunk, packed, n);
        if (chunk)
            list_append(&seen->by_use, &chunk->by_use);
        *out = chunk;
        if (r == 0)
            return 0;
        if (chunk)
            forget(seen, chunk);
        struct list *oldest = seen->by_use.next;
        if (r != -ENOMEM || oldest == &seen->by_use)
            return r;
        forget(seen, CONTAINER_OF(oldest, struct seen_chunk, by_use));
    }
}

/* ---- in memory ---- */

static int open_has(struct seen *seen, const struct open_chunk *open, const struct kept *reading,
                    bool *has) {
    struct seen_chunk *chunk;
    if (!open || *has)
        return 0;
    struct chunk_mark end = chunk_end(&open->chunk);
    int r = chunk_get(seen, open->serial, chunk_bytes(&open->chunk, end), end.n, &chunk);
    if (r == 0)
        *has = repeats_has(chunk->repeats, reading->time, reading->sequence);
    return r;
}

static int sealing_has(struct seen *seen, const struct sealing *sealing, const struct kept *reading,
                       bool *has) {
    int r = open_has(seen, sealing->main, reading, has);
    return r ? r : open_has(seen, sealing->late, reading, has);
}

/* The next older sealing, with a reference, or the newest one; NULL at the end. */
static struct sealing *older_sealing(struct history *history, struct sealing *sealing) {
    pthread_mutex_lock(&history->lock);
    struct list *older = sealing ? sealing->link.prev : history->sealings.prev;
    bool is_end = older == &history->sealings || (sealing && older == &sealing->link);
    struct sealing *next = is_end ? NULL : sealing_ref(CONTAINER_OF(older, struct sealing, link));
    pthread_mutex_unlock(&history->lock);
    if (sealing)
        sealing_unref(sealing);
    return next;
}

static int memory_has(struct seen *seen, struct history *history, const struct kept *reading,
                      bool *has) {
    int r = open_has(seen, history->main, reading, has);
    if (r == 0)
        r = open_has(seen, history->late, reading, has);
    struct sealing *sealing = NULL;
    while ((sealing = older_sealing(history, sealing)))
        if (r == 0)
            r = sealing_has(seen, sealing, reading, has);
    return r;
}

/* ---- in SQLite ---- */

struct question {
    struct seen *seen;
    const struct kept *reading;
    bool *has;
    bool is_doubtful; /* a chunk that may have it is damaged */
};

static int head_has(void *user, const struct sealed_head *head) {
    struct question *question = user;
    struct seen_chunk *chunk;
    struct bytes packed = {0};
    uint64_t key = SEEN_SEALED | (uint64_t)head->id;
    chunk = table_find(&question->seen->chunks, bytes_of(&key, sizeof(key)));
    int r = chunk ? 0 : sealed_view_data(question->seen->view, head, &packed);
    if (r == 0)
        r = chunk_get(question->seen, key, packed, (uint32_t)head->stats.count, &chunk);
    if (r > 0 || r == -EBADMSG) { /* another one may have it */
        question->is_doubtful = true;
        return 0;
    }
    if (r)
        return r;
    *question->has =
        repeats_has(chunk->repeats, question->reading->time, question->reading->sequence);
    return *question->has;
}

static int sealed_has(struct seen *seen, const struct history *history, const struct kept *reading,
                      bool *has) {
    struct question question = {seen, reading, has, false};
    const struct sealed_range range = {history->number, reading->time,
                                       stats_instant_after(reading->time)};
    int r = sealed_view_begin(seen->view);
    if (r)
        return r;
    r = sealed_view_each_main(seen->view, &range, true, head_has, &question);
    if (r == 0)
        r = sealed_view_each_late(seen->view, &range, head_has, &question);
    sealed_view_end(seen->view);
    if (r < 0)
        return r;
    return question.is_doubtful && !*has ? -EBADMSG : 0;
}

/* Nothing that new has gone to SQLite. */
static bool is_after_sealed(struct history *history, struct stats_instant time) {
    pthread_mutex_lock(&history->lock);
    bool is_after =
        history->sealed.count == 0 || stats_instant_compare(time, history->sealed.last) > 0;
    pthread_mutex_unlock(&history->lock);
    return is_after;
}

int seen_has(struct seen *seen, struct history *history, const struct kept *reading, bool *has) {
    *has = false;
    int r = memory_has(seen, history, reading, has);
    if (r || *has || is_after_sealed(history, reading->time))
        return r;
    return sealed_has(seen, history, reading, has);
}
