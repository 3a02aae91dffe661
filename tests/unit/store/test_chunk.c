/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes in comes out bit for bit, whatever it is; a copied prefix is a chunk; damaged bytes are
 * an error or other readings.
 */
#include "store/chunk.h"

#include <float.h>
#include <math.h>

#include "base/mem.h"
#include "base/random.h"
#include "unit.h"

enum {
    N_SEEDS = 40,
    PAGE = 100, /* no divisor of anything */
};

static const int64_t START_S = 1700000000;

static bool is_same(const struct kept *a, const struct kept *b) {
    return a->time.seconds == b->time.seconds && a->time.nanos == b->time.nanos &&
           a->sequence == b->sequence &&
           memcmp(&a->temperature, &b->temperature, sizeof(a->temperature)) == 0;
}

static void assert_holds(struct bytes packed, const struct kept *readings, uint32_t n) {
    /* Of the very size, so that the sanitizer sees a read behind the end. */
    CLEANUP(mem_freep) uint8_t *copy = mem_alloc(packed.len);
    if (packed.len > 0)
        memcpy(copy, packed.data, packed.len);
    struct chunk_reader reader;
    chunk_reader_init(&reader, bytes_of(copy, packed.len), n);
    struct kept page[PAGE];
    uint32_t n_page = 1;
    for (uint32_t at = 0; n_page > 0; at += n_page) {
        assert_int_equal(chunk_read(&reader, page, PAGE, &n_page), 0);
        assert_int_equal(n_page, n - at < PAGE ? n - at : PAGE);
        for (uint32_t i = 0; i < n_page; i++)
            assert_true(is_same(&page[i], &readings[at + i]));
    }
}

static void fill(struct chunk *chunk, const struct kept *readings, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(chunk_append(chunk, &readings[i]), 0);
}

static void assert_round_trip(const struct kept *readings, uint32_t n) {
    struct chunk chunk = {0};
    fill(&chunk, readings, n);
    assert_int_equal(chunk_end(&chunk).n, n);
    assert_holds(chunk_bytes(&chunk, chunk_end(&chunk)), readings, n);
    chunk_fini(&chunk);
}

static double bytes_per_reading(const struct kept *readings, uint32_t n) {
    struct chunk chunk = {0};
    fill(&chunk, readings, n);
    struct chunk_mark end = chunk_end(&chunk);
    assert_holds(chunk_bytes(&chunk, end), readings, n);
    chunk_fini(&chunk);
    return end.n_bits / 8.0 / n;
}

/* ---- readings as sensors send them ---- */

static struct kept *regular(struct random *random, uint32_t n) {
    struct kept *readings = mem_new_array(struct kept, n);
    for (uint32_t i = 0; i < n; i++)
        readings[i] = (struct kept){
            {START_S + i, 0}, 1000ULL * i, nearbyint(2000 + 10 * random_gauss(random)) / 100};
    return readings;
}

static struct kept *at_random_intervals(struct random *random, uint32_t n) {
    struct kept *readings = regular(random, n);
    uint64_t ns = 0;
    for (uint32_t i = 0; i < n; i++) {
        ns += 1000000000 + random_below(random, 9000000001);
        readings[i].time = (struct stats_instant){START_S + (int64_t)(ns / 1000000000),
                                                  (int32_t)(ns % 1000000000)};
        readings[i].sequence = i + 1;
    }
    return readings;
}

static void test_regular_readings_take_a_byte(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 1);
    CLEANUP(mem_freep) struct kept *readings = regular(&random, CHUNK_MAX_READINGS);
    double bytes = bytes_per_reading(readings, CHUNK_MAX_READINGS);
    assert_true(bytes > 0.5 && bytes <= 1.0);
    assert_true(bytes_per_reading(readings, 100) <= 1.5);
}

static void test_random_intervals_with_nanoseconds_take_five_bytes(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 1);
    CLEANUP(mem_freep) struct kept *readings = at_random_intervals(&random, CHUNK_MAX_READINGS);
    assert_true(bytes_per_reading(readings, CHUNK_MAX_READINGS) <= 5.4);
}

static void test_values_of_32_bits_take_less_than_half_of_64(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 1);
    CLEANUP(mem_freep) struct kept *readings = regular(&random, CHUNK_MAX_READINGS);
    for (uint32_t i = 0; i < CHUNK_MAX_READINGS; i++)
        readings[i].temperature = (double)(float)(20 + random_gauss(&random));
    assert_true(bytes_per_reading(readings, CHUNK_MAX_READINGS) < 3.2);
    for (uint32_t i = 0; i < CHUNK_MAX_READINGS; i++)
        readings[i].temperature = 20 + random_gauss(&random);
    assert_true(bytes_per_reading(readings, CHUNK_MAX_READINGS) < 7.0);
}

