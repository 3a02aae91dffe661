/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on a disk that works, and on files that somebody has damaged. */
#include "store/journal.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "journal_bench.h"
#include "store/journal_segment.h"
#include "store/limits.h"
#include "unit.h"

enum {
    HEAD_BYTES = JOURNAL_HEAD_BYTES,
    RECORD_HEAD_BYTES = JOURNAL_RECORD_HEAD_BYTES,
};

static size_t n_files(struct bench *bench) {
    size_t n = 0;
    while (fake_disk_name(bench->disk, n))
        n++;
    return n;
}

static int remove_name(void *user, const char *name) {
    struct files *files = user;
    return files->ops->unlink(files, name);
}

static void bench_reopen(struct bench *bench) {
    bench_close(bench);
    bench_open_and_check(bench);
}

static void test_new_journal_is_empty_and_begins_at_0(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 1);
    for (int i = 0; i < 2; i++) {
        bench_open_and_check(&bench);
        assert_int_equal(bench.n_told, 0);
        assert_int_equal(journal_position(bench.journal), 0);
        assert_int_equal(bench_commit(&bench), 0);
        assert_int_equal(journal_position(bench.journal), 0);
        bench_close(&bench);
    }
    bench_fini(&bench);
}

static void assert_damage(struct bench *bench, const char *words) {
    assert_int_equal(bench->found.n_damaged, 1);
    assert_non_null(strstr(bench->found.damage.text, words));
}

/* What is told by the position up to which readings are sealed. */
static void test_journal_without_files_is_named_and_begins_at_from(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 22);
    bench.from = 4711;
    assert_int_equal(bench_open(&bench), 0);
    assert_damage(&bench, "all its files are missing");
    assert_int_equal(bench.n_told, 0);
    assert_int_equal(journal_position(bench.journal), 4711);
    bench_reopen(&bench); /* nothing was written, so there are no files again, but for a spare */
    assert_int_equal(journal_position(bench.journal), 4711);
    bench_fini(&bench);
}

/* One that was opened before has files, if only a spare, whenever power is lost; nothing has been
 * released or sealed of it yet. */
static void test_files_missing_from_a_new_journal_are_named(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 24);
    bench_open_and_check(&bench);
    bench.is_known = true;
    bench_reopen(&bench);
    assert_int_equal(bench.found.n_damaged, 0);
    bench_close(&bench);
    struct files *files = fake_disk_files(bench.disk);
    for (const char *name; (name = fake_disk_name(bench.disk, 0));)
        assert_int_equal(files->ops->unlink(files, name), 0);
    assert_int_equal(bench_open(&bench), 0);
    assert_damage(&bench, "all its files are missing");
    bench_fini(&bench);
}

/* It would be told as one whose files are missing. */
static void test_a_clean_end_leaves_a_file_also_of_a_journal_that_was_never_written(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 25);
    bench_open_and_check(&bench);
    bench.is_known = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(journal_tidy(bench.journal), 0);
        bench_reopen(&bench);
        assert_int_equal(bench.found.n_damaged, 0);
    }
    bench_fini(&bench);
}

static void test_a_clean_end_takes_what_was_made_ahead(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 26);
    bench_open_and_check(&bench);
    bench_write(&bench);
    assert_int_equal(journal_prepare(bench.journal), 0);
    assert_non_null(fake_disk_name(bench.disk, 1));
    assert_int_equal(journal_tidy(bench.journal), 0);
    assert_non_null(strstr(fake_disk_name(bench.disk, 0), "journal-0000"));
    assert_null(fake_disk_name(bench.disk, 1));
    bench_fini(&bench);
}

