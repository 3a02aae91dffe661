/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/timeout.h"

#include "base/clock.h"
#include "base/random.h"
#include "unit.h"

static void test_every_unit_is_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } rows[] = {
        {"1n", 1},
        {"1u", 1000},
        {"1m", 1000000},
        {"1S", NS_PER_S},
        {"1M", 60 * NS_PER_S},
        {"1H", 3600 * NS_PER_S},
        {"0S", 0},
        {"00000007n", 7},
        {"99999999n", 99999999},
        {"99999999S", 99999999 * NS_PER_S},
        {"5124095H", 5124095 * (3600 * NS_PER_S)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t ns;
        assert_int_equal(grpc_timeout_parse(bytes_str(rows[i].text), &ns), 0);
        assert_int_equal(ns, rows[i].ns);
    }
}

static void test_a_timeout_that_passes_the_range_is_the_longest(void **state) {
    (void)state;
    static const char *const texts[] = {"5124096H", "99999999H"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        uint64_t ns;
        assert_int_equal(grpc_timeout_parse(bytes_str(texts[i]), &ns), 0);
        assert_int_equal(ns, GRPC_TIMEOUT_NONE - 1);
    }
}

static void test_bad_text_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",    "S",   "1",    "1s",  "1h",         "-1S", "+1S",
                                      " 1S", "1S ", "1.5S", "1SS", "123456789S", "S1",  "0x1S"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t ns;
        assert_int_equal(grpc_timeout_parse(bytes_str(bad[i]), &ns), GRPC_TIMEOUT_E_MALFORMED);
    }
}

static void test_the_finest_unit_that_fits_is_written(void **state) {
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {
        {0, "0n"},
        {1, "1n"},
        {99999999, "99999999n"},
        {100000000, "100000u"},
        {100000001, "100001u"},
        {99999999 * UINT64_C(1000), "99999999u"},
        {99999999 * UINT64_C(1000) + 1, "100000m"},
        {99999999 * NS_PER_S + 1, "1666667M"},
        {UINT64_MAX, "5124096H"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(grpc_timeout_format(rows[i].ns).text, rows[i].text);
}

static void test_what_is_written_is_never_shorter_and_hardly_longer(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 7);
    for (int i = 0; i < 20000; i++) {
        uint64_t ns = random_u64(&random) >> random_below(&random, 64), back;
        struct grpc_timeout_text text = grpc_timeout_format(ns);
        assert_in_range(strlen(text.text), 2, 9);
        assert_int_equal(grpc_timeout_parse(bytes_str(text.text), &back), 0);
        if (ns >= GRPC_TIMEOUT_NONE - 3600 * NS_PER_S)
            continue; /* rounding up would pass the range */
        assert_true(back >= ns);
        assert_true(back - ns <= ns / 100000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_unit_is_read),
        cmocka_unit_test(test_a_timeout_that_passes_the_range_is_the_longest),
        cmocka_unit_test(test_bad_text_is_refused),
        cmocka_unit_test(test_the_finest_unit_that_fits_is_written),
        cmocka_unit_test(test_what_is_written_is_never_shorter_and_hardly_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
