/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of W3C's own test suite (w3c/trace-context, test/test.py), and some more. */
#include <stdio.h>

#include "otel/propagation.h"
#include "unit.h"

#define KEY_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_-*/@"

static void assert_taken(const char *field) {
    if (otel_trace_state_check(bytes_str(field)))
        fail_msg("refused: %s", field);
}

static void assert_refused(const char *field) {
    if (otel_trace_state_check(bytes_str(field)) != OTEL_E_MALFORMED)
        fail_msg("taken: %s", field);
}

static void assert_value(const char *field, const char *key, const char *value) {
    assert_taken(field);
    struct bytes got = otel_trace_state_get(bytes_str(field), key);
    if (!got.data || !bytes_equal_str(got, value))
        fail_msg("%s of \"%s\" is \"%.*s\"", key, field, BYTES_ARGS(got));
}

static void test_members_are_found_by_their_keys(void **state) {
    (void)state;
    assert_value("foo=1,bar=2", "foo", "1");
    assert_value("foo=1,bar=2", "bar", "2");
    assert_null(otel_trace_state_get(bytes_str("foo=1,bar=2"), "fo").data);
    assert_null(otel_trace_state_get(bytes_str("foo=1,bar=2"), "ba").data);
}

static void test_empty_members_are_allowed(void **state) {
    (void)state;
    assert_taken("");
    assert_taken(",");
    assert_value("foo=1,", "foo", "1");
    assert_value(",foo=1", "foo", "1");
    assert_value("foo=1, \t ,bar=2", "bar", "2");
}

static void test_a_key_may_be_there_once(void **state) {
    (void)state;
    assert_refused("foo=1,foo=1");
    assert_refused("foo=1,foo=2");
    assert_refused("foo=1,bar=2,foo=1");
}

static void test_all_characters_that_are_allowed_are_taken(void **state) {
    char value[96] = "", field[200];
    size_t n = 0;
    (void)state;
    for (char c = 0x20; c <= 0x7e; c++)
        if (c != ',' && c != '=')
            value[n++] = c;
    snprintf(field, sizeof(field), "%s=%s", KEY_CHARACTERS, value);
    assert_value(field, KEY_CHARACTERS, value);
}

static void test_blanks_around_members_are_passed_over(void **state) {
    (void)state;
    assert_value("foo=1 \t , \t bar=2, \t baz=3", "foo", "1");
    assert_value("foo=1 \t , \t bar=2, \t baz=3", "bar", "2");
    assert_value("foo=1\t \t,\t \tbar=2,\t \tbaz=3", "baz", "3");
    assert_value(" foo=1", "foo", "1");
    assert_value("\tfoo=1\t", "foo", "1");
}

static void test_a_value_keeps_the_blanks_in_front(void **state) {
    (void)state;
    assert_value("foo=  1 2 ,bar=2", "foo", "  1 2");
}

static void test_keys_that_are_none_are_refused(void **state) {
    (void)state;
    assert_refused("foo =1");
    assert_refused("FOO=1");
    assert_refused("foo.bar=1");
    assert_refused("=1");
    assert_refused("foo");
    assert_refused("_foo=1");
    assert_refused("@foo=1,bar=2");
}

/* Level 1 had rules for where the `@` may stand; level 2 has none but that it is not the first. */
static void test_an_at_sign_may_stand_anywhere_but_first(void **state) {
    (void)state;
    assert_value("foo@=1,bar=2", "foo@", "1");
    assert_value("foo@@bar=1,bar=2", "foo@@bar", "1");
    assert_value("foo@bar@baz=1,bar=2", "foo@bar@baz", "1");
    assert_value("0foo@bar=1", "0foo@bar", "1");
}

static void test_values_that_are_none_are_refused(void **state) {
    (void)state;
    assert_refused("foo=bar=baz");
    assert_refused("foo=,bar=3");
    assert_refused("foo=a\x01"
                   "b");
    assert_refused("foo=a\tb");
    assert_refused("foo=k\xC3\xBC"
                   "che");
}

static void fill(char *field, size_t n_members) {
    *field = '\0';
    for (size_t i = 1; i <= n_members; i++)
        snprintf(field + strlen(field), 16, "%sbar%02zu=%02zu", i > 1 ? "," : "", i, i);
}

static void test_members_are_bounded(void **state) {
    char field[1024];
    (void)state;
    fill(field, OTEL_MAX_TRACE_STATE_MEMBERS);
    assert_value(field, "bar32", "32");
    fill(field, OTEL_MAX_TRACE_STATE_MEMBERS + 1);
    assert_refused(field);
}

static void test_keys_and_values_are_bounded(void **state) {
    char field[600], text[258];
    (void)state;
    memset(text, 'z', 257);
    text[257] = '\0';
    snprintf(field, sizeof(field), "foo=1,%.256s=1", text);
    assert_value(field, "foo", "1");
    snprintf(field, sizeof(field), "foo=1,%s=1", text);
    assert_refused(field);
    snprintf(field, sizeof(field), "foo=%.256s", text);
    assert_taken(field);
    snprintf(field, sizeof(field), "foo=%s", text);
    assert_refused(field);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_found_by_their_keys),
        cmocka_unit_test(test_empty_members_are_allowed),
        cmocka_unit_test(test_a_key_may_be_there_once),
        cmocka_unit_test(test_all_characters_that_are_allowed_are_taken),
        cmocka_unit_test(test_blanks_around_members_are_passed_over),
        cmocka_unit_test(test_a_value_keeps_the_blanks_in_front),
        cmocka_unit_test(test_keys_that_are_none_are_refused),
        cmocka_unit_test(test_an_at_sign_may_stand_anywhere_but_first),
        cmocka_unit_test(test_values_that_are_none_are_refused),
        cmocka_unit_test(test_members_are_bounded),
        cmocka_unit_test(test_keys_and_values_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