/* What is stale goes when something else is there for certain. */
static void test_there_is_a_file_whenever_power_is_lost(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct bench bench;
        bench_init(&bench, seed);
        bench_open_and_check(&bench);
        bench.is_known = true;
        if (seed % 3 == 0)
            bench_write(&bench);
        for (size_t i = 0; i < 3; i++) {
            bench_close(&bench);
            fake_disk_fail(bench.disk,
                           (struct fake_fault){FAKE_N_OPS, 1 + (seed + i * 7) % 15, -EIO, 0, true});
            if (bench_open(&bench) == 0)
                (void)!bench_put_sensor(&bench, (uint32_t)i), (void)!bench_commit(&bench);
            bench_close(&bench);
            fake_disk_power_cut(bench.disk, seed + i);
            assert_int_equal(bench_open(&bench), 0);
            assert_int_equal(bench.found.n_damaged, 0);
        }
        bench_fini(&bench);
    }
}

static void test_missing_last_file_is_named(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 23);
    bench_open_and_check(&bench);
    bench_write(&bench);
    bench.from = journal_position(bench.journal) + 8;
    bench_close(&bench);
    assert_int_equal(bench_open(&bench), 0);
    assert_damage(&bench, "its last files are missing");
    assert_int_equal(journal_position(bench.journal), bench.from);
    bench_fini(&bench);
}

static void test_all_comes_back_over_restarts_and_segments(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 2);
    bench_open_and_check(&bench);
    for (int round = 0; round < 30; round++) {
        assert_int_equal(bench_put_sensor(&bench, (uint32_t)round), 0);
        for (int i = 0; i < 20; i++)
            bench_write(&bench);
        if (round % 3 == 0)
            assert_int_equal(journal_prepare(bench.journal), 0);
        uint64_t position = journal_position(bench.journal);
        bench_reopen(&bench);
        assert_int_equal(journal_position(bench.journal), position);
        assert_int_equal(bench.n_told, bench.n_notes);
        assert_int_equal(bench.found.n_cut_bytes, 0);
    }
    assert_true(n_files(&bench) > 20);
    assert_int_equal(bench.found.n_records, 30 * 20);
    bench_fini(&bench);
}

static void test_what_was_put_and_not_committed_is_gone(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 3);
    bench_open_and_check(&bench);
    bench_write(&bench);
    bench_put(&bench, 1, 10);
    bench_reopen(&bench);
    assert_int_equal(bench.n_told, bench.n_committed);
    bench_fini(&bench);
}

static void test_positions_grow_by_one_within_a_record_and_more_between(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 4);
    bench_open_and_check(&bench);
    for (int i = 0; i < 50; i++) {
        uint64_t position = journal_position(bench.journal);
        bench_put(&bench, 1, 100);
        assert_int_equal(journal_position(bench.journal), position + 100);
        assert_int_equal(bench_commit(&bench), 0);
        assert_true(journal_position(bench.journal) > position + 100);
    }
    bench_fini(&bench);
}

static void test_a_commit_is_one_write_and_one_sync(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 5);
    bench_open_and_check(&bench);
    bench_write(&bench);
    size_t before = fake_disk_count(bench.disk, FAKE_N_OPS);
    bench_put(&bench, 1, 3);
    assert_int_equal(bench_commit(&bench), 0);
    assert_int_equal(fake_disk_count(bench.disk, FAKE_N_OPS), before + 2);
    bench_fini(&bench);
}

static void test_a_commit_uses_memory_that_is_there(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 6);
    bench.segment_bytes = 1 << 20;
    bench_open_and_check(&bench);
    bench_put(&bench, 1, 1000);
    assert_int_equal(bench_commit(&bench), 0);
    fail_alloc_off();
    bench_put(&bench, 1, 500);
    assert_int_equal(bench_commit(&bench), 0);
    assert_int_equal(fail_alloc_count(), 0);
    bench_fini(&bench);
}

