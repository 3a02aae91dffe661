/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of W3C's own test suite (w3c/baggage, test/test_baggage.py), and some more. */
#include <stdio.h>

#include "otel/propagation.h"
#include "unit.h"

static struct otel_baggage baggage;

static void parse(const char *field) {
    memset(&baggage, 0xA5, sizeof(baggage)); /* it needs no preparation */
    otel_baggage_parse(bytes_str(field), &baggage);
}

static void assert_is(struct bytes got, const char *wanted) {
    if (!bytes_equal_str(got, wanted))
        fail_msg("\"%.*s\" is not \"%s\"", BYTES_ARGS(got), wanted);
}

static void assert_member(size_t i, const char *key, const char *value, const char *metadata) {
    assert_true(i < baggage.n_members);
    assert_is(baggage.members[i].key, key);
    assert_is(baggage.members[i].value, value);
    assert_is(baggage.members[i].metadata, metadata);
}

static void assert_formatted(const char *wanted) {
    char text[OTEL_MAX_BAGGAGE_BYTES];
    assert_is(bytes_of(text, otel_baggage_format(&baggage, text, sizeof(text))), wanted);
}

static void test_members_and_their_properties_are_read(void **state) {
    (void)state;
    parse("SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal");
    assert_int_equal(baggage.n_members, 2);
    assert_member(0, "SomeKey", "SomeValue", "SomeProp");
    assert_member(1, "SomeKey2", "SomeValue2", "ValueProp=PropVal");
}

static void test_blanks_around_all_parts_are_passed_over(void **state) {
    (void)state;
    parse("SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t");
    assert_int_equal(baggage.n_members, 2);
    assert_member(0, "SomeKey", "SomeValue", "SomeProp");
    assert_member(1, "SomeKey2", "SomeValue2", "");
}

static void test_a_value_may_have_equals_signs(void **state) {
    (void)state;
    parse("SomeKey=SomeValue=equals");
    assert_member(0, "SomeKey", "SomeValue=equals", "");
    assert_formatted("SomeKey=SomeValue=equals");
}

static void test_values_are_percent_decoded(void **state) {
    (void)state;
    parse("SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29,k=K%C3%BCche");
    assert_member(0, "SomeKey", "\t \"';=asdf!@#$%^&*()", "");
    assert_member(1, "k",
                  "K\xC3\xBC"
                  "che",
                  "");
    assert_formatted("SomeKey=%09%20%22'%3B=asdf!@#$%25^&*(),k=K%C3%BCche");
}

