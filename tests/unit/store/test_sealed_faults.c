/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of sealed chunks on a disk that fails. One scripted run is repeated with a fault at its
 * 1st, 2nd, ... nth operation; then the file is opened again, and has to hold exactly the state
 * after one of the script's transactions: none before the last one that was acknowledged.
 *
 * The script: transaction k adds chunk k and says so in its sensor's row; every fifth one removes
 * the four chunks before, as a merge would. Every third transaction is followed by a checkpoint.
 */
#include "store/sealed.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "fault_vfs.h"
#include "sealed_fixture.h"
#include "store/sealed_schema.h"
#include "unit.h"

enum {
    N_TRANSACTIONS = 11,
    MAX_DATA = 9000,
};

struct script {
    struct sealed_box box;
    struct sealed_head heads[N_TRANSACTIONS + 1];
    uint64_t n_tried, n_acknowledged;
};

static struct bytes data_of(uint64_t k) {
    static uint8_t data[MAX_DATA];
    struct random random;
    random_init(&random, k);
    size_t n = 300 + random_below(&random, MAX_DATA - 300);
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)random_u64(&random);
    return bytes_of(data, n);
}

static int script_write(struct script *script, uint64_t k) {
    struct sealed *sealed = script->box.sealed;
    struct sealed_sensor sensor = {1, bytes_str("s"), k, {0}};
    script->heads[k] = head_of(1, false, k, (int64_t)k, (int64_t)k + 1);
    int r = sealed_put_sensor(sealed, &sensor);
    for (uint64_t i = k - 4; r == 0 && k % 5 == 0 && i < k; i++)
        r = sealed_remove(sealed, &script->heads[i]);
    return r ? r : sealed_add(sealed, &script->heads[k], data_of(k));
}

static int script_transaction(struct script *script, uint64_t k) {
    struct sealed *sealed = script->box.sealed;
    int r = sealed_begin(sealed);
    if (r)
        return r;
    script->n_tried = k;
    r = script_write(script, k);
    if (r == 0)
        r = sealed_commit(sealed);
    if (r == 0)
        script->n_acknowledged = k;
    if (r == 0 && k % 3 == 0)
        r = sealed_checkpoint(sealed);
    return r;
}

/* Goes on until the disk fails. */
static int script_run(struct script *script) {
    int r = 0;
    for (uint64_t k = script->n_acknowledged + 1; r == 0 && k <= N_TRANSACTIONS; k++)
        r = script_transaction(script, k);
    if (r)
        sealed_rollback(script->box.sealed);
    return r;
}

struct check {
    struct sealed_view *view;
    uint64_t n; /* transactions that can be seen */
    uint64_t next;
};

/* Of n transactions: every fifth chunk, and those after the last merge. */
static bool is_there(uint64_t n, uint64_t k) {
    return k <= n && (k % 5 == 0 || k > n - n % 5);
}

static int check_chunk(void *user, const struct sealed_head *head) {
    struct check *check = user;
    struct bytes data;
    while (!is_there(check->n, check->next))
        check->next++;
    assert_int_equal(head->rank, check->next);
    assert_int_equal(sealed_view_data(check->view, head, &data), 0);
    assert_true(bytes_equal(data, data_of(head->rank)));
    check->next++;
    return 0;
}

/* The state is that of a number of transactions, which it gives. */
static uint64_t check_state(struct sealed_view *view) {
    struct check check = {view, 0, 1};
    struct sealed_range all = everything_of(1);
    assert_int_equal(sealed_view_begin(view), 0);
    int r = sealed_view_covered(view, 1, &check.n);
    assert_true(r == 0 || r == SEALED_E_NONE);
    assert_int_equal(sealed_view_each_main(view, &all, false, check_chunk, &check), 0);
    sealed_view_end(view);
    while (check.next <= check.n)
        assert_false(is_there(check.n, check.next++));
    return check.n;
}

/* SQLite's own opinion of the file. */
static void check_file(struct script *script) {
    sqlite3 *db;
    sqlite3_stmt *answer;
    assert_int_equal(sqlite3_open(script->box.file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &answer, NULL), 0);
    assert_int_equal(sqlite3_step(answer), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(answer, 0), "ok");
    sqlite3_finalize(answer);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(db);
}

