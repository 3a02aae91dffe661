/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of any readings, and chunks of any bytes. The first byte of the input says which: for
 * readings, the rest is a program that makes them, so that what sensors send and what nobody sends
 * come in all mixtures; they must come out as they went in, and a prefix too. For bytes, nothing
 * may happen but an error.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PAGE = 64,
    NS_PER_SECOND = 1000000000,
};

static void must(bool is_right) {
    if (!is_right)
        abort();
}

/* ---- any bytes ---- */

static void read_bytes(struct bytes packed) {
    struct chunk_reader reader;
    chunk_reader_init(&reader, packed, UINT32_MAX);
    struct kept page[PAGE];
    uint32_t n = 1;
    while (n > 0 && chunk_read(&reader, page, PAGE, &n) == 0)
        for (uint32_t i = 0; i < n; i++)
            must(page[i].time.nanos >= 0 && page[i].time.nanos < NS_PER_SECOND);
}

/* ---- any readings ---- */

/* The next `size` bytes as a number; beyond the end they are 0. */
static uint64_t take(struct bytes *program, size_t size) {
    uint64_t number = 0;
    size = size < program->len ? size : program->len;
    if (size > 0)
        memcpy(&number, program->data, size);
    *program = bytes_from(*program, size);
    return number;
}

static struct stats_instant next_time(struct bytes *program, unsigned how,
                                      struct stats_instant time) {
    static const uint64_t units[] = {NS_PER_SECOND, 1000000, 1000, 1};
    if (how == 7)
        return (struct stats_instant){(int64_t)take(program, 8),
                                      (int32_t)(take(program, 4) % NS_PER_SECOND)};
    uint64_t ns = how < 4 ? units[how] : take(program, 2) * units[how - 4];
    ns += (uint64_t)time.nanos;
    uint64_t seconds = (uint64_t)time.seconds + ns / NS_PER_SECOND;
    return (struct stats_instant){(int64_t)seconds, (int32_t)(ns % NS_PER_SECOND)};
}

static double next_value(struct bytes *program, unsigned how) {
    static const double scales[] = {1, 10, 100, 1000, 1e6, 1e9};
    if (how < 6)
        return (double)(int16_t)take(program, 2) / scales[how];
    uint64_t bits = take(program, how == 6 ? 4 : 8);
    if (how == 6) {
        float value;
        memcpy(&value, &bits, sizeof(value));
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t next_sequence(struct bytes *program, unsigned how, uint64_t sequence) {
    switch (how) {
    case 0:
        return 0;
    case 1:
        return sequence + 1;
    case 2:
        return sequence + take(program, 2);
    default:
        return take(program, 8);
    }
}

static uint32_t make_readings(struct bytes program, struct kept *readings) {
    struct kept before = {.time = {1700000000, 0}};
    uint32_t n = 0;
    while (program.len > 0 && n < CHUNK_MAX_READINGS) {
        unsigned how = (unsigned)take(&program, 1);
        unsigned n_times = how < 128 ? 1 : 20;
        how = (unsigned)take(&program, 1) | (how & 127) << 8;
        for (; n_times > 0 && n < CHUNK_MAX_READINGS; n_times--) {
            readings[n].time = next_time(&program, how & 7, before.time);
            readings[n].temperature = next_value(&program, how >> 3 & 7);
            readings[n].sequence = next_sequence(&program, how >> 6 & 3, before.sequence);
            before = readings[n++];
        }
    }
    return n;
}

static bool is_same(const struct kept *a, const struct kept *b) {
    return stats_instant_compare(a->time, b->time) == 0 && a->sequence == b->sequence &&
           memcmp(&a->temperature, &b->temperature, sizeof(a->temperature)) == 0;
}

static void must_hold(const struct chunk *chunk, struct chunk_mark mark,
                      const struct kept *readings) {
    struct bytes packed = chunk_bytes(chunk, mark);
    must(packed.len <= CHUNK_MAX_BYTES);
    CLEANUP(mem_freep) uint8_t *copy = mem_alloc(packed.len);
    if (packed.len > 0)
        memcpy(copy, packed.data, packed.len);
    struct chunk_reader reader;
    chunk_reader_init(&reader, bytes_of(copy, packed.len), mark.n);
    struct kept page[PAGE];
    uint32_t n = 1;
    for (uint32_t at = 0; n > 0; at += n) {
        must(chunk_read(&reader, page, PAGE, &n) == 0);
        must(n == (mark.n - at < PAGE ? mark.n - at : PAGE));
        for (uint32_t i = 0; i < n; i++)
            must(is_same(&page[i], &readings[at + i]));
    }
}

static void round_trip(struct bytes program) {
    static struct kept readings[CHUNK_MAX_READINGS];
    uint32_t n = make_readings(program, readings);
    struct chunk chunk = {0};
    struct chunk_mark middle = {0};
    for (uint32_t i = 0; i < n; i++) {
        must(chunk_append(&chunk, &readings[i]) == 0);
        if (i == n / 2)
            middle = chunk_end(&chunk);
    }
    must_hold(&chunk, chunk_end(&chunk), readings);
    must_hold(&chunk, middle, readings);
    chunk_fini(&chunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_of(data, size);
    if (size == 0)
        return 0;
    if (data[0] & 1)
        round_trip(bytes_from(input, 1));
    else
        read_bytes(bytes_from(input, 1));
    return 0;
}
