/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports and the writer thread. The frozen watermark: a backend whose commit stands at a gate
 * (gate_backend.h) shows that nobody is told anything before readings are kept. The loop is run by
 * the tests; it waits for the writer's wake-up and nothing sleeps.
 */
#include "store/store.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "base/mem.h"
#include "gate_backend.h"
#include "store/limits.h"
#include "store/memory.h"
#include "unit.h"

static const struct store_range all_time;

enum {
    N_CALLS = 8,
    N_THREADS = 3,
};

/* One call that writes: what it was told. */
struct call {
    struct store_writer writer;
    struct bench *bench;
    uint64_t n_settled;
    struct store_outcome sum;
    uint64_t order;    /* when it was told last, among all calls of the bench */
    size_t n_to_again; /* readings it appends from inside `settled` */
};

/* A store with a gate before its memory, and one port. */
struct bench {
    uv_loop_t loop;
    struct gate_backend *gate;
    struct store *store;
    struct store_port *port;
    struct call calls[N_CALLS];
    uint64_t n_told;
    int n_resumed;
    int64_t clock_seconds;
};

static struct reading next_reading(struct bench *bench) {
    return (struct reading){
        .sensor_id = bytes_str("boiler"),
        .temperature = 20,
        .seconds = ++bench->clock_seconds,
    };
}

static int call_append(struct call *call) {
    struct reading reading = next_reading(call->bench);
    return store_port_append(call->bench->port, &call->writer, &reading);
}

static void call_settled(struct store_writer *writer, const struct store_outcome *outcome) {
    struct call *call = CONTAINER_OF(writer, struct call, writer);
    call->n_settled++;
    call->sum.accepted += outcome->accepted;
    call->sum.duplicates += outcome->duplicates;
    call->sum.refused += outcome->refused;
    call->order = ++call->bench->n_told;
    for (; call->n_to_again > 0; call->n_to_again--)
        assert_int_equal(call_append(call), 0);
}

static void bench_resumed(void *user) {
    struct bench *bench = user;
    bench->n_resumed++;
}

static struct bench *bench_new(size_t limit_bytes) {
    struct bench *bench = mem_new(struct bench);
    struct store_backend *memory;
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    assert_int_equal(
        store_memory_new(&(struct store_memory_options){.limit_bytes = limit_bytes}, &memory), 0);
    bench->gate = gate_backend_new(memory);
    assert_int_equal(store_new(&bench->store, gate_backend_base(bench->gate)), 0);
    assert_int_equal(store_port_new(bench->store, &bench->loop, bench_resumed, bench, &bench->port),
                     0);
    for (size_t i = 0; i < N_CALLS; i++) {
        bench->calls[i].bench = bench;
        bench->calls[i].writer.settled = call_settled;
    }
    assert_int_equal(store_start(bench->store), 0);
    return bench;
}

static void bench_free(struct bench *bench) {
    store_port_close(bench->port);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    store_stop(bench->store);
    store_free(bench->store);
    mem_free(bench);
}

/* Runs the loop until nothing is pending. */
static void bench_settle(struct bench *bench) {
    store_port_flush(bench->port);
    while (store_port_pending(bench->port) > 0) {
        uv_run(&bench->loop, UV_RUN_ONCE);
        store_port_flush(bench->port);
    }
}

static uint64_t n_kept(struct bench *bench) {
    struct store_figures figures;
    store_figures(bench->store, &figures);
    return figures.n_readings;
}

static void test_readings_are_settled_when_they_are_kept(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    struct call *call = &bench->calls[0];
    for (int i = 0; i < 10; i++)
        assert_int_equal(call_append(call), 0);
    assert_int_equal(call->writer.n_pending, 10);
    bench_settle(bench);
    assert_int_equal(call->sum.accepted, 10);
    assert_int_equal(call->sum.refused, 0);
    assert_int_equal(call->writer.n_pending, 0);
    assert_int_equal(n_kept(bench), 10);
    bench_free(bench);
}

static void test_a_writer_that_is_woken_looks_for_work(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    uint64_t n_looks = store_wake_writer(bench->store);
    while (store_wake_writer(bench->store) == n_looks)
        sched_yield();
    bench_free(bench);
}

