/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging against its one promise: what a reader gets is the same after every step, reading by
 * reading, bit by bit. The readings' sequences are unlike, so that any change of order shows.
 */
#include "store/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "fault_vfs.h"
#include "sealed_fixture.h"
#include "store/chunk.h"
#include "unit.h"

enum {
    MAX_READINGS = 600000,
    MAX_STEPS = 2000,
};

struct seen {
    struct kept reading;
    size_t place; /* among all in order of arrival */
};

/* What the store holds, chunk by chunk, and as a reader gets it. */
struct picture {
    struct sealed_view *view;
    struct sealed_head heads[4000];
    size_t n_heads, n_mains;
    struct seen *seen;
    size_t n;
};

struct bench {
    struct sealed_box box;
    struct random random;
    struct picture before, after;
    uint64_t rank, sequence;
    int64_t now;        /* where the mains end */
    uint64_t n_written; /* readings in chunks that steps have added */
};

static int note_chunk(void *user, const struct sealed_head *head) {
    struct picture *picture = user;
    struct bytes data;
    struct chunk_reader reader;
    static struct kept readings[CHUNK_MAX_READINGS];
    uint32_t n, n_all = 0;
    struct stats stats;
    stats_init(&stats);
    assert_int_equal(sealed_view_data(picture->view, head, &data), 0);
    chunk_reader_init(&reader, data, (uint32_t)head->stats.count);
    do {
        assert_int_equal(chunk_read(&reader, readings, CHUNK_MAX_READINGS, &n), 0);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(picture->n < MAX_READINGS);
            stats_add(&stats, readings[i].time, readings[i].temperature);
            picture->seen[picture->n] = (struct seen){readings[i], picture->n};
            picture->n++;
        }
        n_all += n;
    } while (n > 0 && n_all < head->stats.count);
    assert_int_equal(stats.count, head->stats.count);
    assert_true(stats.sum == head->stats.sum && stats.latest == head->stats.latest);
    assert_int_equal(stats_instant_compare(stats.first, head->stats.first), 0);
    assert_int_equal(stats_instant_compare(stats.last, head->stats.last), 0);
    assert_true(picture->n_heads < ARRAY_LEN(picture->heads));
    picture->heads[picture->n_heads++] = *head;
    return 0;
}

static int compare_seen(const void *a, const void *b) {
    const struct seen *x = a, *y = b;
    int order = stats_instant_compare(x->reading.time, y->reading.time);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static void look(struct bench *bench, struct picture *picture) {
    struct sealed_range all = everything_of(1);
    picture->view = bench->box.view;
    picture->n_heads = picture->n = 0;
    assert_int_equal(sealed_view_begin(picture->view), 0);
    assert_int_equal(sealed_view_each_main(picture->view, &all, false, note_chunk, picture), 0);
    picture->n_mains = picture->n_heads;
    assert_int_equal(sealed_view_each_late(picture->view, &all, note_chunk, picture), 0);
    sealed_view_end(picture->view);
    qsort(picture->seen, picture->n, sizeof(struct seen), compare_seen);
}

static void assert_same(const struct picture *a, const struct picture *b) {
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct kept *x = &a->seen[i].reading, *y = &b->seen[i].reading;
        if (x->sequence != y->sequence ||
            memcmp(&x->temperature, &y->temperature, sizeof(double)) != 0 ||
            stats_instant_compare(x->time, y->time) != 0)
            fail_msg("reading %zu has changed", i);
    }
}

static void bench_init(struct bench *bench, uint64_t seed) {
    fault_vfs_register();
    fault_vfs_forget();
    memset(bench, 0, sizeof(*bench));
    box_init(&bench->box, FAULT_VFS); /* no syncs */
    random_init(&bench->random, seed);
    bench->before.seen = mem_new_array(struct seen, MAX_READINGS);
    bench->after.seen = mem_new_array(struct seen, MAX_READINGS);
    assert_non_null(bench->before.seen);
    assert_non_null(bench->after.seen);
}

static void bench_fini(struct bench *bench) {
    mem_free(bench->before.seen);
    mem_free(bench->after.seen);
    box_fini(&bench->box);
    fault_vfs_forget();
}

