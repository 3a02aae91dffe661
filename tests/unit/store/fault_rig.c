/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/check.h"
#include "unit.h"

static _Atomic size_t n_damage_lines;

static void on_log_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    n_damage_lines += memmem(line, len, "damaged", 7) != NULL;
}

size_t rig_n_damage_lines(void) {
    return n_damage_lines;
}

void rig_init(struct fault_rig *rig, uint64_t seed) {
    memset(rig, 0, sizeof(*rig));
    log_redirect(on_log_line);
    n_damage_lines = 0;
    fault_vfs_register();
    fault_vfs_forget();
    power_init(&rig->power);
    rig->disk = fake_disk_new();
    fake_disk_plug(rig->disk, &rig->power);
    fault_vfs_plug(&rig->power);
    twins_init(&rig->twins, seed);
    struct store_durable_options *options = &rig->twins.disk.options;
    options->files = fake_disk_files(rig->disk);
    options->vfs = FAULT_VFS;
    options->journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    options->memory_limit_bytes = 6000;
}

void rig_fini(struct fault_rig *rig) {
    twins_fini(&rig->twins);
    fault_vfs_forget();
    fault_vfs_plug(NULL);
    fake_disk_free(rig->disk);
    log_redirect(NULL);
}

/* Mostly a few readings, now and then more than a quarter of a segment. */
static bool write_round(struct fault_rig *rig, size_t round) {
    struct random *random = &rig->twins.random;
    size_t n = 1 + random_below(random, round % 5 ? 40 : 2500);
    if (!twins_write(&rig->twins, n, round % 3 ? 15 : 60))
        return false;
    return round % 6 != 5 || twins_write_again(&rig->twins);
}

bool rig_run(struct fault_rig *rig, size_t n_rounds) {
    struct durable_bench *bench = &rig->twins.disk;
    if (!bench->backend && bench_try_open(bench))
        return false;
    for (size_t round = 0; round < n_rounds; round++) {
        if (round % 16 == 15) {
            bench_close(bench);
            if (bench_try_open(bench))
                return false;
        }
        if (!write_round(rig, round))
            return false;
    }
    return true;
}

void rig_lose_power(struct fault_rig *rig, uint64_t seed) {
    power_off(&rig->power);
    bench_close(&rig->twins.disk);
    fault_vfs_lose_power(seed);
    fake_disk_power_cut(rig->disk, seed);
    power_on(&rig->power, 0);
}

static void on_found(void *user, const struct check_finding *finding) {
    (void)user;
    if (!finding->is_note)
        fail_msg("%s: %s", finding->kind, finding->words.text);
}

/* Every row and every chunk, whether a reader asks for it or not. */
static void check_sealed(struct store_backend *backend) {
    struct check *check;
    struct err_text why;
    int r = backend->ops->check(backend, &check, &why);
    if (r)
        fail_msg("%s", why.text);
    while ((r = check_step(check, on_found, NULL, &why)) == 0)
        ;
    if (r != CHECK_E_DONE)
        fail_msg("%s", why.text);
    check_free(check);
}

void rig_open_and_compare(struct fault_rig *rig) {
    bench_open(&rig->twins.disk);
    assert_int_equal(n_damage_lines, 0);
    twins_settle(&rig->twins);
    twins_compare(&rig->twins);
    check_sealed(rig->twins.disk.backend);
}

void rig_recover(struct fault_rig *rig, uint64_t seed) {
    rig_open_and_compare(rig);
    assert_true(rig_run(rig, 8));
    if (seed % 2)
        rig_lose_power(rig, seed);
    else
        bench_close(&rig->twins.disk);
    rig_open_and_compare(rig);
    assert_int_equal(rig->twins.disk.n_failures, 0);
}
