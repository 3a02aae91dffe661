/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed chunks that are more than SQLite may keep pages of in memory: its caches stay bounded, and
 * nothing else is seen of it. */
#include <sqlite3.h>

#include "sealed_fixture.h"
#include "store/limits.h"
#include "unit.h"

enum {
    N_LARGE = 200,
    LARGE_BYTES = 60000, /* 12 MB together: three times the writer's cache */
    SLACK_BYTES = 300000,
};

static uint8_t large[LARGE_BYTES];

static int count_head(void *user, const struct sealed_head *head) {
    (void)head;
    ++*(size_t *)user;
    return 0;
}

static size_t n_seen(struct sealed_box *box) {
    struct sealed_range all = everything_of(1);
    size_t n = 0;
    assert_int_equal(sealed_view_begin(box->view), 0);
    assert_int_equal(sealed_view_each_main(box->view, &all, false, count_head, &n), 0);
    sealed_view_end(box->view);
    return n;
}

static void assert_cache(int64_t used_before, unsigned kib) {
    int64_t used = sqlite3_memory_used() - used_before;
    assert_true(used > kib * 1024 / 2); /* it is full, */
    assert_true(used < kib * 1024 + SLACK_BYTES);
}

static void add_large(struct sealed_box *box) {
    int64_t used = sqlite3_memory_used();
    assert_int_equal(sealed_begin(box->sealed), 0);
    for (int64_t i = 0; i < N_LARGE; i++) {
        struct sealed_head head = head_of(1, false, (uint64_t)i, 2 * i, 2 * i + 1);
        assert_int_equal(sealed_add(box->sealed, &head, bytes_of(large, LARGE_BYTES)), 0);
    }
    assert_cache(used, STORE_WRITER_CACHE_KIB);
}

static int read_large(void *user, const struct sealed_head *head) {
    struct bytes data;
    assert_int_equal(sealed_view_data(user, head, &data), 0);
    assert_int_equal(data.len, LARGE_BYTES);
    return 0;
}

/* What of a transaction is in the WAL before its commit counts no more than the rest. */
static void test_a_transaction_beyond_the_writer_s_cache_is_there_as_a_whole_or_not(void **state) {
    (void)state;
    struct sealed_box box;
    box_init(&box, NULL);
    add_large(&box);
    assert_int_equal(n_seen(&box), 0);
    sealed_rollback(box.sealed);
    assert_int_equal(n_seen(&box), 0);
    box_reopen(&box);
    assert_int_equal(n_seen(&box), 0);
    box_fini(&box);
}

static void test_a_view_reads_beyond_its_cache(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    box_init(&box, NULL);
    add_large(&box);
    assert_int_equal(sealed_commit(box.sealed), 0);
    assert_int_equal(n_seen(&box), N_LARGE);
    box_reopen(&box);
    int64_t used = sqlite3_memory_used();
    assert_int_equal(sealed_view_begin(box.view), 0);
    assert_int_equal(sealed_view_each_main(box.view, &all, false, read_large, box.view), 0);
    assert_cache(used, STORE_VIEW_CACHE_KIB);
    sealed_view_end(box.view);
    box_fini(&box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_transaction_beyond_the_writer_s_cache_is_there_as_a_whole_or_not),
        cmocka_unit_test(test_a_view_reads_beyond_its_cache),
    };
    return cmocka_run_group_tests_name("sealed_cache", tests, NULL, NULL);
}
