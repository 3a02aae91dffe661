/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stats_packed.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "unit.h"

/* Offsets of members in the packed bytes. */
enum {
    AT_COUNT = 0,
    AT_SCALE = 48,
    AT_MINIMUM = 52,
    AT_FIRST_NANOS = 76,
    AT_LAST_SECONDS = 80,
};

static struct stats stats_of(uint64_t seed, size_t n, double size) {
    struct random random;
    struct stats stats;
    random_init(&random, seed);
    stats_init(&stats);
    for (size_t i = 0; i < n; i++) {
        struct stats_instant time = {(int64_t)random_below(&random, 1000) - 500,
                                     (int32_t)random_below(&random, 1000000000)};
        stats_add(&stats, time, size * random_gauss(&random));
    }
    return stats;
}

static void assert_same(const struct stats *a, const struct stats *b) {
    uint8_t x[STATS_PACKED_BYTES], y[STATS_PACKED_BYTES];
    stats_pack(a, x);
    stats_pack(b, y);
    assert_memory_equal(x, y, sizeof(x));
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->scale, b->scale);
    assert_true(a->origin == b->origin && a->sum == b->sum && a->sum_low == b->sum_low);
    assert_true(a->squares == b->squares && a->squares_low == b->squares_low);
    assert_true(a->minimum == b->minimum && a->maximum == b->maximum && a->latest == b->latest);
    assert_int_equal(stats_instant_compare(a->first, b->first), 0);
    assert_int_equal(stats_instant_compare(a->last, b->last), 0);
}

static void test_what_is_packed_comes_out_to_the_last_bit(void **state) {
    (void)state;
    static const double sizes[] = {0, 1, 1e15, 1e-300, 1e300, DBL_MAX / 64};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t n = 0; n < 200; n = 2 * n + 1) {
            struct stats stats = stats_of(n, n, sizes[i]), out;
            uint8_t packed[STATS_PACKED_BYTES];
            stats_pack(&stats, packed);
            assert_int_equal(stats_unpack(packed, &out), 0);
            assert_same(&stats, &out);
        }
    }
}

static void test_unpacked_statistics_go_on_adding(void **state) {
    (void)state;
    struct stats stats = stats_of(1, 500, 20), out, more = stats_of(2, 300, 5);
    uint8_t packed[STATS_PACKED_BYTES];
    stats_pack(&stats, packed);
    assert_int_equal(stats_unpack(packed, &out), 0);
    stats_merge(&stats, &more);
    stats_merge(&out, &more);
    assert_same(&stats, &out);
}

/* The bytes are a format of files: they never change. */
static void test_the_bytes_are_little_endian_members_in_order(void **state) {
    (void)state;
    struct stats stats;
    uint8_t packed[STATS_PACKED_BYTES];
    stats_init(&stats);
    stats_add(&stats, (struct stats_instant){0x0102030405060708, 999999999}, 1.0);
    stats_pack(&stats, packed);
    assert_int_equal(packed[AT_COUNT], 1);
    assert_memory_equal(packed + 8, ((uint8_t[]){0, 0, 0, 0, 0, 0, 0xf0, 0x3f}), 8);
    assert_memory_equal(packed + 68, ((uint8_t[]){8, 7, 6, 5, 4, 3, 2, 1}), 8);
    assert_memory_equal(packed + 76, ((uint8_t[]){0xff, 0xc9, 0x9a, 0x3b}), 4);
}

static int unpack_changed(size_t at, const void *bytes, size_t n) {
    struct stats stats = stats_of(3, 10, 20), out;
    uint8_t packed[STATS_PACKED_BYTES];
    stats_pack(&stats, packed);
    memcpy(packed + at, bytes, n);
    return stats_unpack(packed, &out);
}

static void test_nonsense_is_an_outcome(void **state) {
    (void)state;
    double nan_value = NAN, infinite = INFINITY, above = 1e9;
    int32_t nanos = 1000000000, scale = 7;
    uint64_t none = 0;
    int64_t early = INT64_MIN;
    assert_int_equal(unpack_changed(AT_COUNT, &none, 8), STATS_E_NONSENSE);
    assert_int_equal(unpack_changed(AT_SCALE, &scale, 4), STATS_E_NONSENSE);
    assert_int_equal(unpack_changed(AT_MINIMUM, &above, 8), STATS_E_NONSENSE);
    assert_int_equal(unpack_changed(AT_FIRST_NANOS, &nanos, 4), STATS_E_NONSENSE);
    assert_int_equal(unpack_changed(AT_LAST_SECONDS, &early, 8), STATS_E_NONSENSE);
    for (size_t at = 8; at < AT_SCALE; at += 8) {
        assert_int_equal(unpack_changed(at, &nan_value, 8), STATS_E_NONSENSE);
        assert_int_equal(unpack_changed(at, &infinite, 8), STATS_E_NONSENSE);
    }
}

static void test_random_bytes_never_crash(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 9);
    for (size_t i = 0; i < 20000; i++) {
        struct stats stats = stats_of(i, 3, 20), out;
        uint8_t packed[STATS_PACKED_BYTES];
        stats_pack(&stats, packed);
        for (uint64_t n = 1 + random_below(&random, 40); n > 0; n--)
            packed[random_below(&random, sizeof(packed))] = (uint8_t)random_u64(&random);
        if (stats_unpack(packed, &out) == 0 && out.count > 0)
            assert_true(isfinite(out.minimum) && out.first.nanos >= 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_packed_comes_out_to_the_last_bit),
        cmocka_unit_test(test_unpacked_statistics_go_on_adding),
        cmocka_unit_test(test_the_bytes_are_little_endian_members_in_order),
        cmocka_unit_test(test_nonsense_is_an_outcome),
        cmocka_unit_test(test_random_bytes_never_crash),
    };
    return cmocka_run_group_tests_name("stats_packed", tests, NULL, NULL);
}
