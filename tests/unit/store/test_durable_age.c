/* SPDX-License-Identifier: Apache-2.0 */
/* The durable backend as it grows old: chunks that were merged, settings that have changed, damage.
 */
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "durable_bench.h"
#include "unit.h"

enum {
    N = 10,          /* readings of a small chunk */
    N_MERGED = 8,    /* small chunks that become one */
    N_BATCHES = 200, /* some megabytes of the journal */
    DEADLOCK_S = 60, /* nothing here takes so long: SIGALRM ends what waits for ever */
};

/* Every commit is sealed at once, as a chunk of its own. */
static void open_eager(struct durable_bench *bench) {
    bench_init(bench);
    bench->options.memory_limit_bytes = 1;
    bench_open(bench);
}

static struct store_outcome write_numbered(struct durable_bench *bench, const char *id,
                                           uint64_t first, uint64_t first_sequence, size_t n) {
    static struct reading readings[STORE_BATCH_MAX_READINGS];
    for (size_t i = 0; i < n; i++)
        readings[i] = (struct reading){
            .sensor_id = bytes_str(id),
            .temperature = 20.5,
            .seconds = (int64_t)(first + i),
            .sequence = first_sequence + i,
        };
    return bench_commit(bench->backend, readings, n);
}

static void write_row(struct durable_bench *bench, const char *id, uint64_t first, size_t n) {
    struct store_outcome outcome = write_numbered(bench, id, first, first, n);
    assert_int_equal(outcome.accepted, n);
    assert_int_equal(outcome.duplicates, 0);
}

static void assert_repeats(struct durable_bench *bench, const char *id, uint64_t first, size_t n) {
    struct store_outcome outcome = write_numbered(bench, id, first, first, n);
    assert_int_equal(outcome.accepted, n);
    assert_int_equal(outcome.duplicates, n);
}

static void wait_for_chunks(struct durable_bench *bench, uint64_t n_chunks) {
    struct store_figures figures;
    do {
        sched_yield();
        bench->backend->ops->figures(bench->backend, &figures);
    } while (figures.disk.n_chunks != n_chunks || figures.disk.n_sealings_waiting > 0);
}

static void test_repeats_are_found_in_chunks_that_were_merged_since(void **state) {
    (void)state;
    struct durable_bench bench;
    open_eager(&bench);
    for (uint64_t i = 0; i < N_MERGED - 1; i++)
        write_row(&bench, "attic", 1 + i * N, N);
    wait_for_chunks(&bench, N_MERGED - 1);
    assert_repeats(&bench, "attic", 1, (N_MERGED - 1) * N);
    write_row(&bench, "attic", 1 + (N_MERGED - 1) * N, N);
    wait_for_chunks(&bench, 1);
    assert_repeats(&bench, "attic", 1, N_MERGED * N);
    bench_fini(&bench);
}

static void test_what_a_merged_chunk_held_is_no_repeat_elsewhere(void **state) {
    (void)state;
    struct durable_bench bench;
    open_eager(&bench);
    for (uint64_t i = 0; i < N_MERGED - 1; i++)
        write_row(&bench, "attic", 1 + i * N, N);
    wait_for_chunks(&bench, N_MERGED - 1);
    assert_repeats(&bench, "attic", 1, (N_MERGED - 1) * N);
    write_row(&bench, "attic", 1 + (N_MERGED - 1) * N, N);
    wait_for_chunks(&bench, 1);
    write_numbered(&bench, "boiler", 1 + N, 1000, N);
    wait_for_chunks(&bench, 2);
    struct store_outcome outcome = write_numbered(&bench, "boiler", 1 + N, 1 + N, N);
    assert_int_equal(outcome.accepted, N);
    assert_int_equal(outcome.duplicates, 0);
    assert_int_equal(bench_count(bench.backend, "boiler"), 2 * N);
    bench_fini(&bench);
}

/* In a process that ends as if it were killed. */
static void write_and_die(struct durable_bench *bench) {
    pid_t child = fork();
    int status;
    if (child == 0) {
        bench_open(bench);
        write_row(bench, "silent", 1, 1);
        for (uint64_t i = 0; i < N_BATCHES; i++)
            write_row(bench, "busy", 1 + i * STORE_BATCH_MAX_READINGS, STORE_BATCH_MAX_READINGS);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_a_smaller_limit_of_the_journal_does_not_stop_the_first_commit(void **state) {
    (void)state;
    struct durable_bench bench;
    alarm(DEADLOCK_S);
    bench_init(&bench);
    write_and_die(&bench);
    bench.options.journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    bench_open(&bench);
    write_row(&bench, "silent", 2, 1);
    assert_int_equal(bench_count(bench.backend, "silent"), 2);
    assert_int_equal(bench_count(bench.backend, "busy"), N_BATCHES * STORE_BATCH_MAX_READINGS);
    bench_fini(&bench);
    alarm(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats_are_found_in_chunks_that_were_merged_since),
        cmocka_unit_test(test_what_a_merged_chunk_held_is_no_repeat_elsewhere),
        cmocka_unit_test(test_a_smaller_limit_of_the_journal_does_not_stop_the_first_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
