/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "store/budget.h"
#include "store/store.h"

/* A sensor's id: the last member of what it names, which CONTAINER_OF() finds again. */
struct name {
    uint32_t len;
    uint8_t text[];
};

static inline struct bytes name_bytes(const struct name *name) {
    return bytes_of(name->text, name->len);
}

/*
 * All sensors in the order of their ids (bytewise). The writer thread adds, any thread looks; a
 * name that is in stays where it is as long as the store lives.
 */
struct names_block;

struct names {
    pthread_rwlock_t lock; /* the writer thread takes it only to change what follows */
    struct names_block **blocks;
    size_t n_blocks, cap_blocks;
    size_t n, max;
};

enum {
    NAMES_E_FULL = 1,
};

/* Of `max` sensors at most. 0 or a negated errno. */
MUST_USE int names_init(struct names *names, size_t max);

/* Frees the index, not the names. */
void names_fini(struct names *names, struct budget *budget);

/* The writer thread. Borrows a name that is not in yet. 0, NAMES_E_FULL or -ENOMEM. */
MUST_USE int names_add(struct names *names, struct name *name, struct budget *budget);

/* The name with that text, or NULL. Any thread. */
struct name *names_find(struct names *names, struct bytes id);

/* Sensors that are looked up under one hold of the lock. */
#define NAMES_SLICE 256

/*
 * A walk through the sensors that match a filter and whose ids come after a given one. It is
 * limited to the ids that start as the patterns do before their first wildcard. Sensors that are
 * added meanwhile may be met or not.
 */
struct names_walk {
    struct names *names;
    struct store_filter filter;
    struct bytes prefix;  /* every id that can match starts so */
    bool is_whole;        /* and is no longer */
    struct bytes from;    /* ids from this one on have not been looked at, */
    bool is_from_skipped; /* itself perhaps */
    bool is_at_end;
    size_t n, at; /* of the slice: what is not given yet */
    struct name *slice[NAMES_SLICE];
};

/* Borrows the filter's texts and `after` (empty: from the beginning). */
void names_walk_init(struct names_walk *walk, struct names *names,
                     const struct store_filter *filter, struct bytes after);

/* The next sensor's, or NULL. */
struct name *names_walk_next(struct names_walk *walk);