/* A strange one in between costs its own bits, and those after it no more than before. */
static void test_exceptions_cost_little(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 1);
    CLEANUP(mem_freep) struct kept *readings = regular(&random, CHUNK_MAX_READINGS);
    static const double strange[] = {-0.0, 0.1 + 0.2, 20.123456, 1e300, 99.99};
    double before = bytes_per_reading(readings, CHUNK_MAX_READINGS);
    for (uint32_t i = 0; i < CHUNK_MAX_READINGS; i += 100)
        readings[i].temperature = strange[i / 100 % ARRAY_LEN(strange)];
    for (uint32_t i = 50; i < CHUNK_MAX_READINGS; i += 100)
        readings[i].time.nanos = 123;
    double after = bytes_per_reading(readings, CHUNK_MAX_READINGS);
    assert_true(after < before + (13.0 + 2 * 6.5) / 100);
}

static void test_memory_grows_with_what_is_kept(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 1);
    CLEANUP(mem_freep) struct kept *readings = regular(&random, CHUNK_MAX_READINGS);
    struct chunk chunk = {0};
    assert_int_equal(chunk_cap_bytes(&chunk), 0);
    assert_int_equal(chunk_bytes(&chunk, chunk_end(&chunk)).len, 0);
    fail_alloc_off();
    for (uint32_t i = 0; i < CHUNK_MAX_READINGS; i++) {
        assert_int_equal(chunk_append(&chunk, &readings[i]), 0);
        size_t len = chunk_bytes(&chunk, chunk_end(&chunk)).len;
        assert_true(chunk_cap_bytes(&chunk) <= 2 * len + 24);
    }
    assert_true(fail_alloc_count() < 20);
    assert_true(sizeof(chunk) <= 120);
    chunk_fini(&chunk);
    assert_int_equal(chunk_cap_bytes(&chunk), 0);
}

/* ---- readings as nobody sends them ---- */

static const double STRANGE_VALUES[] = {0.0,
                                        -0.0,
                                        5e-324,
                                        -5e-324,
                                        DBL_MIN,
                                        -DBL_MIN,
                                        DBL_MAX,
                                        -DBL_MAX,
                                        DBL_EPSILON,
                                        INFINITY,
                                        -INFINITY,
                                        NAN,
                                        0.1,
                                        0.2,
                                        0.1 + 0.2,
                                        -0.3,
                                        20.37,
                                        1e15 + 0.125,
                                        1e15 + 0.25,
                                        1e15 - 0.125,
                                        1e16,
                                        -1e16,
                                        1e22,
                                        1e23,
                                        0x1p52,
                                        0x1p52 - 0.5,
                                        0x1p52 + 1,
                                        0x1p53,
                                        0x1p53 + 2,
                                        -0x1p53,
                                        0x1p63,
                                        -0x1p63,
                                        0x1p64,
                                        1e-9,
                                        1e-10,
                                        123456789.123456789,
                                        4503599.627370495,
                                        4503599.627370496,
                                        1.0 / 3,
                                        2.0 / 3,
                                        0.5,
                                        0.05,
                                        0.005,
                                        1e9,
                                        1e10,
                                        0.000000001,
                                        4.9e-9,
                                        85.0,
                                        127.9375};

static const int64_t STRANGE_SECONDS[] = {0,
                                          -1,
                                          1,
                                          INT64_MIN,
                                          INT64_MAX,
                                          INT64_MIN + 1,
                                          INT64_MAX - 1,
                                          START_S,
                                          START_S + 1,
                                          START_S - 1,
                                          1LL << 32,
                                          (1LL << 32) + 1,
                                          -(1LL << 32),
                                          -(1LL << 32) - 1,
                                          1LL << 33,
                                          1LL << 62,
                                          -(1LL << 62)};

static const int32_t STRANGE_NANOS[] = {0, 1, 999999999, 500000000, 1000, 1000000, 999, 123456789};

static const uint64_t STRANGE_SEQUENCES[] = {
    0, 1, 2, UINT64_MAX, UINT64_MAX - 1, 1ULL << 63, (1ULL << 63) - 1, 1ULL << 32, 7, 8, 9};