static void test_a_writer_that_is_stuck_in_a_commit_looks_no_more(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    gate_backend_close(bench->gate);
    assert_int_equal(call_append(&bench->calls[0]), 0);
    store_port_flush(bench->port);
    gate_backend_wait_until_held(bench->gate);
    uint64_t n_looks = store_wake_writer(bench->store);
    for (int i = 0; i < 1000; i++) {
        sched_yield();
        assert_int_equal(store_wake_writer(bench->store), n_looks);
    }
    gate_backend_open(bench->gate);
    while (store_wake_writer(bench->store) == n_looks)
        sched_yield();
    bench_settle(bench);
    bench_free(bench);
}

/* A wake that is lost would leave the loop waiting for ever. */
static void test_turn_after_turn_no_wake_is_lost(void **state) {
    (void)state;
    enum {
        N_TURNS = 20000
    };
    struct bench *bench = bench_new(0);
    struct call *call = &bench->calls[0];
    for (int i = 0; i < N_TURNS; i++) {
        call->n_to_again = 1;
        assert_int_equal(call_append(call), 0);
        store_port_end_turn(bench->port);
        while (store_port_pending(bench->port) > 0) {
            uv_run(&bench->loop, UV_RUN_ONCE);
            store_port_end_turn(bench->port);
        }
    }
    assert_int_equal(call->sum.accepted, 2 * N_TURNS);
    bench_free(bench);
}

static void test_interleaved_calls_are_told_in_order_of_their_runs(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    static const int who[] = {2, 2, 0, 1, 1, 1, 0};
    for (size_t i = 0; i < ARRAY_LEN(who); i++)
        assert_int_equal(call_append(&bench->calls[who[i]]), 0);
    bench_settle(bench);
    assert_int_equal(bench->calls[2].order, 1);
    assert_int_equal(bench->calls[1].order, 3);
    assert_int_equal(bench->calls[0].order, 4);
    assert_int_equal(bench->calls[0].n_settled, 2);
    assert_int_equal(bench->calls[0].sum.accepted, 2);
    assert_int_equal(bench->calls[1].sum.accepted, 3);
    bench_free(bench);
}

static void test_a_call_may_append_again_when_it_is_told(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    bench->calls[0].n_to_again = 3;
    assert_int_equal(call_append(&bench->calls[0]), 0);
    bench_settle(bench);
    assert_int_equal(bench->calls[0].sum.accepted, 4);
    bench_free(bench);
}

static int statistics_of_all(struct bench *bench, uint64_t *count) {
    struct store_filter all = {bytes_str("*"), bytes_str("*")};
    struct stats stats;
    uint64_t n_sensors;
    int r = store_statistics(bench->store, &all, &all_time, &n_sensors, &stats);
    *count = stats.count;
    return r;
}

static void test_frozen_watermark_lets_nothing_through_and_moving_exactly_those(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    struct store_cursor *cursor;
    struct store_query query = {.sensor_id = bytes_str("boiler")};
    uint64_t count;
    gate_backend_close(bench->gate);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call_append(&bench->calls[i]), 0);
        store_port_flush(bench->port);
    }
    gate_backend_wait_until_held(bench->gate);
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    assert_int_equal(bench->n_told, 0);
    assert_int_equal(store_port_pending(bench->port), 3);
    assert_int_equal(statistics_of_all(bench, &count), STORE_E_NO_SENSOR);
    assert_int_equal(store_cursor_open(bench->store, &query, &cursor), STORE_E_NO_SENSOR);

    /* One that is not handed over yet must not be told with the others. */
    assert_int_equal(call_append(&bench->calls[3]), 0);
    gate_backend_open(bench->gate);
    while (bench->n_told < 3)
        uv_run(&bench->loop, UV_RUN_ONCE);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(bench->calls[i].order, i + 1);
    assert_int_equal(bench->calls[3].order, 0);
    assert_int_equal(store_port_pending(bench->port), 1);
    assert_int_equal(statistics_of_all(bench, &count), 0);
    assert_int_equal(count, 3);
    bench_settle(bench);
    assert_int_equal(bench->calls[3].order, 4);
    bench_free(bench);
}

