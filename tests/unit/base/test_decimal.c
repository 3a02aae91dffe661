/* SPDX-License-Identifier: Apache-2.0 */
#include "base/decimal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "unit.h"

static void test_values_read_as_python_writes_them(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {20.0, "20.0"},
        {20.37, "20.37"},
        {-273.15, "-273.15"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {100.0, "100.0"},
        {123456789.125, "123456789.125"},
        {0.0001, "0.0001"},
        {0.00012345, "0.00012345"},
        {0.00001, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {1.25e100, "1.25e+100"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
        {NAN, "nan"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(decimal_format(cases[i].value).text, cases[i].text);
}

/* Every bit pattern of a finite number comes back bit for bit. */
static void test_any_finite_value_reads_back_the_same(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 7);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_u64(&random), bits_back;
        double value;
        memcpy(&value, &bits, 8);
        if (!isfinite(value))
            continue;
        double back = strtod(decimal_format(value).text, NULL);
        memcpy(&bits_back, &back, 8);
        assert_int_equal(bits, bits_back);
    }
}

static void test_hundredths_keep_two_digits(void **state) {
    (void)state;
    for (int i = -9999; i <= 9999; i++) {
        struct decimal_text decimal = decimal_format(i / 100.0);
        assert_true(strlen(strchr(decimal.text, '.')) <= 3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_read_as_python_writes_them),
        cmocka_unit_test(test_any_finite_value_reads_back_the_same),
        cmocka_unit_test(test_hundredths_keep_two_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