/* Readings at random times in [from, to], or all of one time, in order. */
static void add_chunk(struct bench *bench, bool is_late, size_t n, int64_t from, int64_t to) {
    static struct kept readings[CHUNK_MAX_READINGS];
    struct chunk chunk = {0};
    struct sealed_head head = {.sensor = 1, .is_late = is_late, .rank = ++bench->rank};
    for (size_t i = 0; i < n; i++) {
        uint64_t span = (uint64_t)(to - from) + 1;
        int64_t seconds = from + (int64_t)(span * i / n);
        if (random_below(&bench->random, 2) && i > 0)
            seconds = readings[i - 1].time.seconds;
        readings[i] = (struct kept){
            {seconds, 0}, ++bench->sequence, (double)random_below(&bench->random, 100) / 4};
        assert_int_equal(chunk_append(&chunk, &readings[i]), 0);
        stats_add(&head.stats, readings[i].time, readings[i].temperature);
    }
    box_add(&bench->box, &head, chunk_bytes(&chunk, chunk_end(&chunk)));
    chunk_fini(&chunk);
}

/* The next one, which may begin with the time that the last one ended with. */
static void add_main(struct bench *bench, size_t n, int64_t span) {
    int64_t from = bench->now + (int64_t)random_below(&bench->random, 2);
    add_chunk(bench, false, n, from, from + span);
    bench->now = from + span;
}

static int64_t max_id(const struct picture *picture) {
    int64_t id = 0;
    for (size_t i = 0; i < picture->n_heads; i++)
        if (picture->heads[i].id > id)
            id = picture->heads[i].id;
    return id;
}

static bool step(struct bench *bench) {
    bool did;
    look(bench, &bench->before);
    assert_int_equal(merge_step(bench->box.sealed, bench->box.view, 1, &did), 0);
    look(bench, &bench->after);
    assert_same(&bench->before, &bench->after);
    int64_t old = max_id(&bench->before);
    for (size_t i = 0; i < bench->after.n_heads; i++)
        if (bench->after.heads[i].id > old)
            bench->n_written += bench->after.heads[i].stats.count;
    return did;
}

/* Mains follow each other, and few enough lates cover any instant. */
static void check_settled(const struct picture *picture) {
    for (size_t i = 1; i < picture->n_mains; i++)
        assert_true(stats_instant_compare(picture->heads[i - 1].stats.last,
                                          picture->heads[i].stats.first) <= 0);
    for (size_t i = picture->n_mains; i < picture->n_heads; i++) {
        size_t depth = 0;
        for (size_t j = picture->n_mains; j < picture->n_heads; j++) {
            const struct stats *stats = &picture->heads[j].stats;
            if (stats->count >= CHUNK_MAX_READINGS / 2 &&
                stats_instant_compare(stats->first, stats->last) == 0)
                continue; /* of a group of equal times that no chunk can hold */
            struct stats_instant at = picture->heads[i].stats.first;
            depth += stats_instant_compare(stats->first, at) <= 0 &&
                     stats_instant_compare(stats->last, at) >= 0;
        }
        assert_true(depth <= MERGE_MAX_DEPTH);
    }
}

static size_t settle(struct bench *bench) {
    size_t n = 0;
    while (step(bench))
        assert_true(++n < MAX_STEPS);
    check_settled(&bench->after);
    return n;
}

static void add_random_late(struct bench *bench, size_t max, int64_t until) {
    int64_t from = (int64_t)random_below(&bench->random, (uint64_t)until + 1);
    int64_t span = (int64_t)random_below(&bench->random, (uint64_t)(until - from) + 1);
    if (random_below(&bench->random, 4) == 0)
        from = span = 0;
    add_chunk(bench, true, 1 + random_below(&bench->random, max), from, from + span);
}

static void check_random(uint64_t seed, size_t max, size_t n_chunks) {
    static struct bench bench;
    bench_init(&bench, seed);
    for (size_t i = 0; i < n_chunks; i++) {
        if (random_below(&bench.random, 3) == 0 || i == 0)
            add_main(&bench, 1 + random_below(&bench.random, max),
                     (int64_t)random_below(&bench.random, 60));
        else
            add_random_late(&bench, max, bench.now + (seed % 3 == 0 ? 50 : 0));
        if (random_below(&bench.random, 12) == 0)
            settle(&bench);
    }
    settle(&bench);
    bench_fini(&bench);
}

static void test_small_random_chunks_keep_their_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++)
        check_random(seed, 20, 100);
}

