/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/cell.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "unit.h"

enum {
    N_READS = 200000,
};

static const double bounds[] = {1, 2, 3, 4, 5, 6, 7};
static struct tally_shape histogram = {
    .kind = OTEL_HISTOGRAM, .bounds = bounds, .n_bounds = ARRAY_LEN(bounds)};
static const struct tally_shape gauge = {.kind = OTEL_GAUGE, .is_integer = true};

static struct cell *cell_of(const struct tally_shape *shape) {
    struct cell *cell = mem_zalloc(1, cell_size(shape));
    assert_non_null(cell);
    tally_clear(shape, cell->words);
    return cell;
}

static void test_what_was_measured_is_read(void **state) {
    struct cell *cell = cell_of(&histogram);
    uint64_t words[TALLY_COUNTS + ARRAY_LEN(bounds) + 1];
    (void)state;
    assert_int_equal(cell_measure(cell, &histogram, (struct measurement){.number = 2.5}), 2);
    cell_read(cell, &histogram, words);
    assert_int_equal(tally_count(&histogram, words), 1);
    assert_true(number_of_word(words[TALLY_SUM]) == 2.5);
    mem_free(cell);
}

static void test_a_wish_for_a_copy_is_fulfilled_by_the_next_measurement(void **state) {
    struct cell *cell = cell_of(&gauge);
    (void)state;
    cell->is_copy_wanted = true;
    cell_measure(cell, &gauge, (struct measurement){.integer = 7, .time_ns = 1});
    assert_false(cell->is_copy_wanted);
    cell_measure(cell, &gauge, (struct measurement){.integer = 8, .time_ns = 2});
    assert_int_equal(cell->words[2 + TALLY_GAUGE_VALUE], 7);
    mem_free(cell);
}

struct hammering {
    const struct tally_shape *shape;
    struct cell *cell;
    _Atomic bool has_begun, is_over;
};

/* Every measurement leaves a cell that can be told to be whole: all values are 1 and 7 in turn, a
 * gauge has the time of its value. */
static void *hammer(void *arg) {
    struct hammering *hammering = arg;
    for (uint64_t i = 1; !atomic_load_explicit(&hammering->is_over, memory_order_relaxed); i++) {
        struct measurement measurement = {.time_ns = i};
        if (hammering->shape->kind == OTEL_GAUGE)
            measurement.integer = (int64_t)i;
        else
            measurement.number = i & 1 ? 1 : 7;
        cell_measure(hammering->cell, hammering->shape, measurement);
        atomic_store_explicit(&hammering->has_begun, true, memory_order_relaxed);
    }
    return NULL;
}

static void assert_whole(const struct tally_shape *shape, const uint64_t *words) {
    if (shape->kind == OTEL_GAUGE) {
        assert_int_equal(words[TALLY_GAUGE_TIME], words[TALLY_GAUGE_VALUE]);
        return;
    }
    uint64_t ones = words[TALLY_COUNTS], sevens = words[TALLY_COUNTS + 6];
    assert_true(ones == sevens || ones == sevens + 1);
    assert_true(number_of_word(words[TALLY_SUM]) == (double)(ones + 7 * sevens));
}

static void read_while_hammered(const struct tally_shape *shape) {
    struct hammering hammering = {.shape = shape, .cell = cell_of(shape)};
    uint64_t words[TALLY_COUNTS + ARRAY_LEN(bounds) + 1];
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hammer, &hammering), 0);
    while (!atomic_load(&hammering.has_begun))
        sched_yield();
    for (int i = 0; i < N_READS; i++) {
        cell_read(hammering.cell, shape, words);
        assert_whole(shape, words);
    }
    hammering.is_over = true;
    pthread_join(thread, NULL);
    mem_free(hammering.cell);
}

static void test_a_cell_that_is_written_without_pause_is_read_whole(void **state) {
    (void)state;
    read_while_hammered(&histogram);
    read_while_hammered(&gauge);
}

static int set_up(void **state) {
    (void)state;
    bucket_index_init(&histogram.index, bounds, ARRAY_LEN(bounds));
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_measured_is_read),
        cmocka_unit_test(test_a_wish_for_a_copy_is_fulfilled_by_the_next_measurement),
        cmocka_unit_test(test_a_cell_that_is_written_without_pause_is_read_whole),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
