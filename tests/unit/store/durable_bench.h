/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/durable.h"
#include "store/limits.h"

/* A durable backend in a directory of its own, for tests. */
struct durable_bench {
    char directory[64];
    struct store_durable_options options; /* to be changed before bench_open() */
    struct store_backend *backend;        /* NULL: not open */
    _Atomic unsigned n_failures;          /* since opening: `failed` is called once, */
    struct err_text failure;              /* with these words */
};

/* Makes the directory. Failing is a failure of the test unless `may_fail` is set. */
void bench_init(struct durable_bench *bench);
void bench_fini(struct durable_bench *bench);

/* 0, or what store_durable_new() gives, with its words in `failure`. */
int bench_try_open(struct durable_bench *bench);
void bench_open(struct durable_bench *bench);
void bench_close(struct durable_bench *bench);
void bench_reopen(struct durable_bench *bench);

/* Commits readings of one writer as one batch. */
struct store_outcome bench_commit(struct store_backend *backend, const struct reading *readings,
                                  size_t n);

/* All that a query gives, in pages of `page`; NULL for a sensor that is not there. mem_free() it.
 */
struct reading *bench_read(struct store_backend *backend, const struct store_query *query,
                           size_t page, size_t *n);

/* Readings of a sensor, by statistics. */
uint64_t bench_count(struct store_backend *backend, const char *id);

/* Bytes of the files in the directory whose names start so. */
uint64_t bench_files_bytes(const struct durable_bench *bench, const char *prefix);
