/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of a chunk.
 *
 * Bits are filled in from the lowest of the first byte. Each reading begins with a control bit:
 *
 *     0  time  sequence  value                                 plain: in the formats that stand
 *     1  how:2  has:3  formats  time  sequence  value          with a head
 *
 * A time is told by its delta, the difference from the time before, in nanoseconds; a sequence by
 * its step. The fields:
 *
 *     time      the change of the delta, or the delta, in seconds, milli-, micro- or nanoseconds
 *     sequence  the change of the step
 *     value     the difference from the last value of this kind, either a decimal (20.37 is 2037 at
 *               scale 2: the double nearest to 2037 / 10^2) or a double's bits as an integer,
 *               without lowest bits that are zero
 *
 * All but the delta are zigzag (0, -1, 1, -2 are 0, 1, 2, 3), and all calculation is modulo 2^64.
 * `has` names the fields that have a format of their own here, in this order:
 *
 *     time      mode:2 and, but for whole times, unit:2 width:7
 *     sequence  width:7
 *     value     kind:1 scale:6 width:7
 *
 * A whole time is seconds:64 nanos:30.
 *
 * `how` 2: these formats stand from now on (a whole time never does). 0 or 1: they are for this
 * reading alone; with 1 its delta, step and value become the past of the next reading, with 0 those
 * of the fields in `has` do not. The time and the sequence themselves always do. At the beginning
 * all widths are 0, the unit is a second, the kind decimal, and all that is past is 0.
 *
 * So a sensor that sends every second, with two decimals and counted readings, takes a bit and the
 * noise of its temperature; and while the formats stand, which is nearly always, a reading is one
 * load or store of 8 bytes and a few shifts that the processor can foresee. That is why widths
 * stay, instead of being told with each reading.
 *
 * What must always hold: the reader follows the writer's struct chunk_past and struct chunk_format
 * step by step (chunk_impl.h has what both do). Which formats to choose is the writer's affair
 * alone (chunk_fit.c). A change of the format needs a new number for it wherever chunks are kept.
 */
#include "store/chunk.h"

#include <assert.h>

#include "base/mem.h"
#include "store/chunk_fit.h"

enum {
    MIN_CAP_BYTES = 24, /* what malloc gives at the least */
    WORD_BYTES = 8,     /* every store writes so many; what is too much is overwritten later */
    /* A whole time, and the widest sequence and value with formats of their own. */
    READING_MAX_BITS = CHUNK_HEAD_BITS + CHUNK_MODE_BITS + CHUNK_SECONDS_BITS + CHUNK_NANOS_BITS +
                       CHUNK_WIDTH_BITS + 64 + CHUNK_KIND_BITS + CHUNK_SCALE_BITS +
                       CHUNK_WIDTH_BITS + 64,
};

static_assert(READING_MAX_BITS * CHUNK_MAX_READINGS <= CHUNK_MAX_BYTES * 8,
              "a chunk has its bound");
static_assert(CHUNK_MAX_READINGS <= UINT16_MAX, "readings are counted in 16 bits");

void chunk_fini(struct chunk *chunk) {
    mem_free(chunk->data);
    *chunk = (struct chunk){0};
}

struct chunk_mark chunk_end(const struct chunk *chunk) {
    return (struct chunk_mark){chunk->past.n, chunk->n_bits};
}

struct bytes chunk_bytes(const struct chunk *chunk, struct chunk_mark mark) {
    return bytes_of(chunk->data, (mark.n_bits + 7) / 8);
}

size_t chunk_cap_bytes(const struct chunk *chunk) {
    return chunk->cap_bytes;
}

/* ---- what both halves do ---- */