static void test_record_longer_than_a_segment_gets_one_of_its_own(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 7);
    bench_open_and_check(&bench);
    for (int i = 0; i < 5; i++) {
        bench_write(&bench);
        bench_put(&bench, 1, 5000);
        assert_int_equal(bench_commit(&bench), 0);
    }
    assert_true(journal_size_bytes(bench.journal) > 5 * 10000);
    bench_reopen(&bench);
    assert_int_equal(bench.n_told, bench.n_committed);
    assert_true(journal_size_bytes(bench.journal) > 5 * 10000);
    bench_write(&bench);
    bench_reopen(&bench);
    assert_int_equal(journal_release(bench.journal, journal_position(bench.journal)), 0);
    assert_true(journal_size_bytes(bench.journal) <= 3 * BENCH_SEGMENT_BYTES);
    bench_fini(&bench);
}

static void test_full_commit_is_a_limit(void **state) {
    (void)state;
    struct bench bench;
    struct kept reading = {{1, 2}, 3, 4};
    bench_init(&bench, 8);
    bench_open_and_check(&bench);
    bench_put(&bench, 1, STORE_COMMIT_MAX_READINGS);
    assert_int_equal(journal_put_reading(bench.journal, 1, &reading), -ENOMEM);
    assert_int_equal(bench_commit(&bench), 0);
    bench_reopen(&bench);
    assert_int_equal(bench.n_told, STORE_COMMIT_MAX_READINGS);
    bench_fini(&bench);
}

/* ---- release ---- */

static void test_released_segments_are_used_again_and_never_replayed(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 9);
    bench_open_and_check(&bench);
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 15; i++)
            bench_write(&bench);
        bench.from = bench.notes[bench.n_notes - random_below(&bench.random, 200) - 1].position;
        assert_int_equal(journal_release(bench.journal, bench.from), 0);
        assert_int_equal(journal_prepare(bench.journal), 0);
        assert_true(journal_size_bytes(bench.journal) <= 8 * BENCH_SEGMENT_BYTES);
        bench_reopen(&bench);
    }
    assert_true(n_files(&bench) <= 8);
    bench_fini(&bench);
}

/* Records that fit, that want the next segment, that are longer than one. */
static void test_what_is_reserved_needs_no_memory(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 60, 200, 400, 1000, 3000};
    struct bench bench;
    bench_init(&bench, 21);
    bench_open_and_check(&bench);
    for (size_t i = 0; i < 40; i++) {
        size_t n = sizes[i % ARRAY_LEN(sizes)];
        int r = -ENOMEM;
        for (size_t nth = 1; r; nth++) {
            assert_int_equal(r, -ENOMEM);
            fail_alloc_at(nth);
            r = journal_reserve(bench.journal, n, 100);
        }
        fail_alloc_at(1);
        if (i % 2)
            assert_int_equal(bench_put_sensor(&bench, (uint32_t)i), 0);
        bench_put(&bench, (uint32_t)i | 1, n);
        assert_int_equal(bench_commit(&bench), 0);
        assert_int_equal(fail_alloc_count(), 0);
        fail_alloc_off();
    }
    bench_reopen(&bench);
    bench_fini(&bench);
}

static void test_spares_are_taken_without_making_files(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 10);
    bench_open_and_check(&bench);
    for (int i = 0; i < 100; i++)
        bench_write(&bench);
    bench.from = journal_position(bench.journal);
    assert_int_equal(journal_release(bench.journal, bench.from), 0);
    assert_int_equal(n_files(&bench), 1 + STORE_SPARE_SEGMENTS);
    assert_int_equal(journal_size_bytes(bench.journal),
                     (1 + STORE_SPARE_SEGMENTS) * BENCH_SEGMENT_BYTES);
    size_t n_writes = fake_disk_count(bench.disk, FAKE_WRITE);
    assert_int_equal(journal_prepare(bench.journal), 0);
    assert_int_equal(fake_disk_count(bench.disk, FAKE_WRITE), n_writes);
    for (int i = 0; i < 2; i++) { /* only one of them fits into a segment */
        bench_put(&bench, 1, 450);
        assert_int_equal(bench_commit(&bench), 0);
    }
    assert_in_range(fake_disk_count(bench.disk, FAKE_WRITE) - n_writes, 3, 4);
    assert_int_equal(n_files(&bench), 1 + STORE_SPARE_SEGMENTS);
    bench_reopen(&bench);
    bench_fini(&bench);
}