static void test_every_pair_of_strange_values(void **state) {
    (void)state;
    struct kept readings[CHUNK_MAX_READINGS];
    uint32_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(STRANGE_VALUES); i++)
        for (size_t j = 0; j < ARRAY_LEN(STRANGE_VALUES); j++, n += 2) {
            readings[n] = (struct kept){{START_S + n, 0}, 0, STRANGE_VALUES[i]};
            readings[n + 1] = (struct kept){{START_S + n + 1, 0}, 0, STRANGE_VALUES[j]};
        }
    assert_round_trip(readings, n);
}

static void test_payload_of_a_nan_is_kept(void **state) {
    (void)state;
    uint64_t bits[] = {0x7ff8000000000001, 0xfff8000000000abc, 0x7ff0000000000001};
    struct kept readings[ARRAY_LEN(bits)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        memcpy(&readings[i].temperature, &bits[i], sizeof(bits[i]));
    assert_round_trip(readings, ARRAY_LEN(bits));
}

static void test_every_pair_of_strange_times(void **state) {
    (void)state;
    struct kept readings[2 * ARRAY_LEN(STRANGE_SECONDS) * ARRAY_LEN(STRANGE_SECONDS)];
    for (size_t nanos = 0; nanos < ARRAY_LEN(STRANGE_NANOS); nanos++) {
        uint32_t n = 0;
        for (size_t i = 0; i < ARRAY_LEN(STRANGE_SECONDS); i++)
            for (size_t j = 0; j < ARRAY_LEN(STRANGE_SECONDS); j++, n += 2) {
                readings[n] = (struct kept){{STRANGE_SECONDS[i], STRANGE_NANOS[nanos]}, n, 20.5};
                readings[n + 1] = (struct kept){{STRANGE_SECONDS[j], 0}, n + 1, 20.5};
            }
        assert_round_trip(readings, n);
    }
}

static void test_times_out_of_order_and_equal(void **state) {
    (void)state;
    struct kept readings[1000];
    for (uint32_t i = 0; i < ARRAY_LEN(readings); i++)
        readings[i] = (struct kept){{START_S - (i / 3 * 7919) % 100, 0}, i, 20};
    assert_round_trip(readings, ARRAY_LEN(readings));
}

static void test_sequences_that_wrap(void **state) {
    (void)state;
    struct kept readings[1000];
    for (uint32_t i = 0; i < ARRAY_LEN(readings); i++)
        readings[i] = (struct kept){{START_S + i, 0}, UINT64_MAX - 500 + i, 20};
    assert_round_trip(readings, ARRAY_LEN(readings));
    assert_true(bytes_per_reading(readings, ARRAY_LEN(readings)) < 0.2);
    for (uint32_t i = 0; i < ARRAY_LEN(readings); i++)
        readings[i].sequence = i * 0x9e3779b97f4a7c15ULL * i;
    assert_round_trip(readings, ARRAY_LEN(readings));
}

/* ---- random readings ---- */

static struct stats_instant random_time(struct random *random, unsigned kind,
                                        struct stats_instant before) {
    static const uint32_t units[] = {1000000000, 1000000, 1000, 1};
    uint64_t ns = units[kind % 4] * random_below(random, 1 + 5000000000ULL / units[kind % 4]);
    if (kind >= 8) {
        before.seconds = STRANGE_SECONDS[random_below(random, ARRAY_LEN(STRANGE_SECONDS))];
        before.nanos = STRANGE_NANOS[random_below(random, ARRAY_LEN(STRANGE_NANOS))];
        return before;
    }
    if (kind >= 4)
        ns = units[kind % 4];
    ns += (uint64_t)before.nanos;
    before.seconds += (int64_t)(ns / 1000000000);
    before.nanos = (int32_t)(ns % 1000000000);
    return before;
}

static double random_value(struct random *random, unsigned kind) {
    double value = 20 + random_gauss(random);
    uint64_t bits = random_u64(random);
    if (kind < 10)
        return nearbyint(value * pow(10, kind)) / pow(10, kind);
    if (kind == 10)
        return (double)(float)value;
    if (kind == 11)
        return STRANGE_VALUES[random_below(random, ARRAY_LEN(STRANGE_VALUES))];
    if (kind == 12)
        memcpy(&value, &bits, sizeof(value));
    return kind == 13 ? 1e15 + value : value;
}

static uint64_t random_sequence(struct random *random, unsigned kind, uint64_t before) {
    if (kind == 0)
        return 0;
    if (kind == 1)
        return before + random_below(random, 2000);
    if (kind == 2)
        return STRANGE_SEQUENCES[random_below(random, ARRAY_LEN(STRANGE_SEQUENCES))];
    return kind == 3 ? random_u64(random) : before + 1;
}

/* Runs of one kind each, with single readings of other kinds between them. */
static uint32_t random_readings(struct random *random, struct kept *readings) {
    uint32_t n = (uint32_t)random_below(random, CHUNK_MAX_READINGS) + 1;
    struct kept before = {{START_S, 0}, 0, 0};
    unsigned kinds[3] = {0};
    for (uint32_t i = 0; i < n; i++) {
        static const unsigned n_kinds[3] = {9, 15, 5};
        unsigned of[3];
        for (size_t k = 0; k < 3; k++) {
            if (random_below(random, 100) == 0)
                kinds[k] = (unsigned)random_below(random, n_kinds[k]);
            of[k] =
                random_below(random, 50) ? kinds[k] : (unsigned)random_below(random, n_kinds[k]);
        }
        readings[i].time = random_time(random, of[0], before.time);
        readings[i].temperature = random_value(random, of[1]);
        readings[i].sequence = random_sequence(random, of[2], before.sequence);
        before = readings[i];
        if (before.time.seconds > 1LL << 40 || before.time.seconds < 0)
            before.time.seconds = START_S;
    }
    return n;
}

static void test_random_readings_come_out_as_they_went_in(void **state) {
    (void)state;
    CLEANUP(mem_freep) struct kept *readings = mem_new_array(struct kept, CHUNK_MAX_READINGS);
    for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
        struct random random;
        random_init(&random, seed);
        assert_round_trip(readings, random_readings(&random, readings));
    }
}

