/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing at a load of at most 3/4. An object is removed by shifting back the ones that were
 * pushed behind it, so there are no tombstones and a lookup ends at the first empty slot.
 */
#include "base/table.h"

#include <assert.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/siphash.h"

enum {
    TABLE_FIRST_SLOTS = 16
};

int table_init(struct table *table, table_key_fn key_of) {
    *table = (struct table){.key_of = key_of};
    return random_bytes(table->secret, sizeof(table->secret));
}

void table_fini(struct table *table) {
    mem_free(table->slots);
    table->slots = NULL;
    table->n_slots = table->n_objects = 0;
}

static size_t table_next(const struct table *table, size_t i) {
    return (i + 1) & (table->n_slots - 1);
}

/* The slot that holds `key`, or the empty one where it would go. */
static size_t table_probe(const struct table *table, struct bytes key, uint64_t hash) {
    size_t i = hash & (table->n_slots - 1);
    while (table->slots[i].object) {
        if (table->slots[i].hash == hash && bytes_equal(table->key_of(table->slots[i].object), key))
            break;
        i = table_next(table, i);
    }
    return i;
}

void *table_find(const struct table *table, struct bytes key) {
    if (table->n_objects == 0)
        return NULL;
    return table->slots[table_probe(table, key, siphash13(table->secret, key))].object;
}

static int table_grow(struct table *table) {
    struct table bigger = *table;
    bigger.n_slots = table->n_slots ? table->n_slots * 2 : TABLE_FIRST_SLOTS;
    bigger.slots = mem_new_array(struct table_slot, bigger.n_slots);
    if (!bigger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < table->n_slots; i++) {
        struct table_slot *slot = &table->slots[i];
        if (!slot->object)
            continue;
        size_t to = slot->hash & (bigger.n_slots - 1);
        while (bigger.slots[to].object)
            to = table_next(&bigger, to);
        bigger.slots[to] = *slot;
    }
    mem_free(table->slots);
    *table = bigger;
    return 0;
}

int table_add(struct table *table, void *object) {
    if (4 * (table->n_objects + 1) > 3 * table->n_slots) {
        int r = table_grow(table);
        if (r)
            return r;
    }
    struct bytes key = table->key_of(object);
    uint64_t hash = siphash13(table->secret, key);
    size_t i = table_probe(table, key, hash);
    assert(!table->slots[i].object);
    table->slots[i] = (struct table_slot){hash, object};
    table->n_objects++;
    return 0;
}

/* Moves back into the hole at `hole` whatever a lookup would no longer reach across it. */
static void table_close_hole(struct table *table, size_t hole) {
    size_t mask = table->n_slots - 1;
    for (size_t i = table_next(table, hole); table->slots[i].object; i = table_next(table, i)) {
        size_t home = table->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        table->slots[hole] = table->slots[i];
        hole = i;
    }
    table->slots[hole] = (struct table_slot){0};
}

void *table_remove(struct table *table, struct bytes key) {
    if (table->n_objects == 0)
        return NULL;
    size_t i = table_probe(table, key, siphash13(table->secret, key));
    void *object = table->slots[i].object;
    if (!object)
        return NULL;
    table_close_hole(table, i);
    table->n_objects--;
    return object;
}
