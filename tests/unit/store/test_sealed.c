/* SPDX-License-Identifier: Apache-2.0 */
/* The store of sealed chunks on a healthy disk: rows, orders, views, refusals, damage. */
#include "store/sealed.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "fault_vfs.h"
#include "sealed_fixture.h"
#include "unit.h"

/* The first n of 100,000 random bytes. */
static struct bytes some_data(size_t n) {
    static uint8_t data[100000];
    static bool is_made;
    assert_true(n <= sizeof(data));
    struct random random;
    random_init(&random, 1);
    for (size_t i = 0; !is_made && i < sizeof(data); i++)
        data[i] = (uint8_t)random_u64(&random);
    is_made = true;
    return bytes_of(data, n);
}

static void assert_ranks(const struct ranks *found, const uint64_t *wanted, size_t n) {
    assert_int_equal(found->n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(found->ranks[i], wanted[i]);
}

#define RANKS(...) (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

static struct ranks mains(struct sealed_box *box, const struct sealed_range *range,
                          bool newest_first) {
    struct ranks ranks = {.n = 0};
    assert_int_equal(sealed_view_begin(box->view), 0);
    assert_int_equal(sealed_view_each_main(box->view, range, newest_first, note_rank, &ranks), 0);
    sealed_view_end(box->view);
    return ranks;
}

static struct ranks lates(struct sealed_box *box, const struct sealed_range *range) {
    struct ranks ranks = {.n = 0};
    assert_int_equal(sealed_view_begin(box->view), 0);
    assert_int_equal(sealed_view_each_late(box->view, range, note_rank, &ranks), 0);
    sealed_view_end(box->view);
    return ranks;
}

static void add_main(struct sealed_box *box, uint64_t rank, int64_t first, int64_t last) {
    struct sealed_head head = head_of(1, false, rank, first, last);
    box_add(box, &head, some_data(50));
}

static void add_late(struct sealed_box *box, uint64_t rank, int64_t first, int64_t last) {
    struct sealed_head head = head_of(1, true, rank, first, last);
    box_add(box, &head, some_data(50));
}

struct sensors {
    struct sealed_sensor sensors[8];
    char ids[8][16];
    size_t n;
};

static int note_sensor(void *user, const struct sealed_sensor *sensor) {
    struct sensors *noted = user;
    noted->sensors[noted->n] = *sensor;
    snprintf(noted->ids[noted->n], 16, "%.*s", BYTES_ARGS(sensor->id));
    noted->n++;
    return 0;
}

static void put_sensor(struct sealed_box *box, uint32_t number, const char *id, uint64_t covered) {
    struct sealed_sensor sensor = {number, bytes_str(id), covered, {0}};
    sensor.stats = head_of(1, false, 1, 5, 6).stats;
    assert_int_equal(sealed_begin(box->sealed), 0);
    assert_int_equal(sealed_put_sensor(box->sealed, &sensor), 0);
    assert_int_equal(sealed_commit(box->sealed), 0);
}

static void test_sensors_come_back_in_order_of_their_ids(void **state) {
    (void)state;
    struct sealed_box box;
    box_init(&box, NULL);
    put_sensor(&box, 7, "b", 10);
    put_sensor(&box, UINT32_MAX, "a", INT64_MAX);
    put_sensor(&box, 0, "\xc3\xa4", 0);
    put_sensor(&box, 7, "b", 11);
    box_reopen(&box);
    struct sensors noted = {.n = 0};
    uint64_t covered;
    assert_int_equal(sealed_view_begin(box.view), 0);
    assert_int_equal(sealed_view_each_sensor(box.view, note_sensor, &noted), 0);
    assert_int_equal(sealed_view_covered(box.view, 7, &covered), 0);
    assert_int_equal(covered, 11);
    assert_int_equal(sealed_view_covered(box.view, 8, &covered), SEALED_E_NONE);
    sealed_view_end(box.view);
    assert_int_equal(noted.n, 3);
    assert_string_equal(noted.ids[0], "a");
    assert_string_equal(noted.ids[1], "b");
    assert_string_equal(noted.ids[2], "\xc3\xa4");
    assert_int_equal(noted.sensors[0].number, UINT32_MAX);
    assert_true(noted.sensors[0].covered == INT64_MAX);
    assert_int_equal(noted.sensors[1].stats.count, 2);
    assert_true(noted.sensors[1].stats.latest == 21.25);
    box_fini(&box);
}

struct seen {
    struct sealed_view *view;
    struct sealed_head head;
    struct bytes data; /* expected */
    size_t n;
};

static int check_chunk(void *user, const struct sealed_head *head) {
    struct seen *seen = user;
    struct bytes data;
    seen->n++;
    assert_int_equal(head->id, seen->head.id);
    assert_int_equal(head->rank, seen->head.rank);
    assert_int_equal(head->is_late, seen->head.is_late);
    assert_int_equal(head->crc, seen->head.crc);
    assert_int_equal(head->stats.last.seconds, seen->head.stats.last.seconds);
    assert_int_equal(head->stats.last.nanos, seen->head.stats.last.nanos);
    assert_int_equal(sealed_view_data(seen->view, head, &data), 0);
    assert_true(bytes_equal(data, seen->data));
    return 0;
}

/* With the extremes of what a head may hold. */
static void test_chunks_come_back_as_they_were(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 4000, 8192, 100000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sealed_box box;
        struct sealed_head head = {.sensor = UINT32_MAX, .is_late = i % 2, .rank = INT64_MAX};
        box_init(&box, NULL);
        stats_init(&head.stats);
        stats_add(&head.stats, (struct stats_instant){INT64_MIN, 0}, -0.0);
        stats_add(&head.stats, (struct stats_instant){INT64_MAX, 999999998}, 1e308);
        box_add(&box, &head, some_data(sizes[i]));
        assert_true(head.id > 0);
        assert_int_equal(head.n_bytes, sizes[i]);
        box_reopen(&box);
        struct seen seen = {box.view, head, some_data(sizes[i]), 0};
        struct sealed_range range = everything_of(UINT32_MAX);
        assert_int_equal(sealed_view_begin(box.view), 0);
        if (head.is_late)
            assert_int_equal(sealed_view_each_late(box.view, &range, check_chunk, &seen), 0);
        else
            assert_int_equal(sealed_view_each_main(box.view, &range, false, check_chunk, &seen), 0);
        sealed_view_end(box.view);
        assert_int_equal(seen.n, 1);
        box_fini(&box);
    }
}

