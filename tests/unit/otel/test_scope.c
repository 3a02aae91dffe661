/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/scope.h"

#include "base/mem.h"
#include "unit.h"

static const struct otel_scope scope = {
    .name = {(const uint8_t *)"name", 4},
    .version = {(const uint8_t *)"1", 1},
    .schema_url = {(const uint8_t *)"url", 3},
};

static void test_each_of_its_texts_makes_another_one(void **state) {
    struct otel_scope others[] = {scope, scope, scope};
    (void)state;
    others[0].name = bytes_str("other");
    others[1].version = bytes_str("2");
    others[2].schema_url = bytes_str("");
    assert_true(scope_is(&scope, &scope));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(scope_is(&scope, &others[i]));
}

/* The sanitizers say whether it keeps to its room. */
static void test_a_copy_takes_the_room_it_asks_for(void **state) {
    char *texts = mem_alloc(scope_text_bytes(&scope));
    (void)state;
    assert_non_null(texts);
    assert_int_equal(scope_text_bytes(&scope), 8);
    struct otel_scope copy = scope_copy(&scope, texts);
    assert_true(scope_is(&copy, &scope));
    assert_ptr_equal(copy.name.data, texts);
    mem_free(texts);
}

static void test_nothing_needs_no_room(void **state) {
    const struct otel_scope empty = {0};
    (void)state;
    assert_int_equal(scope_text_bytes(&empty), 0);
    struct otel_scope copy = scope_copy(&empty, NULL);
    assert_true(scope_is(&copy, &empty));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_of_its_texts_makes_another_one),
        cmocka_unit_test(test_a_copy_takes_the_room_it_asks_for),
        cmocka_unit_test(test_nothing_needs_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
