/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/reading.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "proto/wire.h"
#include "unit.h"

/*
 * What Google's protobuf for Python 7.36.2 writes for these readings:
 * SensorReading(sensor_id=..., ...).SerializeToString().hex()
 */
static const struct {
    const char *sensor_id;
    double temperature;
    int64_t seconds;
    int32_t nanos;
    uint64_t sequence;
    const char *hex;
} vectors[] = {
    {"", 0.0, 0, 0, 0, ""},
    {"a", 0.0, 0, 0, 0, "0a0161"},
    {"", 5e-324, 0, 0, 300, "11010000000000000028ac02"},
    {"boiler-1", 20.37, 1700000000, 0, 0, "0a08626f696c65722d31111f85eb51b85e34401880e2cfaa06"},
    {"boiler-1", -0.0, 1, 999999999, 1,
     "0a08626f696c65722d31110000000000000080180120ff93ebdc032801"},
    {"k\xC3\xBC"
     "che",
     1e-310, 253402300799, 1, 127, "0a066bc3bc636865112be6708b6812000018ff82d1ffaf072001287f"},
    {"x", -273.15, -1, -1, 128,
     "0a017811666666666612"
     "71c018ffffffffffffffffff0120ffffffffffffffffff01288001"},
    {"x", INFINITY, INT64_MAX, INT32_MAX, UINT64_MAX,
     "0a017811000000000000f07f18ffffffffffffffff7f20ffffffff0728ffffffffffffffffff01"},
    {"x", -INFINITY, INT64_MIN, INT32_MIN, UINT64_C(1) << 63,
     "0a017811000000000000f0ff1880808080808080808001208080808"
     "0f8ffffffff012880808080808080808001"},
};

static size_t bytes_of_hex(const char *hex, uint8_t *out) {
    size_t n = 0;
    for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        out[n] = (uint8_t)byte;
    return n;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void assert_same(const struct reading *a, const struct reading *b) {
    assert_true(bytes_equal(a->sensor_id, b->sensor_id));
    assert_int_equal(bits_of(a->temperature), bits_of(b->temperature));
    assert_int_equal(a->seconds, b->seconds);
    assert_int_equal(a->nanos, b->nanos);
    assert_int_equal(a->sequence, b->sequence);
}

static void test_bytes_are_those_of_googles_protobuf(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct reading reading = {bytes_str(vectors[i].sensor_id), vectors[i].temperature,
                                  vectors[i].seconds, vectors[i].nanos, vectors[i].sequence};
        uint8_t expected[READING_MAX_SIZE], written[READING_MAX_SIZE];
        size_t len = bytes_of_hex(vectors[i].hex, expected);
        assert_int_equal(reading_encoded_size(&reading), len);
        assert_ptr_equal(reading_encode(&reading, written), written + len);
        assert_memory_equal(written, expected, len);
        struct reading read;
        assert_int_equal(reading_decode(bytes_of(expected, len), &read), 0);
        assert_same(&read, &reading);
    }
}

static uint64_t random_of_any_size(struct random *random) {
    return random_u64(random) >> random_below(random, 64);
}

static void test_any_reading_comes_back_bit_for_bit(void **state) {
    (void)state;
    struct random random;
    char id[128];
    memset(id, 'i', sizeof(id));
    random_init(&random, 31);
    for (int i = 0; i < 20000; i++) {
        struct reading read, reading = {
                                 .sensor_id = bytes_of(id, random_below(&random, sizeof(id) + 1)),
                                 .seconds = (int64_t)random_of_any_size(&random),
                                 .nanos = (int32_t)random_of_any_size(&random),
                                 .sequence = random_of_any_size(&random),
                             };
        uint64_t bits = random_u64(&random);
        memcpy(&reading.temperature, &bits, sizeof(bits));
        uint8_t written[READING_MAX_SIZE];
        size_t len = reading_encoded_size(&reading);
        assert_true(len <= sizeof(written));
        assert_ptr_equal(reading_encode(&reading, written), written + len);
        assert_int_equal(reading_decode(bytes_of(written, len), &read), 0);
        assert_same(&read, &reading);
    }
}

static void test_the_longest_valid_reading_fits(void **state) {
    (void)state;
    char id[128] = {'i'};
    struct reading reading = {bytes_of(id, sizeof(id)), -1.5, -1, -1, UINT64_MAX};
    assert_true(reading_encoded_size(&reading) <= READING_MAX_SIZE);
}

static struct reading decoded(const char *hex) {
    static uint8_t raw[256];
    struct reading reading;
    size_t len = bytes_of_hex(hex, raw);
    assert_int_equal(reading_decode(bytes_of(raw, len), &reading), 0);
    return reading;
}

static void test_unknown_fields_and_groups_are_skipped(void **state) {
    (void)state;
    struct reading reading = decoded("32036e6577"
                                     "0a0161"
                                     "3b08013c"
                                     "4501020304"
                                     "1807");
    assert_true(bytes_equal_str(reading.sensor_id, "a"));
    assert_int_equal(reading.seconds, 7);
}

static void test_of_a_repeated_field_the_last_counts(void **state) {
    (void)state;
    struct reading reading = decoded("0a0161"
                                     "1801"
                                     "0a0162"
                                     "1802");
    assert_true(bytes_equal_str(reading.sensor_id, "b"));
    assert_int_equal(reading.seconds, 2);
}

