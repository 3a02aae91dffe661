/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coding of journal_record.h. It is made for speed before size: the journal is written once and
 * thrown away when its readings are sealed. A sensor with regular times and two decimals takes 2 or
 * 3 bytes a reading.
 *
 * Whether a double is a decimal is found by trying: units = round(t * 10^d), and units / 10^d,
 * rounded correctly as every division is, must give the same bits. The number of decimals that
 * served last serves again (20.3 is 2030 beside 20.37). Only when it does not, more are tried, and
 * that seldom when the readings before were no decimals either.
 */
#include "store/journal_record.h"

#include <assert.h>
#include <endian.h>

#include "store/limits.h"

enum {
    TAG_RUN = 0x80,
    TAG_SENSOR = 0x81,
};

enum {
    TIME_SAME = 0,
    TIME_SECONDS = 1,
    TIME_NANOS = 2,
    TIME_STEP = 3,
    TIME_MASK = 3,
    SEQUENCE_STEP = 1 << 2,
    TEMPERATURE_SHIFT = 3,
    TEMPERATURE_DOUBLE = 13,
    TEMPERATURE_SAME = 14,
};

#define NANOS_PER_SECOND 1000000000

/* Two steps below this differ by less than 2^63 ns. */
#define STEP_MAX_SECONDS (UINT64_C(1) << 32)

/* Above 2^51 an addition of 0.5 may be rounded; no thermometer goes there. */
#define UNITS_MAX 0x1p51

/* After a reading that is no decimal, only one in so many is tried with more decimals. */
#define BINARY_PATIENCE 16

