/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "unit.h"

static void test_pieces_are_aligned_and_apart(void **state) {
    (void)state;
    struct arena arena;
    uint8_t *pieces[200];
    arena_init(&arena, 100000);
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(pieces[i][k], i);
    arena_fini(&arena);
}

static void test_limit_counts_what_was_handed_out(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 100);
    assert_non_null(arena_alloc(&arena, 60));
    assert_null(arena_alloc(&arena, 41));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 40));
    assert_null(arena_alloc(&arena, 1));
    arena_fini(&arena);
}

static void test_reset_makes_room_and_reuses_the_memory(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_non_null(arena_alloc(&arena, 1000));
    arena_reset(&arena);
    fail_alloc_off();
    assert_non_null(arena_alloc(&arena, 1000));
    assert_int_equal(fail_alloc_count(), 0);
    arena_fini(&arena);
}

static void test_reset_of_an_unused_arena_is_harmless(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 1));
    arena_fini(&arena);
}

static void test_piece_larger_than_a_block_fits(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    uint8_t *small = arena_alloc(&arena, 10);
    uint8_t *large = arena_alloc(&arena, 500000);
    assert_non_null(small);
    assert_non_null(large);
    memset(small, 1, 10);
    memset(large, 2, 500000);
    assert_int_equal(small[9], 1);
    arena_fini(&arena);
}

static void test_copy_is_its_own_memory(void **state) {
    (void)state;
    struct arena arena;
    char text[] = "boiler-1";
    struct bytes copy;
    arena_init(&arena, 100);
    assert_int_equal(arena_copy(&arena, bytes_str(text), &copy), 0);
    text[0] = 'x';
    assert_true(bytes_equal_str(copy, "boiler-1"));
    assert_int_equal(arena_copy(&arena, bytes_of(NULL, 0), &copy), 0);
    assert_int_equal(copy.len, 0);
    arena_fini(&arena);
}

static void test_failed_allocation_is_an_ordinary_error(void **state) {
    (void)state;
    struct arena arena;
    struct bytes copy;
    arena_init(&arena, 10000);
    fail_alloc_at(1);
    assert_int_equal(arena_copy(&arena, bytes_str("a"), &copy), -ENOMEM);
    assert_int_equal(arena_copy(&arena, bytes_str("a"), &copy), 0);
    fail_alloc_at(1);
    assert_null(arena_alloc(&arena, 5000));
    fail_alloc_off();
    assert_non_null(arena_alloc(&arena, 5000));
    assert_true(bytes_equal_str(copy, "a"));
    arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_limit_counts_what_was_handed_out),
        cmocka_unit_test(test_reset_makes_room_and_reuses_the_memory),
        cmocka_unit_test(test_reset_of_an_unused_arena_is_harmless),
        cmocka_unit_test(test_piece_larger_than_a_block_fits),
        cmocka_unit_test(test_copy_is_its_own_memory),
        cmocka_unit_test(test_failed_allocation_is_an_ordinary_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
