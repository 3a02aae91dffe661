/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generator.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/siphash.h"
#include "unit.h"

enum {
    START_S = 1767225600
};

static struct generator *new_generator(enum generator_set set, uint64_t seed, uint64_t n_sensors) {
    const struct generator_options options = {
        .set = set, .seed = seed, .n_sensors = n_sensors, .prefix = "s", .start_s = START_S};
    struct generator *generator;
    assert_int_equal(generator_new(&options, &generator), 0);
    return generator;
}

/* A hash of the first readings, all fields. */
static uint64_t hash_of(enum generator_set set, uint64_t seed, int n) {
    static const uint64_t key[2] = {1, 2};
    CLEANUP(generator_freep) struct generator *generator = new_generator(set, seed, 10);
    uint64_t hash = 0;
    for (int i = 0; i < n; i++) {
        struct reading reading;
        generator_next(generator, &reading);
        struct {
            uint64_t before, id, sequence;
            double temperature;
            int64_t seconds, nanos;
        } all = {hash,
                 siphash13(key, reading.sensor_id),
                 reading.sequence,
                 reading.temperature,
                 reading.seconds,
                 reading.nanos};
        hash = siphash13(key, bytes_of(&all, sizeof(all)));
    }
    return hash;
}

static void test_same_seed_gives_the_same_readings(void **state) {
    (void)state;
    for (int set = GENERATOR_A; set <= GENERATOR_B; set++) {
        uint64_t hash = hash_of((enum generator_set)set, 7, 1000);
        assert_true(hash == hash_of((enum generator_set)set, 7, 1000));
        assert_true(hash != hash_of((enum generator_set)set, 8, 1000));
    }
}

static void test_set_a_has_each_sensor_every_second(void **state) {
    (void)state;
    CLEANUP(generator_freep) struct generator *generator = new_generator(GENERATOR_A, 1, 3);
    struct reading reading;
    for (uint64_t i = 0; i < 12; i++) {
        char id[] = {'s', '-', (char)('1' + i % 3), '\0'};
        generator_next(generator, &reading);
        assert_true(bytes_equal_str(reading.sensor_id, id));
        assert_int_equal(reading.seconds, START_S + (int64_t)(i / 3));
        assert_int_equal(reading.nanos, 0);
        assert_int_equal(reading.sequence, i / 3 + 1);
    }
}

/* The last time of each of up to 20 sensors, by number. */
static int64_t *slot_of(int64_t last[20], struct bytes sensor_id) {
    int number = 0;
    for (size_t i = 2; i < sensor_id.len; i++)
        number = number * 10 + (sensor_id.data[i] - '0');
    assert_in_range(number, 1, 20);
    return &last[number - 1];
}

static void test_set_b_comes_in_order_at_intervals_of_1_to_10_s(void **state) {
    (void)state;
    CLEANUP(generator_freep) struct generator *generator = new_generator(GENERATOR_B, 1, 20);
    int64_t last[20], before = 0;
    struct reading reading;
    bool has_nanos = false;
    for (int i = 0; i < 20; i++)
        last[i] = 0;
    for (int i = 0; i < 5000; i++) {
        generator_next(generator, &reading);
        int64_t at = (reading.seconds - START_S) * (int64_t)NS_PER_S + reading.nanos;
        int64_t *slot = slot_of(last, reading.sensor_id);
        assert_true(at >= before);
        assert_in_range(at - *slot, NS_PER_S, 10 * NS_PER_S);
        has_nanos |= reading.nanos % 1000 != 0;
        *slot = before = at;
    }
    assert_true(has_nanos);
}

static void test_temperatures_are_hundredths_around_a_daily_curve(void **state) {
    (void)state;
    struct random random;
    double low = INFINITY, high = -INFINITY;
    random_init(&random, 1);
    for (int64_t second = 0; second < 86400; second += 60) {
        double value = generator_temperature(&random, 0, (struct moment){START_S + second, 0});
        assert_true(value == nearbyint(value * 100) / 100);
        low = fmin(low, value);
        high = fmax(high, value);
    }
    assert_true(high - low > 9.5 && high - low < 11.5);
}

static void test_noise_is_gaussian_of_a_tenth(void **state) {
    (void)state;
    struct random random;
    double sum = 0, squares = 0;
    enum {
        N = 20000
    };
    random_init(&random, 3);
    double middle = generator_temperature(&random, 5, (struct moment){START_S, 0});
    for (int i = 0; i < N; i++) {
        double off = generator_temperature(&random, 5, (struct moment){START_S, 0}) - middle;
        sum += off;
        squares += off * off;
    }
    double deviation = sqrt(squares / N - sum / N * (sum / N));
    assert_true(deviation > 0.098 && deviation < 0.102);
}

static void test_every_failed_allocation_is_told(void **state) {
    (void)state;
    const struct generator_options options = {
        .set = GENERATOR_B, .seed = 1, .n_sensors = 5, .prefix = "s"};
    struct generator *generator;
    for (size_t n = 1; n <= 2; n++) {
        fail_alloc_at(n);
        assert_int_equal(generator_new(&options, &generator), -ENOMEM);
    }
    fail_alloc_off();
    assert_int_equal(generator_new(&options, &generator), 0);
    generator_free(generator);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_gives_the_same_readings),
        cmocka_unit_test(test_set_a_has_each_sensor_every_second),
        cmocka_unit_test(test_set_b_comes_in_order_at_intervals_of_1_to_10_s),
        cmocka_unit_test(test_temperatures_are_hundredths_around_a_daily_curve),
        cmocka_unit_test(test_noise_is_gaussian_of_a_tenth),
        cmocka_unit_test(test_every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
