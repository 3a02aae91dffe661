/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/random.h"
#include "fake_disk.h"
#include "store/journal.h"

/*
 * A journal on a disk that fails, and a list of all that was put into it. Opening compares what is
 * told with the list: everything that was committed, once, in order, at its position; a record that
 * was not committed is there as a whole or not at all.
 */
enum {
    BENCH_SEGMENT_BYTES = 8192, /* 4096 for records */
    BENCH_MAX_NOTES = 200000,
};

/* One thing that was put. */
struct note {
    bool is_sensor;
    uint32_t number;
    struct kept reading;
    uint64_t position; /* of a reading */
    size_t commit;     /* number of the commit it belongs to */
};

struct bench {
    struct fake_disk *disk;
    struct files *files; /* the disk's, or what a test sets */
    struct journal *journal;
    struct journal_found found;
    struct err_text why;
    uint64_t segment_bytes;
    uint64_t from;
    bool is_known;
    struct random random;
    struct note *notes; /* what was put */
    size_t n_notes, n_committed;
    struct note *told; /* what the last opening told */
    size_t n_told;
    size_t commit;
};

/* Nothing is opened yet. One bench at a time. */
void bench_init(struct bench *bench, uint64_t seed);

/* Closes and frees all, the disk too. */
void bench_fini(struct bench *bench);

/* Opens, and keeps what is told. 0 or a negated errno. */
int bench_open(struct bench *bench);

/* Opens what must open, and compares with nothing missing. */
void bench_open_and_check(struct bench *bench);

/* Compares what was told with what was put, as above; from then on the list is what was told. */
void bench_check(struct bench *bench);

void bench_close(struct bench *bench);

/* Puts a sensor; returns what journal_put_sensor() does. */
int bench_put_sensor(struct bench *bench, uint32_t number);

/* Puts `n` readings of one sensor, with times, sequences and temperatures of any kind. */
void bench_put(struct bench *bench, uint32_t number, size_t n);

/* Commits; returns what journal_commit() does. */
int bench_commit(struct bench *bench);

/* A commit of a few readings of a few sensors, which must succeed. */
void bench_write(struct bench *bench);

/* The id of a sensor in these tests. */
const char *bench_id(uint32_t number);