/* ---- prefixes ---- */

static void test_every_prefix_is_a_chunk(void **state) {
    (void)state;
    enum {
        N = 600
    };
    struct random random;
    random_init(&random, 5);
    CLEANUP(mem_freep) struct kept *readings = mem_new_array(struct kept, CHUNK_MAX_READINGS);
    while (random_readings(&random, readings) < N)
        ;
    struct chunk chunk = {0};
    struct chunk_mark marks[N + 1] = {chunk_end(&chunk)};
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(chunk_append(&chunk, &readings[i]), 0);
        marks[i + 1] = chunk_end(&chunk);
        assert_holds(chunk_bytes(&chunk, marks[i + 1]), readings, i + 1);
    }
    for (uint32_t i = 0; i <= N; i++)
        assert_holds(chunk_bytes(&chunk, marks[i]), readings, i);
    chunk_fini(&chunk);
}

/* ---- limits and failures ---- */

static void test_full_chunk_takes_nothing_more(void **state) {
    (void)state;
    struct chunk chunk = {0};
    struct kept reading = {{START_S, 0}, 0, 20.5};
    for (uint32_t i = 0; i < CHUNK_MAX_READINGS; i++)
        assert_int_equal(chunk_append(&chunk, &reading), 0);
    struct chunk_mark before = chunk_end(&chunk);
    assert_int_equal(chunk_append(&chunk, &reading), CHUNK_E_FULL);
    assert_int_equal(chunk_end(&chunk).n, before.n);
    assert_int_equal(chunk_end(&chunk).n_bits, before.n_bits);
    chunk_fini(&chunk);
}

static void test_the_worst_readings_stay_within_the_bytes(void **state) {
    (void)state;
    CLEANUP(mem_freep) struct kept *readings = mem_new_array(struct kept, CHUNK_MAX_READINGS);
    struct random random;
    random_init(&random, 1);
    for (uint32_t i = 0; i < CHUNK_MAX_READINGS; i++) {
        readings[i].time.seconds = (int64_t)random_u64(&random);
        readings[i].time.nanos = (int32_t)random_below(&random, 1000000000);
        readings[i].sequence = random_u64(&random);
        readings[i].temperature = random_value(&random, 12);
    }
    double bytes = bytes_per_reading(readings, CHUNK_MAX_READINGS);
    assert_true(bytes > 25 && bytes <= (double)CHUNK_MAX_BYTES / CHUNK_MAX_READINGS);
}