static void test_large_random_chunks_keep_their_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++)
        check_random(seed, 3000, 60);
}

/* All readings of few times: groups that are larger than a chunk. */
static void test_large_groups_of_equal_time_keep_their_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        static struct bench bench;
        bench_init(&bench, seed);
        for (size_t i = 0; i < 30; i++) {
            int64_t from = (int64_t)random_below(&bench.random, 4);
            if (i % 2 == 0)
                add_main(&bench, 1 + random_below(&bench.random, CHUNK_MAX_READINGS),
                         (int64_t)random_below(&bench.random, 2));
            else
                add_chunk(&bench, true, 1 + random_below(&bench.random, CHUNK_MAX_READINGS), from,
                          from + (int64_t)random_below(&bench.random, 2));
            if (i % 10 == 9)
                settle(&bench);
        }
        settle(&bench);
        bench_fini(&bench);
    }
}

static void test_nothing_is_done_where_nothing_is_due(void **state) {
    (void)state;
    static struct bench bench;
    bench_init(&bench, 1);
    assert_int_equal(settle(&bench), 0);
    for (size_t i = 0; i < 7; i++)
        add_main(&bench, 10, 10);
    for (size_t i = 0; i < MERGE_MAX_DEPTH; i++)
        add_chunk(&bench, true, 10, 0, 60);
    assert_int_equal(settle(&bench), 0);
    add_main(&bench, 10, 10);
    assert_int_equal(settle(&bench), 1);
    assert_int_equal(bench.after.n_mains, 1);
    bench_fini(&bench);
}

/* The open chunk may hold the same times, and came earlier: so these stay late. */
static void test_lates_from_the_end_of_the_mains_on_stay_late(void **state) {
    (void)state;
    static struct bench bench;
    bench_init(&bench, 1);
    add_main(&bench, 100, 100);
    for (size_t i = 0; i < 12; i++)
        add_chunk(&bench, true, 1000, bench.now - 50, bench.now + 1000);
    look(&bench, &bench.before);
    int64_t end = bench.before.heads[0].stats.last.seconds;
    assert_true(settle(&bench) > 0);
    const struct picture *picture = &bench.after;
    assert_int_equal(picture->heads[picture->n_mains - 1].stats.last.seconds, end);
    assert_true(picture->n_heads > picture->n_mains);
    for (size_t i = picture->n_mains; i < picture->n_heads; i++)
        assert_true(picture->heads[i].stats.first.seconds >= end);
    bench_fini(&bench);
}

static void test_small_mains_are_rewritten_a_few_times(void **state) {
    (void)state;
    static struct bench bench;
    bench_init(&bench, 1);
    for (size_t i = 0; i < 1200; i++) {
        bool did = true;
        add_main(&bench, 8, 8);
        if (i % 8 != 7)
            continue;
        if (i % 512 == 511)
            settle(&bench);
        while (did) {
            look(&bench, &bench.before);
            int64_t old = max_id(&bench.before);
            assert_int_equal(merge_step(bench.box.sealed, bench.box.view, 1, &did), 0);
            look(&bench, &bench.after);
            for (size_t j = 0; j < bench.after.n_heads; j++)
                bench.n_written +=
                    bench.after.heads[j].id > old ? bench.after.heads[j].stats.count : 0;
        }
    }
    settle(&bench);
    assert_true(bench.after.n_heads < 30);
    assert_true(bench.n_written < 4 * bench.after.n);
    bench_fini(&bench);
}

static void test_single_late_readings_are_rewritten_some_dozen_times(void **state) {
    (void)state;
    static struct bench bench;
    bench_init(&bench, 1);
    add_main(&bench, 1000, 8000);
    for (size_t i = 0; i < 300; i++) {
        add_chunk(&bench, true, 1, (int64_t)random_below(&bench.random, 8000), 8000);
        settle(&bench);
    }
    assert_true(bench.n_written < 25 * 300);
    bench_fini(&bench);
}