#define MAX_DECIMALS 12
static const double powers_of_ten[MAX_DECIMALS + 1] = {1,   1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                                       1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static uint64_t zigzag(uint64_t value) {
    return value << 1 ^ (uint64_t)((int64_t)value >> 63);
}

static uint64_t unzigzag(uint64_t value) {
    return value >> 1 ^ (0 - (value & 1));
}

/* Up to two bytes without a branch: whether one is enough is as good as random for temperatures. */
static uint8_t *put_varint(uint8_t *to, uint64_t value) {
    if (value < 0x4000) {
        bool has_two = value >= 0x80;
        to[0] = (uint8_t)(value | (uint64_t)has_two << 7);
        to[1] = (uint8_t)(value >> 7);
        return to + 1 + has_two;
    }
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

static void trail_init(struct journal_trail *trail) {
    *trail = (struct journal_trail){.number = JOURNAL_NO_SENSOR};
}

void journal_encoder_init(struct journal_encoder *encoder) {
    trail_init(&encoder->trail);
    encoder->n_binary = 0;
}

static int reserve(struct buf *out, size_t n, uint8_t **to) {
    n += JOURNAL_PADDING_BYTES;
    if (n <= out->cap - out->end) {
        *to = out->data + out->end;
        return 0;
    }
    int r = buf_reserve(out, n, to);
    return r == BUF_E_FULL ? -ENOMEM : r;
}

int journal_encode_sensor(struct buf *out, uint32_t number, struct bytes id) {
    uint8_t *start;
    assert(id.len <= STORE_ID_MAX_BYTES);
    int r = reserve(out, JOURNAL_SENSOR_MAX_BYTES + id.len, &start);
    if (r)
        return r;
    uint8_t *to = start;
    *to++ = TAG_SENSOR;
    to = put_varint(put_varint(to, number), id.len);
    if (id.len > 0)
        memcpy(to, id.data, id.len);
    buf_commit(out, (size_t)(to + id.len - start));
    return 0;
}

/* ---- time ---- */

static bool step_is_short(struct journal_step step) {
    return step.seconds + STEP_MAX_SECONDS < 2 * STEP_MAX_SECONDS;
}

static int64_t step_in_nanos(struct journal_step step) {
    return (int64_t)step.seconds * NANOS_PER_SECOND + step.nanos;
}

static struct journal_step step_between(struct stats_instant from, struct stats_instant to) {
    int32_t nanos = to.nanos - from.nanos;
    bool is_below = nanos < 0;
    return (struct journal_step){
        .seconds = (uint64_t)to.seconds - (uint64_t)from.seconds - is_below,
        .nanos = nanos + (is_below ? NANOS_PER_SECOND : 0),
    };
}

static uint8_t *put_time(struct journal_trail *trail, uint8_t *to, uint8_t *tag,
                         struct stats_instant time) {
    struct journal_step before = trail->step;
    struct journal_step step = step_between(trail->last.time, time);
    trail->step = step;
    if (step.nanos == before.nanos) {
        if (step.seconds == before.seconds)
            return to;
        *tag |= TIME_SECONDS;
        return put_varint(to, zigzag(step.seconds - before.seconds));
    }
    if (step_is_short(step) && step_is_short(before)) {
        *tag |= TIME_NANOS;
        return put_varint(to, zigzag((uint64_t)(step_in_nanos(step) - step_in_nanos(before))));
    }
    *tag |= TIME_STEP;
    to = put_varint(to, zigzag(step.seconds));
    return put_varint(to, (uint64_t)step.nanos);
}

/* ---- temperature ---- */

static bool units_of(double temperature, unsigned decimals, int64_t *units) {
    double scaled = temperature * powers_of_ten[decimals];
    if (!(scaled > -UNITS_MAX && scaled < UNITS_MAX))
        return false;
    *units = (int64_t)(scaled + __builtin_copysign(0.5, scaled));
    return bits_of((double)*units / powers_of_ten[decimals]) == bits_of(temperature);
}

static bool find_decimals(struct journal_encoder *encoder, double temperature, unsigned *decimals,
                          int64_t *units) {
    *decimals = encoder->trail.decimals;
    bool is_decimal = units_of(temperature, *decimals, units);
    if (!is_decimal && encoder->n_binary % BINARY_PATIENCE == 0)
        while (!is_decimal && *decimals < MAX_DECIMALS)
            is_decimal = units_of(temperature, ++*decimals, units);
    encoder->n_binary = is_decimal ? 0 : encoder->n_binary + 1;
    return is_decimal;
}

static uint8_t *put_temperature(struct journal_encoder *encoder, uint8_t *to, uint8_t *tag,
                                double temperature) {
    struct journal_trail *trail = &encoder->trail;
    uint64_t bits = bits_of(temperature);
    unsigned decimals;
    int64_t units;
    if (bits == bits_of(trail->last.temperature)) {
        *tag |= TEMPERATURE_SAME << TEMPERATURE_SHIFT;
        return to;
    }
    if (!find_decimals(encoder, temperature, &decimals, &units)) {
        *tag |= TEMPERATURE_DOUBLE << TEMPERATURE_SHIFT;
        bits = htole64(bits);
        memcpy(to, &bits, sizeof(bits));
        return to + sizeof(bits);
    }
    *tag |= (uint8_t)(decimals << TEMPERATURE_SHIFT);
    int64_t from = decimals == trail->decimals ? trail->units : 0;
    trail->decimals = decimals;
    trail->units = units;
    return put_varint(to, zigzag((uint64_t)units - (uint64_t)from));
}

/* ---- a reading ---- */

static uint8_t *put_reading(struct journal_encoder *encoder, uint8_t *to,
                            const struct kept *reading) {
    struct journal_trail *trail = &encoder->trail;
    uint8_t *tag = to++;
    *tag = 0;
    to = put_time(trail, to, tag, reading->time);
    uint64_t step = reading->sequence - trail->last.sequence;
    if (step != trail->step_sequence) {
        *tag |= SEQUENCE_STEP;
        to = put_varint(to, zigzag(step));
        trail->step_sequence = step;
    }
    to = put_temperature(encoder, to, tag, reading->temperature);
    trail->last = *reading;
    return to;
}

int journal_encode_reading(struct journal_encoder *encoder, struct buf *out, uint32_t number,
                           const struct kept *reading) {
    uint8_t *start;
    int r = reserve(out, JOURNAL_READING_MAX_BYTES, &start);
    if (r)
        return r;
    assert(reading->time.nanos >= 0 && reading->time.nanos < NANOS_PER_SECOND);
    uint8_t *to = start;
    if (encoder->trail.number != number) {
        *to++ = TAG_RUN;
        to = put_varint(to, number);
        encoder->trail.number = number;
    }
    buf_commit(out, (size_t)(put_reading(encoder, to, reading) - start));
    return 0;
}

/* ---- the way back ---- */

void journal_decoder_init(struct journal_decoder *decoder, struct bytes payload) {
    trail_init(&decoder->trail);
    decoder->rest = payload;
}

static int get_varint(struct bytes *rest, uint64_t *value) {
    *value = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        uint64_t byte = rest->data[i];
        if (i == 9 && byte > 1)
            break;
        *value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = bytes_from(*rest, i + 1);
            return 0;
        }
    }
    return -EBADMSG;
}

static int get_number(struct bytes *rest, uint32_t *number) {
    uint64_t value;
    int r = get_varint(rest, &value);
    if (r || value > UINT32_MAX)
        return -EBADMSG;
    *number = (uint32_t)value;
    return 0;
}

static int get_sensor(struct bytes *rest, struct journal_entry *entry) {
    uint64_t len;
    int r = get_number(rest, &entry->number);
    if (r == 0)
        r = get_varint(rest, &len);
    if (r || len > rest->len || len > STORE_ID_MAX_BYTES)
        return -EBADMSG;
    entry->is_sensor = true;
    entry->id = bytes_of(rest->data, (size_t)len);
    *rest = bytes_from(*rest, (size_t)len);
    return 0;
}

