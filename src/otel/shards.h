/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/thread.h"

/*
 * A part for each thread, so that what many threads do at once meets in no lock and on no cache
 * line: a thread writes into its own shard, one other thread goes through all of them.
 *
 * A shard is made when its thread first asks for it. When the thread ends, the shard is marked and
 * stays until the one who goes through them has taken what is in it and lets go of it.
 */
struct shard {
    struct list link;
    struct shards *shards;
    _Atomic bool is_left; /* its thread has ended, and has seen to it that all it wrote is there */
};

struct shards {
    struct list life;
    uint64_t id; /* never used again, so that a thread knows a shard of another life */
    size_t shard_size;
    int (*open)(struct shard *shard); /* on its thread; the shard is zeroed. 0 or a negated errno */
    void (*close)(struct shard *shard);
    pthread_mutex_t lock; /* for what follows */
    struct list all;
    size_t n; /* places taken: of these, and of what is being made */
};

/* `shard_size` bytes that begin with a struct shard. 0 or a negated errno. */
MUST_USE int shards_init(struct shards *shards, size_t shard_size, int (*open)(struct shard *shard),
                         void (*close)(struct shard *shard));

/* Closes all. Threads that are still there find none any more; none of them may be inside. */
void shards_fini(struct shards *shards);

/* Shards that a thread has found; shards.c tells how. */
enum {
    SHARDS_SLOTS = 8,
};

struct shards_slot {
    uint64_t id; /* of its shards; 0: none */
    struct shard *shard;
};

extern THREAD_LOCAL struct shards_slot shards_slots[SHARDS_SLOTS];

/* shards_mine() for one that is not in the first place to look. */
void *shards_find(struct shards *shards);

/* This thread's, if it is in the first place to look; otherwise NULL. */
static inline void *shards_at_hand(const struct shards *shards) {
    const struct shards_slot *home = &shards_slots[shards->id % SHARDS_SLOTS];
    return home->id == shards->id ? home->shard : NULL;
}

/* This thread's; NULL without memory or at OTEL_MAX_THREADS. */
static inline void *shards_mine(struct shards *shards) {
    void *shard = shards_at_hand(shards);
    return shard ? shard : shards_find(shards);
}

/* Calls `visit` for each. `is_left`: its thread has ended, and no more comes; then it is closed and
 * freed if `visit` returns true. Under a lock: other visits wait for it, and threads that have no
 * shard yet. */
typedef bool (*shards_visit_fn)(void *user, struct shard *shard, bool is_left);
void shards_visit(struct shards *shards, shards_visit_fn visit, void *user);
