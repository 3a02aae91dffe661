/* SPDX-License-Identifier: Apache-2.0 */
/* The writer commits while the keeper releases and prepares. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "journal_bench.h"
#include "unit.h"

enum {
    N_COMMITS = 3000,
    MAX_SEGMENTS = 64,
};

struct keeper {
    struct bench *bench;
    pthread_t thread;
    _Atomic uint64_t from; /* what the writer no longer needs */
    atomic_bool is_done;
    uint64_t largest_bytes;
};

static void *keep(void *user) {
    struct keeper *keeper = user;
    while (!keeper->is_done) {
        assert_int_equal(journal_release(keeper->bench->journal, keeper->from), 0);
        assert_int_equal(journal_prepare(keeper->bench->journal), 0);
        uint64_t size = journal_size_bytes(keeper->bench->journal);
        keeper->largest_bytes = size > keeper->largest_bytes ? size : keeper->largest_bytes;
    }
    return NULL;
}

/* As the store does: the writer is never further ahead of the keeper than a limit. */
static void wait_for_keeper(struct keeper *keeper) {
    struct bench *bench = keeper->bench;
    while (journal_size_bytes(bench->journal) > MAX_SEGMENTS * bench->segment_bytes) {
        keeper->from = journal_position(bench->journal);
        sched_yield();
    }
}

static void test_release_and_prepare_beside_commits(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 1);
    bench_open_and_check(&bench);
    struct keeper keeper = {.bench = &bench};
    assert_int_equal(pthread_create(&keeper.thread, NULL, keep, &keeper), 0);
    for (int i = 0; i < N_COMMITS; i++) {
        bench_write(&bench);
        if (i % 10 == 0)
            keeper.from = journal_position(bench.journal);
        wait_for_keeper(&keeper);
    }
    keeper.is_done = true;
    assert_int_equal(pthread_join(keeper.thread, NULL), 0);
    assert_true(keeper.largest_bytes > 0);
    bench.from = keeper.from;
    bench_close(&bench);
    bench_open_and_check(&bench);
    assert_true(bench.n_told < bench.n_notes || bench.from == 0);
    bench_fini(&bench);
}

static void *prepare(void *user) {
    struct bench *bench = user;
    assert_int_equal(journal_prepare(bench->journal), 0);
    return NULL;
}

/* The keeper's sync takes as long as it likes: commits go on, into new segments too. */
static void test_no_commit_waits_for_the_keeper(void **state) {
    (void)state;
    struct bench bench;
    pthread_t thread;
    bench_init(&bench, 2);
    bench_open_and_check(&bench);
    bench_write(&bench);
    fake_disk_hold(bench.disk, FAKE_SYNC);
    assert_int_equal(pthread_create(&thread, NULL, prepare, &bench), 0);
    fake_disk_wait_until_held(bench.disk);
    for (int i = 0; i < 100; i++)
        bench_write(&bench);
    fake_disk_let_go(bench.disk);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 100; i++)
        bench_write(&bench);
    bench_close(&bench);
    bench_open_and_check(&bench);
    assert_int_equal(bench.n_told, bench.n_notes);
    bench_fini(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_release_and_prepare_beside_commits),
        cmocka_unit_test(test_no_commit_waits_for_the_keeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
