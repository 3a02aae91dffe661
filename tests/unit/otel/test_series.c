/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/series.h"

#include <pthread.h>

#include "base/thread.h"
#include "metered.h"
#include "otel/limits.h"

/* ---- threads ---- */

enum {
    N_THREADS = 4,
    N_LIVES = 20,  /* of each thread, one after the other */
    N_EACH = 2000, /* measurements of a life */
};

struct work {
    struct metered *metered;
    struct otel_instrument *counter, *numbers, *histogram;
    _Atomic int n_working;
};

static void *live(void *arg) {
    struct work *work = arg;
    struct otel_series *counter = series_of(work->counter);
    struct otel_series *numbers = series_of(work->numbers);
    struct otel_series *histogram = series_of(work->histogram);
    for (int i = 0; i < N_EACH; i++) {
        otel_series_add(counter, 1);
        otel_series_add_number(numbers, 0.1);
        otel_series_record(histogram, i & 1 ? 1 : 7, NULL);
    }
    return NULL;
}

static void *live_again_and_again(void *arg) {
    struct work *work = arg;
    for (int i = 0; i < N_LIVES; i++) {
        pthread_t thread;
        assert_int_equal(thread_start(&thread, "life", live, work), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    work->n_working--;
    return NULL;
}

struct seen {
    int64_t counter;
    double numbers, sum;
    uint64_t count;
};

static struct seen look(struct metered *metered) {
    const struct otel_metrics *metrics = collect(metered);
    struct seen seen = {0};
    if (metrics->n_points == 3) {
        const struct otel_histogram_data *data = &only_point(metrics, "histogram")->histogram;
        seen = (struct seen){only_point(metrics, "counter")->integer,
                             only_point(metrics, "numbers")->number, data->sum, data->count};
        assert_int_equal(data->count, data->counts[1] + data->counts[2]);
        assert_true(data->sum == (double)(data->counts[1] + 7 * data->counts[2]));
    }
    end(metered);
    return seen;
}

static void assert_no_less(struct seen now, struct seen before) {
    assert_true(now.counter >= before.counter);
    assert_true(now.numbers >= before.numbers);
    assert_true(now.count >= before.count);
    assert_true(now.sum >= before.sum);
}

static void test_sums_are_exact_while_threads_come_and_go(void **state) {
    struct metered *metered = *state;
    struct work work = {metered, instrument_of(metered, "counter", OTEL_COUNTER, true),
                        instrument_of(metered, "numbers", OTEL_COUNTER, false),
                        instrument_of(metered, "histogram", OTEL_HISTOGRAM, false), N_THREADS};
    pthread_t threads[N_THREADS];
    struct seen seen = {0};
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(thread_start(&threads[i], "lives", live_again_and_again, &work), 0);
    while (work.n_working) {
        struct seen now = look(metered);
        assert_no_less(now, seen);
        seen = now;
    }
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    struct seen now = look(metered);
    assert_no_less(now, seen);
    assert_int_equal(now.counter, N_THREADS * N_LIVES * N_EACH);
    assert_int_equal(now.count, N_THREADS * N_LIVES * N_EACH);
    assert_true(now.sum == N_THREADS * N_LIVES * N_EACH * 4.0);
}

static void *add_one(void *series) {
    otel_series_add(series, 1);
    return NULL;
}

static void on_a_thread(thread_fn run, void *arg) {
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "other", run, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* More threads have ended than there may be shards: those without one count under the lock. */
static void test_threads_over_the_limit_count_too(void **state) {
    struct otel_series *series = series_of(instrument_of(*state, "n", OTEL_COUNTER, true));
    for (int i = 0; i < OTEL_MAX_THREADS + 10; i++)
        on_a_thread(add_one, series);
    assert_int_equal(integer_now(*state, "n"), OTEL_MAX_THREADS + 10);
    assert_int_equal(integer_now(*state, "n"), OTEL_MAX_THREADS + 10);
    on_a_thread(add_one, series);
    assert_int_equal(integer_now(*state, "n"), OTEL_MAX_THREADS + 11);
}

static void *set_two(void *series) {
    otel_series_set(series, 2);
    return NULL;
}

static void test_a_gauge_has_the_last_value_of_whichever_thread(void **state) {
    struct otel_series *series = series_of(instrument_of(*state, "g", OTEL_GAUGE, true));
    otel_series_set(series, 1);
    on_a_thread(set_two, series);
    assert_int_equal(integer_now(*state, "g"), 2);
    assert_int_equal(integer_now(*state, "g"), 2);
    otel_series_set(series, 3);
    assert_int_equal(integer_now(*state, "g"), 3);
}

static pthread_barrier_t barrier;

static void *add_one_and_wait(void *series) {
    otel_series_add_number(series, 1);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void *add_very_many(void *series) {
    otel_series_add_number(series, 1e16); /* the next number is 1e16 + 2 */
    return NULL;
}

/* 1e16 + (1 + 1) is more than (1e16 + 1) + 1, which it comes to when a thread has ended. */
static void test_a_sum_of_numbers_never_falls(void **state) {
    struct otel_series *series = series_of(instrument_of(*state, "n", OTEL_COUNTER, false));
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    otel_series_add_number(series, 1);
    assert_int_equal(thread_start(&thread, "waits", add_one_and_wait, series), 0);
    pthread_barrier_wait(&barrier);
    on_a_thread(add_very_many, series);
    assert_true(number_now(*state, "n") == 1e16 + 2);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    assert_true(number_now(*state, "n") == 1e16 + 2);
    pthread_barrier_destroy(&barrier);
}

/* ---- exemplars ---- */

static struct otel_context span_of(uint8_t n, uint8_t flags) {
    struct otel_context context = {.span.flags = flags};
    memset(&context.span.trace_id, n, sizeof(context.span.trace_id));
    memset(&context.span.span_id, n, sizeof(context.span.span_id));
    return context;
}

static size_t n_exemplars_of(struct metered *metered, const char *name) {
    size_t n = only_point(collect(metered), name)->n_exemplars;
    end(metered);
    return n;
}

static size_t n_exemplars_by_filter(enum otel_exemplar_filter filter,
                                    const struct otel_context *context) {
    struct metered metered;
    metered_open(&metered, filter);
    struct otel_series *series = series_of(instrument_of(&metered, "h", OTEL_HISTOGRAM, false));
    otel_series_record(series, 1, context);
    size_t n = n_exemplars_of(&metered, "h");
    otel_metering_free(metered.metering);
    return n;
}

static void test_the_filter_says_what_may_become_an_exemplar(void **state) {
    const struct otel_context sampled = span_of(1, OTEL_FLAG_SAMPLED), unsampled = span_of(1, 0);
    const struct otel_context invalid = span_of(0, OTEL_FLAG_SAMPLED);
    (void)state;
    assert_int_equal(n_exemplars_by_filter(OTEL_EXEMPLARS_OFF, &sampled), 0);
    assert_int_equal(n_exemplars_by_filter(OTEL_EXEMPLARS_ON, &unsampled), 1);
    assert_int_equal(n_exemplars_by_filter(OTEL_EXEMPLARS_ON, NULL), 1);
    assert_int_equal(n_exemplars_by_filter(OTEL_EXEMPLARS_TRACE_BASED, &sampled), 1);
    assert_int_equal(n_exemplars_by_filter(OTEL_EXEMPLARS_TRACE_BASED, &unsampled), 0);
    assert_int_equal(n_exemplars_by_filter(OTEL_EXEMPLARS_TRACE_BASED, &invalid), 0);
    assert_int_equal(n_exemplars_by_filter(OTEL_EXEMPLARS_TRACE_BASED, NULL), 0);
}

static int set_up_exemplars(void **state) {
    static struct metered metered;
    metered_open(&metered, OTEL_EXEMPLARS_TRACE_BASED);
    *state = &metered;
    return 0;
}

static void test_a_histogram_has_one_for_each_bucket(void **state) {
    struct otel_series *series = series_of(instrument_of(*state, "h", OTEL_HISTOGRAM, false));
    const struct otel_context one = span_of(1, OTEL_FLAG_SAMPLED);
    const struct otel_context two = span_of(2, OTEL_FLAG_SAMPLED);
    otel_series_record(series, 3, &one);
    otel_series_record(series, 20000, &two);
    otel_series_record(series, 60, NULL);
    const struct otel_point *point = only_point(collect(*state), "h");
    assert_int_equal(point->n_exemplars, 2);
    assert_true(point->exemplars[0].value == 3);
    assert_memory_equal(&point->exemplars[0].trace_id, &one.span.trace_id, 16);
    assert_memory_equal(&point->exemplars[0].span_id, &one.span.span_id, 8);
    assert_true(point->exemplars[0].time_ns != 0);
    assert_true(point->exemplars[1].value == 20000);
    assert_memory_equal(&point->exemplars[1].trace_id, &two.span.trace_id, 16);
    end(*state);
}

static void test_values_recorded_at_once_have_one_each(void **state) {
    const struct otel_context context = span_of(1, OTEL_FLAG_SAMPLED), unsampled = span_of(1, 0);
    const struct otel_recorded recorded[] = {
        {series_of(instrument_of(*state, "a", OTEL_HISTOGRAM, false)), 1},
        {series_of(instrument_of(*state, "b", OTEL_HISTOGRAM, false)), 2},
    };
    struct otel_attached attached;
    otel_series_record_all(recorded, 2, NULL);
    otel_series_record_all(recorded, 2, &unsampled);
    assert_int_equal(n_exemplars_of(*state, "a"), 0);
    otel_series_record_all(recorded, 1, &context);
    otel_context_attach(&attached, &context);
    otel_series_record_all(recorded + 1, 1, NULL);
    otel_context_detach(&attached);
    const struct otel_metrics *metrics = collect(*state);
    assert_int_equal(only_point(metrics, "a")->n_exemplars, 1);
    assert_int_equal(only_point(metrics, "b")->n_exemplars, 1);
    assert_true(only_point(metrics, "b")->exemplars->value == 2);
    assert_memory_equal(&only_point(metrics, "b")->exemplars->span_id, &context.span.span_id, 8);
    end(*state);
}

static void test_other_series_have_one_of_the_current_context(void **state) {
    struct metered *metered = *state;
    struct otel_series *counter = series_of(instrument_of(metered, "n", OTEL_COUNTER, true));
    struct otel_series *gauge = series_of(instrument_of(metered, "g", OTEL_GAUGE, false));
    const struct otel_context context = span_of(1, OTEL_FLAG_SAMPLED);
    struct otel_attached attached;
    otel_series_add(counter, 3);
    otel_series_set_number(gauge, 0.25);
    otel_context_attach(&attached, &context);
    otel_series_add(counter, 5);
    otel_series_set_number(gauge, 0.5);
    otel_context_detach(&attached);
    otel_series_add(counter, 7);
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(only_point(metrics, "n")->n_exemplars, 1);
    assert_true(only_point(metrics, "n")->exemplars->value == 5);
    assert_int_equal(only_point(metrics, "g")->n_exemplars, 1);
    assert_true(only_point(metrics, "g")->exemplars->value == 0.5);
    end(metered);
}

static void *record_one(void *series) {
    const struct otel_context context = span_of(9, OTEL_FLAG_SAMPLED);
    otel_series_record(series, 1, &context);
    return NULL;
}

static void test_an_exemplar_outlives_its_thread_until_a_newer_one(void **state) {
    struct metered *metered = *state;
    struct otel_series *series = series_of(instrument_of(metered, "h", OTEL_HISTOGRAM, false));
    const struct otel_context context = span_of(1, OTEL_FLAG_SAMPLED);
    on_a_thread(record_one, series);
    assert_int_equal(n_exemplars_of(metered, "h"), 1);
    assert_int_equal(n_exemplars_of(metered, "h"), 1);
    otel_series_record(series, 2, &context);
    assert_true(only_point(collect(metered), "h")->exemplars->value == 2);
    end(metered);
}

static void test_a_failing_allocation_costs_an_exemplar_and_no_measurement(void **state) {
    struct otel_series *series = series_of(instrument_of(*state, "h", OTEL_HISTOGRAM, false));
    const struct otel_context context = span_of(1, OTEL_FLAG_SAMPLED);
    for (size_t n = 1; n < 8; n++) {
        fail_alloc_at(n);
        otel_series_record(series, 1, &context);
        fail_alloc_off();
    }
    assert_int_equal(only_point(collect(*state), "h")->histogram.count, 7);
    end(*state);
}

static void test_once_warm_exemplars_allocate_nothing(void **state) {
    struct otel_series *series = series_of(instrument_of(*state, "h", OTEL_HISTOGRAM, false));
    const struct otel_context context = span_of(1, OTEL_FLAG_SAMPLED);
    otel_series_record(series, 1, &context);
    fail_alloc_off();
    for (int i = 0; i < 10000; i++)
        otel_series_record(series, i, &context);
    assert_int_equal(fail_alloc_count(), 0);
}

#define ON_EXEMPLARS(test) \
    cmocka_unit_test_setup_teardown(test, set_up_exemplars, tear_down_metered)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_METERED(test_sums_are_exact_while_threads_come_and_go),
        ON_METERED(test_threads_over_the_limit_count_too),
        ON_METERED(test_a_gauge_has_the_last_value_of_whichever_thread),
        ON_METERED(test_a_sum_of_numbers_never_falls),
        cmocka_unit_test(test_the_filter_says_what_may_become_an_exemplar),
        ON_EXEMPLARS(test_a_histogram_has_one_for_each_bucket),
        ON_EXEMPLARS(test_values_recorded_at_once_have_one_each),
        ON_EXEMPLARS(test_other_series_have_one_of_the_current_context),
        ON_EXEMPLARS(test_an_exemplar_outlives_its_thread_until_a_newer_one),
        ON_EXEMPLARS(test_a_failing_allocation_costs_an_exemplar_and_no_measurement),
        ON_EXEMPLARS(test_once_warm_exemplars_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