static void test_mains_are_ordered_by_last_then_rank_then_id(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    box_init(&box, NULL);
    add_main(&box, 5, 20, 30);
    add_main(&box, 3, 10, 20);
    add_main(&box, 4, 20, 20);
    add_main(&box, 1, -5, 10);
    struct ranks found = mains(&box, &all, false);
    assert_ranks(&found, RANKS(1, 3, 4, 5));
    found = mains(&box, &all, true);
    assert_ranks(&found, RANKS(5, 4, 3, 1));
    box_fini(&box);
}

static int note_id(void *user, const struct sealed_head *head) {
    struct ranks *ids = user;
    ids->ranks[ids->n++] = (uint64_t)head->id;
    return 0;
}

static void test_pieces_of_one_rank_and_last_go_by_id(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    struct ranks ids = {.n = 0};
    box_init(&box, NULL);
    for (size_t i = 0; i < 3; i++)
        add_main(&box, 9, 7, 7);
    assert_int_equal(sealed_view_begin(box.view), 0);
    assert_int_equal(sealed_view_each_main(box.view, &all, false, note_id, &ids), 0);
    sealed_view_end(box.view);
    assert_ranks(&ids, RANKS(1, 2, 3));
    box_fini(&box);
}

static void test_lates_are_ordered_by_rank(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    box_init(&box, NULL);
    add_late(&box, 8, 1, 100);
    add_late(&box, 2, 50, 60);
    add_late(&box, 5, 7, 8);
    struct ranks found = lates(&box, &all);
    assert_ranks(&found, RANKS(2, 5, 8));
    struct sealed_range range = {1, {8, 1}, {50, 0}};
    found = lates(&box, &range);
    assert_ranks(&found, RANKS(8));
    box_fini(&box);
}

