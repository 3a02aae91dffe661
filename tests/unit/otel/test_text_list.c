/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/text_list.h"

#include "unit.h"

static void assert_is(struct bytes got, const char *wanted) {
    if (!bytes_equal_str(got, wanted))
        fail_msg("\"%.*s\" is not \"%s\"", BYTES_ARGS(got), wanted);
}

static void test_members_come_in_order_and_trimmed(void **state) {
    struct bytes rest = bytes_str(" a ,\tb b\t,,c"), member;
    static const char *const wanted[] = {"a", "b b", "", "c"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_true(text_list_next(&rest, ',', &member));
        assert_is(member, wanted[i]);
    }
    assert_false(text_list_next(&rest, ',', &member));
    assert_false(text_list_next(&rest, ',', &member));
}

static void test_an_empty_text_is_one_empty_member(void **state) {
    struct bytes rest = bytes_str(""), member;
    (void)state;
    assert_true(text_list_next(&rest, ',', &member));
    assert_int_equal(member.len, 0);
    assert_false(text_list_next(&rest, ',', &member));
}

static void test_a_separator_at_the_end_is_followed_by_an_empty_member(void **state) {
    struct bytes rest = bytes_str("a,"), member;
    (void)state;
    assert_true(text_list_next(&rest, ',', &member));
    assert_true(text_list_next(&rest, ',', &member));
    assert_int_equal(member.len, 0);
    assert_false(text_list_next(&rest, ',', &member));
}

static void test_no_text_has_no_members(void **state) {
    struct bytes rest = {0}, member;
    (void)state;
    assert_false(text_list_next(&rest, ',', &member));
}

static void test_a_pair_is_split_at_its_first_sign(void **state) {
    struct bytes key, value;
    (void)state;
    assert_true(text_split(bytes_str(" a = b=c "), '=', &key, &value));
    assert_is(key, "a");
    assert_is(value, "b=c");
    assert_true(text_split(bytes_str("="), '=', &key, &value));
    assert_int_equal(key.len + value.len, 0);
    assert_false(text_split(bytes_str("abc"), '=', &key, &value));
    assert_false(text_split((struct bytes){0}, '=', &key, &value));
}

static void test_words_are_the_same_in_whatever_case(void **state) {
    (void)state;
    assert_true(text_is_word(bytes_str("GrPc"), "grpc"));
    assert_false(text_is_word(bytes_str("grp"), "grpc"));
    assert_false(text_is_word(bytes_str("grpcs"), "grpc"));
    assert_false(text_is_word((struct bytes){0}, "grpc"));
}

static void test_tokens_are_told_from_other_texts(void **state) {
    (void)state;
    assert_true(text_is_token(bytes_str("aZ09!#$%&'*+-.^_`|~")));
    assert_false(text_is_token(bytes_str("")));
    assert_false(text_is_token(bytes_str("a b")));
    assert_false(text_is_token(bytes_str("a=b")));
    assert_false(text_is_token(bytes_str("k\xC3\xBC"
                                         "che")));
    assert_false(text_is_token(bytes_of("a\0b", 3)));
}

static void assert_decoded(const char *coded, int r, const char *wanted) {
    char out[64];
    size_t n;
    assert_int_equal(text_percent_decode(bytes_str(coded), out, &n), r);
    assert_is(bytes_of(out, n), wanted);
}

static void test_percent_codes_are_decoded(void **state) {
    (void)state;
    assert_decoded("", 0, "");
    assert_decoded("a%20b%2C%2c", 0, "a b,,");
    assert_decoded("%C3%bc", 0, "\xC3\xBC");
    assert_decoded("%25zz", 0, "%zz");
}

static void test_stray_percent_signs_are_told_and_stay(void **state) {
    (void)state;
    assert_decoded("100%", TEXT_E_STRAY_PERCENT, "100%");
    assert_decoded("%4", TEXT_E_STRAY_PERCENT, "%4");
    assert_decoded("%zz%41", TEXT_E_STRAY_PERCENT, "%zzA");
    assert_decoded("%%41", TEXT_E_STRAY_PERCENT, "%A");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_come_in_order_and_trimmed),
        cmocka_unit_test(test_an_empty_text_is_one_empty_member),
        cmocka_unit_test(test_a_separator_at_the_end_is_followed_by_an_empty_member),
        cmocka_unit_test(test_no_text_has_no_members),
        cmocka_unit_test(test_a_pair_is_split_at_its_first_sign),
        cmocka_unit_test(test_words_are_the_same_in_whatever_case),
        cmocka_unit_test(test_tokens_are_told_from_other_texts),
        cmocka_unit_test(test_percent_codes_are_decoded),
        cmocka_unit_test(test_stray_percent_signs_are_told_and_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
