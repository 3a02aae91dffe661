/* SPDX-License-Identifier: Apache-2.0 */
#include "durable_twins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/memory.h"
#include "unit.h"

enum {
    PAGE = 700,
};

static const char *const ids[TWINS_N_SENSORS] = {"attic", "boiler-1", "boiler-2", "cellar"};

void twins_init(struct twins *twins, uint64_t seed) {
    memset(twins, 0, sizeof(*twins));
    bench_init(&twins->disk);
    assert_int_equal(store_memory_new(&(struct store_memory_options){0}, &twins->model), 0);
    random_init(&twins->random, seed);
    for (size_t i = 0; i < TWINS_N_SENSORS; i++)
        twins->now_s[i] = 1000000;
}

void twins_fini(struct twins *twins) {
    bench_fini(&twins->disk);
    twins->model->ops->free(twins->model);
}

/* ---- writing to both ---- */

static struct store_outcome commit_last(struct twins *twins, struct store_backend *backend) {
    return bench_commit(backend, twins->last, twins->n_last);
}

static bool commit_to_both(struct twins *twins) {
    struct store_outcome disk = commit_last(twins, twins->disk.backend);
    if (disk.reason == STORE_REFUSED_FAILED) {
        assert_int_equal(disk.accepted, 0);
        twins->is_unsure = true;
        return false;
    }
    struct store_outcome model = commit_last(twins, twins->model);
    assert_int_equal(disk.accepted, twins->n_last);
    assert_int_equal(disk.accepted, model.accepted);
    assert_int_equal(disk.duplicates, model.duplicates);
    assert_int_equal(disk.refused, model.refused);
    return true;
}

bool twins_commit(struct twins *twins, const struct reading *readings, size_t n) {
    assert_false(twins->is_unsure);
    memcpy(twins->last, readings, n * sizeof(*readings));
    twins->n_last = n;
    return commit_to_both(twins);
}

bool twins_write_again(struct twins *twins) {
    assert_false(twins->is_unsure);
    return commit_to_both(twins);
}

static uint64_t n_readings(struct store_backend *backend) {
    struct store_figures figures;
    backend->ops->figures(backend, &figures);
    return figures.n_readings;
}

void twins_settle(struct twins *twins) {
    if (twins->is_unsure && n_readings(twins->disk.backend) != n_readings(twins->model))
        commit_last(twins, twins->model);
    twins->is_unsure = false;
}

/* Decimals mostly, which chunks keep as integers; a negative zero, and what is no decimal. */
static double random_temperature(struct random *random) {
    uint64_t kind = random_below(random, 40);
    if (kind == 0)
        return -0.0;
    return kind < 4 ? random_unit(random) * 30 : (double)random_below(random, 4000) / 100 - 10;
}

/* A reading that may be newer than all, of the same time, late, very late, or a repeat. */
static struct reading random_reading(struct twins *twins, size_t sensor, uint64_t lateness) {
    struct random *random = &twins->random;
    int64_t time = twins->now_s[sensor];
    uint64_t kind = random_below(random, 100);
    if (kind < lateness)
        time -= (int64_t)random_below(random, kind < 3 ? 100000 : 50);
    else if (kind < 95)
        time = twins->now_s[sensor] += (int64_t)random_below(random, 3);
    return (struct reading){
        .sensor_id = bytes_str(ids[sensor]),
        .temperature = random_temperature(random),
        .seconds = time > 0 ? time : 1,
        .nanos = kind % 7 == 0 ? (int32_t)random_below(random, 4) * 250000000 : 0,
        .sequence = random_below(random, 3) ? random_below(random, 40) : 0,
    };
}

bool twins_write(struct twins *twins, size_t n, uint64_t lateness) {
    assert_false(twins->is_unsure);
    size_t sensor = random_below(&twins->random, TWINS_N_SENSORS);
    for (size_t i = 0; i < n; i++) {
        if (random_below(&twins->random, 20) == 0)
            sensor = random_below(&twins->random, TWINS_N_SENSORS);
        twins->last[i] = random_reading(twins, sensor, lateness);
    }
    twins->n_last = n;
    return commit_to_both(twins);
}

