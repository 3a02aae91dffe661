/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/chunk_code.h"

/*
 * Which widths, modes and scales the readings of a chunk are written with: never part of the
 * format, so all of this may change. chunk_fit.c tells the rules.
 */

/* The scale that this value and those seen before need. */
static inline uint8_t chunk_value_fine(const struct chunk_format *format, uint64_t units,
                                       uint8_t fine) {
    unsigned scale = format->value_scale;
    if (format->value_kind == CHUNK_VALUE_DECIMAL) {
        while (fine < scale && (int64_t)units % (int64_t)chunk_tens[scale - fine] != 0)
            fine++;
        return fine;
    }
    unsigned needs = units ? 64 - scale - (unsigned)__builtin_ctzll(units) : 0;
    return needs > fine ? (uint8_t)needs : fine;
}

/* Takes a plain reading into account. */
static inline void chunk_window_see(struct chunk_window *window, const struct chunk_format *format,
                                    const struct chunk_coded *coded) {
    uint64_t change = chunk_zigzag(coded->change_ns);
    if (coded->numbers.delta_ns > window->max_delta_ns)
        window->max_delta_ns = coded->numbers.delta_ns;
    if (change > window->max_change_ns)
        window->max_change_ns = change;
    if (coded->sequence > window->max_sequence)
        window->max_sequence = coded->sequence;
    if (coded->value > window->max_value)
        window->max_value = coded->value;
    window->n++;
    while (window->time_unit < format->time_unit &&
           coded->numbers.delta_ns % chunk_unit_ns[window->time_unit] != 0)
        window->time_unit++;
    window->value_fine = chunk_value_fine(format, coded->numbers.units, window->value_fine);
}

static inline bool chunk_window_is_last(const struct chunk_window *window) {
    return window->n + 1 >= 8 << window->level;
}

/* Makes the head of a reading whose fields `head->has` do not fit. `head->format` is the present
 * one, `window` is changed. */
void chunk_fit_exception(const struct chunk_past *past, struct chunk_window *window,
                         const struct kept *reading, struct chunk_head *head);

/* The window ends with this reading. Says whether it is to be written with a head that narrows
 * fields. */
bool chunk_fit_narrower(const struct chunk_past *past, struct chunk_window *window,
                        const struct kept *reading, struct chunk_head *head);