static void test_the_segment_that_is_written_is_never_released(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 11);
    bench_open_and_check(&bench);
    bench_write(&bench);
    assert_int_equal(journal_release(bench.journal, UINT64_MAX), 0);
    bench_write(&bench);
    bench_reopen(&bench);
    assert_int_equal(bench.n_told, bench.n_committed);
    bench_fini(&bench);
}

/* ---- damage ---- */

/* One segment with `n` records of 10 readings; where they begin, with the end, as seen by position.
 */
static void write_records(struct bench *bench, size_t n, uint64_t *starts) {
    bench_open_and_check(bench);
    for (size_t i = 0; i < n; i++) {
        starts[i] = HEAD_BYTES + journal_position(bench->journal);
        bench_put(bench, 1, 10);
        assert_int_equal(bench_commit(bench), 0);
    }
    starts[n] = HEAD_BYTES + journal_position(bench->journal);
    bench_close(bench);
}

static uint8_t *first_file(struct bench *bench) {
    size_t size;
    uint8_t *bytes = fake_disk_bytes(bench->disk, "journal-0000000000000000", &size);
    assert_non_null(bytes);
    return bytes;
}

/* Only the first `kept` bytes of the last of three records have reached the disk. */
static void check_torn(uint64_t kept, uint8_t fill) {
    uint64_t starts[4];
    struct bench bench;
    bench_init(&bench, 12);
    write_records(&bench, 3, starts);
    uint8_t *bytes = first_file(&bench);
    for (uint64_t at = starts[2] + kept; at < starts[3]; at++)
        bytes[at] = fill;
    fake_disk_settle(bench.disk);
    bench.n_committed = 20;
    bench_open_and_check(&bench);
    bool is_torn = bench.n_told == 20;
    assert_true(is_torn || (fill == 0 && kept > starts[3] - starts[2] - 8)); /* padding */
    if (kept >= RECORD_HEAD_BYTES)
        assert_int_equal(bench.found.n_cut_bytes, is_torn ? starts[3] - starts[2] : 0);
    bench_write(&bench);
    bench_reopen(&bench);
    assert_int_equal(bench.found.n_cut_bytes, 0);
    bench_fini(&bench);
}

static void test_torn_last_record_is_cut_at_every_length(void **state) {
    (void)state;
    uint64_t starts[4];
    struct bench bench;
    bench_init(&bench, 12);
    write_records(&bench, 3, starts);
    bench_fini(&bench);
    for (uint64_t kept = 0; kept < starts[3] - starts[2]; kept++) {
        check_torn(kept, 0);
        check_torn(kept, 0xa5);
    }
}

/* A file whose end is missing, as after a restore from elsewhere. */
static void test_file_cut_within_its_last_record_goes_on(void **state) {
    (void)state;
    uint64_t starts[4];
    struct bench bench;
    struct file *file;
    bench_init(&bench, 13);
    write_records(&bench, 3, starts);
    struct files *files = fake_disk_files(bench.disk);
    assert_int_equal(files->ops->open(files, "journal-0000000000000000", FILES_WRITE, &file), 0);
    assert_int_equal(file->ops->truncate(file, starts[2] + 20), 0);
    file->ops->close(file);
    bench.n_notes = bench.n_committed = 20;
    bench_open_and_check(&bench);
    assert_int_equal(bench.n_told, 20);
    assert_int_equal(bench.found.n_cut_bytes, 20);
    bench_write(&bench);
    bench_reopen(&bench);
    bench_fini(&bench);
}

