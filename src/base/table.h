/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/*
 * A hash table from names to objects: open addressing, the key lies inside the object.
 *
 * Names come from peers, so the hash is keyed (SipHash-1-3 with a key drawn at table_init): nobody
 * can choose names that collide. The table borrows the objects; a key must not change while it is
 * in.
 */
struct table_slot {
    uint64_t hash;
    void *object;
};

typedef struct bytes (*table_key_fn)(const void *object);

struct table {
    struct table_slot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n_objects;
    table_key_fn key_of;
    uint64_t secret[2];
};

/* Draws the hash key; fails only if the kernel has no random bytes. */
MUST_USE int table_init(struct table *table, table_key_fn key_of);

/* Frees the slots, not the objects. */
void table_fini(struct table *table);

/* The object with that key, or NULL. */
void *table_find(const struct table *table, struct bytes key);

/* Adds an object whose key is not in yet. 0 or -ENOMEM. */
MUST_USE int table_add(struct table *table, void *object);

/* Takes the object with that key out and gives it, or NULL. */
void *table_remove(struct table *table, struct bytes key);

/* For walking all: for (i = 0; i < table->n_slots; i++) if ((o = table_at(table, i))) ... */
static inline void *table_at(const struct table *table, size_t i) {
    return table->slots[i].object;
}
