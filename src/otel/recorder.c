/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What threads share is one number for each kind: how many records are queued. It is raised only
 * while it is under the maximum, so it is exact, and so are the drops. Everything else is the
 * thread's own: ids, memory, counts, and a list of ended records which the batching thread takes
 * as a whole: a push never meets a pop. Threads that have no shard share a list.
 *
 * Counts are added up from time to time: `gathered` says how much of a shard's is in the totals
 * already, so that a shard that is gone stays counted, and once.
 *
 * A record may end on another thread than it began on, and take memory there too: each of its
 * blocks goes home to the thread it came from. The shard of a thread that has ended stays until the
 * last of its blocks is home.
 */
#include "otel/recorder.h"

#include "base/mem.h"
#include "otel/encoded_record.h"
#include "otel/limits.h"

enum {
    MAX_NEXT_BLOCK = 16 << 10, /* but for what is larger itself */
};

/* ---- shards ---- */

static int open_shard(struct shard *base) {
    struct recorder_shard *shard = CONTAINER_OF(base, struct recorder_shard, shard);
    pool_init(&shard->pool);
    buf_init(&shard->scratch, OTEL_MAX_THREAD_BYTES);
    return id_source_init(&shard->ids);
}

static void close_shard(struct shard *base) {
    struct recorder_shard *shard = CONTAINER_OF(base, struct recorder_shard, shard);
    pool_fini(&shard->pool);
    buf_fini(&shard->scratch);
}

static void queue_init(struct record_queue *queue, const struct otel_batch_settings *settings) {
    queue->max = settings->max_queue;
    atomic_init(&queue->wake_at, SIZE_MAX);
}

static struct recorder_limits limits_of(const struct otel_limit_settings *settings) {
    return (struct recorder_limits){
        .attributes = {settings->n_attributes, settings->value_length},
        .of_events = {settings->n_event_attributes, settings->value_length},
        .of_links = {settings->n_link_attributes, settings->value_length},
        .n_events = settings->n_events,
        .n_links = settings->n_links,
    };
}

int recorder_init(struct recorder *recorder, const struct recorder_options *options) {
    const struct otel_settings *settings = options->settings;
    *recorder = (struct recorder){.sampler = settings->sampler,
                                  .limits = {[RECORD_SPAN] = limits_of(&settings->span_limits),
                                             [RECORD_LOG] = limits_of(&settings->log_limits)},
                                  .wake = options->wake,
                                  .user = options->user};
    memcpy(recorder->encoders, options->encoders, sizeof(recorder->encoders));
    queue_init(&recorder->queues[RECORD_SPAN], &settings->spans);
    queue_init(&recorder->queues[RECORD_LOG], &settings->logs);
    return shards_init(&recorder->shards, sizeof(struct recorder_shard), open_shard, close_shard);
}

void recorder_fini(struct recorder *recorder) {
    shards_fini(&recorder->shards);
}

struct recorder_shard *recorder_mine(struct recorder *recorder) {
    return shards_mine(&recorder->shards);
}

void recorder_count(struct recorder *recorder, struct recorder_shard *shard, unsigned count) {
    if (!shard) {
        atomic_fetch_add_explicit(&recorder->totals[count], 1, memory_order_relaxed);
        return;
    }
    uint64_t n = atomic_load_explicit(&shard->counts[count], memory_order_relaxed);
    atomic_store_explicit(&shard->counts[count], n + 1, memory_order_relaxed);
}

/* ---- a record ---- */

static void *first_piece(struct block *block, size_t size) {
    struct record *record = (void *)block->memory;
    record->blocks = block;
    record->at = block->memory + size;
    record->end = block->memory + block_size(block);
    return record;
}

void *record_new(struct recorder *recorder, struct recorder_shard *shard, size_t size,
                 size_t room) {
    struct block *block = shard ? pool_take(&shard->pool, size + room) : NULL;
    if (!block)
        return NULL;
    struct record *record = first_piece(block, size);
    record->next = NULL;
    record->recorder = recorder;
    return record;
}

void record_free(struct record *record) {
    pool_give_back(record->blocks);
}

/* In one chain, of which the pool is given as much at a time as belongs to one thread. */
void record_free_all(struct record *const *records, size_t n) {
    struct block *chain = NULL;
    while (n > 0) {
        struct block *blocks = records[--n]->blocks, *last = blocks;
        while (last->next)
            last = last->next;
        last->next = chain;
        chain = blocks;
    }
    pool_give_back(chain);
}

void record_free_here(struct recorder_shard *shard, struct record *record) {
    pool_put(&shard->pool, record->blocks);
}

/* Each twice as large as the one before: a long list of events is in a few. */
static size_t next_block(const struct record *record, size_t size) {
    size_t twice = 2 * block_size(record->blocks);
    if (twice > MAX_NEXT_BLOCK)
        twice = MAX_NEXT_BLOCK;
    return size > twice ? size : twice;
}