/* Fills all there is behind a closed gate; returns how many readings went in. */
static uint64_t fill_port(struct bench *bench) {
    gate_backend_close(bench->gate);
    uint64_t n = 0;
    while (call_append(&bench->calls[n % 2]) == 0)
        n++;
    return n;
}

static void test_full_port_takes_nothing_more_and_resumes_once(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    uint64_t n = fill_port(bench);
    assert_int_equal(n, (STORE_RING_SLOTS + 1) * STORE_BATCH_MAX_READINGS);
    assert_int_equal(call_append(&bench->calls[0]), STORE_E_FULL);
    assert_int_equal(store_port_pending(bench->port), n);
    gate_backend_wait_until_held(bench->gate);
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    assert_int_equal(bench->n_resumed, 0);
    assert_int_equal(bench->n_told, 0);

    gate_backend_open(bench->gate);
    while (bench->n_resumed == 0)
        uv_run(&bench->loop, UV_RUN_ONCE);
    assert_int_equal(call_append(&bench->calls[0]), 0);
    bench_settle(bench);
    assert_int_equal(bench->n_resumed, 1);
    assert_int_equal(bench->calls[0].sum.accepted + bench->calls[1].sum.accepted, n + 1);
    assert_int_equal(n_kept(bench), n + 1);
    bench_free(bench);
}

static void test_batch_that_could_not_be_flushed_goes_when_there_is_room(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    gate_backend_close(bench->gate);
    for (int i = 0; i <= STORE_RING_SLOTS; i++) {
        assert_int_equal(call_append(&bench->calls[i]), 0);
        store_port_flush(bench->port);
    }
    assert_int_equal(call_append(&bench->calls[STORE_RING_SLOTS]), 0);
    gate_backend_open(bench->gate);
    /* Nobody flushes any more. */
    while (store_port_pending(bench->port) > 0)
        uv_run(&bench->loop, UV_RUN_ONCE);
    assert_int_equal(bench->calls[STORE_RING_SLOTS].sum.accepted, 2);
    assert_int_equal(bench->n_resumed, 0);
    bench_free(bench);
}

static void test_batches_that_pile_up_are_one_commit(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    gate_backend_close(bench->gate);
    assert_int_equal(call_append(&bench->calls[0]), 0);
    store_port_flush(bench->port);
    assert_int_equal(gate_backend_wait_until_held(bench->gate), 1);
    for (int i = 1; i < STORE_RING_SLOTS; i++) {
        assert_int_equal(call_append(&bench->calls[i]), 0);
        store_port_flush(bench->port);
    }
    gate_backend_open(bench->gate);
    while (store_port_pending(bench->port) > 0)
        uv_run(&bench->loop, UV_RUN_ONCE);
    assert_int_equal(bench->n_told, STORE_RING_SLOTS);
    assert_int_equal(gate_backend_n_commits(bench->gate), 2);
    bench_free(bench);
}

static void test_empty_flush_hands_nothing_over(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    gate_backend_close(bench->gate);
    for (int i = 0; i < 100; i++)
        store_port_flush(bench->port);
    for (int i = 0; i < STORE_RING_SLOTS; i++) {
        assert_int_equal(call_append(&bench->calls[i]), 0);
        store_port_flush(bench->port);
    }
    gate_backend_open(bench->gate);
    bench_settle(bench);
    assert_int_equal(bench->n_told, STORE_RING_SLOTS);
    bench_free(bench);
}

static void test_stop_commits_what_was_flushed(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    for (int i = 0; i < STORE_RING_SLOTS; i++) {
        assert_int_equal(call_append(&bench->calls[0]), 0);
        store_port_flush(bench->port);
    }
    store_stop(bench->store);
    store_stop(bench->store);
    assert_int_equal(n_kept(bench), STORE_RING_SLOTS);
    assert_int_equal(bench->calls[0].n_settled, 0);
    store_port_collect(bench->port);
    assert_int_equal(bench->calls[0].sum.accepted, STORE_RING_SLOTS);
    bench_free(bench);
}

