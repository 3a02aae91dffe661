/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal_record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "store/limits.h"
#include "unit.h"

enum {
    N_READINGS = 2000
};

struct sample {
    struct kept readings[N_READINGS];
    uint32_t numbers[N_READINGS];
    size_t n;
};

static void encode(const struct sample *sample, struct buf *out) {
    struct journal_encoder encoder;
    journal_encoder_init(&encoder);
    for (size_t i = 0; i < sample->n; i++) {
        size_t before = buf_len(out);
        assert_int_equal(
            journal_encode_reading(&encoder, out, sample->numbers[i], &sample->readings[i]), 0);
        assert_in_range(buf_len(out) - before, 1, JOURNAL_READING_MAX_BYTES);
    }
}

static void assert_same(const struct kept *a, const struct kept *b) {
    assert_int_equal(a->time.seconds, b->time.seconds);
    assert_int_equal(a->time.nanos, b->time.nanos);
    assert_int_equal(a->sequence, b->sequence);
    assert_memory_equal(&a->temperature, &b->temperature, sizeof(double));
}

/* Codes, decodes, compares; returns the bytes it took. */
static size_t round_trip(const struct sample *sample) {
    struct buf buf;
    struct journal_decoder decoder;
    struct journal_entry entry;
    buf_init(&buf, (size_t)1 << 20);
    encode(sample, &buf);
    journal_decoder_init(&decoder, buf_bytes(&buf));
    for (size_t i = 0; i < sample->n; i++) {
        assert_int_equal(journal_decode(&decoder, &entry), 0);
        assert_false(entry.is_sensor);
        assert_int_equal(entry.number, sample->numbers[i]);
        assert_same(&entry.reading, &sample->readings[i]);
    }
    assert_int_equal(journal_decode(&decoder, &entry), JOURNAL_RECORD_E_END);
    size_t n_bytes = buf_len(&buf);
    buf_fini(&buf);
    return n_bytes;
}

static void regular_sample(struct sample *sample) {
    struct random random;
    random_init(&random, 1);
    *sample = (struct sample){.n = N_READINGS};
    for (size_t i = 0; i < N_READINGS; i++)
        sample->readings[i] = (struct kept){
            .time = {(int64_t)(1700000000 + i), 0},
            .sequence = 100 + i,
            .temperature = round(100 * (20 + 5 * random_gauss(&random))) / 100,
        };
}

static void test_regular_readings_take_three_bytes(void **state) {
    (void)state;
    static struct sample sample;
    regular_sample(&sample);
    assert_true(round_trip(&sample) < 3 * N_READINGS + 32);
}

static void test_regular_steps_of_a_part_of_a_second_take_no_byte(void **state) {
    (void)state;
    static struct sample sample;
    regular_sample(&sample);
    for (size_t i = 0; i < N_READINGS; i++)
        sample.readings[i].time =
            (struct stats_instant){(int64_t)(i / 4), (int32_t)(i % 4) * 250000000};
    assert_true(round_trip(&sample) < 3 * N_READINGS + 32);
}

static void test_interleaved_sensors_take_seven_bytes(void **state) {
    (void)state;
    static struct sample sample;
    regular_sample(&sample);
    for (size_t i = 0; i < N_READINGS; i++) {
        sample.numbers[i] = (uint32_t)(i % 1000);
        sample.readings[i].time.seconds = (int64_t)(1700000000 + i / 1000);
        sample.readings[i].sequence = i / 1000;
    }
    assert_true(round_trip(&sample) < 7 * N_READINGS);
}

static double any_double(struct random *random) {
    static const double special[] = {0.0,      -0.0,    NAN,       INFINITY, -INFINITY, DBL_MAX,
                                     -DBL_MAX, DBL_MIN, 0x1p-1074, 20.37,    20.3,      -273.15,
                                     1e15,     1e16,    0.1,       1e-12,    1e-13,     0x1p51};
    uint64_t bits = random_u64(random);
    double value;
    memcpy(&value, &bits, sizeof(value));
    switch (random_below(random, 4)) {
    case 0:
        return special[random_below(random, ARRAY_LEN(special))];
    case 1:
        return value;
    case 2:
        return (double)random_below(random, 100000) / pow(10, (double)random_below(random, 14));
    default:
        return random_gauss(random);
    }
}

static struct stats_instant any_time(struct random *random) {
    static const int64_t seconds[] = {INT64_MIN, INT64_MIN + 1, -1,      0,         1,
                                      INT64_MAX, INT64_MAX - 1, 1 << 30, 1700000000};
    static const int32_t nanos[] = {0, 1, 500000000, 999999999};
    if (random_below(random, 2))
        return (struct stats_instant){seconds[random_below(random, ARRAY_LEN(seconds))],
                                      nanos[random_below(random, ARRAY_LEN(nanos))]};
    int shift = (int)random_below(random, 64);
    return (struct stats_instant){(int64_t)(random_u64(random) >> shift),
                                  (int32_t)random_below(random, 1000000000)};
}

static void wild_sample(struct sample *sample, uint64_t seed) {
    struct random random;
    random_init(&random, seed);
    *sample = (struct sample){.n = 100};
    for (size_t i = 0; i < sample->n; i++) {
        sample->readings[i].time = any_time(&random);
        sample->readings[i].temperature = any_double(&random);
        sample->readings[i].sequence = random_u64(&random) >> random_below(&random, 64);
        sample->numbers[i] = (uint32_t)random_u64(&random) >> random_below(&random, 32);
    }
}

static void test_any_reading_comes_out_bit_for_bit(void **state) {
    (void)state;
    static struct sample sample;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        wild_sample(&sample, seed);
        round_trip(&sample);
    }
}