static void test_a_cut_record_does_not_come_alive_later(void **state) {
    (void)state;
    uint64_t starts[5];
    struct bench bench;
    bench_init(&bench, 14);
    write_records(&bench, 4, starts);
    first_file(&bench)[starts[2] + 20] ^= 1;
    first_file(&bench)[starts[3]] ^= 1;
    bench.n_notes = bench.n_committed = 20;
    bench_open_and_check(&bench);
    bench_close(&bench);
    for (uint64_t at = starts[2]; at < BENCH_SEGMENT_BYTES; at++)
        assert_int_equal(first_file(&bench)[at], 0);
    bench_fini(&bench);
}

/* Tells which notes are missing: those of the middle record, or none. */
static void assert_middle_is_missing(struct bench *bench) {
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(bench->told[i].position, bench->notes[i].position);
    for (size_t i = 10; i < 20; i++)
        assert_int_equal(bench->told[i].position, bench->notes[i + 10].position);
    assert_int_equal(bench->n_told, 20);
}

static void test_damaged_record_is_named_and_the_rest_intact(void **state) {
    (void)state;
    uint64_t starts[4];
    struct bench bench;
    char words[80];
    bench_init(&bench, 15);
    write_records(&bench, 3, starts);
    snprintf(words, sizeof(words), "damaged: %d bytes of records from byte %d on",
             (int)(starts[2] - starts[1]), (int)starts[1]);
    for (uint64_t at = starts[1]; at < starts[2]; at++) {
        for (int bit = 0; bit < 8; bit++) {
            first_file(&bench)[at] ^= (uint8_t)(1 << bit);
            assert_int_equal(bench_open(&bench), 0);
            assert_int_equal(bench.found.n_damaged, 1);
            assert_int_equal(bench.found.n_cut_bytes, 0);
            assert_non_null(strstr(bench.found.damage.text, words));
            assert_non_null(strstr(bench.found.damage.text, "journal-0000000000000000"));
            assert_middle_is_missing(&bench);
            assert_int_equal(HEAD_BYTES + journal_position(bench.journal), starts[3]);
            bench_close(&bench);
            first_file(&bench)[at] ^= (uint8_t)(1 << bit);
        }
    }
    bench_open_and_check(&bench);
    assert_int_equal(bench.n_told, 30);
    bench_fini(&bench);
}

static void test_either_copy_of_a_head_may_be_lost(void **state) {
    (void)state;
    uint64_t starts[4];
    struct bench bench;
    bench_init(&bench, 16);
    write_records(&bench, 3, starts);
    for (size_t at = 0; at < HEAD_BYTES; at += FAKE_DISK_SECTOR) {
        memset(first_file(&bench) + at, 0xa5, FAKE_DISK_SECTOR);
        bench_open_and_check(&bench);
        assert_int_equal(bench.n_told, 30);
        bench_close(&bench);
    }
    bench_fini(&bench);
}

/* Somebody who sends readings chooses their bytes and can guess positions, but not the salt. */
static void test_what_looks_like_a_record_without_the_salt_is_none(void **state) {
    (void)state;
    uint64_t starts[4];
    struct bench bench;
    bench_init(&bench, 22);
    write_records(&bench, 3, starts);
    uint8_t *bytes = first_file(&bench), forged[64] = {0};
    memcpy(forged + RECORD_HEAD_BYTES, bytes + starts[1] + RECORD_HEAD_BYTES, 16);
    for (uint32_t salt = 0; salt < 3; salt++) {
        journal_record_seal(forged, 16, starts[3] + 64 - HEAD_BYTES, salt);
        memcpy(bytes + starts[3] + 64, forged, sizeof(forged));
        bench_open_and_check(&bench);
        assert_int_equal(bench.n_told, 30);
        assert_int_equal(HEAD_BYTES + journal_position(bench.journal), starts[3]);
        bench_close(&bench);
    }
    bench_fini(&bench);
}

