/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include "unit.h"

enum {
    N_SENT = 100000
};

static void test_comes_out_in_order_and_full_is_an_outcome(void **state) {
    (void)state;
    struct ring ring;
    int objects[5];
    assert_int_equal(ring_init(&ring, 4), 0);
    assert_null(ring_pop(&ring));
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(ring_length(&ring), i);
            assert_int_equal(ring_push(&ring, &objects[i]), 0);
        }
        assert_int_equal(ring_push(&ring, &objects[4]), RING_E_FULL);
        assert_int_equal(ring_length(&ring), 4);
        for (int i = 0; i < 4; i++)
            assert_ptr_equal(ring_pop(&ring), &objects[i]);
        assert_int_equal(ring_length(&ring), 0);
        assert_null(ring_pop(&ring));
    }
    ring_fini(&ring);
}

static void test_one_slot_is_enough(void **state) {
    (void)state;
    struct ring ring;
    int object;
    assert_int_equal(ring_init(&ring, 1), 0);
    assert_int_equal(ring_push(&ring, &object), 0);
    assert_int_equal(ring_push(&ring, &object), RING_E_FULL);
    assert_ptr_equal(ring_pop(&ring), &object);
    ring_fini(&ring);
}

static void test_counters_may_wrap_around(void **state) {
    (void)state;
    struct ring ring;
    int objects[3];
    assert_int_equal(ring_init(&ring, 2), 0);
    ring.pushed = ring.popped = SIZE_MAX;
    assert_int_equal(ring_push(&ring, &objects[0]), 0);
    assert_int_equal(ring_push(&ring, &objects[1]), 0);
    assert_int_equal(ring_push(&ring, &objects[2]), RING_E_FULL);
    assert_ptr_equal(ring_pop(&ring), &objects[0]);
    assert_ptr_equal(ring_pop(&ring), &objects[1]);
    assert_null(ring_pop(&ring));
    ring_fini(&ring);
}

struct crossing {
    struct ring ring;
    uint64_t sent[N_SENT]; /* plain memory: written before the push, read after the pop */
};

static void *send_all(void *crossing_at) {
    struct crossing *crossing = crossing_at;
    for (size_t i = 0; i < N_SENT; i++) {
        crossing->sent[i] = i * 3 + 1;
        while (ring_push(&crossing->ring, &crossing->sent[i]) == RING_E_FULL)
            sched_yield();
    }
    return NULL;
}

static void test_what_one_thread_wrote_the_other_sees(void **state) {
    (void)state;
    static struct crossing crossing;
    pthread_t sender;
    assert_int_equal(ring_init(&crossing.ring, 64), 0);
    assert_int_equal(pthread_create(&sender, NULL, send_all, &crossing), 0);
    for (size_t i = 0; i < N_SENT; i++) {
        uint64_t *received;
        while (!(received = ring_pop(&crossing.ring)))
            sched_yield();
        assert_ptr_equal(received, &crossing.sent[i]);
        assert_int_equal(*received, i * 3 + 1);
    }
    pthread_join(sender, NULL);
    assert_null(ring_pop(&crossing.ring));
    ring_fini(&crossing.ring);
}

static void test_failed_allocation_is_an_ordinary_error(void **state) {
    (void)state;
    struct ring ring;
    fail_alloc_at(1);
    assert_int_equal(ring_init(&ring, 4), -ENOMEM);
    fail_alloc_off();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_out_in_order_and_full_is_an_outcome),
        cmocka_unit_test(test_one_slot_is_enough),
        cmocka_unit_test(test_counters_may_wrap_around),
        cmocka_unit_test(test_what_one_thread_wrote_the_other_sees),
        cmocka_unit_test(test_failed_allocation_is_an_ordinary_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
