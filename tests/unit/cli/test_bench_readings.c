/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_readings.h"

#include <math.h>

#include "fail_alloc.h"
#include "grpc/framing.h"
#include "unit.h"

static struct bench_readings readings;

static int make_ten(void **state) {
    (void)state;
    return bench_readings_init(&readings, 10);
}

static int drop(void **state) {
    (void)state;
    bench_readings_fini(&readings);
    return 0;
}

static void test_a_sensor_goes_on_by_a_second_and_a_sequence(void **state) {
    (void)state;
    struct bench_source source;
    struct reading reading;
    bench_source_init(&source, &readings, 3, 10);
    assert_int_equal(bench_source_n_sensors(&source), 1);
    for (int i = 0; i < 100000; i++) {
        bench_source_next(&source, &reading);
        assert_true(bytes_equal_str(reading.sensor_id, readings.ids[3]));
        assert_int_equal(reading.seconds, BENCH_START_S + i);
        assert_int_equal(reading.sequence, i + 1);
    }
}

static void test_streams_share_the_sensors_without_meeting(void **state) {
    (void)state;
    int n_seen[10] = {0};
    for (uint64_t stream = 0; stream < 4; stream++) {
        struct bench_source source;
        struct reading reading;
        bench_source_init(&source, &readings, stream, 4);
        uint64_t n = bench_source_n_sensors(&source);
        assert_int_equal(n, stream < 2 ? 3 : 2);
        for (uint64_t i = 0; i < 2 * n; i++) {
            bench_source_next(&source, &reading);
            uint64_t sensor = stream + i % n * 4;
            assert_true(bytes_equal_str(reading.sensor_id, readings.ids[sensor]));
            assert_int_equal(reading.sequence, i / n + 1);
            n_seen[sensor]++;
        }
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(n_seen[i], 2);
}

static void test_temperatures_have_two_decimals_and_differ(void **state) {
    (void)state;
    struct bench_source source;
    struct reading reading;
    double last = 0;
    int n_equal = 0;
    bench_source_init(&source, &readings, 0, 10);
    for (int i = 0; i < 100000; i++) {
        bench_source_next(&source, &reading);
        assert_true(reading.temperature > 5 && reading.temperature < 32);
        assert_true(reading.temperature == nearbyint(reading.temperature * 100) / 100);
        n_equal += reading.temperature == last;
        last = reading.temperature;
    }
    assert_true(n_equal < 10000);
}

static void test_messages_are_the_readings(void **state) {
    (void)state;
    static uint8_t room[1000 * BENCH_MAX_FRAMED];
    struct bench_source written, told;
    struct grpc_framing framing;
    struct grpc_message message;
    bench_source_init(&written, &readings, 1, 2);
    bench_source_init(&told, &readings, 1, 2);
    grpc_framing_init(&framing);
    uint8_t *end = bench_source_write(&written, 1000, room);
    struct bytes piece = bytes_of(room, (size_t)(end - room));
    for (int i = 0; i < 1000; i++) {
        struct reading wanted, got;
        bench_source_next(&told, &wanted);
        assert_int_equal(grpc_framing_next(&framing, &piece, &message), 0);
        assert_int_equal(reading_decode(message.bytes, &got), 0);
        assert_true(bytes_equal(got.sensor_id, wanted.sensor_id));
        assert_true(got.temperature == wanted.temperature);
        assert_true(got.seconds == wanted.seconds && got.sequence == wanted.sequence);
    }
    assert_int_equal(piece.len, 0);
    grpc_framing_fini(&framing);
}

static void test_two_runs_have_different_sensors(void **state) {
    (void)state;
    struct bench_readings other;
    assert_int_equal(bench_readings_init(&other, 1), 0);
    assert_string_not_equal(other.prefix, readings.prefix);
    bench_readings_fini(&other);
}

static void test_the_longest_id_fits(void **state) {
    (void)state;
    struct bench_readings many;
    struct bench_source source;
    uint8_t room[BENCH_MAX_FRAMED];
    assert_int_equal(bench_readings_init(&many, BENCH_MAX_SENSORS), 0);
    assert_true(strlen(many.ids[BENCH_MAX_SENSORS - 1]) < BENCH_ID_SIZE - 1);
    bench_source_init(&source, &many, BENCH_MAX_SENSORS - 1, BENCH_MAX_SENSORS);
    source.second = UINT64_C(1) << 40;
    assert_true(bench_source_write(&source, 1, room) <= room + sizeof(room));
    bench_readings_fini(&many);
}

static void test_memory_running_out_is_told(void **state) {
    (void)state;
    struct bench_readings none = {0};
    fail_alloc_at(1);
    assert_int_equal(bench_readings_init(&none, 10), -ENOMEM);
    fail_alloc_off();
    bench_readings_fini(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_ten, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_sensor_goes_on_by_a_second_and_a_sequence),
        TEST(test_streams_share_the_sensors_without_meeting),
        TEST(test_temperatures_have_two_decimals_and_differ),
        TEST(test_messages_are_the_readings),
        TEST(test_two_runs_have_different_sensors),
        cmocka_unit_test(test_the_longest_id_fits),
        cmocka_unit_test(test_memory_running_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
