/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/exemplar.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "unit.h"

enum {
    N_READS = 2000000,
};

static struct otel_exemplar exemplar_of(uint8_t n) {
    struct otel_exemplar exemplar = {.value = n, .time_ns = n};
    memset(&exemplar.trace_id, n, sizeof(exemplar.trace_id));
    memset(&exemplar.span_id, n, sizeof(exemplar.span_id));
    return exemplar;
}

static void assert_exemplar_equal(const struct otel_exemplar *a, const struct otel_exemplar *b) {
    assert_true(a->value == b->value);
    assert_int_equal(a->time_ns, b->time_ns);
    assert_memory_equal(&a->trace_id, &b->trace_id, sizeof(a->trace_id));
    assert_memory_equal(&a->span_id, &b->span_id, sizeof(a->span_id));
}

static void test_what_was_written_is_read(void **state) {
    struct exemplar_slot slot = {0};
    struct otel_exemplar written = exemplar_of(7), read;
    (void)state;
    assert_false(exemplar_read(&slot, &read));
    exemplar_write(&slot, &written);
    assert_true(exemplar_read(&slot, &read));
    assert_exemplar_equal(&read, &written);
}

static void test_what_is_being_written_is_not_read(void **state) {
    struct exemplar_slot slot = {0};
    struct otel_exemplar exemplar = exemplar_of(7);
    (void)state;
    exemplar_write(&slot, &exemplar);
    slot.sequence++;
    assert_false(exemplar_read(&slot, &exemplar));
}

static void test_the_first_of_each_collection_is_chosen(void **state) {
    struct exemplar_slot slot = {0};
    struct random random;
    (void)state;
    random_init(&random, 1);
    for (uint32_t collection = 0; collection < 100; collection++) {
        assert_true(exemplar_is_chosen(&slot, collection, &random));
        for (int i = 0; i < 10; i++)
            (void)exemplar_is_chosen(&slot, collection, &random);
    }
}

static void test_all_have_the_same_chance(void **state) {
    enum {
        N = 10,
        N_ROUNDS = 20000,
    };
    int n_stayed[N] = {0};
    struct exemplar_slot slot = {0};
    struct random random;
    (void)state;
    random_init(&random, 1);
    for (uint32_t round = 1; round <= N_ROUNDS; round++) {
        int chosen = 0;
        for (int i = 0; i < N; i++)
            if (exemplar_is_chosen(&slot, round, &random))
                chosen = i;
        n_stayed[chosen]++;
    }
    for (int i = 0; i < N; i++) /* 2,000 each, seven deviations */
        assert_in_range(n_stayed[i], 1700, 2300);
}

static struct exemplar_slot hammered;
static _Atomic bool is_over;

static void *hammer(void *unused) {
    const struct otel_exemplar exemplars[] = {exemplar_of(1), exemplar_of(2)};
    (void)unused;
    for (int i = 0; !atomic_load_explicit(&is_over, memory_order_relaxed); i ^= 1)
        exemplar_write(&hammered, &exemplars[i]);
    return NULL;
}

static void test_none_is_torn(void **state) {
    struct otel_exemplar read;
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, hammer, NULL), 0);
    while (!exemplar_read(&hammered, &read))
        sched_yield();
    for (int i = 0; i < N_READS; i++) {
        if (!exemplar_read(&hammered, &read))
            continue;
        struct otel_exemplar wanted = exemplar_of((uint8_t)read.time_ns);
        assert_exemplar_equal(&read, &wanted);
    }
    is_over = true;
    pthread_join(thread, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_what_is_being_written_is_not_read),
        cmocka_unit_test(test_the_first_of_each_collection_is_chosen),
        cmocka_unit_test(test_all_have_the_same_chance),
        cmocka_unit_test(test_none_is_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
