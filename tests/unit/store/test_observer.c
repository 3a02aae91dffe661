/* SPDX-License-Identifier: Apache-2.0 */
#include "store/observer.h"

#include <pthread.h>
#include <string.h>

#include "store/memory.h"
#include "unit.h"

/* Counts, and marks each commit with its number. */
struct seen {
    pthread_t writer;
    unsigned n_started, n_ended;
    struct store_commit sum;
};

struct call {
    struct store_writer writer;
    struct store_commit_mark mark;
    unsigned n_settled;
};

struct bench {
    uv_loop_t loop;
    struct store *store;
    struct store_port *port;
    struct seen seen;
    struct call call;
};

static void on_started(void *user, struct store_commit *commit) {
    struct seen *seen = user;
    seen->writer = pthread_self();
    seen->n_started++;
    assert_int_equal(commit->accepted, 0);
    commit->mark.bytes[0] = (uint8_t)seen->n_started;
}

static void on_ended(void *user, struct store_commit *commit) {
    struct seen *seen = user;
    assert_int_equal(commit->mark.bytes[0], seen->n_started);
    seen->n_ended++;
    seen->sum.n_batches += commit->n_batches;
    seen->sum.n_readings += commit->n_readings;
    seen->sum.accepted += commit->accepted;
    seen->sum.duplicates += commit->duplicates;
    seen->sum.refused += commit->refused;
}

static void on_settled(struct store_writer *writer, const struct store_outcome *outcome) {
    struct call *call = CONTAINER_OF(writer, struct call, writer);
    call->mark = *outcome->mark;
    call->n_settled++;
}

static void on_resumed(void *user) {
    (void)user;
}

static void open_bench(struct bench *bench, size_t limit_bytes,
                       const struct store_observer *observer) {
    struct store_backend *memory;
    *bench = (struct bench){.call.writer.settled = on_settled};
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    const struct store_memory_options options = {.limit_bytes = limit_bytes};
    assert_int_equal(store_memory_new(&options, &memory), 0);
    assert_int_equal(store_new(&bench->store, memory), 0);
    assert_int_equal(store_port_new(bench->store, &bench->loop, on_resumed, NULL, &bench->port), 0);
    if (observer)
        store_observe(bench->store, observer);
    assert_int_equal(store_start(bench->store), 0);
}

static void close_bench(struct bench *bench) {
    store_port_close(bench->port);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    store_stop(bench->store);
    store_free(bench->store);
}

/* `n` readings of one time, each with its number: given twice, the second time they are repeats. */
static void append(struct bench *bench, uint64_t n) {
    for (uint64_t i = 1; i <= n; i++) {
        const struct reading reading = {
            .sensor_id = bytes_str("boiler"), .seconds = 100, .temperature = 20, .sequence = i};
        assert_int_equal(store_port_append(bench->port, &bench->call.writer, &reading), 0);
    }
    store_port_flush(bench->port);
    while (store_port_pending(bench->port) > 0)
        uv_run(&bench->loop, UV_RUN_ONCE);
}

static void test_each_commit_is_told_on_the_writer_with_what_became_of_it(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 0,
               &(struct store_observer){
                   .user = &bench.seen, .commit_started = on_started, .commit_ended = on_ended});
    append(&bench, 3);
    append(&bench, 4);
    close_bench(&bench);
    assert_int_equal(bench.seen.n_started, 2);
    assert_int_equal(bench.seen.n_ended, 2);
    assert_int_equal(bench.seen.sum.n_batches, 2);
    assert_int_equal(bench.seen.sum.n_readings, 7);
    assert_int_equal(bench.seen.sum.accepted, 7);
    assert_int_equal(bench.seen.sum.duplicates, 3);
    assert_int_equal(bench.seen.sum.refused, 0);
    assert_false(pthread_equal(bench.seen.writer, pthread_self()));
}

static void test_writers_get_the_mark_of_their_commit(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 0,
               &(struct store_observer){
                   .user = &bench.seen, .commit_started = on_started, .commit_ended = on_ended});
    for (unsigned i = 1; i <= 3; i++) {
        append(&bench, 1);
        assert_int_equal(bench.call.n_settled, i);
        assert_int_equal(bench.call.mark.bytes[0], i);
    }
    close_bench(&bench);
}

static void test_refused_readings_are_counted(void **state) {
    struct bench bench;
    (void)state;
    open_bench(&bench, 1,
               &(struct store_observer){
                   .user = &bench.seen, .commit_started = on_started, .commit_ended = on_ended});
    append(&bench, 5);
    close_bench(&bench);
    assert_int_equal(bench.seen.sum.accepted + bench.seen.sum.refused, 5);
    assert_true(bench.seen.sum.refused > 0);
}

static void test_without_an_observer_marks_are_zero(void **state) {
    static const struct store_commit_mark none;
    struct bench bench;
    (void)state;
    open_bench(&bench, 0, NULL);
    append(&bench, 2);
    assert_int_equal(bench.call.n_settled, 1);
    assert_memory_equal(&bench.call.mark, &none, sizeof(none));
    close_bench(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_commit_is_told_on_the_writer_with_what_became_of_it),
        cmocka_unit_test(test_writers_get_the_mark_of_their_commit),
        cmocka_unit_test(test_refused_readings_are_counted),
        cmocka_unit_test(test_without_an_observer_marks_are_zero),
    };
    return cmocka_run_group_tests_name("observer", tests, NULL, NULL);
}