/* One reading far ahead, and what follows is late for ever, in order. */
static void test_small_lates_that_follow_each_other_become_full(void **state) {
    (void)state;
    static struct bench bench;
    enum {
        N_LATES = 2000,
        N_EACH = 32
    };
    bench_init(&bench, 1);
    add_chunk(&bench, false, 1, 1000000, 1000000);
    for (size_t i = 0; i < N_LATES; i++) {
        add_chunk(&bench, true, N_EACH, (int64_t)(i * N_EACH), (int64_t)((i + 1) * N_EACH - 1));
        for (bool did = i % 8 == 7; did;)
            assert_int_equal(merge_step(bench.box.sealed, bench.box.view, 1, &did), 0);
    }
    settle(&bench);
    assert_int_equal(bench.after.n, N_LATES * N_EACH + 1);
    assert_true(bench.after.n_heads < N_LATES * N_EACH / CHUNK_MAX_READINGS + 4 * 8);
    bench_fini(&bench);
}

/* Full ones that do not overlap go into the mains when they are many. */
static void test_a_sensor_never_keeps_many_lates(void **state) {
    (void)state;
    static struct bench bench;
    enum {
        N_LATES = 72,
        N_EACH = 8000
    };
    bench_init(&bench, 1);
    add_chunk(&bench, false, 1, 1000000000, 1000000000);
    for (size_t i = 0; i < N_LATES; i++)
        add_chunk(&bench, true, N_EACH, (int64_t)(i * N_EACH), (int64_t)((i + 1) * N_EACH - 1));
    assert_int_equal(settle(&bench), 1);
    assert_true(bench.after.n_heads - bench.after.n_mains <= 64);
    bench_fini(&bench);
}

/* Behind all mains: seven small ones, then a full one, so that no eight of one size are neighbours
 * in rank. `gap` is between them, or less than nothing. */
static void add_lates_behind(struct bench *bench, size_t n_rounds, int64_t gap) {
    int64_t from = bench->now + 1;
    for (size_t i = 0; i < n_rounds * 8; i++) {
        int64_t span = i % 8 == 7 ? 5000 : 40;
        add_chunk(bench, true, (size_t)span, from, from + span);
        from += span + gap;
    }
}

static size_t n_lates(const struct picture *picture) {
    return picture->n_heads - picture->n_mains;
}

static void test_lates_behind_the_mains_stay_few(void **state) {
    (void)state;
    static const int64_t gaps[] = {1, -20, -39};
    enum {
        N_ROUNDS = 12
    };
    for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
        static struct bench bench;
        bench_init(&bench, i);
        add_main(&bench, 100, 100);
        add_lates_behind(&bench, N_ROUNDS, gaps[i]);
        settle(&bench);
        assert_true(n_lates(&bench.after) <= 64);
        assert_int_equal(bench.after.n, 100 + N_ROUNDS * (5000 + 7 * 40));
        bench_fini(&bench);
    }
}

/* The same as they come, of any size and place: after each settling they are few for what they
 * hold. */
static void test_random_lates_behind_the_mains_stay_few_and_in_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        static struct bench bench;
        bench_init(&bench, seed);
        add_main(&bench, 50, 50);
        for (size_t i = 0; i < 300; i++) {
            int64_t from = bench.now + (int64_t)random_below(&bench.random, 100000);
            int64_t span = (int64_t)random_below(&bench.random, seed % 2 ? 100 : 3000);
            size_t max = random_below(&bench.random, 16) ? 40 : 3000;
            add_chunk(&bench, true, 1 + random_below(&bench.random, max), from, from + span);
            if (random_below(&bench.random, 100) == 0)
                add_main(&bench, 50, 1000);
            if (random_below(&bench.random, 40) == 0)
                settle(&bench);
        }
        settle(&bench);
        assert_true(n_lates(&bench.after) <= 64 + 12 * bench.after.n / CHUNK_MAX_READINGS);
        bench_fini(&bench);
    }
}

/* What a cut has left of one rank is never merged in part: it would overtake the rest. */
static void test_lates_of_one_rank_are_merged_together(void **state) {
    (void)state;
    static struct bench bench;
    bench_init(&bench, 1);
    add_chunk(&bench, false, 1, 1000000, 1000000);
    for (size_t i = 0; i < 7; i++)
        add_chunk(&bench, true, 10, (int64_t)i * 100 + 500, (int64_t)i * 100 + 510);
    add_chunk(&bench, true, 5, 0, 10); /* the eighth, */
    bench.rank--;
    add_chunk(&bench, true, 5, 500, 510); /* and the ninth of its rank, at the first one's time */
    assert_true(step(&bench));
    assert_int_equal(bench.after.n_heads, 2);
    bench_fini(&bench);
}