/* Every range over a few chunks, both ways, against the definition. */
static void test_ranges_are_half_open(void **state) {
    (void)state;
    static const int64_t chunks[][2] = {{1, 3}, {3, 3}, {3, 5}, {7, 7}, {7, 9}, {12, 15}};
    struct sealed_box box;
    box_init(&box, NULL);
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        add_main(&box, i, chunks[i][0], chunks[i][1]);
        add_late(&box, i, chunks[i][0], chunks[i][1]);
    }
    for (int64_t from = 0; from < 17; from++) {
        for (int64_t to = from; to < 17; to++) {
            struct sealed_range range = {1, {from, 0}, {to, 0}};
            struct ranks forward = mains(&box, &range, false), back = mains(&box, &range, true);
            struct ranks late = lates(&box, &range);
            uint64_t wanted[8];
            size_t n = 0;
            for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
                if (chunks[i][1] >= from && chunks[i][0] < to)
                    wanted[n++] = i;
            assert_ranks(&forward, wanted, n);
            assert_ranks(&late, wanted, n);
            assert_int_equal(back.n, n);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(back.ranks[i], wanted[n - 1 - i]);
        }
    }
    box_fini(&box);
}

static void test_nanos_and_other_sensors_count(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_head head = {.sensor = 1, .rank = 1}, other = head_of(2, false, 2, 5, 5);
    box_init(&box, NULL);
    stats_add(&head.stats, (struct stats_instant){5, 10}, 1);
    stats_add(&head.stats, (struct stats_instant){5, 20}, 1);
    box_add(&box, &head, some_data(5));
    box_add(&box, &other, some_data(5));
    static const struct {
        int32_t from, to;
        size_t n;
    } cases[] = {{0, 10, 0}, {0, 11, 1}, {20, 21, 1}, {21, 30, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sealed_range range = {1, {5, cases[i].from}, {5, cases[i].to}};
        assert_int_equal(mains(&box, &range, false).n, cases[i].n);
        assert_int_equal(mains(&box, &range, true).n, cases[i].n);
    }
    box_fini(&box);
}

static int stop_at_once(void *user, const struct sealed_head *head) {
    (void)head;
    ++*(int *)user;
    return 17;
}

static void test_a_function_ends_its_walk(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    int n_calls = 0;
    box_init(&box, NULL);
    add_main(&box, 1, 1, 2);
    add_main(&box, 2, 3, 4);
    assert_int_equal(sealed_view_begin(box.view), 0);
    assert_int_equal(sealed_view_each_main(box.view, &all, false, stop_at_once, &n_calls), 17);
    assert_int_equal(sealed_view_each_main(box.view, &all, true, stop_at_once, &n_calls), 17);
    assert_int_equal(n_calls, 2);
    sealed_view_end(box.view);
    box_fini(&box);
}

static void test_a_view_sees_what_was_committed_when_it_began(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    struct ranks ranks = {.n = 0};
    struct sealed_head head = head_of(1, false, 2, 3, 4);
    box_init(&box, NULL);
    add_main(&box, 1, 1, 2);
    assert_int_equal(sealed_view_begin(box.view), 0);
    add_main(&box, 2, 3, 4);
    assert_int_equal(sealed_checkpoint(box.sealed), 0);
    assert_int_equal(sealed_view_each_main(box.view, &all, false, note_rank, &ranks), 0);
    assert_ranks(&ranks, RANKS(1));
    sealed_view_end(box.view);
    assert_int_equal(mains(&box, &all, false).n, 2);

    head.rank = 3;
    assert_int_equal(sealed_begin(box.sealed), 0);
    assert_int_equal(sealed_add(box.sealed, &head, some_data(10)), 0);
    assert_int_equal(mains(&box, &all, false).n, 2);
    assert_int_equal(sealed_commit(box.sealed), 0);
    assert_int_equal(mains(&box, &all, false).n, 3);
    box_fini(&box);
}

static uint64_t n_chunks(struct sealed_box *box) {
    struct sealed_figures figures;
    assert_int_equal(sealed_figures(box->sealed, &figures), 0);
    return figures.n_chunks;
}

static void test_rollback_leaves_nothing(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    struct sealed_head old = head_of(1, false, 1, 1, 2), head = head_of(1, false, 2, 3, 4);
    box_init(&box, NULL);
    box_add(&box, &old, some_data(10));
    assert_int_equal(sealed_begin(box.sealed), 0);
    assert_int_equal(sealed_add(box.sealed, &head, some_data(10)), 0);
    assert_int_equal(sealed_remove(box.sealed, &old), 0);
    sealed_rollback(box.sealed);
    struct ranks found = mains(&box, &all, false);
    assert_ranks(&found, RANKS(1));
    assert_int_equal(n_chunks(&box), 1);
    assert_int_equal(sealed_begin(box.sealed), 0);
    assert_int_equal(sealed_commit(box.sealed), 0);
    box_reopen(&box);
    assert_int_equal(n_chunks(&box), 1);
    box_fini(&box);
}

static void test_removing_what_is_not_there_is_an_outcome(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_head head = head_of(1, false, 1, 1, 2), other;
    box_init(&box, NULL);
    box_add(&box, &head, some_data(10));
    other = head;
    other.rank = 2;
    assert_int_equal(sealed_begin(box.sealed), 0);
    assert_int_equal(sealed_remove(box.sealed, &other), SEALED_E_NONE);
    assert_int_equal(sealed_remove(box.sealed, &head), 0);
    assert_int_equal(sealed_remove(box.sealed, &head), SEALED_E_NONE);
    assert_int_equal(sealed_commit(box.sealed), 0);
    assert_int_equal(n_chunks(&box), 0);
    box_fini(&box);
}

/* A thread that looks at the store again and again while the keeper replaces its one chunk. */
struct watcher {
    struct sealed *sealed;
    _Atomic bool is_over;
    size_t n_looks;
};

static int check_data(void *user, const struct sealed_head *head) {
    struct bytes data;
    assert_int_equal(sealed_view_data(user, head, &data), 0);
    assert_int_equal(data.len, head->rank);
    return 0;
}

static int count_head(void *user, const struct sealed_head *head) {
    (void)head;
    ++*(size_t *)user;
    return 0;
}

static void *watch(void *user) {
    struct watcher *watcher = user;
    struct sealed_view *view;
    struct sealed_range all = everything_of(1);
    assert_int_equal(sealed_view_new(watcher->sealed, &view), 0);
    while (!watcher->is_over || watcher->n_looks == 0) {
        size_t n = 0;
        assert_int_equal(sealed_view_begin(view), 0);
        assert_int_equal(sealed_view_each_main(view, &all, false, count_head, &n), 0);
        assert_int_equal(sealed_view_each_main(view, &all, true, check_data, view), 0);
        assert_int_equal(n, 1);
        sealed_view_end(view);
        watcher->n_looks++;
    }
    sealed_view_free(view);
    return NULL;
}

static void test_views_of_other_threads_see_transactions_as_a_whole(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_head head = head_of(1, false, 1, 1, 2);
    pthread_t threads[2];
    box_init(&box, NULL);
    box_add(&box, &head, some_data(1));
    struct watcher watchers[2] = {{.sealed = box.sealed}, {.sealed = box.sealed}};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch, &watchers[i]), 0);
    for (uint64_t rank = 2; rank < 300; rank++) {
        struct sealed_head next = head_of(1, false, rank, 1, 2);
        assert_int_equal(sealed_begin(box.sealed), 0);
        assert_int_equal(sealed_remove(box.sealed, &head), 0);
        assert_int_equal(sealed_add(box.sealed, &next, some_data(rank)), 0);
        assert_int_equal(sealed_commit(box.sealed), 0);
        head = next;
        int r = rank % 16 == 0 ? sealed_checkpoint(box.sealed) : 0;
        assert_true(r == 0 || r == SEALED_E_PINNED); /* while a watcher's thread is asleep */
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        watchers[i].is_over = true;
        pthread_join(threads[i], NULL);
    }
    box_fini(&box);
}