static bool add_block(struct record *record, size_t size) {
    struct recorder_shard *shard = recorder_mine(record->recorder);
    struct block *block = shard ? pool_take(&shard->pool, next_block(record, size)) : NULL;
    if (!block)
        return false;
    block->next = record->blocks;
    record->blocks = block;
    record->at = block->memory;
    record->end = block->memory + block_size(block);
    return true;
}

void *record_alloc(struct record *record, size_t size) {
    if (size > SIZE_MAX - 7)
        return NULL;
    size = (size + 7) & ~(size_t)7;
    if (size > (size_t)(record->end - record->at) && !add_block(record, size))
        return NULL;
    return record_take(record, size);
}

bool record_copy(struct record *record, struct bytes text, struct bytes *copy) {
    if (text.len == 0) {
        *copy = (struct bytes){0};
        return true;
    }
    uint8_t *data = record_alloc(record, text.len);
    if (!data)
        return false;
    memcpy(data, text.data, text.len);
    *copy = bytes_of(data, text.len);
    return true;
}

/* ---- the queue ---- */

/* Takes one of the queue's places; the number of those taken, 0 when there was none. */
static size_t take_place(struct record_queue *queue) {
    size_t n = atomic_load_explicit(&queue->n, memory_order_relaxed);
    do {
        if (n >= queue->max)
            return 0;
    } while (!atomic_compare_exchange_weak(&queue->n, &n, n + 1));
    return n + 1;
}

static void push(_Atomic(struct record *) *ended, struct record *record) {
    record->next = atomic_load_explicit(ended, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(ended, &record->next, record,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

static void discard(struct recorder_shard *shard, struct record *record) {
    if (shard)
        record_free_here(shard, record);
    else
        record_free(record);
}

/* A thread without a shard has no room. */
static struct record *encode(struct recorder_shard *shard, enum record_kind kind,
                             struct record *record) {
    if (shard)
        return encoded_record_of(shard, kind, record);
    record_free(record);
    return NULL;
}

void recorder_queue(struct recorder_shard *shard, enum record_kind kind, struct record *record) {
    struct recorder *recorder = record->recorder;
    struct record_queue *queue = &recorder->queues[kind];
    size_t n = take_place(queue);
    if (n == 0) {
        recorder_count(recorder, shard, COUNT_QUEUE_FULL + kind);
        discard(shard, record);
        return;
    }
    if (recorder->encoders[kind])
        record = encode(shard, kind, record);
    if (!record) {
        recorder_count(recorder, shard, COUNT_NO_ROOM + kind);
        recorder_took(recorder, kind, 1);
        return;
    }
    push(shard ? &shard->ended[kind] : &recorder->ended[kind], record);
    if (n >= atomic_load(&queue->wake_at))
        recorder->wake(recorder->user);
}

/* ---- taking it all together ---- */

static void add_up(struct recorder *recorder, struct recorder_shard *shard) {
    for (unsigned i = 0; i < RECORD_COUNTS; i++) {
        uint64_t n = atomic_load_explicit(&shard->counts[i], memory_order_relaxed);
        atomic_fetch_add_explicit(&recorder->totals[i], n - shard->gathered[i],
                                  memory_order_relaxed);
        shard->gathered[i] = n;
    }
}

static bool sum(void *recorder, struct shard *base, bool is_left) {
    (void)is_left;
    add_up(recorder, CONTAINER_OF(base, struct recorder_shard, shard));
    return false;
}

void recorder_sum(struct recorder *recorder) {
    shards_visit(&recorder->shards, sum, recorder);
}

/* `newest` leads to the one before, and so on. */
static void append_reversed(struct record_list *list, struct record *newest) {
    struct record *first = NULL;
    for (struct record *record = newest, *before; record; record = before) {
        before = record->next;
        record->next = first;
        first = record;
        list->n++;
    }
    if (!first)
        return;
    if (list->last)
        list->last->next = first;
    else
        list->first = first;
    list->last = newest;
}

struct gathering {
    struct recorder *recorder;
    struct record_list **ended;
};

static void take_ended(_Atomic(struct record *) *from, struct record_list **ended) {
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        append_reversed(ended[kind],
                        atomic_exchange_explicit(&from[kind], NULL, memory_order_acquire));
}

/* The blocks of one that is left nobody else uses. */
static bool gather(void *user, struct shard *base, bool is_left) {
    struct recorder_shard *shard = CONTAINER_OF(base, struct recorder_shard, shard);
    struct gathering *gathering = user;
    add_up(gathering->recorder, shard);
    take_ended(shard->ended, gathering->ended);
    return is_left && pool_is_home(&shard->pool);
}

void recorder_gather(struct recorder *recorder, struct record_list *ended[RECORD_KINDS]) {
    struct gathering gathering = {recorder, ended};
    take_ended(recorder->ended, ended);
    shards_visit(&recorder->shards, gather, &gathering);
}

void recorder_took(struct recorder *recorder, enum record_kind kind, size_t n) {
    atomic_fetch_sub(&recorder->queues[kind].n, n);
}