/* After the fault, with the disk well again: what has to be there is there, and writing goes on. */
static void check_after(struct script *script) {
    assert_int_equal(box_open(&script->box), 0);
    uint64_t n = check_state(script->box.view);
    assert_in_range(n, script->n_acknowledged, script->n_tried);
    struct sealed_figures figures;
    assert_int_equal(sealed_figures(script->box.sealed, &figures), 0);
    assert_int_equal(figures.n_chunks, n / 5 + n % 5);
    check_file(script);
}

static void script_init(struct script *script) {
    *script = (struct script){0};
    fault_vfs_register();
    fault_vfs_forget();
    box_init(&script->box, FAULT_VFS);
}

static void script_fini(struct script *script) {
    box_fini(&script->box);
    fault_vfs_forget();
}

/* Whether the nth such operation exists. */
static bool check_fault(const struct fault *fault, int error) {
    struct script script;
    script_init(&script);
    fault_vfs_arm(fault);
    int r = script_run(&script);
    bool has_struck = fault_vfs_has_struck();
    fault_vfs_disarm();
    if (has_struck) {
        assert_int_equal(r, error);
        assert_true(strlen(sealed_trouble(script.box.sealed)) > 0);
        assert_int_equal(sealed_begin(script.box.sealed), error);
        assert_int_equal(sealed_checkpoint(script.box.sealed), error);
        uint64_t n = check_state(script.box.view);
        assert_in_range(n, script.n_acknowledged, script.n_tried);
    }
    box_close(&script.box);
    check_after(&script);
    script_fini(&script);
    return has_struck;
}

static void check_faults(unsigned ops, enum fault_kind kind, int error) {
    size_t n = 1;
    while (check_fault(&(struct fault){.ops = ops, .n = n, .kind = kind}, error))
        n++;
    assert_true(n > 1);
}

static void test_a_failed_write_loses_nothing_acknowledged(void **state) {
    (void)state;
    check_faults(FAULT_WRITE, FAULT_EIO, -EIO);
}

static void test_a_short_or_torn_write_loses_nothing_acknowledged(void **state) {
    (void)state;
    check_faults(FAULT_WRITE, FAULT_SHORT, -EIO);
    check_faults(FAULT_WRITE, FAULT_TEAR, -EIO);
}

static void test_a_full_disk_is_told_as_such(void **state) {
    (void)state;
    check_faults(FAULT_WRITE, FAULT_ENOSPC, -ENOSPC);
}

static void test_a_failed_sync_ends_writing(void **state) {
    (void)state;
    check_faults(FAULT_SYNC, FAULT_EIO, -EIO);
}

static void test_a_failed_read_of_the_keeper_ends_writing(void **state) {
    (void)state;
    check_faults(FAULT_READ, FAULT_EIO, -EIO);
}

static void test_a_failed_truncation_ends_writing(void **state) {
    (void)state;
    struct script script;
    script_init(&script);
    box_close(&script.box);
    script.box.options.wal_limit_bytes = 20000;
    assert_int_equal(box_open(&script.box), 0);
    fault_vfs_arm(&(struct fault){.ops = FAULT_TRUNCATE, .n = 1});
    assert_int_equal(script_run(&script), -EIO);
    assert_true(fault_vfs_has_struck());
    fault_vfs_disarm();
    box_close(&script.box);
    check_after(&script);
    script_fini(&script);
}

/* Reading goes on when writing has ended; a view whose read failed may be used again. */
static void test_a_failed_read_of_a_view_is_told_and_passes(void **state) {
    (void)state;
    struct script script;
    struct sealed_range all = everything_of(1);
    script_init(&script);
    assert_int_equal(script_run(&script), 0);
    box_reopen(&script.box);
    for (size_t n = 1;; n++) {
        struct ranks ranks = {.n = 0};
        fault_vfs_arm(&(struct fault){.ops = FAULT_READ, .n = n});
        int r = sealed_view_begin(script.box.view);
        if (r == 0)
            r = sealed_view_each_main(script.box.view, &all, false, note_rank, &ranks);
        sealed_view_end(script.box.view);
        bool has_struck = fault_vfs_has_struck();
        fault_vfs_disarm();
        if (!has_struck)
            break;
        assert_int_equal(r, -EIO);
        assert_int_equal(check_state(script.box.view), N_TRANSACTIONS);
        sealed_view_free(script.box.view);
        assert_int_equal(sealed_view_new(script.box.sealed, &script.box.view), 0);
    }
    script_fini(&script);
}

/* While a commit is being synced, views see what was committed before it, and wait for nothing. */
static void look(void *user) {
    struct script *script = user;
    assert_int_equal(check_state(script->box.view), script->n_acknowledged);
}