static void test_all_comes_back_from_a_real_directory(void **state) {
    (void)state;
    struct bench bench;
    char directory[] = "thermograph-test-journal-XXXXXX";
    bench_init(&bench, 23);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(files_posix_new(directory, &bench.files), 0);
    for (int round = 0; round < 4; round++) {
        bench_open_and_check(&bench);
        for (int i = 0; i < 40; i++)
            bench_write(&bench);
        bench.from = bench.notes[bench.n_notes / 2].position;
        assert_int_equal(journal_release(bench.journal, bench.from), 0);
        assert_int_equal(journal_prepare(bench.journal), 0);
        bench_close(&bench);
    }
    bench_open_and_check(&bench);
    bench_close(&bench);
    assert_int_equal(bench.files->ops->list(bench.files, remove_name, bench.files), 0);
    bench.files->ops->free(bench.files);
    assert_int_equal(rmdir(directory), 0);
    bench_fini(&bench);
}

/* Fills some segments. */
static void write_segments(struct bench *bench) {
    bench_open_and_check(bench);
    while (n_files(bench) < 5)
        bench_write(bench);
    bench_write(bench);
    bench_close(bench);
}

static size_t told_of_damaged(struct bench *bench) {
    assert_int_equal(bench_open(bench), 0);
    assert_int_equal(bench->found.n_damaged, 1);
    assert_true(journal_position(bench->journal) > bench->notes[bench->n_notes - 1].position);
    assert_true(bench->n_told < bench->n_notes);
    return bench->n_told;
}

static void test_segment_with_a_lost_head_is_named_and_the_rest_intact(void **state) {
    (void)state;
    struct bench bench;
    for (size_t i = 0; i < 5; i++) {
        size_t size;
        bench_init(&bench, 17);
        write_segments(&bench);
        const char *name = fake_disk_name(bench.disk, i);
        memset(fake_disk_bytes(bench.disk, name, &size), 0xa5, HEAD_BYTES);
        told_of_damaged(&bench);
        assert_non_null(strstr(bench.found.damage.text, name));
        uint64_t position = journal_position(bench.journal);
        bench_put(&bench, 1, 1);
        assert_int_equal(bench_commit(&bench), 0);
        bench_close(&bench);
        told_of_damaged(&bench);
        assert_int_equal(bench.told[bench.n_told - 1].position, position);
        bench_fini(&bench);
    }
}

static void test_missing_segment_is_named_and_the_rest_intact(void **state) {
    (void)state;
    struct bench bench;
    for (size_t i = 0; i < 4; i++) {
        bench_init(&bench, 18);
        write_segments(&bench);
        struct files *files = fake_disk_files(bench.disk);
        assert_int_equal(files->ops->unlink(files, fake_disk_name(bench.disk, i)), 0);
        told_of_damaged(&bench);
        bench.from = journal_position(bench.journal);
        bench_close(&bench);
        assert_int_equal(bench_open(&bench), 0);
        assert_int_equal(bench.found.n_damaged, 0);
        bench_fini(&bench);
    }
}

static void test_newer_version_is_refused_with_words(void **state) {
    (void)state;
    struct bench bench;
    uint64_t starts[2];
    bench_init(&bench, 19);
    write_records(&bench, 1, starts);
    uint8_t *head = first_file(&bench);
    head[8] = 2;
    uint32_t crc = htole32((uint32_t)crc32(0, head, 24));
    memcpy(head + 24, &crc, sizeof(crc));
    assert_int_equal(bench_open(&bench), -EPROTONOSUPPORT);
    assert_non_null(strstr(bench.why.text, "a newer version"));
    bench_fini(&bench);
}

static void test_other_files_are_left_alone(void **state) {
    (void)state;
    struct bench bench;
    static const char *const names[] = {"store.sqlite", "journal-1", "journal-000000000000000G",
                                        "journal-00000000000000000", "lock"};
    bench_init(&bench, 20);
    struct files *files = fake_disk_files(bench.disk);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct file *file;
        assert_int_equal(files->ops->open(files, names[i], FILES_CREATE, &file), 0);
        file->ops->close(file);
    }
    bench_open_and_check(&bench);
    bench_write(&bench);
    bench_reopen(&bench);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct file *file;
        assert_int_equal(files->ops->open(files, names[i], FILES_READ, &file), 0);
        file->ops->close(file);
    }
    bench_fini(&bench);
}