static void test_a_known_field_of_another_wire_type_is_unknown(void **state) {
    (void)state;
    struct reading reading = decoded("0801"
                                     "1001"
                                     "1a0161"
                                     "2507000000"
                                     "290700000000000000");
    assert_same(&reading, &(struct reading){0});
}

static void test_nanos_keep_the_low_32_bits_as_google_does(void **state) {
    (void)state;
    assert_int_equal(decoded("208180808010").nanos, 1);
}

static void test_a_message_cut_short_is_malformed(void **state) {
    (void)state;
    uint8_t raw[64];
    size_t len = bytes_of_hex(vectors[4].hex, raw);
    /* Between two fields a cut leaves a message: after the id, the temperature, time and nanos. */
    for (size_t n = 0; n < len; n++) {
        struct reading reading;
        bool between = n == 0 || n == 10 || n == 19 || n == 21 || n == 27;
        assert_int_equal(reading_decode(bytes_of(raw, n), &reading),
                         between ? 0 : READING_E_MALFORMED);
    }
}

/* What the fields come to one by one, as the protocol has it. */
static int decode_by_fields(struct bytes message, struct reading *reading) {
    struct wire_field field;
    int r;
    *reading = (struct reading){0};
    while ((r = wire_next(&message, &field)) == 0) {
        if (field.id == 1 && field.type == WIRE_BYTES)
            reading->sensor_id = field.bytes;
        if (field.id == 2 && field.type == WIRE_FIXED64)
            memcpy(&reading->temperature, &field.number, sizeof(field.number));
        if (field.id == 3 && field.type == WIRE_VARINT)
            reading->seconds = (int64_t)field.number;
        if (field.id == 4 && field.type == WIRE_VARINT)
            reading->nanos = (int32_t)(uint32_t)field.number;
        if (field.id == 5 && field.type == WIRE_VARINT)
            reading->sequence = field.number;
    }
    return r == WIRE_E_END ? 0 : READING_E_MALFORMED;
}

/* A copy on the heap, exactly as long, so that a sanitizer sees a read beyond its end. */
static void assert_decoded_as_by_fields(struct bytes message) {
    struct reading read, expected;
    uint8_t *copy = mem_alloc(message.len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, message.data, message.len);
    message.data = copy + 1;
    int r = decode_by_fields(message, &expected);
    assert_int_equal(reading_decode(message, &read), r);
    if (r == 0)
        assert_same(&read, &expected);
    mem_free(copy);
}

static size_t write_random_reading(struct random *random, uint8_t out[READING_MAX_SIZE]) {
    static const uint8_t id[128] = {'i'};
    struct reading reading = {
        .sensor_id = bytes_of(id, random_below(random, sizeof(id) + 1)),
        .temperature = (double)random_below(random, 3),
        .seconds = (int64_t)random_of_any_size(random),
        .nanos = (int32_t)random_of_any_size(random),
        .sequence = random_of_any_size(random),
    };
    return (size_t)(reading_encode(&reading, out) - out);
}

static void test_any_bytes_are_decoded_as_field_by_field(void **state) {
    (void)state;
    struct random random;
    uint8_t raw[READING_MAX_SIZE];
    random_init(&random, 32);
    for (int i = 0; i < 20000; i++) {
        size_t len = random_below(&random, 32);
        for (size_t j = 0; j < len; j++)
            raw[j] = (uint8_t)random_u64(&random);
        assert_decoded_as_by_fields(bytes_of(raw, len));
    }
}

/* Changed in a few bytes, mostly at the ends, where tags and lengths are; cut short; written twice.
 */
static void test_damaged_readings_are_decoded_as_field_by_field(void **state) {
    (void)state;
    struct random random;
    uint8_t raw[2 * READING_MAX_SIZE];
    random_init(&random, 33);
    for (int i = 0; i < 100000; i++) {
        size_t len = write_random_reading(&random, raw);
        if (random_below(&random, 8) == 0)
            len += write_random_reading(&random, raw + len);
        for (size_t n = random_below(&random, 3); n > 0 && len > 0; n--) {
            size_t place = random_below(&random, len < 24 ? len : 24);
            raw[random_below(&random, 2) ? place : len - 1 - place] = (uint8_t)random_u64(&random);
        }
        if (random_below(&random, 4) == 0)
            len = random_below(&random, len + 1);
        assert_decoded_as_by_fields(bytes_of(raw, len));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_those_of_googles_protobuf),
        cmocka_unit_test(test_any_reading_comes_back_bit_for_bit),
        cmocka_unit_test(test_the_longest_valid_reading_fits),
        cmocka_unit_test(test_unknown_fields_and_groups_are_skipped),
        cmocka_unit_test(test_of_a_repeated_field_the_last_counts),
        cmocka_unit_test(test_a_known_field_of_another_wire_type_is_unknown),
        cmocka_unit_test(test_nanos_keep_the_low_32_bits_as_google_does),
        cmocka_unit_test(test_a_message_cut_short_is_malformed),
        cmocka_unit_test(test_any_bytes_are_decoded_as_field_by_field),
        cmocka_unit_test(test_damaged_readings_are_decoded_as_field_by_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
