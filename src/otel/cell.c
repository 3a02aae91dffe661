/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/cell.h"

#include <sched.h>

enum {
    TRIES = 16, /* at a measurement now and then the first one does */
};

void cell_copy(struct cell *cell, const struct tally_shape *shape) {
    size_t n = tally_n_words(shape);
    for (size_t i = 0; i < n; i++)
        word_write(&cell->words[n + i], cell->words[i]);
    __atomic_store_n(&cell->is_copy_wanted, false, __ATOMIC_RELEASE);
}

static void read_words(const uint64_t *from, uint64_t *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        words[i] = word_read(&from[i]);
}

static bool read_once(const struct cell *cell, uint64_t *words, size_t n) {
    uint32_t sequence = __atomic_load_n(&cell->sequence, __ATOMIC_ACQUIRE);
    if (sequence & 1)
        return false;
    read_words(cell->words, words, n);
    return __atomic_load_n(&cell->sequence, __ATOMIC_RELAXED) == sequence;
}

/* A wish that was not needed after all stays, and is fulfilled before the next one is made or in
 * its place. */
static void read_copy(struct cell *cell, uint64_t *words, size_t n) {
    __atomic_store_n(&cell->is_copy_wanted, true, __ATOMIC_RELEASE);
    while (!read_once(cell, words, n)) {
        if (!__atomic_load_n(&cell->is_copy_wanted, __ATOMIC_ACQUIRE)) {
            read_words(cell->words + n, words, n);
            return;
        }
        sched_yield(); /* it may stand in the middle of a measurement */
    }
}

void cell_read(struct cell *cell, const struct tally_shape *shape, uint64_t *words) {
    size_t n = tally_n_words(shape);
    for (int i = 0; i < TRIES; i++)
        if (read_once(cell, words, n))
            return;
    read_copy(cell, words, n);
}
