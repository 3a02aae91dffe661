/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading half of a chunk (chunk.c tells the format). Most of the time goes into read_plain(),
 * which keeps what it needs in registers and stops at the first reading with a head; read_one()
 * takes that one by the plain way.
 *
 * The bytes may be anything: each access is inside them, each width, mode and scale is checked, and
 * a reading takes a bit at the least, so that no count makes this loop for long.
 */
#include <assert.h>

#include "store/chunk_impl.h"

void chunk_reader_init(struct chunk_reader *reader, struct bytes packed, uint32_t n) {
    *reader = (struct chunk_reader){.packed = packed, .n_left = n};
}

void chunk_reader_extend(struct chunk_reader *reader, struct bytes packed, uint32_t n) {
    reader->packed = packed;
    reader->n_left = n - reader->past.n;
}

/* CHUNK_WORD_BITS from this one on; what lies behind the end is 0. */
static inline uint64_t peek(struct bytes packed, uint64_t at_bit) {
    uint64_t word = 0, at = at_bit >> 3;
    if (at + sizeof(word) <= packed.len)
        memcpy(&word, packed.data + at, sizeof(word));
    else if (at < packed.len)
        memcpy(&word, packed.data + at, packed.len - at);
    return le64toh(word) >> (at_bit & 7);
}

static inline uint64_t mask_of(unsigned width) {
    return ((uint64_t)1 << width) - 1;
}

/* Whole seconds, and the nanos that are left: 0 to 999,999,999. */
struct split {
    uint64_t seconds;
    int32_t nanos;
};

static inline struct split split_of(uint64_t delta_ns) {
    int64_t seconds = (int64_t)delta_ns / (int64_t)NS_PER_S;
    int64_t nanos = (int64_t)delta_ns % (int64_t)NS_PER_S;
    bool is_below = nanos < 0;
    return (struct split){(uint64_t)(seconds - is_below),
                          (int32_t)(nanos + (is_below ? (int64_t)NS_PER_S : 0))};
}

static inline struct stats_instant time_after(struct stats_instant time, struct split delta) {
    int32_t nanos = time.nanos + delta.nanos;
    bool is_over = nanos >= (int32_t)NS_PER_S;
    return (struct stats_instant){
        (int64_t)((uint64_t)time.seconds + delta.seconds + is_over),
        nanos - (is_over ? (int32_t)NS_PER_S : 0),
    };
}

static inline double value_of(const struct chunk_format *format, uint64_t units) {
    if (format->value_kind == CHUNK_VALUE_DECIMAL)
        return chunk_decimal(units, format->value_scale);
    return chunk_double_of(units << format->value_scale);
}

/* ---- plain readings ---- */

/* Gives how many it read: up to the first that has a head, is too long for a word, or is cut off.
 */
static uint32_t read_plain(struct chunk_reader *reader, struct kept *readings, uint32_t max) {
    const struct chunk_format format = reader->format;
    const struct bytes packed = reader->packed;
    const unsigned n_bits = 1U + format.n_field_bits;
    const uint64_t time_mask = n_bits <= CHUNK_WORD_BITS ? mask_of(format.time_width) : 0;
    const uint64_t sequence_mask = n_bits <= CHUNK_WORD_BITS ? mask_of(format.sequence_width) : 0;
    const uint64_t value_mask = n_bits <= CHUNK_WORD_BITS ? mask_of(format.value_width) : 0;
    const uint64_t unit_ns = chunk_unit_ns[format.time_unit];
    struct chunk_past past = reader->past;
    struct stats_instant time = {past.seconds, past.nanos};
    struct split delta = split_of(past.delta_ns);
    uint64_t units = chunk_value_before(&past, &format);
    uint64_t at_bit = reader->at_bit, end_bit = (uint64_t)packed.len * 8;
    uint32_t n = 0;
    if (n_bits > CHUNK_WORD_BITS)
        return 0;
    for (; n < max && at_bit + n_bits <= end_bit; n++, at_bit += n_bits) {
        uint64_t word = peek(packed, at_bit);
        if (word & 1)
            break;
        word >>= 1;
        uint64_t field = word & time_mask;
        if (format.time_mode == CHUNK_TIME_DELTA) {
            past.delta_ns = field * unit_ns;
            delta = split_of(past.delta_ns);
        } else if (field) {
            past.delta_ns += chunk_unzigzag(field) * unit_ns;
            delta = split_of(past.delta_ns);
        }
        time = time_after(time, delta);
        word >>= format.time_width;
        past.step += chunk_unzigzag(word & sequence_mask);
        past.sequence += past.step;
        units += chunk_unzigzag(word >> format.sequence_width & value_mask);
        readings[n] = (struct kept){time, past.sequence, value_of(&format, units)};
    }
    if (n == 0)
        return 0;
    past.n = (uint16_t)(past.n + n);
    past.seconds = time.seconds;
    past.nanos = time.nanos;
    if (format.value_kind == CHUNK_VALUE_DECIMAL) {
        past.units = units;
        past.scale = format.value_scale;
    } else {
        past.bits = units << format.value_scale;
    }
    reader->past = past;
    reader->at_bit = at_bit;
    return n;
}