static void test_closing_port_settles_what_it_owes(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    gate_backend_close(bench->gate);
    assert_int_equal(call_append(&bench->calls[0]), 0);
    store_port_close(bench->port); /* flushes what is open */
    gate_backend_wait_until_held(bench->gate);
    assert_int_not_equal(uv_run(&bench->loop, UV_RUN_NOWAIT), 0);
    assert_int_equal(bench->n_told, 0);
    gate_backend_open(bench->gate);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(bench->n_told, 1);
    assert_int_equal(n_kept(bench), 1);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    store_stop(bench->store);
    store_free(bench->store);
    mem_free(bench);
}

static void test_refused_readings_are_told_and_only_at_the_end(void **state) {
    (void)state;
    struct bench *bench = bench_new(100000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(call_append(&bench->calls[0]), 0);
    bench_settle(bench);
    struct store_outcome *sum = &bench->calls[0].sum;
    assert_true(sum->refused > 0 && sum->accepted > 0);
    assert_int_equal(sum->accepted + sum->refused, 10000);
    assert_int_equal(n_kept(bench), sum->accepted);
    bench_free(bench);
}

static void test_failing_allocations_leave_a_store_that_works_or_none(void **state) {
    (void)state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (size_t n = 1, done = 0; !done; n++) {
        struct store_backend *memory;
        struct store *store;
        struct store_port *port;
        assert_int_equal(store_memory_new(&(struct store_memory_options){0}, &memory), 0);
        fail_alloc_at(n);
        int r = store_new(&store, memory);
        if (r) {
            assert_int_equal(r, -ENOMEM);
            memory->ops->free(memory);
            continue;
        }
        r = store_port_new(store, &loop, bench_resumed, NULL, &port);
        bool has_port = r == 0;
        if (r == 0)
            r = store_start(store);
        done = r == 0;
        assert_true(r == 0 || r == -ENOMEM);
        fail_alloc_off();
        store_stop(store);
        if (has_port)
            store_port_close(port);
        uv_run(&loop, UV_RUN_DEFAULT);
        store_free(store);
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_failing_allocation_in_append_is_reported_and_appends_nothing(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    fail_alloc_at(1);
    assert_int_equal(call_append(&bench->calls[0]), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(store_port_pending(bench->port), 0);
    assert_int_equal(bench->calls[0].writer.n_pending, 0);
    assert_int_equal(call_append(&bench->calls[0]), 0);
    bench_settle(bench);
    assert_int_equal(bench->calls[0].sum.accepted, 1);
    bench_free(bench);
}

static void test_running_port_allocates_nothing(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    for (int round = 0; round < 2; round++) {
        fail_alloc_off();
        gate_backend_close(bench->gate);
        for (int i = 0; i < 60; i++)
            assert_int_equal(call_append(&bench->calls[0]), 0);
        if (round > 0)
            assert_int_equal(fail_alloc_count(), 0);
        gate_backend_open(bench->gate);
        bench_settle(bench);
        /* Five batches go round: warm all of them up. */
        for (int i = 0; round == 0 && i < 5; i++) {
            assert_int_equal(call_append(&bench->calls[0]), 0);
            bench_settle(bench);
        }
    }
    bench_free(bench);
}

/* ---- several workers ---- */

struct worker {
    pthread_t thread;
    uv_loop_t loop;
    struct store *store;
    struct store_port *port;
    struct store_writer writer;
    uint64_t seed;
    uint64_t n_told;
    bool is_full;
};

enum {
    N_ROUNDS = 200,
    N_PER_ROUND = 500
};

static void worker_settled(struct store_writer *writer, const struct store_outcome *outcome) {
    struct worker *worker = CONTAINER_OF(writer, struct worker, writer);
    worker->n_told += outcome->accepted;
}

static void worker_resumed(void *user) {
    struct worker *worker = user;
    worker->is_full = false;
}

static void worker_append(struct worker *worker, uint64_t i) {
    char id[32];
    snprintf(id, sizeof(id), "sensor-%llu", (unsigned long long)((i / 50 + worker->seed) % 40));
    struct reading reading = {
        .sensor_id = bytes_str(id),
        .temperature = (double)i,
        .seconds = (int64_t)(1 + i),
    };
    while (store_port_append(worker->port, &worker->writer, &reading) == STORE_E_FULL) {
        worker->is_full = true;
        while (worker->is_full)
            uv_run(&worker->loop, UV_RUN_ONCE);
    }
}

/* Reads while others write. */
static void worker_look(struct worker *worker) {
    struct store_filter filter = {bytes_str("sensor-*"), bytes_str("*")};
    struct stats stats;
    uint64_t n_sensors;
    if (store_statistics(worker->store, &filter, &all_time, &n_sensors, &stats) == 0)
        assert_true(stats.count >= n_sensors);
    struct store_query query = {.sensor_id = bytes_str("sensor-7"), .newest_first = true};
    struct store_cursor *cursor;
    if (store_cursor_open(worker->store, &query, &cursor))
        return;
    struct reading page[100];
    int64_t before = INT64_MAX;
    for (size_t n = 1; n > 0;) {
        assert_int_equal(store_cursor_next(cursor, page, ARRAY_LEN(page), &n), 0);
        for (size_t i = 0; i < n; i++) {
            assert_true(page[i].seconds <= before);
            before = page[i].seconds;
        }
    }
    store_cursor_close(cursor);
}

static void *worker_run(void *user) {
    struct worker *worker = user;
    for (uint64_t round = 0; round < N_ROUNDS; round++) {
        for (uint64_t i = 0; i < N_PER_ROUND; i++)
            worker_append(worker, round * N_PER_ROUND + i);
        store_port_flush(worker->port);
        uv_run(&worker->loop, UV_RUN_NOWAIT);
        if (round % 50 == 0)
            worker_look(worker);
    }
    while (store_port_pending(worker->port) > 0)
        uv_run(&worker->loop, UV_RUN_ONCE);
    store_port_close(worker->port);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void test_several_workers_lose_nothing(void **state) {
    (void)state;
    struct store_backend *memory;
    struct store *store;
    static struct worker workers[N_THREADS];
    assert_int_equal(store_memory_new(&(struct store_memory_options){0}, &memory), 0);
    assert_int_equal(store_new(&store, memory), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){.store = store, .seed = i};
        workers[i].writer.settled = worker_settled;
        assert_int_equal(uv_loop_init(&workers[i].loop), 0);
        assert_int_equal(
            store_port_new(store, &workers[i].loop, worker_resumed, &workers[i], &workers[i].port),
            0);
    }
    assert_int_equal(store_start(store), 0);
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].n_told, N_ROUNDS * N_PER_ROUND);
        assert_int_equal(uv_loop_close(&workers[i].loop), 0);
    }
    struct store_figures figures;
    store_figures(store, &figures);
    assert_int_equal(figures.n_readings, N_THREADS * N_ROUNDS * N_PER_ROUND);
    assert_int_equal(figures.n_sensors, 40);
    store_stop(store);
    store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings_are_settled_when_they_are_kept),
        cmocka_unit_test(test_a_writer_that_is_woken_looks_for_work),
        cmocka_unit_test(test_a_writer_that_is_stuck_in_a_commit_looks_no_more),
        cmocka_unit_test(test_turn_after_turn_no_wake_is_lost),
        cmocka_unit_test(test_interleaved_calls_are_told_in_order_of_their_runs),
        cmocka_unit_test(test_a_call_may_append_again_when_it_is_told),
        cmocka_unit_test(test_frozen_watermark_lets_nothing_through_and_moving_exactly_those),
        cmocka_unit_test(test_full_port_takes_nothing_more_and_resumes_once),
        cmocka_unit_test(test_batch_that_could_not_be_flushed_goes_when_there_is_room),
        cmocka_unit_test(test_batches_that_pile_up_are_one_commit),
        cmocka_unit_test(test_empty_flush_hands_nothing_over),
        cmocka_unit_test(test_stop_commits_what_was_flushed),
        cmocka_unit_test(test_closing_port_settles_what_it_owes),
        cmocka_unit_test(test_refused_readings_are_told_and_only_at_the_end),
        cmocka_unit_test(test_failing_allocations_leave_a_store_that_works_or_none),
        cmocka_unit_test(test_failing_allocation_in_append_is_reported_and_appends_nothing),
        cmocka_unit_test(test_running_port_allocates_nothing),
        cmocka_unit_test(test_several_workers_lose_nothing),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
