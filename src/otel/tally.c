/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/tally.h"

size_t tally_n_words(const struct tally_shape *shape) {
    switch (shape->kind) {
    case OTEL_COUNTER:
    case OTEL_UP_DOWN_COUNTER:
        return 1;
    case OTEL_GAUGE:
        return TALLY_GAUGE_VALUE + 1;
    case OTEL_HISTOGRAM:
        return TALLY_COUNTS + shape->n_bounds + 1;
    }
    return 0;
}

void tally_clear(const struct tally_shape *shape, uint64_t *words) {
    memset(words, 0, tally_n_words(shape) * sizeof(*words));
    if (shape->kind != OTEL_HISTOGRAM)
        return;
    words[TALLY_MIN] = word_of_number(INFINITY);
    words[TALLY_MAX] = word_of_number(-INFINITY);
}

static uint64_t sum_of_numbers(uint64_t a, uint64_t b) {
    return word_of_number(number_of_word(a) + number_of_word(b));
}

static void merge_histograms(const struct tally_shape *shape, uint64_t *into,
                             const uint64_t *from) {
    into[TALLY_SUM] = sum_of_numbers(into[TALLY_SUM], from[TALLY_SUM]);
    if (number_of_word(from[TALLY_MIN]) < number_of_word(into[TALLY_MIN]))
        into[TALLY_MIN] = from[TALLY_MIN];
    if (number_of_word(from[TALLY_MAX]) > number_of_word(into[TALLY_MAX]))
        into[TALLY_MAX] = from[TALLY_MAX];
    for (size_t i = 0; i <= shape->n_bounds; i++)
        into[TALLY_COUNTS + i] += from[TALLY_COUNTS + i];
}

void tally_merge(const struct tally_shape *shape, uint64_t *into, const uint64_t *from) {
    switch (shape->kind) {
    case OTEL_COUNTER:
    case OTEL_UP_DOWN_COUNTER:
        into[0] = shape->is_integer ? into[0] + from[0] : sum_of_numbers(into[0], from[0]);
        return;
    case OTEL_GAUGE:
        if (from[TALLY_GAUGE_TIME] >= into[TALLY_GAUGE_TIME])
            memcpy(into, from, tally_n_words(shape) * sizeof(*into));
        return;
    case OTEL_HISTOGRAM:
        merge_histograms(shape, into, from);
        return;
    }
}

uint64_t tally_count(const struct tally_shape *shape, const uint64_t *words) {
    uint64_t count = 0;
    for (size_t i = 0; i <= shape->n_bounds; i++)
        count += words[TALLY_COUNTS + i];
    return count;
}
