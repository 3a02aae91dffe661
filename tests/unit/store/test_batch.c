/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batch.h"

#include "store/limits.h"
#include "unit.h"

static struct reading reading_of(const char *id, int64_t seconds) {
    return (struct reading){.sensor_id = bytes_str(id),
                            .seconds = seconds,
                            .nanos = 5,
                            .sequence = 9,
                            .temperature = -0.5};
}

static void test_readings_in_a_row_share_name_and_run(void **state) {
    (void)state;
    struct store_writer a = {0}, b = {0};
    struct store_batch batch;
    store_batch_init(&batch);
    struct store_writer *const writers[] = {&a, &a, &b, &b, &a};
    const char *const ids[] = {"x", "x", "x", "y", "x"};
    for (int i = 0; i < 5; i++) {
        struct reading reading = reading_of(ids[i], i);
        assert_int_equal(store_batch_append(&batch, writers[i], &reading), 0);
    }
    assert_int_equal(batch.n_items, 5);
    assert_int_equal(batch.n_names, 3);
    assert_int_equal(batch.n_runs, 3);
    for (int i = 0; i < 5; i++) {
        assert_true(bytes_equal_str(store_batch_name(&batch, &batch.items[i]), ids[i]));
        assert_int_equal(batch.items[i].seconds, i);
        assert_int_equal(batch.items[i].nanos, 5);
        assert_int_equal(batch.items[i].sequence, 9);
        assert_true(batch.items[i].temperature == -0.5);
    }
    assert_ptr_equal(batch.runs[1].writer, &b);
    assert_int_equal(batch.runs[1].first, 2);
    assert_int_equal(batch.runs[1].n, 2);
    store_batch_fini(&batch);
}

static void test_full_batch_refuses_and_keeps_what_it_has(void **state) {
    (void)state;
    struct store_writer writer = {0};
    struct store_batch batch;
    char longest[STORE_ID_MAX_BYTES + 1] = {0};
    store_batch_init(&batch);
    struct reading reading = reading_of(longest, 1);
    for (int i = 0; i < STORE_BATCH_MAX_READINGS; i++) {
        memset(longest, 'a' + i % 2, STORE_ID_MAX_BYTES);
        reading.sensor_id = bytes_str(longest);
        assert_int_equal(store_batch_append(&batch, &writer, &reading), 0);
    }
    assert_int_equal(store_batch_append(&batch, &writer, &reading), STORE_BATCH_E_FULL);
    assert_int_equal(batch.n_items, STORE_BATCH_MAX_READINGS);
    assert_int_equal(batch.n_names, STORE_BATCH_MAX_READINGS);
    assert_int_equal(batch.runs[0].n, STORE_BATCH_MAX_READINGS);
    store_batch_fini(&batch);
}

static void test_reset_batch_is_empty_and_needs_no_memory(void **state) {
    (void)state;
    struct store_writer writer = {0};
    struct store_batch batch;
    struct reading reading = reading_of("boiler", 1);
    store_batch_init(&batch);
    for (int i = 0; i < 500; i++)
        assert_int_equal(store_batch_append(&batch, &writer, &reading), 0);
    store_batch_reset(&batch);
    fail_alloc_off();
    for (int i = 0; i < 500; i++)
        assert_int_equal(store_batch_append(&batch, &writer, &reading), 0);
    assert_int_equal(fail_alloc_count(), 0);
    assert_int_equal(batch.n_items, 500);
    assert_int_equal(batch.n_runs, 1);
    store_batch_fini(&batch);
}

static void test_failing_allocation_changes_nothing(void **state) {
    (void)state;
    struct store_writer writer = {0};
    struct reading reading = reading_of("boiler", 1);
    for (size_t n = 1, done = 0; !done; n++) {
        struct store_batch batch;
        store_batch_init(&batch);
        fail_alloc_at(n);
        int r = store_batch_append(&batch, &writer, &reading);
        fail_alloc_off();
        done = r == 0;
        if (!done) {
            assert_int_equal(r, -ENOMEM);
            assert_int_equal(batch.n_items + batch.n_names + batch.n_runs, 0);
            assert_int_equal(store_batch_append(&batch, &writer, &reading), 0);
        }
        assert_int_equal(batch.n_items, 1);
        store_batch_fini(&batch);
    }
}

/* Takes readings up to `n_left`, then gives `r`. */
struct taker {
    uint32_t n_calls, n_left;
    int r;
};

static int take(void *user, struct bytes id, const struct store_item *items, uint32_t n,
                struct store_outcome *outcome) {
    struct taker *taker = user;
    assert_true(bytes_equal(id, bytes_str(items->temperature < 2 ? "attic" : "cellar")));
    taker->n_calls++;
    uint32_t n_taken = n < taker->n_left ? n : taker->n_left;
    taker->n_left -= n_taken;
    outcome->accepted += n_taken;
    return n_taken < n ? taker->r : 0;
}

static void test_a_run_is_put_sensor_by_sensor_up_to_the_first_refusal(void **state) {
    (void)state;
    static const struct {
        int r;
        enum store_refusal reason;
    } reasons[] = {{-ENOMEM, STORE_REFUSED_MEMORY}, {-EUSERS, STORE_REFUSED_SENSORS}};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        struct store_writer writer = {0};
        struct store_batch batch;
        struct taker all = {.n_left = 9}, some = {.n_left = 3, .r = reasons[i].r}, none = {0};
        store_batch_init(&batch);
        for (int at = 0; at < 6; at++) {
            const struct reading reading = {.sensor_id = bytes_str(at < 2 ? "attic" : "cellar"),
                                            .temperature = at};
            assert_int_equal(store_batch_append(&batch, &writer, &reading), 0);
        }
        store_batch_put_run(&batch, &batch.runs[0], take, &all);
        assert_int_equal(all.n_calls, 2);
        assert_int_equal(batch.runs[0].outcome.accepted, 6);
        assert_int_equal(batch.runs[0].outcome.reason, STORE_TAKEN);
        store_batch_put_run(&batch, &batch.runs[0], take, &some);
        assert_int_equal(batch.runs[0].outcome.accepted, 3);
        assert_int_equal(batch.runs[0].outcome.refused, 3);
        assert_int_equal(batch.runs[0].outcome.reason, reasons[i].reason);
        store_batch_put_run(&batch, &batch.runs[0], take, &none);
        assert_int_equal(none.n_calls, 0);
        assert_int_equal(batch.runs[0].outcome.refused, 6);
        store_batch_fini(&batch);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings_in_a_row_share_name_and_run),
        cmocka_unit_test(test_full_batch_refuses_and_keeps_what_it_has),
        cmocka_unit_test(test_reset_batch_is_empty_and_needs_no_memory),
        cmocka_unit_test(test_failing_allocation_changes_nothing),
        cmocka_unit_test(test_a_run_is_put_sensor_by_sensor_up_to_the_first_refusal),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
