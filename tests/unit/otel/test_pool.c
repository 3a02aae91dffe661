/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/pool.h"

#include <pthread.h>

#include "base/mem.h"
#include "otel/limits.h"
#include "unit.h"

static int set_up(void **state) {
    static struct pool pool;
    pool_init(&pool);
    *state = &pool;
    return 0;
}

static int tear_down(void **state) {
    pool_fini(*state);
    return 0;
}

static struct block *take(struct pool *pool, size_t size) {
    struct block *block = pool_take(pool, size);
    assert_non_null(block);
    assert_null(block->next);
    assert_true(block_size(block) >= size);
    return block;
}

static void test_a_block_that_came_back_is_taken_again(void **state) {
    struct block *block = take(*state, 100);
    pool_give_back(block);
    fail_alloc_at(SIZE_MAX);
    assert_ptr_equal(take(*state, 100), block);
    assert_int_equal(fail_alloc_count(), 0);
    fail_alloc_off();
}

static void test_sizes_have_blocks_of_their_own(void **state) {
    struct block *small = take(*state, 1), *large = take(*state, 100000);
    assert_true(block_size(small) < POOL_LEAST);
    pool_give_back(small);
    pool_give_back(large);
    assert_ptr_equal(take(*state, 100000), large);
    assert_ptr_equal(take(*state, 1), small);
}

static void test_each_block_begins_a_cache_line(void **state) {
    for (size_t size = 1; size < 5000; size += 100)
        assert_int_equal((uintptr_t)take(*state, size) % MEM_LINE, 0);
}

static void test_what_is_larger_than_the_largest_is_refused(void **state) {
    const size_t largest = (size_t)POOL_LEAST << (POOL_CLASSES - 1);
    assert_null(pool_take(*state, largest));
    take(*state, largest - 256);
}

static struct block *take_all(struct pool *pool, size_t size, size_t *n) {
    struct block *chain = NULL, *block;
    for (*n = 0; (block = pool_take(pool, size)); ++*n) {
        block->next = chain;
        chain = block;
    }
    return chain;
}

static void test_a_thread_has_at_most_its_bytes(void **state) {
    struct pool *pool = *state;
    size_t n;
    struct block *chain = take_all(pool, 400, &n);
    assert_int_equal(n, OTEL_MAX_THREAD_BYTES / POOL_LEAST);
    assert_int_equal(pool->n_bytes, OTEL_MAX_THREAD_BYTES);
    pool_give_back(chain);
    take(pool, 400);
}

static void test_free_blocks_of_other_sizes_make_room(void **state) {
    struct pool *pool = *state;
    size_t n;
    pool_give_back(take_all(pool, 400, &n));
    assert_true(pool_is_home(pool));
    take(pool, 3 << 20);
    assert_true(pool->n_bytes <= OTEL_MAX_THREAD_BYTES);
}

static void test_without_memory_there_is_none(void **state) {
    fail_alloc_at(1);
    assert_null(pool_take(*state, 100));
    fail_alloc_off();
    take(*state, 100);
}

static void test_a_chain_goes_home_to_each_owner(void **state) {
    struct pool other;
    pool_init(&other);
    struct block *a = take(*state, 1), *b = take(&other, 1), *c = take(*state, 1);
    a->next = b;
    b->next = c;
    assert_false(pool_is_home(*state));
    pool_give_back(a);
    assert_true(pool_is_home(*state));
    assert_true(pool_is_home(&other));
    pool_fini(&other);
}

static void test_what_is_put_back_is_taken_next(void **state) {
    struct pool other;
    pool_init(&other);
    struct block *mine = take(*state, 1), *others = take(&other, 1), *another = take(*state, 1);
    pool_give_back(another);
    mine->next = others;
    pool_put(*state, mine);
    assert_true(pool_is_home(&other));
    assert_ptr_equal(take(*state, 1), mine);
    assert_ptr_equal(take(*state, 1), another);
    assert_ptr_equal(take(&other, 1), others);
    pool_fini(&other);
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
            pool_give_back(block);
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
            pool_give_back(left);
    }
    for (int i = 0; i < N_THREADS; i++) {
        hands[i].is_over = true;
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(pool_is_home(*state));
}

#define ON_POOL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_POOL(test_a_block_that_came_back_is_taken_again),
        ON_POOL(test_sizes_have_blocks_of_their_own),
        ON_POOL(test_each_block_begins_a_cache_line),
        ON_POOL(test_what_is_larger_than_the_largest_is_refused),
        ON_POOL(test_a_thread_has_at_most_its_bytes),
        ON_POOL(test_free_blocks_of_other_sizes_make_room),
        ON_POOL(test_without_memory_there_is_none),
        ON_POOL(test_a_chain_goes_home_to_each_owner),
        ON_POOL(test_what_is_put_back_is_taken_next),
        ON_POOL(test_others_give_back_while_the_owner_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
