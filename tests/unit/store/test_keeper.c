/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper alone: what it has in hand is bounded, and so is its end. SQLite is on a disk that
 * stands still until it is let go, and that takes its time by a clock of the test's own.
 */
#include "store/keeper.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fake_disk.h"
#include "fault_gate.h"
#include "fault_vfs.h"
#include "sealed_fixture.h"
#include "store/limits.h"
#include "unit.h"

enum {
    N_MAX = KEEPER_QUEUE_MAX + 1,
    SEGMENT_BYTES = 65536,
    DEADLOCK_S = 60,
};

/* Sealings of one reading each, of a sensor each, at the positions 1, 2, ... */
struct bench {
    struct sealed_box box;
    struct fake_disk *disk;
    struct journal *journal;
    struct keeper *keeper;
    struct list to_merge;
    struct history *histories[N_MAX];
    size_t n;
};

/* ---- the disk, and its clock ---- */

static struct fault_gate gate;
static _Atomic uint64_t sync_ns; /* how long a sync takes */

/* The keeper asks only once its end has begun: then the disk goes on. */
static uint64_t disk_clock(void) {
    fault_gate_open(&gate);
    return fault_vfs_count() * sync_ns;
}

static int no_sensor(void *user, uint32_t number, struct bytes id) {
    (void)user;
    (void)number;
    (void)id;
    return 0;
}

static int no_readings(void *user, uint32_t number, const struct kept *readings, size_t n,
                       uint64_t position) {
    (void)user;
    (void)number;
    (void)readings;
    (void)n;
    (void)position;
    return 0;
}

static void open_journal(struct bench *bench) {
    bench->disk = fake_disk_new();
    const struct journal_options options = {.files = fake_disk_files(bench->disk),
                                            .segment_bytes = SEGMENT_BYTES};
    const struct journal_replay replay = {.sensor = no_sensor, .readings = no_readings};
    struct journal_found found = {0};
    struct err_text why;
    assert_int_equal(journal_open(&options, &replay, &found, &bench->journal, &why), 0);
}

static void on_failed(void *user, const char *words) {
    (void)user;
    fail_msg("%s", words);
}

/* The keeper's first sync stands still. */
static void bench_init(struct bench *bench) {
    alarm(DEADLOCK_S);
    *bench = (struct bench){0};
    fault_gate_init(&gate);
    fault_vfs_register();
    fault_vfs_forget();
    box_init(&bench->box, FAULT_VFS);
    open_journal(bench);
    list_init(&bench->to_merge);
    const struct keeper_options options = {
        .sealed = bench->box.sealed,
        .journal = bench->journal,
        .to_merge = &bench->to_merge,
        .failed = on_failed,
        .now_ns = disk_clock,
    };
    assert_int_equal(keeper_new(&options, &bench->keeper), 0);
    fault_vfs_arm(&(struct fault){FAULT_SYNC, 1, FAULT_DELAY, fault_gate_hold, &gate});
}

static void bench_fini(struct bench *bench) {
    fault_vfs_disarm();
    for (size_t i = 0; i < bench->n; i++)
        history_free(bench->histories[i]);
    journal_free(bench->journal);
    box_fini(&bench->box);
    fault_vfs_forget();
    fake_disk_free(bench->disk);
    alarm(0);
}

static struct sealing *make_sealing(struct bench *bench) {
    struct history *history;
    struct history_place place;
    uint64_t position = bench->n + 1;
    char id[16];
    int len = snprintf(id, sizeof(id), "s-%zu", bench->n);
    assert_int_equal(history_new((uint32_t)bench->n, bytes_of(id, (size_t)len), &history), 0);
    const struct kept reading = {.time = {1, 0}, .temperature = 20.5};
    assert_int_equal(history_append(history, &reading, position, &place), 0);
    stats_add(&place.chunk->stats, reading.time, reading.temperature);
    bench->histories[bench->n++] = history;
    struct sealing *sealing = history_seal(history);
    assert_non_null(sealing);
    return sealing;
}

static void give(struct bench *bench, size_t n) {
    struct list sealings;
    list_init(&sealings);
    for (size_t i = 0; i < n; i++)
        list_append(&sealings, &make_sealing(bench)->queue_link);
    keeper_give(bench->keeper, &sealings, bench->n + 1, bench->n + 1);
}