/* ---- the WAL ---- */

static struct sealed_figures figures_of(struct sealed_box *box) {
    struct sealed_figures figures;
    assert_int_equal(sealed_figures(box->sealed, &figures), 0);
    return figures;
}

/* Chunks of 40 KB in one transaction; what is older than 50 is removed, as retention would. */
static void write_some(struct sealed_box *box, uint64_t n) {
    static struct sealed_head heads[64];
    assert_int_equal(sealed_begin(box->sealed), 0);
    struct sealed_head *head = &heads[n % 64];
    if (n >= 64)
        assert_int_equal(sealed_remove(box->sealed, head), 0);
    *head = head_of(1, false, n, (int64_t)n, (int64_t)n + 1);
    assert_int_equal(sealed_add(box->sealed, head, some_data(40000)), 0);
    assert_int_equal(sealed_commit(box->sealed), 0);
}

static void test_an_hour_of_writes_keeps_the_wal_under_its_limit(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    fault_vfs_register(); /* which fails nothing here, and costs no syncs */
    box_init(&box, FAULT_VFS);
    for (uint64_t second = 0; second < 3600; second++) {
        write_some(&box, second);
        if (second % 3 == 0)
            (void)mains(&box, &all, false);
        if (second % 8 == 7)
            assert_int_equal(sealed_checkpoint(box.sealed), 0);
        assert_true(figures_of(&box).wal_bytes < BOX_WAL_LIMIT);
    }
    assert_true(figures_of(&box).file_bytes < 64 * 41000 * 2);
    assert_int_equal(figures_of(&box).n_chunks, 64);
    box_fini(&box);
    fault_vfs_forget();
}

