/* SPDX-License-Identifier: Apache-2.0 */
#include "durable_bench.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/batch.h"
#include "unit.h"

static void on_failed(void *user, const char *words) {
    struct durable_bench *bench = user;
    err_say(&bench->failure, "%s", words);
    bench->n_failures++;
}

void bench_init(struct durable_bench *bench) {
    *bench = (struct durable_bench){.directory = "/tmp/thermograph-durable-XXXXXX"};
    assert_non_null(mkdtemp(bench->directory));
    bench->options = (struct store_durable_options){
        .directory = bench->directory, .failed = on_failed, .user = bench};
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw) {
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

void bench_fini(struct durable_bench *bench) {
    bench_close(bench);
    assert_int_equal(nftw(bench->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int bench_try_open(struct durable_bench *bench) {
    bench->n_failures = 0;
    return store_durable_new(&bench->options, &bench->backend, &bench->failure);
}

void bench_open(struct durable_bench *bench) {
    if (bench_try_open(bench))
        fail_msg("%s", bench->failure.text);
}

void bench_close(struct durable_bench *bench) {
    if (bench->backend)
        bench->backend->ops->free(bench->backend);
    bench->backend = NULL;
    assert_true(bench->n_failures <= 1);
}

void bench_reopen(struct durable_bench *bench) {
    bench_close(bench);
    bench_open(bench);
}

struct store_outcome bench_commit(struct store_backend *backend, const struct reading *readings,
                                  size_t n) {
    struct store_writer writer = {0};
    struct store_batch batch, *batches[] = {&batch};
    store_batch_init(&batch);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(store_batch_append(&batch, &writer, &readings[i]), 0);
    backend->ops->commit(backend, batches, 1);
    assert_int_equal(batch.n_runs, 1);
    struct store_outcome outcome = batch.runs[0].outcome;
    assert_int_equal(outcome.accepted + outcome.refused, n);
    store_batch_fini(&batch);
    return outcome;
}

struct reading *bench_read(struct store_backend *backend, const struct store_query *query,
                           size_t page, size_t *n) {
    struct store_cursor *cursor;
    struct reading *all = NULL;
    size_t n_page;
    *n = 0;
    int r = backend->ops->cursor_open(backend, query, &cursor);
    if (r == STORE_E_NO_SENSOR)
        return NULL;
    assert_int_equal(r, 0);
    do {
        all = mem_resize(all, *n + page, sizeof(*all));
        assert_non_null(all);
        assert_int_equal(cursor->ops->cursor_next(cursor, all + *n, page, &n_page), 0);
        *n += n_page;
    } while (n_page > 0);
    cursor->ops->cursor_close(cursor);
    return all;
}

uint64_t bench_count(struct store_backend *backend, const char *id) {
    const struct store_filter filter = {bytes_str(id), bytes_str("*")};
    const struct store_range all = {0};
    struct stats stats;
    uint64_t n_sensors;
    int r = backend->ops->statistics(backend, &filter, &all, &n_sensors, &stats);
    assert_true(r == 0 || r == STORE_E_NO_SENSOR);
    return stats.count;
}

uint64_t bench_files_bytes(const struct durable_bench *bench, const char *prefix) {
    DIR *directory = opendir(bench->directory);
    uint64_t sum = 0;
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat stat;
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        if (fstatat(dirfd(directory), entry->d_name, &stat, 0) == 0) /* it may have just gone */
            sum += (uint64_t)stat.st_size;
    }
    closedir(directory);
    return sum;
}
