/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/blocks.h"

#include <pthread.h>

#include "otel/limits.h"
#include "unit.h"

static int set_up(void **state) {
    static struct blocks blocks;
    blocks_init(&blocks);
    *state = &blocks;
    return 0;
}

static int tear_down(void **state) {
    blocks_fini(*state);
    return 0;
}

static struct block *take(struct blocks *blocks, size_t size) {
    struct block *block = blocks_take(blocks, size);
    assert_non_null(block);
    assert_null(block->next);
    assert_true(block_size(block) >= size);
    return block;
}

static void test_a_block_that_came_back_is_taken_again(void **state) {
    struct block *block = take(*state, 100);
    blocks_give_back(block);
    fail_alloc_at(SIZE_MAX);
    assert_ptr_equal(take(*state, 100), block);
    assert_int_equal(fail_alloc_count(), 0);
    fail_alloc_off();
}

static void test_sizes_have_blocks_of_their_own(void **state) {
    struct block *small = take(*state, 1), *large = take(*state, 100000);
    assert_true(block_size(small) < BLOCKS_LEAST);
    blocks_give_back(small);
    blocks_give_back(large);
    assert_ptr_equal(take(*state, 100000), large);
    assert_ptr_equal(take(*state, 1), small);
}

static void test_what_is_larger_than_the_largest_is_refused(void **state) {
    assert_null(blocks_take(*state, 4 << 20));
    take(*state, (4 << 20) - 256);
}

static struct block *take_all(struct blocks *blocks, size_t size, size_t *n) {
    struct block *chain = NULL, *block;
    for (*n = 0; (block = blocks_take(blocks, size)); ++*n) {
        block->next = chain;
        chain = block;
    }
    return chain;
}

static void test_a_thread_has_at_most_its_bytes(void **state) {
    struct blocks *blocks = *state;
    size_t n;
    struct block *chain = take_all(blocks, 500, &n);
    assert_int_equal(n, OTEL_MAX_THREAD_BYTES / BLOCKS_LEAST);
    assert_int_equal(blocks->n_bytes, OTEL_MAX_THREAD_BYTES);
    blocks_give_back(chain);
    take(blocks, 500);
}

static void test_free_blocks_of_other_sizes_make_room(void **state) {
    struct blocks *blocks = *state;
    size_t n;
    blocks_give_back(take_all(blocks, 500, &n));
    assert_true(blocks_are_home(blocks));
    take(blocks, 3 << 20);
    assert_true(blocks->n_bytes <= OTEL_MAX_THREAD_BYTES);
}

static void test_without_memory_there_is_none(void **state) {
    fail_alloc_at(1);
    assert_null(blocks_take(*state, 100));
    fail_alloc_off();
    take(*state, 100);
}

static void test_a_chain_goes_home_to_each_owner(void **state) {
    struct blocks other;
    blocks_init(&other);
    struct block *a = take(*state, 1), *b = take(&other, 1), *c = take(*state, 1);
    a->next = b;
    b->next = c;
    assert_false(blocks_are_home(*state));
    blocks_give_back(a);
    assert_true(blocks_are_home(*state));
    assert_true(blocks_are_home(&other));
    blocks_fini(&other);
}

/* ---- threads ---- */

enum {
    N_THREADS = 3,
    N_ROUNDS = 20000,
};

struct hand {
    _Atomic(struct block *) block;
    _Atomic bool is_over;
};

static void *give_back(void *arg) {
    struct hand *hand = arg;
    for (;;) {
        bool is_over = hand->is_over;
        struct block *block = atomic_exchange(&hand->block, NULL);
        if (block)
            blocks_give_back(block);
        else if (is_over)
            return NULL;
    }
}

static void test_others_give_back_while_the_owner_takes(void **state) {
    static struct hand hands[N_THREADS];
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, give_back, &hands[i]), 0);
    }
    for (int i = 0; i < N_ROUNDS; i++) {
        struct block *block = take(*state, 1);
        block->memory[0] = (uint8_t)i;
        struct block *left = atomic_exchange(&hands[i % N_THREADS].block, block);
        if (left)
            blocks_give_back(left);
    }
    for (int i = 0; i < N_THREADS; i++) {
        hands[i].is_over = true;
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(blocks_are_home(*state));
}

#define ON_BLOCKS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BLOCKS(test_a_block_that_came_back_is_taken_again),
        ON_BLOCKS(test_sizes_have_blocks_of_their_own),
        ON_BLOCKS(test_what_is_larger_than_the_largest_is_refused),
        ON_BLOCKS(test_a_thread_has_at_most_its_bytes),
        ON_BLOCKS(test_free_blocks_of_other_sizes_make_room),
        ON_BLOCKS(test_without_memory_there_is_none),
        ON_BLOCKS(test_a_chain_goes_home_to_each_owner),
        ON_BLOCKS(test_others_give_back_while_the_owner_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
