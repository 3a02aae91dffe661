/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "unit.h"

static bool matches(const char *pattern, const char *name) {
    return glob_matches(bytes_str(pattern), bytes_str(name));
}

static void test_plain_text_matches_only_itself(void **state) {
    (void)state;
    assert_true(matches("boiler-1", "boiler-1"));
    assert_false(matches("boiler-1", "boiler-12"));
    assert_false(matches("boiler-12", "boiler-1"));
    assert_false(matches("boiler-1", "Boiler-1"));
    assert_true(matches("", ""));
    assert_false(matches("", "a"));
    assert_false(matches("a", ""));
}

static void test_star_matches_any_run(void **state) {
    (void)state;
    assert_true(matches("*", ""));
    assert_true(matches("*", "anything"));
    assert_true(matches("boiler-*", "boiler-"));
    assert_true(matches("boiler-*", "boiler-17"));
    assert_false(matches("boiler-*", "boiler"));
    assert_true(matches("*-1", "a-1-1"));
    assert_false(matches("*-1", "a-1-2"));
    assert_true(matches("a*b*c", "a-b-b-c"));
    assert_false(matches("a*b*c", "a-c-b"));
    assert_true(matches("**a**", "bab"));
}

static void test_question_mark_matches_one_character(void **state) {
    (void)state;
    assert_true(matches("room-?", "room-1"));
    assert_false(matches("room-?", "room-"));
    assert_false(matches("room-?", "room-12"));
    assert_true(matches("?*", "a"));
    assert_false(matches("?*", ""));
}

static void test_a_character_may_have_several_bytes(void **state) {
    (void)state;
    assert_true(matches("k?che", "k\xC3\xBC"
                                 "che"));
    assert_false(matches("k??che", "k\xC3\xBC"
                                   "che"));
    assert_true(matches("?", "\xF0\x9F\x94\xA5"));
    assert_false(matches("*??", "\xC3\xBC"));
    assert_true(matches("*\xC3\xBC*", "k\xC3\xBC"
                                      "che"));
}

static void test_other_special_characters_are_plain(void **state) {
    (void)state;
    assert_false(matches("[ab]", "a"));
    assert_true(matches("[ab]", "[ab]"));
    assert_true(matches("a\\*", "a\\b"));
    assert_false(matches("a.c", "abc"));
    assert_true(glob_matches(bytes_of("a\0*", 3), bytes_of("a\0b", 3)));
}

static void test_only_star_and_question_mark_make_a_pattern(void **state) {
    (void)state;
    assert_true(glob_is_pattern(bytes_str("boiler-*")));
    assert_true(glob_is_pattern(bytes_str("?")));
    assert_false(glob_is_pattern(bytes_str("boiler-1")));
    assert_false(glob_is_pattern(bytes_str("[a]\\")));
    assert_false(glob_is_pattern(bytes_str("")));
}

/* The obvious definition, which takes exponential time. */
static bool model(const char *pattern, const char *name) {
    if (*pattern == '*')
        return model(pattern + 1, name) || (*name && model(pattern, name + 1));
    if (*pattern == '\0' || *name == '\0')
        return *pattern == *name;
    return (*pattern == '?' || *pattern == *name) && model(pattern + 1, name + 1);
}

static void test_random_patterns_match_as_the_definition_says(void **state) {
    (void)state;
    struct random random;
    size_t n_matches = 0;
    random_init(&random, 1);
    for (int i = 0; i < 100000; i++) {
        char pattern[9] = {0}, name[9] = {0};
        for (uint64_t n = random_below(&random, 9), k = 0; k < n; k++)
            pattern[k] = "ab*?"[random_below(&random, 4)];
        for (uint64_t n = random_below(&random, 9), k = 0; k < n; k++)
            name[k] = "ab"[random_below(&random, 2)];
        assert_int_equal(matches(pattern, name), model(pattern, name));
        n_matches += matches(pattern, name);
    }
    assert_in_range(n_matches, 1000, 99000);
}