/* A store that has a step to do of each kind, by `kind`. */
static void prepare(struct bench *bench, int kind) {
    bench_init(bench, 7);
    for (size_t i = 0; i < 8; i++)
        add_main(bench, kind ? 4200 : 60, 100);
    for (size_t i = 0; kind && i < 9; i++)
        add_chunk(bench, true, kind == 1 ? 20 : 900, 10, kind == 3 ? 2000 : 300);
    look(bench, &bench->before);
}

static void test_a_fault_in_a_step_leaves_the_old_state(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        bool has_struck = true;
        for (size_t n = 1; has_struck; n += 1 + n / 4) {
            static struct bench bench;
            bool did;
            prepare(&bench, kind);
            fault_vfs_arm(&(struct fault){.ops = FAULT_CHANGES, .n = n, .kind = FAULT_ENOSPC});
            int r = merge_step(bench.box.sealed, bench.box.view, 1, &did);
            has_struck = fault_vfs_has_struck();
            fault_vfs_disarm();
            assert_true(has_struck ? r < 0 : r == 0 && did);
            look(&bench, &bench.after);
            assert_same(&bench.before, &bench.after);
            box_reopen(&bench.box);
            look(&bench, &bench.after);
            assert_same(&bench.before, &bench.after);
            if (has_struck)
                assert_int_equal(bench.after.n_heads, bench.before.n_heads);
            bench_fini(&bench);
        }
    }
}

static void test_a_step_without_memory_changes_nothing(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        static struct bench bench;
        bool did;
        prepare(&bench, kind);
        for (size_t n = 1;; n++) {
            fail_alloc_at(n);
            int r = merge_step(bench.box.sealed, bench.box.view, 1, &did);
            fail_alloc_off();
            if (r == 0)
                break;
            assert_int_equal(r, -ENOMEM);
            if (n % 16 == 1) {
                look(&bench, &bench.after);
                assert_int_equal(bench.after.n_heads, bench.before.n_heads);
                assert_same(&bench.before, &bench.after);
            }
        }
        look(&bench, &bench.after);
        assert_same(&bench.before, &bench.after);
        bench_fini(&bench);
    }
}

static void test_a_damaged_chunk_is_left_alone(void **state) {
    (void)state;
    static struct bench bench;
    bool did;
    bench_init(&bench, 1);
    for (size_t i = 0; i < 7; i++)
        add_main(&bench, 10, 10);
    struct sealed_head head = head_of(1, false, 100, bench.now, bench.now + 1);
    box_add(&bench.box, &head, bytes_str("certainly not two readings"));
    assert_int_equal(merge_step(bench.box.sealed, bench.box.view, 1, &did), -EBADMSG);
    struct sealed_figures figures;
    assert_int_equal(sealed_figures(bench.box.sealed, &figures), 0);
    assert_int_equal(figures.n_chunks, 8);
    assert_int_equal(figures.n_views, 0);
    assert_int_equal(sealed_begin(bench.box.sealed), 0);
    assert_int_equal(sealed_commit(bench.box.sealed), 0);
    bench_fini(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_random_chunks_keep_their_order),
        cmocka_unit_test(test_large_random_chunks_keep_their_order),
        cmocka_unit_test(test_large_groups_of_equal_time_keep_their_order),
        cmocka_unit_test(test_nothing_is_done_where_nothing_is_due),
        cmocka_unit_test(test_lates_from_the_end_of_the_mains_on_stay_late),
        cmocka_unit_test(test_small_mains_are_rewritten_a_few_times),
        cmocka_unit_test(test_single_late_readings_are_rewritten_some_dozen_times),
        cmocka_unit_test(test_small_lates_that_follow_each_other_become_full),
        cmocka_unit_test(test_a_sensor_never_keeps_many_lates),
        cmocka_unit_test(test_lates_behind_the_mains_stay_few),
        cmocka_unit_test(test_random_lates_behind_the_mains_stay_few_and_in_order),
        cmocka_unit_test(test_lates_of_one_rank_are_merged_together),
        cmocka_unit_test(test_a_fault_in_a_step_leaves_the_old_state),
        cmocka_unit_test(test_a_step_without_memory_changes_nothing),
        cmocka_unit_test(test_a_damaged_chunk_is_left_alone),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
