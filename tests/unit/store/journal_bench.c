/* SPDX-License-Identifier: Apache-2.0 */
#include "journal_bench.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

/* There is one bench at a time. */
static struct note all_notes[BENCH_MAX_NOTES], all_told[BENCH_MAX_NOTES];

void bench_init(struct bench *bench, uint64_t seed) {
    *bench = (struct bench){.segment_bytes = BENCH_SEGMENT_BYTES};
    random_init(&bench->random, seed);
    bench->disk = fake_disk_new();
    bench->files = fake_disk_files(bench->disk);
    bench->notes = all_notes;
    bench->told = all_told;
}

void bench_fini(struct bench *bench) {
    bench_close(bench);
    fake_disk_free(bench->disk);
}

void bench_close(struct bench *bench) {
    journal_free(bench->journal);
    bench->journal = NULL;
}

const char *bench_id(uint32_t number) {
    static _Thread_local char id[32];
    snprintf(id, sizeof(id), "sensor-%u", number);
    return id;
}

/* ---- what is told ---- */

static int told_sensor(void *user, uint32_t number, struct bytes id) {
    struct bench *bench = user;
    assert_true(bytes_equal_str(id, bench_id(number)));
    bench->told[bench->n_told++] = (struct note){.is_sensor = true, .number = number};
    return 0;
}

static int told_readings(void *user, uint32_t number, const struct kept *readings, size_t n,
                         uint64_t position) {
    struct bench *bench = user;
    for (size_t i = 0; i < n; i++)
        bench->told[bench->n_told++] =
            (struct note){.number = number, .reading = readings[i], .position = position + i};
    return 0;
}

int bench_open(struct bench *bench) {
    struct journal_options options = {.files = bench->files,
                                      .segment_bytes = bench->segment_bytes,
                                      .from = bench->from,
                                      .is_known = bench->is_known};
    struct journal_replay replay = {
        .sensor = told_sensor, .readings = told_readings, .user = bench};
    bench->n_told = 0;
    return journal_open(&options, &replay, &bench->found, &bench->journal, &bench->why);
}

/* ---- comparing ---- */

static bool same_note(const struct note *a, const struct note *b) {
    return a->is_sensor == b->is_sensor && a->number == b->number && a->position == b->position &&
           a->reading.time.seconds == b->reading.time.seconds &&
           a->reading.time.nanos == b->reading.time.nanos &&
           a->reading.sequence == b->reading.sequence &&
           memcmp(&a->reading.temperature, &b->reading.temperature, sizeof(double)) == 0;
}

/* The first of the notes that had to be told, or that begins a record that may be told too. */
static size_t first_told(const struct bench *bench) {
    size_t first = 0;
    while (first < bench->n_notes && bench->n_told > 0 &&
           !same_note(&bench->notes[first], &bench->told[0]))
        first++;
    for (size_t i = 0; bench->n_told > 0 && i < first; i++)
        assert_true(bench->notes[i].position < bench->from);
    return bench->n_told > 0 ? first : 0;
}

void bench_check(struct bench *bench) {
    size_t first = first_told(bench), end = first + bench->n_told;
    assert_true(end <= bench->n_notes);
    for (size_t i = 0; i < bench->n_told; i++)
        assert_true(same_note(&bench->notes[first + i], &bench->told[i]));
    for (size_t i = end; i < bench->n_committed; i++)
        assert_true(bench->notes[i].position < bench->from);
    end = end > bench->n_committed ? end : bench->n_committed;
    if (end > 0 && end < bench->n_notes)
        assert_true(bench->notes[end - 1].commit != bench->notes[end].commit);
    assert_true(end == 0 || journal_position(bench->journal) > bench->notes[end - 1].position);
    assert_true(journal_position(bench->journal) >= bench->from);
    bench->n_notes = bench->n_committed = end;
    bench->commit++;
}

void bench_open_and_check(struct bench *bench) {
    int r = bench_open(bench);
    if (r)
        print_error("%s\n", bench->why.text);
    assert_int_equal(r, 0);
    if (bench->found.n_damaged)
        print_error("%s\n", bench->found.damage.text);
    assert_int_equal(bench->found.n_damaged, 0);
    bench_check(bench);
}

/* ---- putting ---- */

static struct note *next_note(struct bench *bench) {
    assert_true(bench->n_notes < BENCH_MAX_NOTES);
    struct note *note = &bench->notes[bench->n_notes];
    *note = (struct note){.commit = bench->commit};
    return note;
}

int bench_put_sensor(struct bench *bench, uint32_t number) {
    struct note *note = next_note(bench);
    note->is_sensor = true;
    note->number = number;
    int r = journal_put_sensor(bench->journal, number, bytes_str(bench_id(number)));
    bench->n_notes += r == 0;
    return r;
}

static struct kept any_reading(struct bench *bench) {
    struct random *random = &bench->random;
    bool is_odd = random_below(random, 8) == 0;
    return (struct kept){
        .time = {(int64_t)(1700000000 + bench->n_notes),
                 is_odd ? (int32_t)random_below(random, 1000000000) : 0},
        .sequence = is_odd ? random_u64(random) : bench->n_notes,
        .temperature = is_odd ? random_unit(random) : (double)random_below(random, 4000) / 100,
    };
}

void bench_put(struct bench *bench, uint32_t number, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct note *note = next_note(bench);
        note->number = number;
        note->reading = any_reading(bench);
        note->position = journal_position(bench->journal);
        assert_int_equal(journal_put_reading(bench->journal, number, &note->reading), 0);
        bench->n_notes++;
    }
}

int bench_commit(struct bench *bench) {
    int r = journal_commit(bench->journal);
    if (r == 0)
        bench->n_committed = bench->n_notes;
    bench->commit++;
    return r;
}

void bench_write(struct bench *bench) {
    for (uint64_t n = 1 + random_below(&bench->random, 3); n > 0; n--)
        bench_put(bench, (uint32_t)random_below(&bench->random, 5),
                  1 + random_below(&bench->random, 40));
    assert_int_equal(bench_commit(bench), 0);
}