/* With backtracking into every star this would take longer than the age of the universe. */
static void test_pathological_pattern_takes_no_time(void **state) {
    (void)state;
    char pattern[129], name[129];
    for (int i = 0; i < 128; i++) {
        pattern[i] = i % 2 ? 'a' : '*';
        name[i] = 'a';
    }
    pattern[127] = 'b';
    pattern[128] = name[128] = '\0';
    uint64_t start = clock_monotonic_ns();
    assert_false(matches(pattern, name));
    assert_true(clock_monotonic_ns() - start < NS_PER_S);
}

static bool overlaps(const char *a, const char *b) {
    assert_int_equal(glob_overlaps(bytes_str(a), bytes_str(b)),
                     glob_overlaps(bytes_str(b), bytes_str(a)));
    return glob_overlaps(bytes_str(a), bytes_str(b));
}

static void test_patterns_overlap_where_one_name_matches_both(void **state) {
    (void)state;
    static const char *const together[][2] = {
        {"*", "*"},
        {"*", ""},
        {"boiler-*", "*-3"},
        {"boiler-*", "b?iler-3"},
        {"a*b*c", "*x*"},
        {"a?c", "a*"},
        {"s\xC3\xBC"
         "d",
         "s?d"},
    };
    static const char *const apart[][2] = {
        {"", "a"},
        {"", "?"},
        {"boiler-*", "cellar*"},
        {"*a", "*b"},
        {"???", "??"},
        {"a*b", "*c"},
        {"s\xC3\xBC"
         "d",
         "s??d"},
    };
    for (size_t i = 0; i < ARRAY_LEN(together); i++)
        assert_true(overlaps(together[i][0], together[i][1]));
    for (size_t i = 0; i < ARRAY_LEN(apart); i++)
        assert_false(overlaps(apart[i][0], apart[i][1]));
}

static void test_patterns_too_long_to_compare_overlap(void **state) {
    (void)state;
    char pattern[GLOB_OVERLAP_MAX + 2];
    memset(pattern, 'a', sizeof(pattern));
    pattern[GLOB_OVERLAP_MAX + 1] = '\0';
    assert_true(overlaps(pattern, "b"));
    pattern[GLOB_OVERLAP_MAX] = '\0';
    assert_false(overlaps(pattern, "b"));
    assert_true(overlaps(pattern, "a*"));
}

/* Patterns of up to 3 characters that overlap do so in a name of up to 6. */
static void test_random_patterns_overlap_as_the_definition_says(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 8);
    for (int round = 0; round < 2000; round++) {
        char a[4] = {0}, b[4] = {0};
        for (uint64_t n = random_below(&random, 4), k = 0; k < n; k++)
            a[k] = "ab*?"[random_below(&random, 4)];
        for (uint64_t n = random_below(&random, 4), k = 0; k < n; k++)
            b[k] = "ab*?"[random_below(&random, 4)];
        bool found = false;
        for (unsigned len = 0; len <= 6 && !found; len++)
            for (unsigned bits = 0; bits < 1u << len && !found; bits++) {
                char name[7] = {0};
                for (unsigned k = 0; k < len; k++)
                    name[k] = bits >> k & 1 ? 'b' : 'a';
                found = matches(a, name) && matches(b, name);
            }
        if (overlaps(a, b) != found)
            fail_msg("'%s' and '%s'", a, b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_matches_only_itself),
        cmocka_unit_test(test_star_matches_any_run),
        cmocka_unit_test(test_question_mark_matches_one_character),
        cmocka_unit_test(test_a_character_may_have_several_bytes),
        cmocka_unit_test(test_other_special_characters_are_plain),
        cmocka_unit_test(test_only_star_and_question_mark_make_a_pattern),
        cmocka_unit_test(test_random_patterns_match_as_the_definition_says),
        cmocka_unit_test(test_pathological_pattern_takes_no_time),
        cmocka_unit_test(test_patterns_overlap_where_one_name_matches_both),
        cmocka_unit_test(test_patterns_too_long_to_compare_overlap),
        cmocka_unit_test(test_random_patterns_overlap_as_the_definition_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
