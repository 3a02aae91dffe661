/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/exemplar.h"
#include "otel/tally.h"

/*
 * What one thread has measured of one series: a tally that this thread writes and that the
 * collection reads meanwhile, whole.
 *
 * A counter is one word, whole by itself. Otherwise the writer makes `sequence` odd, writes, and
 * makes it even again; who reads and finds it odd, or another one after it, has read a mixture and
 * tries again. A thread that measures without pause would let no reader through: so after some
 * tries the reader asks for a copy, and the writer, who sees this at its next measurement, makes
 * one that then stays as it is. Either the writer measures, and the copy comes, or it does not, and
 * the reader gets through; the writer never waits.
 */
struct otel_series;

struct cell {
    struct cell *next; /* the thread's one before */
    struct otel_series *series;
    struct exemplar_slot *exemplars; /* NULL: none yet. Written once, with release */
    uint32_t sequence;
    bool is_copy_wanted; /* set by the reader, cleared by the writer */
    uint64_t words[];    /* the tally, and room for the copy */
};

static inline size_t cell_size(const struct tally_shape *shape) {
    return sizeof(struct cell) + 2 * tally_n_words(shape) * sizeof(uint64_t);
}

/* The writer's. */
__attribute__((noinline, cold)) void cell_copy(struct cell *cell, const struct tally_shape *shape);

/* Around what a writer does to its words. */
static inline void cell_begin(struct cell *cell) {
    __atomic_store_n(&cell->sequence, cell->sequence + 1, __ATOMIC_RELAXED);
}

static inline void cell_end(struct cell *cell, const struct tally_shape *shape) {
    __atomic_store_n(&cell->sequence, cell->sequence + 1, __ATOMIC_RELEASE);
    if (__builtin_expect(__atomic_load_n(&cell->is_copy_wanted, __ATOMIC_ACQUIRE), false))
        cell_copy(cell, shape);
}

/* Returns the place of an exemplar, as tally_measure(). */
static inline size_t cell_measure(struct cell *cell, const struct tally_shape *shape,
                                  struct measurement measurement) {
    if (is_sum(shape))
        return tally_measure(shape, cell->words, measurement);
    cell_begin(cell);
    size_t place = tally_measure(shape, cell->words, measurement);
    cell_end(cell, shape);
    return place;
}

/* The same of a histogram. */
static inline size_t cell_record(struct cell *cell, const struct tally_shape *shape,
                                 double number) {
    cell_begin(cell);
    size_t place = tally_record(shape, cell->words, number);
    cell_end(cell, shape);
    return place;
}

/* The reader's: what has been measured up to some moment during the call. One reader at a time. */
void cell_read(struct cell *cell, const struct tally_shape *shape, uint64_t *words);
