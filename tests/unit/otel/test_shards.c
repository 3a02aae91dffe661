/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/shards.h"

#include "otel/limits.h"
#include "unit.h"

struct tally {
    struct shard shard;
    uint64_t n;
};

static int n_open;

static int open_tally(struct shard *shard) {
    (void)shard;
    n_open++;
    return 0;
}

static void close_tally(struct shard *shard) {
    (void)shard;
    n_open--;
}

static int open_nothing(struct shard *shard) {
    (void)shard;
    return -ENOMEM;
}

static int set_up(void **state) {
    static struct shards shards;
    n_open = 0;
    *state = &shards;
    return shards_init(&shards, sizeof(struct tally), open_tally, close_tally);
}

static int tear_down(void **state) {
    shards_fini(*state);
    return n_open;
}

static void *count(void *arg) {
    struct tally *tally = shards_mine(arg);
    assert_non_null(tally);
    tally->n++;
    return tally;
}

static struct tally *count_on_a_thread(struct shards *shards) {
    pthread_t thread;
    void *tally;
    assert_int_equal(pthread_create(&thread, NULL, count, shards), 0);
    assert_int_equal(pthread_join(thread, &tally), 0);
    return tally;
}

static bool add_up(void *user, struct shard *shard, bool is_left) {
    (void)is_left;
    *(uint64_t *)user += ((struct tally *)shard)->n;
    return true;
}

static bool keep(void *user, struct shard *shard, bool is_left) {
    ++*(uint64_t *)user;
    (void)shard;
    (void)is_left;
    return false;
}

static bool count_left(void *user, struct shard *shard, bool is_left) {
    *(uint64_t *)user += is_left;
    (void)shard;
    return false;
}

static uint64_t visit(struct shards *shards, shards_visit_fn how) {
    uint64_t n = 0;
    shards_visit(shards, how, &n);
    return n;
}

static void test_a_thread_finds_its_shard_again(void **state) {
    struct tally *mine = shards_mine(*state);
    assert_non_null(mine);
    assert_ptr_equal(shards_mine(*state), mine);
    assert_int_equal(n_open, 1);
}

static void test_each_thread_has_its_own(void **state) {
    struct tally *mine = shards_mine(*state);
    assert_ptr_not_equal(count_on_a_thread(*state), mine);
    assert_int_equal(mine->n, 0);
    assert_int_equal(n_open, 2);
}

static void test_what_a_thread_left_is_taken_once_and_freed(void **state) {
    for (int i = 0; i < 10; i++)
        count_on_a_thread(*state);
    assert_int_equal(visit(*state, add_up), 10);
    assert_int_equal(n_open, 0);
    assert_int_equal(visit(*state, add_up), 0);
}

static void test_what_is_not_let_go_of_stays(void **state) {
    count_on_a_thread(*state);
    assert_int_equal(visit(*state, count_left), 1);
    assert_int_equal(visit(*state, keep), 1);
    assert_int_equal(visit(*state, keep), 1);
    assert_int_equal(visit(*state, add_up), 1);
    assert_int_equal(n_open, 0);
}

static void test_the_shard_of_a_living_thread_is_not_freed(void **state) {
    struct tally *mine = shards_mine(*state);
    mine->n = 3;
    assert_int_equal(visit(*state, add_up), 3);
    assert_int_equal(visit(*state, count_left), 0);
    assert_ptr_equal(shards_mine(*state), mine);
}

static void test_a_shard_of_another_life_is_not_taken_for_this_ones(void **state) {
    for (int i = 0; i < 100; i++) {
        struct tally *mine = shards_mine(*state);
        assert_int_equal(mine->n, 0);
        mine->n = 1;
        shards_fini(*state);
        assert_int_equal(set_up(state), 0);
    }
}

/* One whose home is that place. */
static void open_at_home(struct shards *shards, unsigned place) {
    for (;;) {
        assert_int_equal(shards_init(shards, sizeof(struct tally), open_tally, close_tally), 0);
        if (shards->id % SHARDS_SLOTS == place)
            return;
        shards_fini(shards);
    }
}

/* As many lives as a thread remembers, with ids that want the same places: none loses its shard. */
static void test_lives_that_want_one_place_do_not_push_each_other_out(void **state) {
    struct shards living[SHARDS_SLOTS];
    (void)state;
    for (int i = 0; i < SHARDS_SLOTS - 1; i++) { /* the fixture's own is one of them */
        open_at_home(&living[i], 3);
        count(&living[i]);
    }
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < SHARDS_SLOTS - 1; i++)
            assert_int_equal(((struct tally *)count(&living[i]))->n, round + 2);
    for (int i = 0; i < SHARDS_SLOTS - 1; i++)
        shards_fini(&living[i]);
}

/* More lives at a time than a thread remembers: each still works, with a shard anew. */
static void test_a_thread_may_use_many(void **state) {
    enum {
        MANY = 20
    };
    struct shards many[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++)
        assert_int_equal(shards_init(&many[i], sizeof(struct tally), open_tally, close_tally), 0);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < MANY; i++)
            count(&many[i]);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(visit(&many[i], add_up), 3);
        shards_fini(&many[i]);
    }
}

static void test_threads_are_bounded(void **state) {
    struct shards *shards = *state;
    for (int i = 0; i < OTEL_MAX_THREADS; i++)
        count_on_a_thread(shards);
    assert_null(shards_mine(shards));
    assert_int_equal(n_open, OTEL_MAX_THREADS);
    fail_alloc_at(SIZE_MAX); /* nor does one that gets none pay for the asking */
    assert_null(shards_mine(shards));
    assert_int_equal(fail_alloc_count(), 0);
    fail_alloc_off();
    assert_int_equal(visit(shards, add_up), OTEL_MAX_THREADS);
    assert_non_null(shards_mine(shards));
}

static void test_a_shard_that_cannot_be_made_is_none(void **state) {
    struct shards shards;
    (void)state;
    assert_int_equal(shards_init(&shards, sizeof(struct tally), open_nothing, close_tally), 0);
    assert_null(shards_mine(&shards));
    shards_fini(&shards);
    fail_alloc_at(1);
    assert_null(shards_mine(*state));
    fail_alloc_off();
    assert_non_null(shards_mine(*state));
}

#define ON_SHARDS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SHARDS(test_a_thread_finds_its_shard_again),
        ON_SHARDS(test_each_thread_has_its_own),
        ON_SHARDS(test_what_a_thread_left_is_taken_once_and_freed),
        ON_SHARDS(test_what_is_not_let_go_of_stays),
        ON_SHARDS(test_the_shard_of_a_living_thread_is_not_freed),
        ON_SHARDS(test_a_shard_of_another_life_is_not_taken_for_this_ones),
        ON_SHARDS(test_lives_that_want_one_place_do_not_push_each_other_out),
        ON_SHARDS(test_a_thread_may_use_many),
        ON_SHARDS(test_threads_are_bounded),
        ON_SHARDS(test_a_shard_that_cannot_be_made_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