static void test_failing_allocation_changes_nothing(void **state) {
    (void)state;
    CLEANUP(mem_freep) struct kept *readings = mem_new_array(struct kept, CHUNK_MAX_READINGS);
    struct random random;
    random_init(&random, 7);
    uint32_t n = random_readings(&random, readings), n_failed = 0;
    struct chunk chunk = {0};
    for (uint32_t i = 0; i < n; i++) {
        struct chunk before = chunk;
        fail_alloc_at(1);
        int r = chunk_append(&chunk, &readings[i]);
        fail_alloc_off();
        if (r == 0)
            continue;
        assert_int_equal(r, -ENOMEM);
        assert_memory_equal(&chunk, &before, sizeof(chunk));
        assert_holds(chunk_bytes(&chunk, chunk_end(&chunk)), readings, i);
        assert_int_equal(chunk_append(&chunk, &readings[i]), 0);
        n_failed++;
    }
    assert_true(n_failed > 5);
    assert_holds(chunk_bytes(&chunk, chunk_end(&chunk)), readings, n);
    chunk_fini(&chunk);
}

/* ---- damage ---- */

/* Reads to the end or to the damage; says which. Nanos stay in their range. */
static int read_all(struct bytes packed, uint32_t n) {
    CLEANUP(mem_freep) uint8_t *copy = mem_alloc(packed.len);
    if (packed.len > 0)
        memcpy(copy, packed.data, packed.len);
    struct chunk_reader reader;
    chunk_reader_init(&reader, bytes_of(copy, packed.len), n);
    struct kept page[PAGE];
    for (uint32_t n_page = 1; n_page > 0;) {
        int r = chunk_read(&reader, page, PAGE, &n_page);
        for (uint32_t i = 0; i < n_page; i++)
            assert_in_range(page[i].time.nanos, 0, 999999999);
        if (r)
            return r;
    }
    return 0;
}

static void test_flipped_bits_are_damage_or_other_readings(void **state) {
    (void)state;
    CLEANUP(mem_freep) struct kept *readings = mem_new_array(struct kept, CHUNK_MAX_READINGS);
    struct random random;
    random_init(&random, 9);
    random_readings(&random, readings);
    struct chunk chunk = {0};
    fill(&chunk, readings, 300);
    struct bytes packed = chunk_bytes(&chunk, chunk_end(&chunk));
    uint32_t n_damaged = 0;
    for (size_t bit = 0; bit < packed.len * 8; bit++) {
        chunk.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        n_damaged += read_all(packed, 300) == CHUNK_E_DAMAGED;
        chunk.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(n_damaged > 100);
    assert_holds(packed, readings, 300);
    chunk_fini(&chunk);
}

static void test_random_bytes_are_damage_or_readings(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 11);
    uint8_t noise[200];
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)random_u64(&random);
        (void)!read_all(bytes_of(noise, random_below(&random, sizeof(noise))), UINT32_MAX);
    }
}

static void test_missing_bytes_are_damage(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 1);
    CLEANUP(mem_freep) struct kept *readings = regular(&random, 200);
    struct chunk chunk = {0};
    fill(&chunk, readings, 200);
    struct bytes packed = chunk_bytes(&chunk, chunk_end(&chunk));
    assert_int_equal(read_all(packed, 200), 0);
    for (size_t len = 0; len < packed.len; len++)
        assert_int_equal(read_all(bytes_of(packed.data, len), 200), CHUNK_E_DAMAGED);
    assert_int_equal(read_all(packed, UINT32_MAX), CHUNK_E_DAMAGED);
    assert_int_equal(read_all(bytes_of(NULL, 0), 0), 0);
    chunk_fini(&chunk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regular_readings_take_a_byte),
        cmocka_unit_test(test_random_intervals_with_nanoseconds_take_five_bytes),
        cmocka_unit_test(test_values_of_32_bits_take_less_than_half_of_64),
        cmocka_unit_test(test_exceptions_cost_little),
        cmocka_unit_test(test_memory_grows_with_what_is_kept),
        cmocka_unit_test(test_every_pair_of_strange_values),
        cmocka_unit_test(test_payload_of_a_nan_is_kept),
        cmocka_unit_test(test_every_pair_of_strange_times),
        cmocka_unit_test(test_times_out_of_order_and_equal),
        cmocka_unit_test(test_sequences_that_wrap),
        cmocka_unit_test(test_random_readings_come_out_as_they_went_in),
        cmocka_unit_test(test_every_prefix_is_a_chunk),
        cmocka_unit_test(test_full_chunk_takes_nothing_more),
        cmocka_unit_test(test_the_worst_readings_stay_within_the_bytes),
        cmocka_unit_test(test_failing_allocation_changes_nothing),
        cmocka_unit_test(test_flipped_bits_are_damage_or_other_readings),
        cmocka_unit_test(test_random_bytes_are_damage_or_readings),
        cmocka_unit_test(test_missing_bytes_are_damage),
    };
    return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
