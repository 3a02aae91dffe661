/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/attribute_set.h"

#include "base/mem.h"
#include "unit.h"

#define SET(...)                                   \
    set_of((struct otel_attribute[]){__VA_ARGS__}, \
           sizeof((struct otel_attribute[]){__VA_ARGS__}) / sizeof(struct otel_attribute))

static struct attribute_set *set_of(const struct otel_attribute *attributes, size_t n) {
    struct attribute_set *set;
    assert_int_equal(attribute_set_new(attributes, n, &set), 0);
    return set;
}

static bool are_same(struct attribute_set *a, struct attribute_set *b) {
    bool are_same = bytes_equal(a->key, b->key);
    mem_free(a);
    mem_free(b);
    return are_same;
}

static void test_keys_are_sorted_bytewise(void **state) {
    CLEANUP(mem_freep)
    struct attribute_set *set =
        SET(otel_attribute("b", otel_integer(1)), otel_attribute("ab", otel_integer(2)),
            otel_attribute("a", otel_integer(3)), otel_attribute("\xc3\xa4", otel_integer(4)),
            otel_attribute("B", otel_integer(5)));
    static const int order[] = {5, 3, 2, 1, 4};
    (void)state;
    assert_int_equal(set->n, ARRAY_LEN(order));
    for (size_t i = 0; i < set->n; i++)
        assert_int_equal(set->attributes[i].value.integer, order[i]);
}

static void test_of_a_key_given_twice_the_last_one_counts(void **state) {
    CLEANUP(mem_freep)
    struct attribute_set *set =
        SET(otel_attribute("a", otel_integer(1)), otel_attribute("b", otel_integer(2)),
            otel_attribute("a", otel_str("x")), otel_attribute("", otel_integer(3)));
    (void)state;
    assert_int_equal(set->n, 2);
    assert_int_equal(set->attributes[0].value.type, OTEL_TEXT);
    assert_true(bytes_equal_str(set->attributes[0].value.text, "x"));
    assert_int_equal(set->attributes[1].value.integer, 2);
}

static void test_order_does_not_tell_sets_apart(void **state) {
    (void)state;
    assert_true(
        are_same(SET(otel_attribute("a", otel_integer(1)), otel_attribute("b", otel_integer(2))),
                 SET(otel_attribute("b", otel_integer(2)), otel_attribute("a", otel_integer(1)))));
    assert_true(are_same(set_of(NULL, 0), SET(otel_attribute("", otel_integer(1)))));
}

static void test_values_types_and_borders_tell_sets_apart(void **state) {
    static const struct bytes one[] = {{(const uint8_t *)"ab", 2}, {(const uint8_t *)"c", 1}};
    static const struct bytes other[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"bc", 2}};
    struct otel_value texts = {.type = OTEL_TEXTS, .n = 2, .texts = one};
    struct otel_value others = {.type = OTEL_TEXTS, .n = 2, .texts = other};
    struct otel_value bytes = {.type = OTEL_BYTES, .text = bytes_str("x")};
    struct otel_value empty = {.type = OTEL_EMPTY};
    struct otel_value no_integers = {.type = OTEL_INTEGERS}, no_numbers = {.type = OTEL_NUMBERS};
    (void)state;
    assert_false(are_same(SET(otel_attribute("a", otel_integer(1))),
                          SET(otel_attribute("a", otel_integer(2)))));
    assert_false(are_same(SET(otel_attribute("a", otel_integer(0))),
                          SET(otel_attribute("a", otel_number(0)))));
    assert_false(
        are_same(SET(otel_attribute("a", otel_str("x"))), SET(otel_attribute("a", bytes))));
    assert_false(are_same(SET(otel_attribute("a", otel_str(""))), SET(otel_attribute("a", empty))));
    assert_false(are_same(SET(otel_attribute("a", texts)), SET(otel_attribute("a", others))));
    assert_false(
        are_same(SET(otel_attribute("a", no_integers)), SET(otel_attribute("a", no_numbers))));
    assert_false(are_same(SET(otel_attribute("ab", otel_str("c"))),
                          SET(otel_attribute("a", otel_str("bc")))));
    assert_false(are_same(set_of(NULL, 0), SET(otel_attribute("a", empty))));
}

/* What is handed in is gone before it is looked at. */
static void test_every_type_is_copied(void **state) {
    char key[] = "k", text[] = "text";
    struct bytes texts[] = {bytes_str(text), bytes_str("")};
    bool booleans[] = {true, false, true};
    int64_t integers[] = {INT64_MIN, 7};
    double numbers[] = {0.5};
    const struct otel_value values[] = {
        {.type = OTEL_EMPTY},
        otel_str(text),
        otel_boolean(true),
        otel_integer(INT64_MIN),
        otel_number(0.5),
        {.type = OTEL_BYTES, .text = bytes_str(text)},
        {.type = OTEL_TEXTS, .n = 2, .texts = texts},
        {.type = OTEL_BOOLEANS, .n = 3, .booleans = booleans},
        {.type = OTEL_INTEGERS, .n = 2, .integers = integers},
        {.type = OTEL_NUMBERS, .n = 1, .numbers = numbers},
    };
    struct otel_attribute attributes[ARRAY_LEN(values)];
    char keys[ARRAY_LEN(values)];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        keys[i] = (char)('a' + i);
        attributes[i] = (struct otel_attribute){bytes_of(&keys[i], 1), values[i]};
    }
    CLEANUP(mem_freep) struct attribute_set *set = set_of(attributes, ARRAY_LEN(values));
    memset(keys, 0, sizeof(keys));
    memset(key, 0, sizeof(key));
    memset(text, 0, sizeof(text));
    memset(texts, 0, sizeof(texts));
    memset(booleans, 0, sizeof(booleans));
    memset(integers, 0, sizeof(integers));
    memset(numbers, 0, sizeof(numbers));
    const struct otel_attribute *got = set->attributes;
    assert_int_equal(set->n, ARRAY_LEN(values));
    for (size_t i = 0; i < set->n; i++) {
        assert_int_equal(got[i].key.data[0], 'a' + i);
        assert_int_equal(got[i].value.type, i);
    }
    assert_true(bytes_equal_str(got[1].value.text, "text"));
    assert_true(got[2].value.boolean);
    assert_true(got[3].value.integer == INT64_MIN);
    assert_true(got[4].value.number == 0.5);
    assert_true(bytes_equal_str(got[5].value.text, "text"));
    assert_true(bytes_equal_str(got[6].value.texts[0], "text"));
    assert_int_equal(got[6].value.texts[1].len, 0);
    assert_true(got[7].value.booleans[0] && !got[7].value.booleans[1]);
    assert_true(got[8].value.integers[0] == INT64_MIN && got[8].value.integers[1] == 7);
    assert_true(got[9].value.numbers[0] == 0.5);
}

static void test_without_memory_there_is_no_set(void **state) {
    struct attribute_set *set;
    (void)state;
    fail_alloc_at(1);
    assert_int_equal(attribute_set_new(NULL, 0, &set), -ENOMEM);
    fail_alloc_off();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_sorted_bytewise),
        cmocka_unit_test(test_of_a_key_given_twice_the_last_one_counts),
        cmocka_unit_test(test_order_does_not_tell_sets_apart),
        cmocka_unit_test(test_values_types_and_borders_tell_sets_apart),
        cmocka_unit_test(test_every_type_is_copied),
        cmocka_unit_test(test_without_memory_there_is_no_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