static void test_views_go_on_while_a_sync_takes_its_time(void **state) {
    (void)state;
    struct script script;
    for (size_t n = 1; n < 10; n++) {
        script_init(&script);
        fault_vfs_arm(&(struct fault){FAULT_SYNC, n, FAULT_DELAY, look, &script});
        assert_int_equal(script_run(&script), 0);
        assert_true(fault_vfs_has_struck());
        script_fini(&script);
    }
}

static bool check_power(size_t n, uint64_t seed) {
    struct script script;
    script_init(&script);
    fault_vfs_arm(&(struct fault){.ops = FAULT_CHANGES, .n = n, .kind = FAULT_POWER});
    int r = script_run(&script);
    bool has_struck = fault_vfs_has_struck();
    box_close(&script.box);
    if (has_struck)
        assert_true(r < 0);
    fault_vfs_lose_power(seed);
    check_after(&script);
    /* And once more, in the midst of what the first start has to mend. */
    box_close(&script.box);
    fault_vfs_lose_power(seed + 1);
    check_after(&script);
    script_fini(&script);
    return has_struck;
}

static void test_a_loss_of_power_at_any_moment_loses_nothing_acknowledged(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        size_t n = 1;
        while (check_power(n, seed * 1000 + n))
            n++;
        assert_true(n > 50);
    }
}

/* ---- opening and migrating ---- */

/* Opens an empty directory with a fault; then it must open without one, and be whole. */
static bool check_first_start(const struct fault *fault, uint64_t seed) {
    struct script script;
    struct err_text why;
    script_init(&script);
    box_close(&script.box);
    remove(script.box.file);
    char wal[128];
    snprintf(wal, sizeof(wal), "%s-wal", script.box.file);
    remove(wal);
    fault_vfs_forget();
    fault_vfs_arm(fault);
    int r = sealed_open(&script.box.options, &script.box.sealed, &why);
    bool has_struck = fault_vfs_has_struck();
    if (r == 0)
        box_close(&script.box);
    else
        assert_true(has_struck && strlen(why.text) > 0);
    if (fault->kind == FAULT_POWER)
        fault_vfs_lose_power(seed);
    fault_vfs_disarm();
    assert_int_equal(box_open(&script.box), 0);
    assert_int_equal(script_run(&script), 0);
    assert_int_equal(check_state(script.box.view), N_TRANSACTIONS);
    script_fini(&script);
    return has_struck;
}

static void test_a_first_start_may_fail_at_any_moment(void **state) {
    (void)state;
    unsigned all = FAULT_CHANGES | FAULT_OPEN;
    size_t n = 1;
    while (check_first_start(&(struct fault){.ops = all, .n = n, .kind = FAULT_ENOSPC}, 0))
        n++;
    assert_true(n > 10);
    for (uint64_t seed = 0; seed < 10; seed++)
        for (n = 1;
             check_first_start(&(struct fault){.ops = FAULT_CHANGES, .n = n, .kind = FAULT_POWER},
                               seed + 100 * n);
             n++)
            continue;
}

static uint64_t n_chunks(struct sealed_box *box) {
    struct sealed_figures figures;
    assert_int_equal(sealed_figures(box->sealed, &figures), 0);
    return figures.n_chunks;
}

static int put_one(struct sealed_box *box, uint64_t k) {
    struct sealed_head head = head_of(1, false, k, (int64_t)k, (int64_t)k + 1);
    int r = sealed_begin(box->sealed);
    if (r == 0)
        r = sealed_add(box->sealed, &head, data_of(k));
    if (r == 0)
        r = sealed_commit(box->sealed);
    if (r)
        sealed_rollback(box->sealed);
    return r;
}

static void test_a_commit_that_is_there_without_saying_so_is_counted(void **state) {
    (void)state;
    struct sealed_box box;
    fault_vfs_register();
    box_init(&box, FAULT_VFS);
    assert_int_equal(put_one(&box, 1), 0);
    fault_vfs_arm(&(struct fault){.ops = FAULT_COMMITTED, .n = 1});
    assert_int_equal(put_one(&box, 2), -ENOMEM);
    fault_vfs_disarm();
    assert_int_equal(put_one(&box, 3), 0);
    assert_int_equal(n_chunks(&box), 3);
    box_reopen(&box);
    assert_int_equal(n_chunks(&box), 3);
    box_fini(&box);
    fault_vfs_forget();
}