void chunk_past_move(struct chunk_past *past, const struct chunk_head *head,
                     const struct chunk_numbers *numbers, const struct kept *reading) {
    past->seconds = reading->time.seconds;
    past->nanos = reading->time.nanos;
    past->sequence = reading->sequence;
    past->n++;
    if (chunk_head_moves(head, CHUNK_HAS_TIME) && head->format.time_mode != CHUNK_TIME_WHOLE)
        past->delta_ns = numbers->delta_ns;
    if (chunk_head_moves(head, CHUNK_HAS_SEQUENCE))
        past->step = numbers->step;
    if (!chunk_head_moves(head, CHUNK_HAS_VALUE))
        return;
    if (head->format.value_kind == CHUNK_VALUE_BITS) {
        past->bits = chunk_bits_of(reading->temperature);
        return;
    }
    past->units = numbers->units;
    past->scale = head->format.value_scale;
}

void chunk_format_move(struct chunk_format *format, const struct chunk_head *head) {
    if (head->how != CHUNK_FROM_NOW)
        return;
    struct chunk_format before = *format;
    *format = head->format;
    if (head->format.time_mode == CHUNK_TIME_WHOLE) {
        format->time_mode = before.time_mode;
        format->time_unit = before.time_unit;
        format->time_width = before.time_width;
    }
    chunk_format_sum(format);
}

/* ---- bits ---- */

static int reserve(struct chunk *chunk, unsigned n_bits) {
    uint32_t need = ((chunk->n_bits + n_bits) >> 3) + WORD_BYTES;
    if (need <= chunk->cap_bytes)
        return 0;
    uint32_t cap = chunk->cap_bytes + chunk->cap_bytes / 2;
    cap = cap > MIN_CAP_BYTES ? cap : MIN_CAP_BYTES;
    cap = cap > need ? cap : need;
    uint8_t *data = mem_resize(chunk->data, cap, 1);
    if (!data)
        return err_trace(-ENOMEM);
    chunk->data = data;
    chunk->cap_bytes = cap;
    return 0;
}

/* At most CHUNK_WORD_BITS; there is room. */
static inline void put(struct chunk *chunk, uint64_t bits, unsigned width) {
    uint8_t *at = chunk->data + (chunk->n_bits >> 3);
    unsigned n_before = chunk->n_bits & 7;
    uint64_t word = htole64(bits << n_before | (*at & ((1U << n_before) - 1)));
    memcpy(at, &word, sizeof(word));
    chunk->n_bits += width;
}

static void put_field(struct chunk *chunk, uint64_t field, unsigned width) {
    unsigned n_low = width < 32 ? width : 32;
    put(chunk, field & (((uint64_t)1 << n_low) - 1), n_low);
    put(chunk, field >> n_low, width - n_low);
}

static void put_formats(struct chunk *chunk, const struct chunk_head *head) {
    const struct chunk_format *format = &head->format;
    put(chunk, 1 | (unsigned)head->how << 1 | (unsigned)head->has << 3, CHUNK_HEAD_BITS);
    if (head->has & CHUNK_HAS_TIME) {
        put(chunk, format->time_mode, CHUNK_MODE_BITS);
        if (format->time_mode != CHUNK_TIME_WHOLE) {
            put(chunk, format->time_unit, CHUNK_UNIT_BITS);
            put(chunk, format->time_width, CHUNK_WIDTH_BITS);
        }
    }
    if (head->has & CHUNK_HAS_SEQUENCE)
        put(chunk, format->sequence_width, CHUNK_WIDTH_BITS);
    if (head->has & CHUNK_HAS_VALUE) {
        put(chunk, format->value_kind, CHUNK_KIND_BITS);
        put(chunk, format->value_scale, CHUNK_SCALE_BITS);
        put(chunk, format->value_width, CHUNK_WIDTH_BITS);
    }
}

static void put_fields(struct chunk *chunk, const struct chunk_format *format,
                       const struct chunk_coded *coded, const struct kept *reading) {
    if (format->time_mode == CHUNK_TIME_WHOLE) {
        put_field(chunk, (uint64_t)reading->time.seconds, CHUNK_SECONDS_BITS);
        put(chunk, (uint64_t)reading->time.nanos, CHUNK_NANOS_BITS);
    } else {
        put_field(chunk, coded->time, format->time_width);
    }
    put_field(chunk, coded->sequence, format->sequence_width);
    put_field(chunk, coded->value, format->value_width);
}

