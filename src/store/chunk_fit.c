/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of formats.
 *
 * A field that does not fit is an exception. Rare ones are written with a format that holds for
 * them alone: a lost reading, a spike, a -0.0 then cost some 20 bits and nothing afterwards.
 * Neither the first nor a second right after it becomes the past, for what follows a spike or a
 * reading that came too late is like what was before; a third does, for then the level or the
 * interval has moved. When exceptions come close together the field is widened for good. `strain`
 * measures that: each exception adds 16, each reading takes 1 away, and beyond 50, the fourth in a
 * row, is too much.
 *
 * Widths shrink at the end of a window that would have fitted, when the bits saved in a window of
 * that length are more than the head costs. Windows are short after a widening, then double.
 */
#include "store/chunk_fit.h"

#include <assert.h>

enum {
    STRAIN_OF_EXCEPTION = 16,
    STRAIN_TO_MOVE = 40,
    STRAIN_TO_WIDEN = 50,
    STRAIN_MAX = 80,
    WINDOW_MAX_LEVEL = 3, /* 64 readings */
};

static unsigned coarsest_unit(uint64_t ns) {
    unsigned unit = 0;
    while ((int64_t)ns % (int64_t)chunk_unit_ns[unit] != 0)
        unit++;
    return unit;
}

static unsigned max_of(unsigned a, unsigned b) {
    return a > b ? a : b;
}

/* ---- exceptions ---- */

/* How wide the field is in this mode: for good, with the unit and the last readings in mind. */
static unsigned fit_time_mode(const struct chunk_window *window, const struct chunk_coded *coded,
                              bool is_for_good, struct chunk_format *format) {
    bool is_change = format->time_mode == CHUNK_TIME_CHANGE;
    unsigned unit = coarsest_unit(is_change ? coded->change_ns : coded->numbers.delta_ns);
    if (is_for_good)
        unit = max_of(unit, format->time_unit);
    format->time_unit = (uint8_t)unit;
    struct chunk_coded recoded = *coded;
    bool is_whole = chunk_code_time(format, &recoded);
    assert(is_whole);
    unsigned width = chunk_width_of(recoded.time);
    uint64_t most = is_change ? window->max_change_ns : window->max_delta_ns;
    if (is_for_good)
        width = max_of(width, chunk_width_of(most / chunk_unit_ns[unit]));
    return width;
}

static void fit_time(const struct chunk_past *past, const struct chunk_window *window,
                     struct stats_instant time, struct chunk_head *head) {
    struct chunk_coded coded = {0};
    struct chunk_format *format = &head->format;
    bool is_for_good = head->how == CHUNK_FROM_NOW;
    if (!chunk_delta(past, time, &coded.numbers.delta_ns)) {
        format->time_mode = CHUNK_TIME_WHOLE;
        format->time_width = 0;
        return;
    }
    coded.change_ns = coded.numbers.delta_ns - past->delta_ns;
    struct chunk_format as_delta = *format;
    format->time_mode = CHUNK_TIME_CHANGE;
    as_delta.time_mode = CHUNK_TIME_DELTA;
    format->time_width = (uint8_t)fit_time_mode(window, &coded, is_for_good, format);
    as_delta.time_width = (uint8_t)fit_time_mode(window, &coded, is_for_good, &as_delta);
    if (as_delta.time_width < format->time_width)
        *format = as_delta;
}

/* The kind and scale that hold this value. */
static void fit_value_scale(double value, struct chunk_format *format) {
    uint64_t bits = chunk_bits_of(value), units;
    unsigned zeros = bits ? (unsigned)__builtin_ctzll(bits) : 63;
    if (format->value_kind == CHUNK_VALUE_BITS) {
        if (zeros < format->value_scale)
            format->value_scale = (uint8_t)zeros;
        return;
    }
    if (chunk_decimal_units(value, format->value_scale, &units))
        return;
    for (uint8_t scale = 0; scale <= CHUNK_MAX_SCALE; scale++)
        if (chunk_decimal_units(value, scale, &units)) {
            format->value_scale = scale;
            return;
        }
    format->value_kind = CHUNK_VALUE_BITS;
    format->value_scale = (uint8_t)zeros;
}

static void fit_value(const struct chunk_past *past, struct chunk_window *window, double value,
                      struct chunk_head *head) {
    struct chunk_format before = head->format;
    fit_value_scale(value, &head->format);
    struct chunk_coded coded;
    bool is_exact = chunk_code_value(past, &head->format, value, &coded);
    assert(is_exact);
    unsigned width = chunk_width_of(coded.value);
    if (head->how == CHUNK_FROM_NOW) {
        if (head->format.value_kind != before.value_kind ||
            head->format.value_scale != before.value_scale)
            window->max_value = window->value_fine = 0;
        width = max_of(width, chunk_width_of(window->max_value));
    }
    head->format.value_width = (uint8_t)width;
}