static void test_what_is_not_utf8_becomes_the_replacement_character(void **state) {
    (void)state;
    parse("a=x%FFy,b=%C3,c=%ED%A0%80");
    assert_member(0, "a",
                  "x\xEF\xBF\xBD"
                  "y",
                  "");
    assert_member(1, "b", "\xEF\xBF\xBD", "");
    assert_member(2, "c", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", "");
}

static void test_a_stray_percent_sign_stands_for_itself(void **state) {
    (void)state;
    parse("a=100%,b=%zz,c=%4");
    assert_member(0, "a", "100%", "");
    assert_member(1, "b", "%zz", "");
    assert_member(2, "c", "%4", "");
    assert_formatted("a=100%25,b=%25zz,c=%254");
}

static void test_properties_may_have_the_same_name(void **state) {
    (void)state;
    parse("SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue");
    assert_member(0, "SomeKey", "SomeValue",
                  "SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue");
    assert_formatted("SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue");
}

static void test_malformed_members_are_left_out(void **state) {
    (void)state;
    parse("a=1,noequals,=2,b c=3,d=4 5,e=\"6\",f=7;bad prop,g=8;x=\\,h=\xC3\xA9,,z=9");
    assert_int_equal(baggage.n_members, 2);
    assert_member(0, "a", "1", "");
    assert_member(1, "z", "9", "");
}

static void test_an_empty_value_is_one(void **state) {
    (void)state;
    parse("a=,b=1");
    assert_non_null(otel_baggage_get(&baggage, "a").data);
    assert_int_equal(otel_baggage_get(&baggage, "a").len, 0);
    assert_formatted("a=,b=1");
}

static void test_of_two_with_one_key_the_later_counts(void **state) {
    (void)state;
    parse("a=1;p,b=2,a=3");
    assert_int_equal(baggage.n_members, 2);
    assert_member(0, "a", "3", "");
    assert_member(1, "b", "2", "");
}

static void test_nothing_is_read_from_nothing(void **state) {
    (void)state;
    parse("");
    assert_int_equal(baggage.n_members, 0);
    parse(", ,\t,");
    assert_int_equal(baggage.n_members, 0);
    assert_formatted("");
}

static void test_members_are_bounded(void **state) {
    char field[2000] = "";
    (void)state;
    for (int i = 0; i < OTEL_MAX_BAGGAGE_MEMBERS + 5; i++)
        snprintf(field + strlen(field), 16, "%sk%d=%d", i ? "," : "", i, i);
    parse(field);
    assert_int_equal(baggage.n_members, OTEL_MAX_BAGGAGE_MEMBERS);
    assert_member(63, "k63", "63", "");
    assert_int_equal(otel_baggage_set(&baggage, bytes_str("new"), bytes_str("1")), -ENOSPC);
    assert_int_equal(otel_baggage_set(&baggage, bytes_str("k63"), bytes_str("1")), 0);
}

/* All that W3C asks for, 8,192 bytes, is carried; a byte more is not, and never half a member. */
static void test_bytes_are_bounded_and_members_stay_whole(void **state) {
    static char field[OTEL_MAX_BAGGAGE_BYTES + 2], text[OTEL_MAX_BAGGAGE_BYTES];
    (void)state;
    memset(field, 'v', sizeof(field) - 1);
    memcpy(field, "a=1,b=", 6);
    field[OTEL_MAX_BAGGAGE_BYTES] = '\0';
    parse(field);
    assert_int_equal(baggage.n_members, 2);
    assert_int_equal(otel_baggage_format(&baggage, text, sizeof(text)), sizeof(text));
    assert_memory_equal(text, field, sizeof(text));
    assert_int_equal(otel_baggage_format(&baggage, text, sizeof(text) - 1), 3);
}

static void test_a_member_that_does_not_fit_ends_the_reading(void **state) {
    static char field[OTEL_MAX_BAGGAGE_BYTES + 16];
    (void)state;
    memset(field, 'v', sizeof(field) - 1);
    memcpy(field, "a=1,b=", 6);
    memcpy(field + sizeof(field) - 5, ",c=3", 5);
    parse(field);
    assert_int_equal(baggage.n_members, 1);
    assert_member(0, "a", "1", "");
}

static void test_a_member_is_set_replaced_and_removed(void **state) {
    (void)state;
    parse("a=1;p,b=2");
    assert_int_equal(otel_baggage_set(&baggage, bytes_str("a"), bytes_str("x y")), 0);
    assert_int_equal(otel_baggage_set(&baggage, bytes_str("c"), bytes_str("3")), 0);
    assert_formatted("a=x%20y,b=2,c=3");
    otel_baggage_remove(&baggage, "b");
    otel_baggage_remove(&baggage, "nothing");
    assert_formatted("a=x%20y,c=3");
    assert_null(otel_baggage_get(&baggage, "b").data);
    otel_baggage_remove(&baggage, "c");
    otel_baggage_remove(&baggage, "a");
    assert_formatted("");
}

static void test_a_key_that_is_no_token_is_refused(void **state) {
    (void)state;
    parse("");
    assert_int_equal(otel_baggage_set(&baggage, bytes_str(""), bytes_str("1")), -EINVAL);
    assert_int_equal(otel_baggage_set(&baggage, bytes_str("a b"), bytes_str("1")), -EINVAL);
    assert_int_equal(otel_baggage_set(&baggage, bytes_of("a\0", 2), bytes_str("1")), -EINVAL);
    assert_int_equal(baggage.n_members, 0);
}

static void test_what_was_replaced_gives_its_room_back(void **state) {
    static char value[OTEL_MAX_BAGGAGE_BYTES];
    (void)state;
    parse("first=1");
    for (int i = 0; i < 100; i++) {
        size_t len = 1000 + (size_t)i;
        memset(value, 'a' + i % 26, len);
        assert_int_equal(otel_baggage_set(&baggage, bytes_str("k"), bytes_of(value, len)), 0);
        assert_true(bytes_equal(otel_baggage_get(&baggage, "k"), bytes_of(value, len)));
        assert_member(0, "first", "1", "");
    }
    assert_int_equal(
        otel_baggage_set(&baggage, bytes_str("big"), bytes_of(value, sizeof(value) - 1000)),
        -ENOSPC);
    size_t used = strlen("first1") + 1 + 1099;
    assert_int_equal(otel_baggage_set(&baggage, bytes_str("x"),
                                      bytes_of(value, OTEL_MAX_BAGGAGE_BYTES - used - 1)),
                     0);
    assert_int_equal(otel_baggage_set(&baggage, bytes_str("y"), bytes_str("")), -ENOSPC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_and_their_properties_are_read),
        cmocka_unit_test(test_blanks_around_all_parts_are_passed_over),
        cmocka_unit_test(test_a_value_may_have_equals_signs),
        cmocka_unit_test(test_values_are_percent_decoded),
        cmocka_unit_test(test_what_is_not_utf8_becomes_the_replacement_character),
        cmocka_unit_test(test_a_stray_percent_sign_stands_for_itself),
        cmocka_unit_test(test_properties_may_have_the_same_name),
        cmocka_unit_test(test_malformed_members_are_left_out),
        cmocka_unit_test(test_an_empty_value_is_one),
        cmocka_unit_test(test_of_two_with_one_key_the_later_counts),
        cmocka_unit_test(test_nothing_is_read_from_nothing),
        cmocka_unit_test(test_members_are_bounded),
        cmocka_unit_test(test_bytes_are_bounded_and_members_stay_whole),
        cmocka_unit_test(test_a_member_that_does_not_fit_ends_the_reading),
        cmocka_unit_test(test_a_member_is_set_replaced_and_removed),
        cmocka_unit_test(test_a_key_that_is_no_token_is_refused),
        cmocka_unit_test(test_what_was_replaced_gives_its_room_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