static int get_step_nanos(struct bytes *rest, struct journal_trail *trail) {
    uint64_t change;
    int64_t nanos;
    int r = get_varint(rest, &change);
    if (r || !step_is_short(trail->step) ||
        __builtin_add_overflow(step_in_nanos(trail->step), (int64_t)unzigzag(change), &nanos))
        return -EBADMSG;
    int64_t rest_nanos = nanos % NANOS_PER_SECOND;
    bool is_below = rest_nanos < 0;
    trail->step.seconds = (uint64_t)(nanos / NANOS_PER_SECOND - is_below);
    trail->step.nanos = (int32_t)(rest_nanos + (is_below ? NANOS_PER_SECOND : 0));
    return 0;
}

static int get_step(struct bytes *rest, struct journal_trail *trail) {
    uint64_t seconds, nanos;
    int r = get_varint(rest, &seconds);
    if (r == 0)
        r = get_varint(rest, &nanos);
    if (r || nanos >= NANOS_PER_SECOND)
        return -EBADMSG;
    trail->step.seconds = unzigzag(seconds);
    trail->step.nanos = (int32_t)nanos;
    return 0;
}

static int get_time(struct bytes *rest, uint8_t tag, struct journal_trail *trail) {
    uint64_t change;
    int r = 0;
    switch (tag & TIME_MASK) {
    case TIME_SAME:
        break;
    case TIME_SECONDS:
        r = get_varint(rest, &change);
        if (r == 0)
            trail->step.seconds += unzigzag(change);
        break;
    case TIME_NANOS:
        r = get_step_nanos(rest, trail);
        break;
    default:
        r = get_step(rest, trail);
    }
    struct stats_instant *time = &trail->last.time;
    time->nanos += trail->step.nanos;
    bool is_next_second = time->nanos >= NANOS_PER_SECOND;
    time->nanos -= is_next_second ? NANOS_PER_SECOND : 0;
    time->seconds = (int64_t)((uint64_t)time->seconds + trail->step.seconds + is_next_second);
    return r;
}

static int get_sequence(struct bytes *rest, uint8_t tag, struct journal_trail *trail) {
    if (tag & SEQUENCE_STEP) {
        uint64_t step;
        int r = get_varint(rest, &step);
        if (r)
            return r;
        trail->step_sequence = unzigzag(step);
    }
    trail->last.sequence += trail->step_sequence;
    return 0;
}

static int get_double(struct bytes *rest, double *value) {
    uint64_t bits;
    if (rest->len < sizeof(bits))
        return -EBADMSG;
    memcpy(&bits, rest->data, sizeof(bits));
    *rest = bytes_from(*rest, sizeof(bits));
    bits = le64toh(bits);
    memcpy(value, &bits, sizeof(bits));
    return 0;
}

static int get_temperature(struct bytes *rest, uint8_t tag, struct journal_trail *trail) {
    unsigned kind = tag >> TEMPERATURE_SHIFT;
    uint64_t change;
    if (kind == TEMPERATURE_SAME)
        return 0;
    if (kind == TEMPERATURE_DOUBLE)
        return get_double(rest, &trail->last.temperature);
    if (kind > MAX_DECIMALS || get_varint(rest, &change))
        return -EBADMSG;
    int64_t from = kind == trail->decimals ? trail->units : 0;
    trail->decimals = kind;
    trail->units = (int64_t)((uint64_t)from + unzigzag(change));
    trail->last.temperature = (double)trail->units / powers_of_ten[kind];
    return 0;
}

static int get_reading(struct journal_decoder *decoder, uint8_t tag, struct journal_entry *entry) {
    struct journal_trail *trail = &decoder->trail;
    if (tag >= TAG_RUN || trail->number == JOURNAL_NO_SENSOR)
        return -EBADMSG;
    int r = get_time(&decoder->rest, tag, trail);
    if (r == 0)
        r = get_sequence(&decoder->rest, tag, trail);
    if (r == 0)
        r = get_temperature(&decoder->rest, tag, trail);
    if (r)
        return r;
    entry->is_sensor = false;
    entry->number = (uint32_t)trail->number;
    entry->reading = trail->last;
    return 0;
}

static uint8_t take_byte(struct bytes *rest) {
    uint8_t byte = rest->data[0];
    *rest = bytes_from(*rest, 1);
    return byte;
}

int journal_decode(struct journal_decoder *decoder, struct journal_entry *entry) {
    if (decoder->rest.len == 0)
        return JOURNAL_RECORD_E_END;
    uint8_t tag = take_byte(&decoder->rest);
    if (tag == TAG_SENSOR)
        return get_sensor(&decoder->rest, entry);
    if (tag == TAG_RUN) {
        uint32_t number;
        int r = get_number(&decoder->rest, &number);
        if (r || decoder->rest.len == 0)
            return -EBADMSG;
        decoder->trail.number = number;
        tag = take_byte(&decoder->rest);
    }
    return get_reading(decoder, tag, entry);
}
