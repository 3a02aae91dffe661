/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing at a load of at most 3/4. Sequences are the peers' to choose, so the hash is keyed
 * (base/siphash.h). base/table.h would want an object for each pair that stays where it is, and
 * take more than twice the memory.
 */
#include "store/repeats.h"

#include "base/random.h"
#include "base/siphash.h"

enum {
    REPEATS_FIRST_SLOTS = 128
};

struct repeats_slot {
    int64_t seconds;
    int64_t nanos_and_one; /* 0: the slot is empty */
    uint64_t sequence;
};

struct repeats {
    struct repeats_slot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n;
    uint64_t secret[2];
};

int repeats_new(struct budget *budget, struct repeats **out) {
    struct repeats *repeats = budget_alloc(budget, sizeof(*repeats));
    if (!repeats)
        return -ENOMEM;
    int r = random_bytes(repeats->secret, sizeof(repeats->secret));
    if (r) {
        repeats_free(repeats, budget);
        return err_trace(r);
    }
    *out = repeats;
    return 0;
}

void repeats_free(struct repeats *repeats, struct budget *budget) {
    if (!repeats)
        return;
    budget_free(budget, repeats->slots, repeats->n_slots * sizeof(struct repeats_slot));
    budget_free(budget, repeats, sizeof(*repeats));
}

static struct repeats_slot slot_of(struct stats_instant time, uint64_t sequence) {
    return (struct repeats_slot){time.seconds, (int64_t)time.nanos + 1, sequence};
}

/* Where the pair lies, or the empty slot where it would go. There is an empty one. */
static struct repeats_slot *repeats_probe(const struct repeats *repeats,
                                          const struct repeats_slot *pair) {
    size_t i = siphash13(repeats->secret, bytes_of(pair, sizeof(*pair)));
    for (;; i++) {
        struct repeats_slot *slot = &repeats->slots[i & (repeats->n_slots - 1)];
        if (slot->nanos_and_one == 0)
            return slot;
        if (slot->sequence == pair->sequence && slot->seconds == pair->seconds &&
            slot->nanos_and_one == pair->nanos_and_one)
            return slot;
    }
}

bool repeats_has(const struct repeats *repeats, struct stats_instant time, uint64_t sequence) {
    if (repeats->n == 0)
        return false;
    struct repeats_slot pair = slot_of(time, sequence);
    return repeats_probe(repeats, &pair)->nanos_and_one != 0;
}

int repeats_reserve(struct repeats *repeats, struct budget *budget) {
    if (4 * (repeats->n + 1) <= 3 * repeats->n_slots)
        return 0;
    struct repeats bigger = *repeats;
    bigger.n_slots = repeats->n_slots ? 2 * repeats->n_slots : REPEATS_FIRST_SLOTS;
    bigger.slots = budget_alloc(budget, bigger.n_slots * sizeof(struct repeats_slot));
    if (!bigger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < repeats->n_slots; i++)
        if (repeats->slots[i].nanos_and_one != 0)
            *repeats_probe(&bigger, &repeats->slots[i]) = repeats->slots[i];
    budget_free(budget, repeats->slots, repeats->n_slots * sizeof(struct repeats_slot));
    *repeats = bigger;
    return 0;
}

void repeats_add(struct repeats *repeats, struct stats_instant time, uint64_t sequence) {
    struct repeats_slot pair = slot_of(time, sequence);
    struct repeats_slot *slot = repeats_probe(repeats, &pair);
    repeats->n += slot->nanos_and_one == 0;
    *slot = pair;
}
