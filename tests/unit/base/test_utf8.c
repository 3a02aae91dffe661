/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "base/err.h"
#include "unit.h"

/* The definition turned round: the bytes of a code point, or 0 for what has none. */
static size_t encode(uint32_t code, uint8_t out[4]) {
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xC0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code & 0x3F));
        return code >= 0xD800 && code <= 0xDFFF ? 0 : 3;
    }
    out[0] = (uint8_t)(0xF0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

static void test_every_code_point_is_valid_and_cut_short_is_not(void **state) {
    (void)state;
    uint8_t text[4];
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        size_t n = encode(code, text);
        if (n == 0)
            continue;
        if (!utf8_is_valid(bytes_of(text, n)) || utf8_length(bytes_of(text, n)) != n)
            fail_msg("U+%04X is refused", code);
        if (n > 1 && utf8_is_valid(bytes_of(text, n - 1)))
            fail_msg("U+%04X without its last byte is taken", code);
    }
}

/* There are exactly as many valid sequences of one, two and three bytes as the definition has. */
static void test_no_other_short_sequence_is_valid(void **state) {
    (void)state;
    size_t n_one = 0, n_two = 0, n_three = 0;
    for (uint32_t i = 0; i < 1 << 24; i++) {
        uint8_t text[3] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16)};
        n_one += i < 1 << 8 && utf8_length(bytes_of(text, 1)) == 1;
        n_two += i < 1 << 16 && utf8_length(bytes_of(text, 2)) == 2;
        n_three += utf8_length(bytes_of(text, 3)) == 3;
    }
    assert_int_equal(n_one, 0x80);
    assert_int_equal(n_two, 0x800 - 0x80);
    assert_int_equal(n_three, 0x10000 - 0x800 - 0x800); /* without surrogates */
}

static void test_edges_are_where_rfc_3629_has_them(void **state) {
    (void)state;
    static const char *const valid[] = {
        "",
        "a",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "k\xC3\xBCx",
    };
    static const char *const invalid[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xC2\x7F",
        "\xC2\xC0",
        "\xE0\x9F\xBF",
        "\xE0\xA0",
        "\xE0\xA0\x7F",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "a\xC3",
        "\xC3\xBC\xBC",
        "\xF0\x9F\x94",
        "\xF0\x9F\x94\x41",
    };
    for (size_t i = 0; i < ARRAY_LEN(valid); i++)
        assert_true(utf8_is_valid(bytes_str(valid[i])));
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        assert_false(utf8_is_valid(bytes_str(invalid[i])));
    assert_true(utf8_is_valid(bytes_of(NULL, 0)));
    assert_true(utf8_is_valid(bytes_of("a\0b", 3)));
    assert_int_equal(utf8_length(bytes_of(NULL, 0)), 0);
}

static void test_controls_are_found(void **state) {
    (void)state;
    uint8_t text[4];
    for (uint32_t code = 0; code < 0x1000; code++) {
        bool is_control = code < 0x20 || (code >= 0x7F && code <= 0x9F);
        size_t n = encode(code, text);
        assert_int_equal(utf8_has_control(bytes_of(text, n)), is_control);
    }
    assert_true(utf8_has_control(bytes_str("boiler\n")));
    assert_false(utf8_has_control(bytes_of(NULL, 0)));
}

static void test_a_cut_splits_no_character(void **state) {
    (void)state;
    const char *text = "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x94\xA5z"; /* 1 + 2 + 3 + 4 + 1 bytes */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < ARRAY_LEN(expected); max++)
        assert_int_equal(utf8_cut(text, max), expected[max]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_is_valid_and_cut_short_is_not),
        cmocka_unit_test(test_no_other_short_sequence_is_valid),
        cmocka_unit_test(test_edges_are_where_rfc_3629_has_them),
        cmocka_unit_test(test_controls_are_found),
        cmocka_unit_test(test_a_cut_splits_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
