/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads at once: run it under ThreadSanitizer too. */
#include "otel/recorder.h"

#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "otel/limits.h"
#include "sdk_fixture.h"

enum {
    N_THREADS = 4,
    N_EACH = 20000,
};

/* ---- counted exactly ---- */

static void *record_many(void *arg) {
    struct fixture *fixture = arg;
    for (int i = 0; i < N_EACH; i++) {
        struct otel_span span;
        fixture_start(fixture, &span, &otel_context_none);
        otel_span_set(&span, "i", otel_integer(i));
        otel_span_end(&span, 0);
        otel_logger_emit(fixture->logger, &(struct otel_log_record){.body = otel_integer(i)});
    }
    return NULL;
}

static void start_all(struct fixture *fixture, pthread_t *threads, void *(*run)(void *)) {
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, fixture), 0);
}

static void join_all(pthread_t *threads) {
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* None is held. */
static void flush(struct fixture *fixture) {
    otel_sdk_flush(fixture->sdk, fixture->now_ns);
    while (!otel_sdk_is_flushed(fixture->sdk))
        fixture_turn(fixture);
}

static void test_what_threads_record_is_exported_or_counted_as_dropped(void **state) {
    struct fixture *fixture = *state;
    pthread_t threads[N_THREADS];
    struct otel_losses losses;
    fixture->exporters[OTEL_TRACES].mode = FIXTURE_TAKES;
    fixture->exporters[OTEL_LOGS].mode = FIXTURE_TAKES;
    start_all(fixture, threads, record_many);
    for (int i = 0; i < 2000; i++) {
        fixture_turn(fixture);
        sched_yield();
    }
    join_all(threads);
    flush(fixture);
    otel_sdk_losses(fixture->sdk, &losses);
    assert_true(fixture->exporters[OTEL_TRACES].n_items > 0);
    assert_int_equal(fixture->exporters[OTEL_TRACES].n_items + losses.n_spans, N_THREADS * N_EACH);
    assert_int_equal(fixture->exporters[OTEL_LOGS].n_items + losses.n_logs, N_THREADS * N_EACH);
}

static void count_metrics(void *user, const struct otel_metrics *metrics) {
    *(size_t *)user += metrics->n_points;
}

static void *collect_many(void *arg) {
    struct fixture *fixture = arg;
    struct otel_losses losses;
    size_t n = 0;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(otel_sdk_collect(fixture->sdk, count_metrics, &n), 0);
        otel_sdk_losses(fixture->sdk, &losses);
    }
    assert_true(n > 0);
    return NULL;
}

static void test_figures_are_read_while_threads_record_and_it_turns(void **state) {
    struct fixture *fixture = *state;
    pthread_t threads[N_THREADS], collecting;
    struct otel_losses losses;
    fixture->exporters[OTEL_TRACES].mode = FIXTURE_FAILS;
    fixture->exporters[OTEL_LOGS].mode = FIXTURE_TAKES;
    start_all(fixture, threads, record_many);
    assert_int_equal(pthread_create(&collecting, NULL, collect_many, fixture), 0);
    for (int i = 0; i < 500; i++)
        fixture_pass(fixture, 100 * NS_PER_MS);
    join_all(threads);
    assert_int_equal(pthread_join(collecting, NULL), 0);
    flush(fixture);
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, N_THREADS * N_EACH);
}

static void test_a_full_queue_drops_and_counts(void **state) {
    struct fixture *fixture = *state;
    struct otel_losses losses;
    fixture_spans(fixture, 20);
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, 12);
    fixture_batch(fixture, OTEL_TRACES); /* takes 4 out of the queue */
    fixture_spans(fixture, 5);
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, 13);
    assert_int_equal(losses.n_logs, 0);
}

/* ---- memory ---- */

static void record_large(struct fixture *fixture) {
    static char text[3000];
    struct otel_span span;
    fixture_start(fixture, &span, NULL);
    otel_span_set(&span, "large", otel_text(bytes_of(text, sizeof(text))));
    otel_span_end(&span, 0);
}

/* Batches of four spans, each in two blocks of 2 KiB or more: of more than a thread may have at a
 * time none is lost. */