static enum chunk_how how_of_exception(struct chunk_window *window, uint16_t n) {
    unsigned since = (unsigned)(n - window->exception_at);
    unsigned strain = window->strain > since ? window->strain - since : 0;
    strain += STRAIN_OF_EXCEPTION;
    window->strain = (uint8_t)(strain < STRAIN_MAX ? strain : STRAIN_MAX);
    window->exception_at = n;
    if (strain > STRAIN_TO_WIDEN)
        return CHUNK_FROM_NOW;
    bool has_moved = n <= 1 || (since == 1 && strain > STRAIN_TO_MOVE);
    return has_moved ? CHUNK_ONCE_MOVED : CHUNK_ONCE;
}

void chunk_fit_exception(const struct chunk_past *past, struct chunk_window *window,
                         const struct kept *reading, struct chunk_head *head) {
    head->how = (uint8_t)how_of_exception(window, past->n);
    if (head->has & CHUNK_HAS_TIME)
        fit_time(past, window, reading->time, head);
    if (head->has & CHUNK_HAS_SEQUENCE) {
        uint64_t field = chunk_zigzag(reading->sequence - past->sequence - past->step);
        if (head->how == CHUNK_FROM_NOW && field < window->max_sequence)
            field = window->max_sequence;
        head->format.sequence_width = (uint8_t)chunk_width_of(field);
    }
    if (head->has & CHUNK_HAS_VALUE)
        fit_value(past, window, reading->temperature, head);
    if (head->how == CHUNK_FROM_NOW)
        window->level = window->n = 0;
}

/* ---- narrowing ---- */

static void narrow_time(const struct chunk_window *window, struct chunk_head *head) {
    struct chunk_format *format = &head->format;
    uint64_t unit_ns = chunk_unit_ns[window->time_unit];
    unsigned change = chunk_width_of(window->max_change_ns / unit_ns);
    unsigned delta = chunk_width_of(window->max_delta_ns / unit_ns);
    unsigned least = delta < change ? delta : change;
    if (least >= format->time_width)
        return;
    format->time_mode = delta < change ? CHUNK_TIME_DELTA : CHUNK_TIME_CHANGE;
    format->time_unit = window->time_unit;
    format->time_width = (uint8_t)least;
    head->has |= CHUNK_HAS_TIME;
}

static void narrow_sequence(const struct chunk_window *window, struct chunk_head *head) {
    unsigned width = chunk_width_of(window->max_sequence);
    if (width >= head->format.sequence_width)
        return;
    head->format.sequence_width = (uint8_t)width;
    head->has |= CHUNK_HAS_SEQUENCE;
}

/* From bits to decimals, when this value and the one before are decimals. */
static bool narrow_to_decimal(const struct chunk_past *past, double value,
                              struct chunk_format *format) {
    struct chunk_format tried = {.value_kind = CHUNK_VALUE_DECIMAL};
    struct chunk_coded coded;
    fit_value_scale(chunk_double_of(past->bits), &tried);
    fit_value_scale(value, &tried);
    if (tried.value_kind != CHUNK_VALUE_DECIMAL)
        return false;
    bool is_exact = chunk_code_value(past, &tried, value, &coded);
    assert(is_exact);
    format->value_kind = tried.value_kind;
    format->value_scale = tried.value_scale;
    format->value_width = (uint8_t)chunk_width_of(coded.value);
    return true;
}

static void narrow_value(const struct chunk_past *past, const struct chunk_window *window,
                         double value, struct chunk_head *head) {
    struct chunk_format narrower = head->format;
    uint64_t most = window->max_value;
    if (narrower.value_kind == CHUNK_VALUE_DECIMAL) {
        narrower.value_scale = window->value_fine;
        most /= (uint64_t)chunk_tens[head->format.value_scale - window->value_fine];
    } else if (window->value_fine > 0) {
        narrower.value_scale = (uint8_t)(64 - window->value_fine);
        most >>= narrower.value_scale - head->format.value_scale;
    }
    narrower.value_width = (uint8_t)chunk_width_of(most);
    if (head->format.value_kind == CHUNK_VALUE_BITS)
        narrow_to_decimal(past, value, &narrower);
    if (narrower.value_width >= head->format.value_width)
        return;
    head->format = narrower;
    head->has |= CHUNK_HAS_VALUE;
}

bool chunk_fit_narrower(const struct chunk_past *past, struct chunk_window *window,
                        const struct kept *reading, struct chunk_head *head) {
    head->how = CHUNK_FROM_NOW;
    narrow_time(window, head);
    narrow_sequence(window, head);
    narrow_value(past, window, reading->temperature, head);
    unsigned before_bits = head->format.n_field_bits;
    chunk_format_sum(&head->format);
    unsigned saved_bits = (before_bits - head->format.n_field_bits) * (8U << window->level);
    struct chunk_coded coded;
    bool is_better = head->has != 0 && saved_bits > chunk_head_bits(head) &&
                     chunk_code(past, &head->format, reading, &coded) == 0;
    uint8_t level = window->level;
    if (!is_better && level < WINDOW_MAX_LEVEL)
        level++;
    *window = (struct chunk_window){
        .exception_at = window->exception_at, .strain = window->strain, .level = level};
    return is_better;
}