/* ---- one reading of any kind ---- */

/* At most 64 bits. Behind the end they are 0, and read_one() finds that out. */
static uint64_t take(struct chunk_reader *reader, unsigned width) {
    unsigned n_low = width < 32 ? width : 32;
    uint64_t low = peek(reader->packed, reader->at_bit) & mask_of(n_low);
    uint64_t high = peek(reader->packed, reader->at_bit + n_low) & mask_of(width - n_low);
    reader->at_bit += width;
    return high << (n_low & 63) | low;
}

static bool take_formats(struct chunk_reader *reader, struct chunk_head *head) {
    struct chunk_format *format = &head->format;
    head->how = (uint8_t)take(reader, 2);
    head->has = (uint8_t)take(reader, 3);
    if (head->has & CHUNK_HAS_TIME) {
        format->time_mode = (uint8_t)take(reader, CHUNK_MODE_BITS);
        if (format->time_mode != CHUNK_TIME_WHOLE) {
            format->time_unit = (uint8_t)take(reader, CHUNK_UNIT_BITS);
            format->time_width = (uint8_t)take(reader, CHUNK_WIDTH_BITS);
        }
    }
    if (head->has & CHUNK_HAS_SEQUENCE)
        format->sequence_width = (uint8_t)take(reader, CHUNK_WIDTH_BITS);
    if (head->has & CHUNK_HAS_VALUE) {
        format->value_kind = (uint8_t)take(reader, CHUNK_KIND_BITS);
        format->value_scale = (uint8_t)take(reader, CHUNK_SCALE_BITS);
        format->value_width = (uint8_t)take(reader, CHUNK_WIDTH_BITS);
    }
    return head->how <= CHUNK_FROM_NOW && format->time_mode <= CHUNK_TIME_WHOLE &&
           format->time_width <= 64 && format->sequence_width <= 64 && format->value_width <= 64 &&
           (format->value_kind == CHUNK_VALUE_BITS || format->value_scale <= CHUNK_MAX_SCALE);
}

static bool take_time(struct chunk_reader *reader, const struct chunk_format *format,
                      struct chunk_numbers *numbers, struct stats_instant *time) {
    const struct chunk_past *past = &reader->past;
    if (format->time_mode == CHUNK_TIME_WHOLE) {
        time->seconds = (int64_t)take(reader, CHUNK_SECONDS_BITS);
        time->nanos = (int32_t)take(reader, CHUNK_NANOS_BITS);
        return time->nanos < (int32_t)NS_PER_S;
    }
    uint64_t field = take(reader, format->time_width);
    uint64_t unit_ns = chunk_unit_ns[format->time_unit];
    numbers->delta_ns = format->time_mode == CHUNK_TIME_DELTA
                            ? field * unit_ns
                            : past->delta_ns + chunk_unzigzag(field) * unit_ns;
    *time =
        time_after((struct stats_instant){past->seconds, past->nanos}, split_of(numbers->delta_ns));
    return true;
}

/* 0 or CHUNK_E_DAMAGED. */
static int read_one(struct chunk_reader *reader, struct kept *reading) {
    struct chunk_head head = {.format = reader->format};
    struct chunk_numbers numbers;
    if (take(reader, 1) && !take_formats(reader, &head))
        return CHUNK_E_DAMAGED;
    if (!take_time(reader, &head.format, &numbers, &reading->time))
        return CHUNK_E_DAMAGED;
    numbers.step = reader->past.step + chunk_unzigzag(take(reader, head.format.sequence_width));
    reading->sequence = reader->past.sequence + numbers.step;
    numbers.units = chunk_value_before(&reader->past, &head.format) +
                    chunk_unzigzag(take(reader, head.format.value_width));
    reading->temperature = value_of(&head.format, numbers.units);
    if (reader->at_bit > (uint64_t)reader->packed.len * 8)
        return CHUNK_E_DAMAGED;
    chunk_format_move(&reader->format, &head);
    chunk_past_move(&reader->past, &head, &numbers, reading);
    return 0;
}

int chunk_read(struct chunk_reader *reader, struct kept *readings, uint32_t max, uint32_t *n) {
    uint32_t n_wanted = max < reader->n_left ? max : reader->n_left;
    *n = 0;
    while (*n < n_wanted) {
        *n += read_plain(reader, readings + *n, n_wanted - *n);
        if (*n == n_wanted)
            break;
        int r = read_one(reader, &readings[*n]);
        if (r)
            return r;
        ++*n;
    }
    reader->n_left -= *n;
    return 0;
}

int chunk_unpack(struct bytes packed, uint32_t n, struct kept *readings) {
    struct chunk_reader reader;
    uint32_t n_read;
    chunk_reader_init(&reader, packed, n);
    int r = chunk_read(&reader, readings, n, &n_read);
    assert(r || n_read == n);
    return r;
}
