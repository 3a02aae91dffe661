/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a thread finds its shard: a few pointers of its own, one for each `shards` that it has used,
 * under that one's id. Ids are never used again, so what is left of a life that has ended is never
 * taken for something that lives; its place is taken by the next that is asked for. An id has a
 * home among the places, which is looked at first; while another one that lives is there, any will
 * do.
 *
 * How a shard learns that its thread has ended: the destructor of a pthread key runs at the end of
 * each thread that found one. It may meet shards that are being closed at that moment; so it looks
 * for the thread's shards among those that live, under one lock that is held only there and where
 * shards begin and end.
 *
 * Touch SHARDS_SLOTS when a program has more SDKs at a time than that (each has two shards): more
 * than fit work, but lose a thread's shard and make it a new one.
 */
#include "otel/shards.h"

#include <assert.h>

#include "base/mem.h"
#include "otel/limits.h"

THREAD_LOCAL struct shards_slot shards_slots[SHARDS_SLOTS];
static _Thread_local unsigned next_slot;

static pthread_mutex_t lives_lock = PTHREAD_MUTEX_INITIALIZER; /* before any shards' own lock */
static struct list lives = {&lives, &lives};
static uint64_t last_id;
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int key_trouble;

/* ---- the end of a thread ---- */

static struct shards *living(uint64_t id) {
    LIST_FOR_EACH (link, &lives) {
        struct shards *shards = CONTAINER_OF(link, struct shards, life);
        if (shards->id == id)
            return shards;
    }
    return NULL;
}

static void leave(struct shards_slot *slot) {
    if (slot->shard && living(slot->id))
        atomic_store(&slot->shard->is_left, true);
    *slot = (struct shards_slot){0};
}

static void thread_ended(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lives_lock);
    for (unsigned i = 0; i < SHARDS_SLOTS; i++)
        leave(&shards_slots[i]);
    pthread_mutex_unlock(&lives_lock);
}

static void make_key(void) {
    key_trouble = -pthread_key_create(&at_thread_end, thread_ended);
}

/* ---- their life ---- */

int shards_init(struct shards *shards, size_t shard_size, int (*open)(struct shard *shard),
                void (*close)(struct shard *shard)) {
    assert(shard_size >= sizeof(struct shard));
    pthread_once(&once, make_key);
    if (key_trouble)
        return err_trace(key_trouble);
    *shards = (struct shards){.shard_size = shard_size, .open = open, .close = close};
    list_init(&shards->all);
    pthread_mutex_init(&shards->lock, NULL);
    pthread_mutex_lock(&lives_lock);
    shards->id = ++last_id;
    list_append(&lives, &shards->life);
    pthread_mutex_unlock(&lives_lock);
    return 0;
}

static void shard_free(struct shard *shard) {
    list_unlink(&shard->link);
    shard->shards->n--;
    shard->shards->close(shard);
    mem_free(shard);
}

void shards_fini(struct shards *shards) {
    pthread_mutex_lock(&lives_lock);
    list_unlink(&shards->life);
    pthread_mutex_unlock(&lives_lock);
    LIST_FOR_EACH (link, &shards->all)
        shard_free(CONTAINER_OF(link, struct shard, link));
    pthread_mutex_destroy(&shards->lock);
}

/* ---- a thread's own ---- */

static bool take_place(struct shards *shards) {
    pthread_mutex_lock(&shards->lock);
    bool has_place = shards->n < OTEL_MAX_THREADS;
    shards->n += has_place;
    pthread_mutex_unlock(&shards->lock);
    return has_place;
}

static struct shard *make_shard(struct shards *shards) {
    CLEANUP(mem_freep) struct shard *shard = mem_zalloc(1, shards->shard_size);
    if (!shard)
        return NULL;
    list_init(&shard->link);
    shard->shards = shards;
    return shards->open(shard) ? NULL : STEAL(shard);
}

/* The place first: a thread that gets none asks again with whatever it records. */
static struct shard *shard_new(struct shards *shards) {
    if (!take_place(shards))
        return NULL;
    struct shard *shard = make_shard(shards);
    pthread_mutex_lock(&shards->lock);
    if (shard)
        list_append(&shards->all, &shard->link);
    else
        shards->n--;
    pthread_mutex_unlock(&shards->lock);
    return shard;
}

/* The nearest to its home that nothing living has; if there is none, one after the other. */
static struct shards_slot *place_for(uint64_t id) {
    for (unsigned i = 0; i < SHARDS_SLOTS; i++) {
        struct shards_slot *slot = &shards_slots[(id + i) % SHARDS_SLOTS];
        if (!living(slot->id))
            return slot;
    }
    return &shards_slots[next_slot++ % SHARDS_SLOTS];
}

static void remember(struct shards *shards, struct shard *shard) {
    pthread_mutex_lock(&lives_lock);
    struct shards_slot *slot = place_for(shards->id);
    leave(slot);
    pthread_mutex_unlock(&lives_lock);
    *slot = (struct shards_slot){shards->id, shard};
    pthread_setspecific(at_thread_end, shards_slots);
}

static void *make_mine(struct shards *shards) {
    struct shard *shard = shard_new(shards);
    if (shard)
        remember(shards, shard);
    return shard;
}

void *shards_find(struct shards *shards) {
    for (unsigned i = 0; i < SHARDS_SLOTS; i++)
        if (shards_slots[i].id == shards->id)
            return shards_slots[i].shard;
    return make_mine(shards);
}

/* ---- all of them ---- */

void shards_visit(struct shards *shards, shards_visit_fn visit, void *user) {
    pthread_mutex_lock(&shards->lock);
    LIST_FOR_EACH (link, &shards->all) {
        struct shard *shard = CONTAINER_OF(link, struct shard, link);
        bool is_left = atomic_load(&shard->is_left); /* before the visit, which then has it all */
        if (visit(user, shard, is_left) && is_left)
            shard_free(shard);
    }
    pthread_mutex_unlock(&shards->lock);
}