static void test_a_view_that_does_not_end_pins_the_wal_and_this_is_told(void **state) {
    (void)state;
    struct sealed_box box;
    uint64_t n = 0;
    box_init(&box, NULL);
    write_some(&box, n++);
    assert_int_equal(sealed_view_begin(box.view), 0);
    assert_int_equal(figures_of(&box).n_views, 1);
    int r = 0;
    while (r == 0 && n < 64) {
        write_some(&box, n++);
        r = sealed_checkpoint(box.sealed);
    }
    assert_int_equal(r, SEALED_E_PINNED);
    uint64_t wal_bytes = figures_of(&box).wal_bytes;
    assert_true(wal_bytes >= BOX_WAL_LIMIT && wal_bytes < BOX_WAL_LIMIT + 60000);
    assert_int_equal(sealed_checkpoint(box.sealed), SEALED_E_PINNED);
    assert_int_equal(figures_of(&box).wal_bytes, wal_bytes);

    sealed_view_end(box.view);
    assert_int_equal(figures_of(&box).n_views, 0);
    assert_int_equal(sealed_checkpoint(box.sealed), 0);
    assert_int_equal(figures_of(&box).wal_bytes, 0);
    assert_int_equal(figures_of(&box).wal_limit_bytes, BOX_WAL_LIMIT);
    box_fini(&box);
}

static void test_closing_leaves_the_wal_for_the_next_start(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    struct stat status;
    char wal[128];
    box_init(&box, NULL);
    add_main(&box, 1, 1, 2);
    box_close(&box);
    snprintf(wal, sizeof(wal), "%s-wal", box.file);
    assert_int_equal(stat(wal, &status), 0);
    assert_true(status.st_size > 0);
    assert_int_equal(box_open(&box), 0);
    assert_int_equal(mains(&box, &all, false).n, 1);
    box_fini(&box);
}