/* ---- comparing both ---- */

static void compare_walk(struct twins *twins, const struct store_query *query) {
    size_t n_disk, n_model;
    struct reading *disk = bench_read(twins->disk.backend, query, PAGE, &n_disk);
    struct reading *model = bench_read(twins->model, query, PAGE, &n_model);
    if (n_disk != n_model)
        fail_msg("%zu readings on disk, %zu in memory (%s from %ld to %ld%s)", n_disk, n_model,
                 (const char *)query->sensor_id.data, (long)query->range.start_seconds,
                 (long)query->range.end_seconds, query->newest_first ? ", newest first" : "");
    for (size_t i = 0; i < n_disk; i++) {
        const struct reading *a = &disk[i], *b = &model[i];
        if (a->seconds != b->seconds || a->nanos != b->nanos || a->sequence != b->sequence ||
            memcmp(&a->temperature, &b->temperature, sizeof(double)) != 0)
            fail_msg("reading %zu of %zu differs: %ld.%d %lu %g, not %ld.%d %lu %g", i, n_disk,
                     (long)a->seconds, a->nanos, (unsigned long)a->sequence, a->temperature,
                     (long)b->seconds, b->nanos, (unsigned long)b->sequence, b->temperature);
    }
    mem_free(disk);
    mem_free(model);
}

static void compare_statistics(struct twins *twins, const char *pattern,
                               const struct store_range *range) {
    const struct store_filter filter = {bytes_str(pattern), bytes_str("*")};
    struct stats disk, model;
    uint64_t n_disk, n_model;
    int r =
        twins->disk.backend->ops->statistics(twins->disk.backend, &filter, range, &n_disk, &disk);
    assert_int_equal(r,
                     twins->model->ops->statistics(twins->model, &filter, range, &n_model, &model));
    assert_int_equal(n_disk, n_model);
    assert_int_equal(disk.count, model.count);
    if (r || model.count == 0)
        return;
    assert_true(disk.minimum == model.minimum && disk.maximum == model.maximum);
    assert_int_equal(stats_instant_compare(disk.first, model.first), 0);
    assert_int_equal(stats_instant_compare(disk.last, model.last), 0);
    assert_true(strchr(pattern, '*') || disk.latest == model.latest);
    assert_true(fabs(stats_mean(&disk) - stats_mean(&model)) <= 1e-12);
    assert_true(fabs(stats_deviation(&disk) - stats_deviation(&model)) <= 1e-12);
}

static struct store_range random_range(struct twins *twins, size_t sensor) {
    uint64_t now = (uint64_t)twins->now_s[sensor];
    uint64_t back = random_below(&twins->random, 2) ? 300 : 110000;
    int64_t start = (int64_t)(now - random_below(&twins->random, back));
    int64_t end = start + (int64_t)random_below(&twins->random, back);
    return (struct store_range){random_below(&twins->random, 4) ? start : 0,
                                random_below(&twins->random, 4) ? end : 0};
}

void twins_compare(struct twins *twins) {
    for (size_t i = 0; i < TWINS_N_SENSORS; i++) {
        struct store_query query = {.sensor_id = bytes_str(ids[i])};
        for (int round = 0; round < 8; round++) {
            compare_walk(twins, &query);
            compare_statistics(twins, ids[i], &query.range);
            query.newest_first = round % 2 == 0;
            if (round > 0)
                query.range = random_range(twins, i);
        }
    }
    compare_statistics(twins, "boiler-*", &(struct store_range){0});
    compare_statistics(twins, "nothing*", &(struct store_range){0});
    struct store_figures disk, model;
    twins->disk.backend->ops->figures(twins->disk.backend, &disk);
    twins->model->ops->figures(twins->model, &model);
    assert_int_equal(disk.n_readings, model.n_readings);
    assert_int_equal(disk.n_sensors, model.n_sensors);
}