static void test_all_blocks_of_what_was_exported_are_used_again(void **state) {
    const size_t n = 2 * OTEL_MAX_THREAD_BYTES / 2048;
    struct fixture *fixture = *state;
    struct otel_losses losses;
    fixture->exporters[OTEL_TRACES].mode = FIXTURE_TAKES;
    for (size_t i = 1; i <= n; i++) {
        record_large(fixture);
        if (i % 4 == 0)
            flush(fixture);
    }
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, 0);
    flush(fixture);
    assert_int_equal(fixture->exporters[OTEL_TRACES].n_items, n);
}

/* ---- the ends of threads ---- */

static void test_what_threads_recorded_that_have_ended_is_exported(void **state) {
    struct fixture *fixture = *state;
    fixture->exporters[OTEL_TRACES].mode = FIXTURE_TAKES;
    for (int i = 0; i < 2 * OTEL_MAX_THREADS; i++) {
        fixture_on_a_thread(fixture_span_of, fixture);
        if (i % 8 == 7)
            flush(fixture);
    }
    assert_int_equal(fixture->exporters[OTEL_TRACES].n_items, 2 * OTEL_MAX_THREADS);
}

static void test_too_many_threads_lose_their_spans_and_keep_their_contexts(void **state) {
    struct fixture *fixture = *state;
    struct otel_losses losses;
    struct otel_span span;
    for (int i = 0; i < OTEL_MAX_THREADS; i++)
        fixture_on_a_thread(fixture_span_of, fixture);
    fixture_start(fixture, &span, NULL);
    assert_false(otel_span_is_recorded(&span));
    assert_true(otel_span_context_is_valid(&span.context.span));
    otel_logger_emit(fixture->logger, &(struct otel_log_record){0});
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_spans, OTEL_MAX_THREADS - 8 + 1);
    assert_int_equal(losses.n_logs, 1);
}

/* ---- from one thread to another ---- */

static void *not_sampled_one(void *arg) {
    const struct otel_context parent = {.span = {{{7}}, {{8}}, .flags = 0}};
    struct otel_span span;
    fixture_start(arg, &span, &parent);
    return NULL;
}

struct handed {
    struct fixture *fixture;
    struct otel_span span;
};

static void *begin(void *arg) {
    struct handed *handed = arg;
    fixture_start(handed->fixture, &handed->span, NULL);
    otel_span_set(&handed->span, "begun", otel_boolean(true));
    return NULL;
}

static void *go_on(void *arg) {
    static char text[5000];
    struct handed *handed = arg;
    otel_span_set(&handed->span, "went on", otel_text(bytes_of(text, sizeof(text))));
    return NULL;
}

/* Its memory is of three threads, two of which are gone; their shards stay as long as it lives. */
static void test_a_span_may_end_on_another_thread(void **state) {
    struct handed handed = {.fixture = *state};
    fixture_on_a_thread(begin, &handed);
    fixture_on_a_thread(go_on, &handed);
    fixture_turn(*state);
    fixture_turn(*state);
    otel_span_set(&handed.span, "ended", otel_boolean(true));
    otel_span_end(&handed.span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_int_equal(data->attributes.n, 3);
    assert_int_equal(fixture_value(&data->attributes, "went on").text.len, 5000);
    fixture_answer(*state, OTEL_TRACES, 0, NULL);
    fixture_turn(*state);
}

static void test_a_span_may_end_on_a_thread_without_a_shard(void **state) {
    struct handed handed = {.fixture = *state};
    fixture_on_a_thread(begin, &handed);
    for (int i = 1; i < OTEL_MAX_THREADS; i++)
        fixture_on_a_thread(not_sampled_one, *state);
    otel_span_end(&handed.span, 0);
    assert_int_equal(fixture_span(*state)->attributes.n, 1);
}

static void test_a_span_may_still_run_when_all_is_freed(void **state) {
    struct fixture fixture;
    struct otel_span span;
    (void)state;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_start(&fixture, &span, NULL);
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SDK(test_what_threads_record_is_exported_or_counted_as_dropped),
        ON_SDK(test_figures_are_read_while_threads_record_and_it_turns),
        ON_SDK(test_a_full_queue_drops_and_counts),
        ON_SDK(test_all_blocks_of_what_was_exported_are_used_again),
        ON_SDK(test_what_threads_recorded_that_have_ended_is_exported),
        ON_SDK(test_too_many_threads_lose_their_spans_and_keep_their_contexts),
        ON_SDK(test_a_span_may_end_on_another_thread),
        ON_SDK(test_a_span_may_end_on_a_thread_without_a_shard),
        cmocka_unit_test(test_a_span_may_still_run_when_all_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