static void test_a_reading_that_changes_everything_fits_the_bound(void **state) {
    (void)state;
    static struct sample sample = {
        .readings = {{{INT64_MIN, 999999999}, UINT64_MAX / 2, 0.5},
                     {{INT64_MIN / 2, 1}, 7, -1e15},
                     {{INT64_MAX, 999999998}, UINT64_MAX / 2, 1e15}},
        .numbers = {UINT32_MAX, UINT32_MAX - 1, UINT32_MAX},
        .n = 3,
    };
    round_trip(&sample);
}

static void test_sensors_come_out_between_readings(void **state) {
    (void)state;
    struct buf buf;
    struct journal_encoder encoder;
    struct journal_decoder decoder;
    struct journal_entry entry;
    char longest[STORE_ID_MAX_BYTES];
    struct kept reading = {{5, 0}, 1, 20.5};
    memset(longest, 'x', sizeof(longest));
    buf_init(&buf, 10000);
    journal_encoder_init(&encoder);
    assert_int_equal(journal_encode_sensor(&buf, 0, bytes_str("boiler")), 0);
    assert_int_equal(journal_encode_reading(&encoder, &buf, 0, &reading), 0);
    assert_int_equal(journal_encode_sensor(&buf, UINT32_MAX, bytes_of(longest, sizeof(longest))),
                     0);
    assert_int_equal(journal_encode_reading(&encoder, &buf, 0, &reading), 0);
    journal_decoder_init(&decoder, buf_bytes(&buf));
    assert_int_equal(journal_decode(&decoder, &entry), 0);
    assert_true(entry.is_sensor && entry.number == 0 && bytes_equal_str(entry.id, "boiler"));
    assert_int_equal(journal_decode(&decoder, &entry), 0);
    assert_same(&entry.reading, &reading);
    assert_int_equal(journal_decode(&decoder, &entry), 0);
    assert_true(entry.is_sensor && entry.number == UINT32_MAX &&
                bytes_equal(entry.id, bytes_of(longest, sizeof(longest))));
    assert_int_equal(journal_decode(&decoder, &entry), 0);
    assert_same(&entry.reading, &reading);
    assert_int_equal(journal_decode(&decoder, &entry), JOURNAL_RECORD_E_END);
    buf_fini(&buf);
}

/* Decodes until it ends or is refused, from memory of exactly that size. */
static void decode_all(const uint8_t *bytes, size_t len) {
    struct journal_decoder decoder;
    struct journal_entry entry;
    uint8_t *exact = mem_alloc(len);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    journal_decoder_init(&decoder, bytes_of(exact, len));
    int r = 0;
    for (size_t n = 0; r == 0; n++) {
        assert_true(n <= len);
        r = journal_decode(&decoder, &entry);
        if (r == 0 && !entry.is_sensor)
            assert_in_range(entry.reading.time.nanos, 0, 999999999);
    }
    assert_true(r == JOURNAL_RECORD_E_END || r == -EBADMSG);
    mem_free(exact);
}

static void test_random_bytes_are_refused_or_readings(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 9);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[200];
        size_t len = random_below(&random, sizeof(bytes) + 1);
        uint8_t mask = random_below(&random, 2) ? 0xff : 0x7f;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)random_u64(&random) & mask;
        if (len > 1 && random_below(&random, 4)) {
            bytes[0] = 0x80;
            bytes[1] &= 0x7f;
        }
        decode_all(bytes, len);
    }
}

static void test_flipped_bits_and_cut_ends_are_refused_or_readings(void **state) {
    (void)state;
    static struct sample sample;
    struct random random;
    random_init(&random, 11);
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct buf buf;
        buf_init(&buf, 100000);
        wild_sample(&sample, seed);
        encode(&sample, &buf);
        for (int round = 0; round < 50; round++) {
            size_t bit = random_below(&random, 8 * buf_len(&buf));
            buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            decode_all(buf.data, random_below(&random, buf_len(&buf) + 1));
            decode_all(buf.data, buf_len(&buf));
        }
        buf_fini(&buf);
    }
}

static void test_nothing_changes_when_memory_runs_out(void **state) {
    (void)state;
    struct buf buf, full;
    struct journal_encoder encoder, before;
    struct kept reading = {{5, 0}, 1, 20.5};
    buf_init(&buf, 10000);
    buf_init(&full, 20);
    journal_encoder_init(&encoder);
    before = encoder;
    fail_alloc_at(1);
    assert_int_equal(journal_encode_reading(&encoder, &buf, 0, &reading), -ENOMEM);
    fail_alloc_at(1);
    assert_int_equal(journal_encode_sensor(&buf, 0, bytes_str("boiler")), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(journal_encode_reading(&encoder, &full, 0, &reading), -ENOMEM);
    assert_int_equal(journal_encode_sensor(&full, 0, bytes_str("a long name")), -ENOMEM);
    assert_int_equal(encoder.trail.number, before.trail.number);
    assert_int_equal(encoder.trail.last.time.seconds, 0);
    assert_int_equal(buf_len(&buf) + buf_len(&full), 0);
    buf_fini(&buf);
    buf_fini(&full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regular_readings_take_three_bytes),
        cmocka_unit_test(test_regular_steps_of_a_part_of_a_second_take_no_byte),
        cmocka_unit_test(test_interleaved_sensors_take_seven_bytes),
        cmocka_unit_test(test_any_reading_comes_out_bit_for_bit),
        cmocka_unit_test(test_a_reading_that_changes_everything_fits_the_bound),
        cmocka_unit_test(test_sensors_come_out_between_readings),
        cmocka_unit_test(test_random_bytes_are_refused_or_readings),
        cmocka_unit_test(test_flipped_bits_and_cut_ends_are_refused_or_readings),
        cmocka_unit_test(test_nothing_changes_when_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