static uint64_t n_sealed(struct bench *bench) {
    struct sealed_figures figures;
    assert_int_equal(sealed_figures(bench->box.sealed, &figures), 0);
    return figures.n_chunks;
}

/* From which position on the next start reads the journal. */
static uint64_t journal_from(struct bench *bench) {
    struct sealed_journal journal;
    assert_int_equal(sealed_view_begin(bench->box.view), 0);
    assert_int_equal(sealed_view_journal(bench->box.view, &journal), 0);
    sealed_view_end(bench->box.view);
    return journal.needed_from;
}

/* ---- the end ---- */

static void test_the_end_waits_for_a_slow_disk_no_longer_than_told(void **state) {
    (void)state;
    static struct bench bench;
    bench_init(&bench);
    sync_ns = NS_PER_S / 4;
    give(&bench, KEEPER_QUEUE_MAX);
    fault_gate_wait_until_held(&gate);
    keeper_free(bench.keeper, NS_PER_S);
    uint64_t n = n_sealed(&bench);
    assert_true(n >= KEEPER_TURN_MAX && n <= (size_t)5 * KEEPER_TURN_MAX);
    assert_int_equal(journal_from(&bench), 1 + n); /* the rest is there for the next start */
    bench_fini(&bench);
}

static void test_without_patience_the_end_waits_for_the_turn_that_is_on_its_way(void **state) {
    (void)state;
    static struct bench bench;
    bench_init(&bench);
    sync_ns = NS_PER_S / 4;
    give(&bench, KEEPER_QUEUE_MAX);
    fault_gate_wait_until_held(&gate);
    keeper_free(bench.keeper, 0);
    assert_int_equal(n_sealed(&bench), KEEPER_TURN_MAX);
    assert_int_equal(journal_from(&bench), 1 + KEEPER_TURN_MAX);
    bench_fini(&bench);
}

static void test_the_end_seals_everything_where_the_disk_is_fast(void **state) {
    (void)state;
    static struct bench bench;
    bench_init(&bench);
    sync_ns = 0;
    give(&bench, KEEPER_QUEUE_MAX);
    fault_gate_wait_until_held(&gate);
    keeper_free(bench.keeper, NS_PER_S);
    assert_int_equal(n_sealed(&bench), KEEPER_QUEUE_MAX);
    assert_int_equal(journal_from(&bench), 1 + KEEPER_QUEUE_MAX);
    bench_fini(&bench);
}

/* ---- the queue ---- */

static void *give_one(void *user) {
    give(user, 1);
    return NULL;
}

static void test_a_sealing_too_many_waits_for_the_disk(void **state) {
    (void)state;
    static struct bench bench;
    struct keeper_figures figures;
    pthread_t writer;
    bench_init(&bench);
    sync_ns = 0;
    give(&bench, KEEPER_QUEUE_MAX);
    fault_gate_wait_until_held(&gate);
    keeper_figures(bench.keeper, &figures);
    assert_int_equal(figures.n_waits, 0);
    assert_true(keeper_is_behind(bench.keeper));
    assert_int_equal(pthread_create(&writer, NULL, give_one, &bench), 0);
    do {
        sched_yield();
        keeper_figures(bench.keeper, &figures);
    } while (figures.n_waits == 0);
    assert_int_equal(figures.n_queue, KEEPER_QUEUE_MAX + 1);
    assert_int_equal(figures.n_sealed, 0);
    fault_gate_open(&gate);
    assert_int_equal(pthread_join(writer, NULL), 0);
    keeper_free(bench.keeper, NS_PER_S);
    assert_int_equal(n_sealed(&bench), KEEPER_QUEUE_MAX + 1);
    bench_fini(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_end_waits_for_a_slow_disk_no_longer_than_told),
        cmocka_unit_test(test_without_patience_the_end_waits_for_the_turn_that_is_on_its_way),
        cmocka_unit_test(test_the_end_seals_everything_where_the_disk_is_fast),
        cmocka_unit_test(test_a_sealing_too_many_waits_for_the_disk),
    };
    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