/* ---- appending ---- */

/* With a head, or with fields that are too long for one word. */
static void put_slowly(struct chunk *chunk, const struct chunk_head *head,
                       const struct chunk_coded *coded, const struct kept *reading) {
    if (head->has)
        put_formats(chunk, head);
    else
        put(chunk, 0, 1);
    put_fields(chunk, &head->format, coded, reading);
}

/* Which format this reading is written with; what it leaves of the window. */
static void choose_head(const struct chunk *chunk, const struct kept *reading,
                        const struct chunk_coded *coded, struct chunk_window *window,
                        struct chunk_head *head) {
    if (head->has) {
        chunk_fit_exception(&chunk->past, window, reading, head);
        return;
    }
    bool is_last = chunk_window_is_last(window);
    chunk_window_see(window, &chunk->format, coded);
    if (is_last && !chunk_fit_narrower(&chunk->past, window, reading, head))
        *head = (struct chunk_head){.format = chunk->format};
}

/* Not inlined, so that the plain way keeps its registers. */
__attribute__((noinline)) static int append_slowly(struct chunk *chunk,
                                                   const struct kept *reading) {
    struct chunk_coded coded;
    unsigned lacking = chunk_code(&chunk->past, &chunk->format, reading, &coded);
    struct chunk_head head = {.has = (uint8_t)lacking, .format = chunk->format};
    struct chunk_window window = chunk->window;
    choose_head(chunk, reading, &coded, &window, &head);
    int r = reserve(chunk, chunk_head_bits(&head) + chunk_fields_bits(&head.format));
    if (r)
        return err_trace(r);
    if (head.has)
        (void)chunk_code(&chunk->past, &head.format, reading, &coded);
    put_slowly(chunk, &head, &coded, reading);
    chunk_format_move(&chunk->format, &head);
    if (lacking && head.how == CHUNK_FROM_NOW && head.format.time_mode != CHUNK_TIME_WHOLE)
        chunk_window_see(&window, &chunk->format, &coded);
    chunk_past_move(&chunk->past, &head, &coded.numbers, reading);
    chunk->window = window;
    return 0;
}

static inline void put_plain(struct chunk *chunk, const struct chunk_coded *coded) {
    const struct chunk_format *format = &chunk->format;
    uint64_t word = coded->value << format->sequence_width | coded->sequence;
    put(chunk, (word << format->time_width | coded->time) << 1, 1U + format->n_field_bits);
}

/* chunk_past_move() when there is no head. */
static inline void past_move_plain(struct chunk *chunk, const struct chunk_numbers *numbers,
                                   const struct kept *reading) {
    struct chunk_past *past = &chunk->past;
    past->seconds = reading->time.seconds;
    past->nanos = reading->time.nanos;
    past->sequence = reading->sequence;
    past->n++;
    past->delta_ns = numbers->delta_ns;
    past->step = numbers->step;
    if (chunk->format.value_kind == CHUNK_VALUE_BITS) {
        past->bits = chunk_bits_of(reading->temperature);
        return;
    }
    past->units = numbers->units;
    past->scale = chunk->format.value_scale;
}

int chunk_append(struct chunk *chunk, const struct kept *reading) {
    if (chunk->past.n == CHUNK_MAX_READINGS)
        return CHUNK_E_FULL;
    struct chunk_coded coded;
    unsigned lacking = chunk_code(&chunk->past, &chunk->format, reading, &coded);
    if (lacking || chunk->format.n_field_bits >= CHUNK_WORD_BITS ||
        chunk_window_is_last(&chunk->window))
        return append_slowly(chunk, reading);
    int r = reserve(chunk, 0);
    if (r)
        return err_trace(r);
    put_plain(chunk, &coded);
    chunk_window_see(&chunk->window, &chunk->format, &coded);
    past_move_plain(chunk, &coded.numbers, reading);
    return 0;
}