enum {
    VERSION = 2, /* that the file has */
    LATER_VERSION = 4,
};

static const char *const later_steps[LATER_VERSION] = {
    NULL, /* never run, as the next */
    NULL,
    "CREATE TABLE extra(a); INSERT INTO extra SELECT data FROM data",
    "ALTER TABLE sensors ADD COLUMN color TEXT; DELETE FROM data WHERE id % 2 = 0",
};
static const struct sealed_schema later = {later_steps, ARRAY_LEN(later_steps)};

static int64_t count_tables(struct sql *sql) {
    int64_t n;
    assert_int_equal(sql_number(sql, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'", &n),
                     0);
    return n;
}

static int migrate(struct script *script, const struct fault *fault) {
    struct sql sql = {0};
    struct sql_options options = {script->box.file, FAULT_VFS, SQLITE_OPEN_READWRITE};
    int64_t version = -1;
    assert_int_equal(sql_open(&sql, &options), 0);
    assert_int_equal(sql_run(&sql, "PRAGMA synchronous = FULL; PRAGMA cache_size = 5"), 0);
    int r = sealed_schema_identify(&sql, &later, &version);
    if (r == 0)
        assert_int_equal(version, VERSION);
    fault_vfs_arm(fault);
    if (r == 0)
        r = sealed_schema_update(&sql, &later, version);
    sql_close(&sql);
    return r;
}

/* The version after a migration that may have failed, and that all of it or nothing is there. */
static int64_t version_of(struct script *script) {
    struct sql sql = {0};
    struct sql_options options = {script->box.file, FAULT_VFS, SQLITE_OPEN_READWRITE};
    int64_t version;
    assert_int_equal(sql_open(&sql, &options), 0);
    assert_int_equal(sealed_schema_identify(&sql, &later, &version), 0);
    assert_int_equal(count_tables(&sql), version == VERSION ? 4 : 5);
    sql_close(&sql);
    return version;
}

static bool check_migration(const struct fault *fault, uint64_t seed) {
    struct script script;
    script_init(&script);
    assert_int_equal(script_run(&script), 0);
    box_close(&script.box);
    int r = migrate(&script, fault);
    bool has_struck = fault_vfs_has_struck();
    if (fault->kind == FAULT_POWER)
        fault_vfs_lose_power(seed);
    fault_vfs_disarm();
    int64_t version = version_of(&script);
    if (r == 0)
        assert_int_equal(version, LATER_VERSION);
    else if (fault->kind != FAULT_POWER)
        assert_true(has_struck);
    if (version == VERSION) {
        assert_int_equal(box_open(&script.box), 0);
        assert_int_equal(check_state(script.box.view), N_TRANSACTIONS);
        assert_int_equal(migrate(&script, &(struct fault){0}), 0);
        assert_int_equal(version_of(&script), LATER_VERSION);
    }
    script_fini(&script);
    return has_struck;
}

static void test_a_migration_is_done_as_a_whole_or_not_at_all(void **state) {
    (void)state;
    size_t n = 1;
    while (check_migration(&(struct fault){.ops = FAULT_CHANGES, .n = n, .kind = FAULT_EIO}, 0))
        n++;
    assert_true(n > 5);
    for (uint64_t seed = 0; seed < 3; seed++)
        for (n = 1;
             check_migration(&(struct fault){.ops = FAULT_CHANGES, .n = n, .kind = FAULT_POWER},
                             seed + 100 * n);
             n++)
            continue;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_write_loses_nothing_acknowledged),
        cmocka_unit_test(test_a_short_or_torn_write_loses_nothing_acknowledged),
        cmocka_unit_test(test_a_full_disk_is_told_as_such),
        cmocka_unit_test(test_a_failed_sync_ends_writing),
        cmocka_unit_test(test_a_failed_read_of_the_keeper_ends_writing),
        cmocka_unit_test(test_a_failed_truncation_ends_writing),
        cmocka_unit_test(test_a_failed_read_of_a_view_is_told_and_passes),
        cmocka_unit_test(test_views_go_on_while_a_sync_takes_its_time),
        cmocka_unit_test(test_a_commit_that_is_there_without_saying_so_is_counted),
        cmocka_unit_test(test_a_loss_of_power_at_any_moment_loses_nothing_acknowledged),
        cmocka_unit_test(test_a_first_start_may_fail_at_any_moment),
        cmocka_unit_test(test_a_migration_is_done_as_a_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("sealed_faults", tests, NULL, NULL);
}