static int refuse_sensor(void *user, uint32_t number, struct bytes id) {
    (void)user;
    (void)number;
    (void)id;
    return -EDOM;
}

static int take_readings(void *user, uint32_t number, const struct kept *readings, size_t n,
                         uint64_t position) {
    (void)number;
    (void)readings;
    (void)position;
    *(size_t *)user += n;
    return 0;
}

static void test_whoever_is_told_may_end_it(void **state) {
    (void)state;
    struct bench bench;
    size_t n = 0;
    bench_init(&bench, 21);
    bench_open_and_check(&bench);
    bench_put(&bench, 0, 300);
    assert_int_equal(bench_put_sensor(&bench, 1), 0);
    bench_put(&bench, 1, 1);
    assert_int_equal(bench_commit(&bench), 0);
    bench_close(&bench);
    struct journal_options options = {.files = fake_disk_files(bench.disk),
                                      .segment_bytes = bench.segment_bytes};
    struct journal_replay replay = {.sensor = refuse_sensor, .readings = take_readings, .user = &n};
    assert_int_equal(journal_open(&options, &replay, &bench.found, &bench.journal, &bench.why),
                     -EDOM);
    assert_int_equal(n, 300);
    bench_fini(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_journal_is_empty_and_begins_at_0),
        cmocka_unit_test(test_journal_without_files_is_named_and_begins_at_from),
        cmocka_unit_test(test_files_missing_from_a_new_journal_are_named),
        cmocka_unit_test(test_a_clean_end_leaves_a_file_also_of_a_journal_that_was_never_written),
        cmocka_unit_test(test_a_clean_end_takes_what_was_made_ahead),
        cmocka_unit_test(test_there_is_a_file_whenever_power_is_lost),
        cmocka_unit_test(test_missing_last_file_is_named),
        cmocka_unit_test(test_all_comes_back_over_restarts_and_segments),
        cmocka_unit_test(test_what_was_put_and_not_committed_is_gone),
        cmocka_unit_test(test_positions_grow_by_one_within_a_record_and_more_between),
        cmocka_unit_test(test_a_commit_is_one_write_and_one_sync),
        cmocka_unit_test(test_a_commit_uses_memory_that_is_there),
        cmocka_unit_test(test_record_longer_than_a_segment_gets_one_of_its_own),
        cmocka_unit_test(test_full_commit_is_a_limit),
        cmocka_unit_test(test_released_segments_are_used_again_and_never_replayed),
        cmocka_unit_test(test_what_is_reserved_needs_no_memory),
        cmocka_unit_test(test_spares_are_taken_without_making_files),
        cmocka_unit_test(test_the_segment_that_is_written_is_never_released),
        cmocka_unit_test(test_torn_last_record_is_cut_at_every_length),
        cmocka_unit_test(test_file_cut_within_its_last_record_goes_on),
        cmocka_unit_test(test_a_cut_record_does_not_come_alive_later),
        cmocka_unit_test(test_damaged_record_is_named_and_the_rest_intact),
        cmocka_unit_test(test_what_looks_like_a_record_without_the_salt_is_none),
        cmocka_unit_test(test_all_comes_back_from_a_real_directory),
        cmocka_unit_test(test_either_copy_of_a_head_may_be_lost),
        cmocka_unit_test(test_segment_with_a_lost_head_is_named_and_the_rest_intact),
        cmocka_unit_test(test_missing_segment_is_named_and_the_rest_intact),
        cmocka_unit_test(test_newer_version_is_refused_with_words),
        cmocka_unit_test(test_other_files_are_left_alone),
        cmocka_unit_test(test_whoever_is_told_may_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
