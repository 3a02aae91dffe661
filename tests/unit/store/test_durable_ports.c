/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several workers that write to one durable store at once, to the same sensors, and send some of
 * their readings twice: each is kept once, and each worker's stay in its order.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/mem.h"
#include "durable_bench.h"
#include "store/store.h"
#include "unit.h"

enum {
    N_WORKERS = 3,
    N_SENSORS = 5,
    N_ROUNDS = 60,
    N_PER_ROUND = 100, /* to each sensor in turn */
    N_ALL = N_ROUNDS * N_PER_ROUND,
};

struct worker {
    struct store_writer writer;
    struct store_port *port;
    uv_loop_t loop;
    pthread_t thread;
    uint64_t number;
    uint64_t n_accepted, n_duplicates;
    bool is_full;
};

static struct worker workers[N_WORKERS];

static void on_settled(struct store_writer *writer, const struct store_outcome *outcome) {
    struct worker *worker = CONTAINER_OF(writer, struct worker, writer);
    assert_int_equal(outcome->refused, 0);
    worker->n_accepted += outcome->accepted;
    worker->n_duplicates += outcome->duplicates;
}

static void on_resumed(void *user) {
    struct worker *worker = user;
    worker->is_full = false;
}

/* The i-th of a worker: four of one time for each sensor, and its sequence tells them apart. */
static void append(struct worker *worker, uint64_t i) {
    char id[16];
    snprintf(id, sizeof(id), "s-%lu", (unsigned long)(i % N_SENSORS));
    const struct reading reading = {
        .sensor_id = bytes_str(id),
        .temperature = (double)worker->number,
        .seconds = (int64_t)(1000 + i / (4 * N_SENSORS)),
        .sequence = 1 + i * N_WORKERS + worker->number,
    };
    while (store_port_append(worker->port, &worker->writer, &reading) == STORE_E_FULL) {
        worker->is_full = true;
        while (worker->is_full)
            uv_run(&worker->loop, UV_RUN_ONCE);
    }
}

static void send_round(struct worker *worker, uint64_t round) {
    for (uint64_t i = 0; i < N_PER_ROUND; i++)
        append(worker, round * N_PER_ROUND + i);
    store_port_flush(worker->port);
    uv_run(&worker->loop, UV_RUN_NOWAIT);
}

static void *work(void *user) {
    struct worker *worker = user;
    for (uint64_t round = 0; round < N_ROUNDS; round++) {
        send_round(worker, round);
        if (round % 4 == 3)
            send_round(worker, round - 3);
    }
    while (store_port_pending(worker->port) > 0) {
        uv_run(&worker->loop, UV_RUN_ONCE);
        store_port_flush(worker->port);
    }
    store_port_close(worker->port);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void work_together(struct store *store) {
    for (size_t i = 0; i < N_WORKERS; i++) {
        struct worker *worker = &workers[i];
        *worker = (struct worker){.number = i, .writer.settled = on_settled};
        assert_int_equal(uv_loop_init(&worker->loop), 0);
        assert_int_equal(store_port_new(store, &worker->loop, on_resumed, worker, &worker->port),
                         0);
    }
    assert_int_equal(store_start(store), 0);
    for (size_t i = 0; i < N_WORKERS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (size_t i = 0; i < N_WORKERS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].n_accepted, N_ALL + N_ROUNDS / 4 * N_PER_ROUND);
        assert_int_equal(workers[i].n_duplicates, N_ROUNDS / 4 * N_PER_ROUND);
    }
}

/*
 * Only when the store has no thread any more: libuv closes in a way that ThreadSanitizer does not
 * see, which would then take the keeper's file of the same number for what the worker had used.
 */
static void close_loops(void) {
    for (size_t i = 0; i < N_WORKERS; i++)
        assert_int_equal(uv_loop_close(&workers[i].loop), 0);
}

/* Each worker's readings of a sensor, once and in its order. */
static void check_sensor(struct store_backend *backend, uint64_t sensor) {
    char id[16];
    uint64_t next[N_WORKERS];
    size_t n;
    snprintf(id, sizeof(id), "s-%lu", (unsigned long)sensor);
    const struct store_query query = {.sensor_id = bytes_str(id)};
    struct reading *all = bench_read(backend, &query, 500, &n);
    for (size_t i = 0; i < N_WORKERS; i++)
        next[i] = sensor;
    for (size_t i = 0; i < n; i++) {
        uint64_t worker = (all[i].sequence - 1) % N_WORKERS;
        assert_int_equal((all[i].sequence - 1) / N_WORKERS, next[worker]);
        assert_true(all[i].temperature == (double)worker);
        next[worker] += N_SENSORS;
    }
    assert_int_equal(n, N_WORKERS * N_ALL / N_SENSORS);
    mem_free(all);
}

static void test_several_workers_lose_and_double_nothing(void **state) {
    (void)state;
    struct durable_bench bench;
    struct store *store;
    bench_init(&bench);
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench.options.memory_limit_bytes = 4000;
    bench_open(&bench);
    assert_int_equal(store_new(&store, bench.backend), 0);
    bench.backend = NULL; /* the store's */
    work_together(store);
    store_stop(store);
    store_free(store);
    close_loops();
    bench_open(&bench);
    for (uint64_t i = 0; i < N_SENSORS; i++)
        check_sensor(bench.backend, i);
    bench_fini(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_workers_lose_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
