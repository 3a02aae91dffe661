/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "unit.h"

static void assert_holds(const struct buf *buf, const char *text) {
    assert_true(bytes_equal_str(buf_bytes(buf), text));
}

static void test_new_buffer_is_empty_and_allocates_nothing(void **state) {
    (void)state;
    fail_alloc_off();
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(buf_len(&buf), 0);
    assert_int_equal(fail_alloc_count(), 0);
    buf_fini(&buf);
}

static void test_appended_bytes_come_out_in_order(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(buf_append(&buf, bytes_str("warm")), 0);
    assert_int_equal(buf_append(&buf, bytes_str("")), 0);
    assert_int_equal(buf_append(&buf, bytes_str(" and cold")), 0);
    assert_holds(&buf, "warm and cold");
    buf_consume(&buf, 5);
    assert_holds(&buf, "and cold");
    buf_fini(&buf);
}

static void test_append_beyond_max_is_refused_and_changes_nothing(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 8);
    assert_int_equal(buf_append(&buf, bytes_str("12345")), 0);
    assert_int_equal(buf_append(&buf, bytes_str("6789")), BUF_E_FULL);
    assert_holds(&buf, "12345");
    assert_int_equal(buf_append(&buf, bytes_str("678")), 0);
    assert_int_equal(buf_append(&buf, bytes_str("9")), BUF_E_FULL);
    assert_holds(&buf, "12345678");
    buf_fini(&buf);
}

static void test_consumed_room_counts_again_at_the_limit(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 8);
    assert_int_equal(buf_append(&buf, bytes_str("12345678")), 0);
    buf_consume(&buf, 3);
    assert_int_equal(buf_append(&buf, bytes_str("abc")), 0);
    assert_holds(&buf, "45678abc");
    assert_int_equal(buf_append(&buf, bytes_str("d")), BUF_E_FULL);
    buf_fini(&buf);
}

static void test_reserve_of_a_huge_size_is_refused(void **state) {
    (void)state;
    struct buf buf;
    uint8_t *at;
    buf_init(&buf, 1000);
    assert_int_equal(buf_append(&buf, bytes_str("x")), 0);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX, &at), BUF_E_FULL);
    assert_int_equal(buf_reserve(&buf, 1000, &at), BUF_E_FULL);
    assert_int_equal(buf_reserve(&buf, 999, &at), 0);
    buf_fini(&buf);
}

static void test_commit_takes_only_what_was_written(void **state) {
    (void)state;
    struct buf buf;
    uint8_t *at;
    buf_init(&buf, 1000);
    assert_int_equal(buf_reserve(&buf, 500, &at), 0);
    memcpy(at, "only this", 9);
    buf_commit(&buf, 9);
    assert_holds(&buf, "only this");
    buf_fini(&buf);
}

static void test_failed_allocation_leaves_the_content(void **state) {
    (void)state;
    struct buf buf;
    uint8_t more[1000] = {0};
    buf_init(&buf, 10000);
    fail_alloc_at(1);
    assert_int_equal(buf_append(&buf, bytes_str("first")), -ENOMEM);
    assert_int_equal(buf_append(&buf, bytes_str("first")), 0);
    fail_alloc_at(1);
    assert_int_equal(buf_append(&buf, bytes_of(more, sizeof(more))), -ENOMEM);
    fail_alloc_off();
    assert_holds(&buf, "first");
    buf_fini(&buf);
}

static void test_reset_keeps_the_memory_and_release_gives_it_back(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(buf_append(&buf, bytes_str("something")), 0);
    buf_reset(&buf);
    fail_alloc_off();
    assert_int_equal(buf_append(&buf, bytes_str("again")), 0);
    assert_int_equal(fail_alloc_count(), 0);
    buf_release(&buf);
    assert_null(buf.data);
    assert_int_equal(buf_append(&buf, bytes_str("after")), 0);
    assert_holds(&buf, "after");
    buf_fini(&buf);
}

/* Bytes flow through for a long time; what comes out is what went in, and memory stays bounded. */
static void test_long_flow_keeps_order_and_bound(void **state) {
    (void)state;
    struct buf buf;
    uint8_t next_in = 0, next_out = 0;
    buf_init(&buf, 700);
    for (size_t round = 0; round < 5000; round++) {
        uint8_t piece[97];
        size_t n = round % sizeof(piece);
        for (size_t i = 0; i < n; i++)
            piece[i] = (uint8_t)(next_in + i);
        if (buf_append(&buf, bytes_of(piece, n)) == 0)
            next_in = (uint8_t)(next_in + n);
        size_t taken = buf_len(&buf) < round % 89 ? buf_len(&buf) : round % 89;
        struct bytes held = buf_bytes(&buf);
        for (size_t i = 0; i < taken; i++)
            assert_int_equal(held.data[i], next_out++);
        buf_consume(&buf, taken);
        assert_true(buf.cap <= 700);
    }
    buf_fini(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_buffer_is_empty_and_allocates_nothing),
        cmocka_unit_test(test_appended_bytes_come_out_in_order),
        cmocka_unit_test(test_append_beyond_max_is_refused_and_changes_nothing),
        cmocka_unit_test(test_consumed_room_counts_again_at_the_limit),
        cmocka_unit_test(test_reserve_of_a_huge_size_is_refused),
        cmocka_unit_test(test_commit_takes_only_what_was_written),
        cmocka_unit_test(test_failed_allocation_leaves_the_content),
        cmocka_unit_test(test_reset_keeps_the_memory_and_release_gives_it_back),
        cmocka_unit_test(test_long_flow_keeps_order_and_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