static void test_files_are_for_their_owner_only(void **state) {
    (void)state;
    struct sealed_box box;
    struct stat status;
    char wal[128];
    box_init(&box, NULL);
    add_main(&box, 1, 1, 2);
    snprintf(wal, sizeof(wal), "%s-wal", box.file);
    assert_int_equal(stat(box.file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(wal, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    box_fini(&box);
}

/* ---- files that are refused, and damage ---- */

static void run_raw(struct sealed_box *box, const char *text) {
    sqlite3 *db;
    char *error = NULL;
    assert_int_equal(sqlite3_open(box->file, &db), SQLITE_OK);
    sqlite3_exec(db, text, NULL, NULL, &error);
    assert_null(error);
    sqlite3_close(db);
}

static void assert_refused(struct sealed_box *box, int error, const char *words) {
    struct err_text why;
    assert_int_equal(sealed_open(&box->options, &box->sealed, &why), error);
    assert_non_null(strstr(why.text, box->file));
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
}

static void test_a_newer_version_is_refused_with_both_numbers(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    box_init(&box, NULL);
    add_main(&box, 1, 1, 2);
    box_close(&box);
    run_raw(&box, "PRAGMA user_version = 41");
    assert_refused(&box, -EPROTONOSUPPORT, "version 41");
    assert_refused(&box, -EPROTONOSUPPORT, "up to 2:");
    run_raw(&box, "PRAGMA user_version = 2");
    assert_int_equal(box_open(&box), 0);
    assert_int_equal(mains(&box, &all, false).n, 1);
    box_fini(&box);
}

static struct sealed_journal journal_of(struct sealed_box *box) {
    struct sealed_journal journal;
    assert_int_equal(sealed_view_begin(box->view), 0);
    assert_int_equal(sealed_view_journal(box->view, &journal), 0);
    sealed_view_end(box->view);
    return journal;
}

/* Version 1 did not note up to where the journal was on the disk. */
static void test_a_file_of_version_1_is_brought_up_to_date(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_range all = everything_of(1);
    box_init(&box, NULL);
    add_main(&box, 1, 1, 2);
    assert_int_equal(sealed_begin(box.sealed), 0);
    assert_int_equal(sealed_put_journal(box.sealed, &(struct sealed_journal){7, 9}), 0);
    assert_int_equal(sealed_commit(box.sealed), 0);
    assert_int_equal(journal_of(&box).durable_to, 9);
    box_close(&box);
    run_raw(&box, "ALTER TABLE journal DROP COLUMN durable_to; PRAGMA user_version = 1");
    assert_int_equal(box_open(&box), 0);
    assert_int_equal(mains(&box, &all, false).n, 1);
    assert_int_equal(journal_of(&box).needed_from, 7);
    assert_int_equal(journal_of(&box).durable_to, 0);
    box_fini(&box);
}

static void test_files_of_others_are_refused_and_left_alone(void **state) {
    (void)state;
    struct sealed_box box;
    box_init(&box, NULL);
    box_close(&box);
    unlink(box.file);
    run_raw(&box, "CREATE TABLE t(a)");
    assert_refused(&box, -EBADMSG, "another program");
    run_raw(&box, "INSERT INTO t VALUES(1); PRAGMA application_id = 77; PRAGMA user_version = 1");
    assert_refused(&box, -EBADMSG, "another program");

    FILE *file = fopen(box.file, "wb");
    for (int i = 0; i < 1000; i++)
        fputs("not a database at all", file);
    fclose(file);
    assert_refused(&box, -EBADMSG, "not a database");
    box.options.directory = "/nowhere/at/all";
    struct err_text why;
    assert_int_equal(sealed_open(&box.options, &box.sealed, &why), -ENOENT);
    box_fini(&box);
}

/* Finds bytes in the file and flips one bit of each occurrence. */
static void damage(struct sealed_box *box, struct bytes what) {
    FILE *file = fopen(box->file, "r+b");
    static uint8_t content[1 << 20];
    size_t n = fread(content, 1, sizeof(content), file), n_found = 0;
    for (size_t at = 0; at + what.len <= n; at++) {
        if (memcmp(content + at, what.data, what.len) != 0)
            continue;
        content[at + what.len / 2] ^= 4;
        n_found++;
    }
    rewind(file);
    assert_int_equal(fwrite(content, 1, n, file), n);
    fclose(file);
    assert_true(n_found > 0);
}

static int read_data(void *view, const struct sealed_head *head) {
    struct bytes data;
    return sealed_view_data(view, head, &data);
}

static int read_all(struct sealed_box *box) {
    struct sealed_range all = everything_of(1);
    assert_int_equal(sealed_view_begin(box->view), 0);
    int r = sealed_view_each_main(box->view, &all, false, read_data, box->view);
    sealed_view_end(box->view);
    return r;
}

/* So that the WAL is empty and everything lies in the file. */
static void box_close_whole(struct sealed_box *box) {
    struct sealed_figures figures;
    assert_int_equal(sealed_checkpoint(box->sealed), 0);
    assert_int_equal(sealed_figures(box->sealed, &figures), 0);
    box_close(box);
    char wal[128];
    snprintf(wal, sizeof(wal), "%s-wal", box->file);
    unlink(wal);
}

static void test_damaged_data_is_found_by_its_crc(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_head head = head_of(1, false, 1, 1, 2);
    struct bytes data = some_data(300);
    box_init(&box, NULL);
    box_add(&box, &head, data);
    box_close_whole(&box);
    damage(&box, bytes_of(data.data + 100, 20));
    assert_int_equal(box_open(&box), 0);
    assert_int_equal(read_all(&box), -EBADMSG);
    assert_non_null(strstr(sealed_view_trouble(box.view), "chunk 1"));
    box_fini(&box);
}

static void test_a_damaged_row_is_found_by_its_crc(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_head head = head_of(1, false, 1, 1, 2);
    double latest = 21.25;
    box_init(&box, NULL);
    box_add(&box, &head, some_data(300));
    put_sensor(&box, 1, "a-sensor", 5);
    box_close_whole(&box);
    damage(&box, bytes_of(&latest, sizeof(latest)));
    assert_int_equal(box_open(&box), 0);
    struct sensors noted = {.n = 0};
    uint64_t covered;
    assert_int_equal(read_all(&box), -EBADMSG);
    assert_int_equal(sealed_view_begin(box.view), 0);
    assert_int_equal(sealed_view_each_sensor(box.view, note_sensor, &noted), -EBADMSG);
    assert_int_equal(sealed_view_covered(box.view, 1, &covered), -EBADMSG);
    assert_non_null(strstr(sealed_view_trouble(box.view), "sensor 1"));
    sealed_view_end(box.view);
    box_fini(&box);
}

static void test_a_head_without_data_is_damage_for_the_keeper(void **state) {
    (void)state;
    struct sealed_box box;
    struct sealed_head head = head_of(1, false, 1, 1, 2);
    box_init(&box, NULL);
    box_add(&box, &head, some_data(300));
    box_close(&box);
    run_raw(&box, "DELETE FROM data");
    assert_int_equal(box_open(&box), 0);
    assert_int_equal(read_all(&box), SEALED_E_NONE);
    assert_int_equal(sealed_begin(box.sealed), 0);
    assert_int_equal(sealed_remove(box.sealed, &head), -EBADMSG);
    assert_non_null(strstr(sealed_trouble(box.sealed), "no data"));
    sealed_rollback(box.sealed);
    assert_int_equal(sealed_begin(box.sealed), -EBADMSG);
    box_fini(&box);
}

static void test_views_cannot_write(void **state) {
    (void)state;
    struct sealed_box box;
    box_init(&box, NULL);
    add_main(&box, 1, 1, 2);
    uint64_t wal_bytes = figures_of(&box).wal_bytes, file_bytes = figures_of(&box).file_bytes;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(read_all(&box), 0);
        sealed_view_free(box.view);
        assert_int_equal(sealed_view_new(box.sealed, &box.view), 0);
    }
    assert_int_equal(figures_of(&box).wal_bytes, wal_bytes);
    assert_int_equal(figures_of(&box).file_bytes, file_bytes);
    box_fini(&box);
}

static void test_opening_without_memory_fails_cleanly(void **state) {
    (void)state;
    struct sealed_box box;
    box_init(&box, NULL);
    box_close(&box);
    for (size_t n = 1;; n++) {
        struct err_text why;
        fail_alloc_at(n);
        int r = sealed_open(&box.options, &box.sealed, &why);
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
    }
    fail_alloc_at(1);
    assert_int_equal(sealed_view_new(box.sealed, &box.view), -ENOMEM);
    fail_alloc_off();
    assert_null(box.view);
    fail_alloc_off();
    add_main(&box, 1, 1, 2);
    assert_int_equal(fail_alloc_count(), 0);
    box_fini(&box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sensors_come_back_in_order_of_their_ids),
        cmocka_unit_test(test_chunks_come_back_as_they_were),
        cmocka_unit_test(test_mains_are_ordered_by_last_then_rank_then_id),
        cmocka_unit_test(test_pieces_of_one_rank_and_last_go_by_id),
        cmocka_unit_test(test_lates_are_ordered_by_rank),
        cmocka_unit_test(test_ranges_are_half_open),
        cmocka_unit_test(test_nanos_and_other_sensors_count),
        cmocka_unit_test(test_a_function_ends_its_walk),
        cmocka_unit_test(test_a_view_sees_what_was_committed_when_it_began),
        cmocka_unit_test(test_rollback_leaves_nothing),
        cmocka_unit_test(test_removing_what_is_not_there_is_an_outcome),
        cmocka_unit_test(test_views_of_other_threads_see_transactions_as_a_whole),
        cmocka_unit_test(test_an_hour_of_writes_keeps_the_wal_under_its_limit),
        cmocka_unit_test(test_a_view_that_does_not_end_pins_the_wal_and_this_is_told),
        cmocka_unit_test(test_closing_leaves_the_wal_for_the_next_start),
        cmocka_unit_test(test_files_are_for_their_owner_only),
        cmocka_unit_test(test_a_newer_version_is_refused_with_both_numbers),
        cmocka_unit_test(test_a_file_of_version_1_is_brought_up_to_date),
        cmocka_unit_test(test_files_of_others_are_refused_and_left_alone),
        cmocka_unit_test(test_damaged_data_is_found_by_its_crc),
        cmocka_unit_test(test_a_damaged_row_is_found_by_its_crc),
        cmocka_unit_test(test_a_head_without_data_is_damage_for_the_keeper),
        cmocka_unit_test(test_views_cannot_write),
        cmocka_unit_test(test_opening_without_memory_fails_cleanly),
    };
    return cmocka_run_group_tests_name("sealed", tests, NULL, NULL);
}
