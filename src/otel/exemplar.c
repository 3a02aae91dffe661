/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/exemplar.h"

#include "otel/tally.h"

#define NEVER (UINT64_C(1) << 62)

enum {
    TRIES = 4, /* writes are rare; the next collection finds what this one has missed */
};

/* The one that replaces the `n`-th comes later than the k-th with a chance of n/k. */
static uint64_t draw_next(uint64_t n, struct random *random) {
    double next = (double)n / (1 - random_unit(random));
    return next < (double)NEVER ? (uint64_t)next + 1 : NEVER;
}

bool exemplar_is_chosen(struct exemplar_slot *slot, uint32_t collection, struct random *random) {
    if (slot->collection != collection) {
        slot->collection = collection;
        slot->n_offered = slot->next_chosen = 0;
    }
    if (++slot->n_offered < slot->next_chosen)
        return false;
    slot->next_chosen = draw_next(slot->n_offered, random);
    return true;
}

static uint64_t word_of(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Words, sequence and order as in a cell (cell.h). */
void exemplar_write(struct exemplar_slot *slot, const struct otel_exemplar *exemplar) {
    uint32_t sequence = slot->sequence;
    __atomic_store_n(&slot->sequence, sequence + 1, __ATOMIC_RELAXED);
    word_write(&slot->words[0], exemplar->time_ns);
    word_write_number(&slot->words[1], exemplar->value);
    word_write(&slot->words[2], word_of(exemplar->trace_id.bytes));
    word_write(&slot->words[3], word_of(exemplar->trace_id.bytes + 8));
    word_write(&slot->words[4], word_of(exemplar->span_id.bytes));
    __atomic_store_n(&slot->sequence, sequence + 2, __ATOMIC_RELEASE);
}

static bool read_once(const struct exemplar_slot *slot, uint64_t words[5]) {
    uint32_t sequence = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
    if (sequence & 1)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(slot->words); i++)
        words[i] = word_read(&slot->words[i]);
    return __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) == sequence;
}

bool exemplar_read(const struct exemplar_slot *slot, struct otel_exemplar *exemplar) {
    uint64_t words[5];
    bool is_read = false;
    for (int i = 0; i < TRIES && !is_read; i++)
        is_read = read_once(slot, words);
    if (!is_read || words[0] == 0)
        return false;
    exemplar->time_ns = words[0];
    exemplar->value = number_of_word(words[1]);
    memcpy(exemplar->trace_id.bytes, &words[2], sizeof(exemplar->trace_id));
    memcpy(exemplar->span_id.bytes, &words[4], sizeof(exemplar->span_id));
    return true;
}
