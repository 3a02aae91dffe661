/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "otel/encoder.h"
#include "otel/id_source.h"
#include "otel/pool.h"
#include "otel/settings.h"
#include "otel/shards.h"

/*
 * What spans and log records have in common: the memory that they lie in, the shard of each thread,
 * and the queue of those that have ended, up to the thread that batches them.
 *
 *     recorder_mine -> record_new -> record_alloc ... -> recorder_queue    any thread
 *     recorder_gather -> recorder_took -> ... -> record_free               the batching thread
 *
 * Everything of a record lies in its blocks. Where there is an encoder another, smaller record is
 * queued in its place, of its bytes (encoded_record.h). Nothing here waits for another thread.
 */
enum record_kind {
    RECORD_SPAN,
    RECORD_LOG,
    RECORD_KINDS,
};

/* What is counted. Of started spans: those sampled after those not, each by where the parent is. */
enum record_count {
    COUNT_STARTED,                   /* + RECORD_ORIGINS if sampled + its origin */
    COUNT_ENDED = COUNT_STARTED + 6, /* of those sampled, also those that found no room to begin */
    COUNT_LOGS,                      /* emitted */
    COUNT_NO_ROOM,
    COUNT_QUEUE_FULL = COUNT_NO_ROOM + RECORD_KINDS, /* both by kind */
    RECORD_COUNTS = COUNT_QUEUE_FULL + RECORD_KINDS,
};

enum record_origin {
    ORIGIN_NONE,
    ORIGIN_LOCAL,
    ORIGIN_REMOTE,
    RECORD_ORIGINS,
};

/* Embedded at the start of what a record is. */
struct record {
    struct record *next; /* in a queue or a batch */
    struct recorder *recorder;
    struct block *blocks; /* the newest first */
    uint8_t *at, *end;    /* what is free in the newest */
};

/* In the order in which they ended. */
struct record_list {
    struct record *first, *last;
    size_t n;
};

enum {
    RECORDER_KEPT_SCRATCH = 64 << 10, /* a span of 128 events with a few texts is smaller */
};

struct recorder_shard {
    struct shard shard;
    struct id_source ids;
    struct pool pool;
    struct buf scratch;                     /* what an encoder is writing */
    _Atomic uint64_t counts[RECORD_COUNTS]; /* written by its thread only */
    uint64_t gathered[RECORD_COUNTS];       /* of these; under the shards' lock */
    _Atomic(struct record *) ended[RECORD_KINDS];
};

/* Of one kind, over all threads. */
struct record_queue {
    size_t max;
    _Atomic size_t n;
    _Atomic size_t wake_at; /* records; SIZE_MAX: nobody waits for them */
};

struct attribute_limits {
    size_t n;            /* attributes */
    size_t value_length; /* characters of a text, bytes of bytes; SIZE_MAX: no limit */
};

struct recorder_limits {
    struct attribute_limits attributes, of_events, of_links;
    size_t n_events, n_links;
};

struct recorder {
    struct shards shards;
    struct otel_sampler sampler;
    struct recorder_limits limits[RECORD_KINDS];
    const struct otel_encoder *encoders[RECORD_KINDS]; /* NULL: records are queued as they are */
    void (*wake)(void *user);
    void *user;
    char apart[64]; /* from here on written by all threads */
    struct record_queue queues[RECORD_KINDS];
    _Atomic uint64_t totals[RECORD_COUNTS];
    _Atomic(struct record *) ended[RECORD_KINDS]; /* on threads without a shard */
};

struct recorder_options {
    const struct otel_settings *settings;
    const struct otel_encoder *encoders[RECORD_KINDS];
    void (*wake)(void *user); /* a queue has reached its `wake_at`; any thread */
    void *user;
};

/* 0 or a negated errno. */
MUST_USE int recorder_init(struct recorder *recorder, const struct recorder_options *options);
/* Frees all records too, wherever they are. */
void recorder_fini(struct recorder *recorder);

/* ---- any thread ---- */

/* NULL without memory or with too many threads. */
struct recorder_shard *recorder_mine(struct recorder *recorder);

/* `shard` is this thread's; NULL is fine. */
void recorder_count(struct recorder *recorder, struct recorder_shard *shard, unsigned count);

/* A record of `size` bytes that begin with a struct record; what is behind that is not zeroed.
 * `room` for as much again as will most likely be asked for. NULL without room. */
void *record_new(struct recorder *recorder, struct recorder_shard *shard, size_t size, size_t room);
void record_free(struct record *record);

/* Many at once. */
void record_free_all(struct record *const *records, size_t n);

/* The same on the thread whose shard this is: what is its own is at hand at once. */
void record_free_here(struct recorder_shard *shard, struct record *record);

/* Memory that lives as long as the record, aligned to 8, not zeroed. NULL without room. */
void *record_alloc(struct record *record, size_t size);

/* The same where it is known that there is room at `record->at`. Blocks end at a multiple of 8. */
static inline void *record_take(struct record *record, size_t size) {
    void *piece = record->at;
    record->at += (size + 7) & ~(size_t)7;
    return piece;
}

/* A copy; false without room, and `*copy` is then as it was. */
bool record_copy(struct record *record, struct bytes text, struct bytes *copy);

/* Takes the record: it is queued, as it is or encoded, or dropped and counted when the queue is
 * full or there is no room. `shard` is this thread's; NULL is fine. */
void recorder_queue(struct recorder_shard *shard, enum record_kind kind, struct record *record);

/* After what was large: it is not kept for ever. */
static inline void recorder_tidy_scratch(struct recorder_shard *shard) {
    if (shard->scratch.cap > RECORDER_KEPT_SCRATCH)
        buf_release(&shard->scratch);
}

/* Brings `totals` up to date. */
void recorder_sum(struct recorder *recorder);

/* ---- the thread that batches ---- */

/* Appends all that have ended to `*ended[kind]`; they still count as queued. */
void recorder_gather(struct recorder *recorder, struct record_list *ended[RECORD_KINDS]);

/* `n` of what was gathered are not queued any more. */
void recorder_took(struct recorder *recorder, enum record_kind kind, size_t n);
