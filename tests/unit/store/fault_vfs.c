/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_vfs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/random.h"

enum {
    SECTOR = 512,
    MAX_FILES = 8,
    MAX_PATH = 512,
};

/* What of a file is on the disk for certain. */
struct shadow {
    char path[MAX_PATH];
    uint8_t *synced;
    size_t n_synced;
    size_t dirty_from, dirty_to; /* written since; empty when from >= to */
    bool was_synced;             /* its name is there for certain too */
};

struct fault_file {
    sqlite3_file base;
    struct shadow *shadow; /* NULL: a temporary file */
    sqlite3_file *real;
};

static struct {
    pthread_mutex_t lock;
    struct shadow shadows[MAX_FILES];
    struct fault fault;
    size_t n_counted;
    bool has_struck, is_dark;
    struct power *power; /* NULL: its own */
    sqlite3_vfs *real;
    sqlite3_vfs vfs;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct fault_file *file_of(sqlite3_file *file) {
    return (struct fault_file *)(void *)file;
}

/* As if a fault of the kind FAULT_POWER struck it. */
static bool loses_power(enum fault_op op) {
    enum power_state power =
        state.power ? power_draw(state.power, (op & FAULT_CHANGES) != 0) : POWER_ON;
    if (power == POWER_FAILS)
        state.fault = (struct fault){.kind = FAULT_POWER};
    state.is_dark = state.is_dark || power == POWER_OFF;
    return power == POWER_FAILS;
}

/* What is to happen to this operation: `*kind`, if it is struck. */
static bool must_strike(enum fault_op op, enum fault_kind *kind) {
    pthread_mutex_lock(&state.lock);
    bool is_counted = (state.fault.ops & op) != 0;
    bool fails = loses_power(op);
    bool strikes = fails || state.is_dark || (is_counted && ++state.n_counted == state.fault.n);
    *kind = state.is_dark ? FAULT_EIO : state.fault.kind;
    struct fault fault = state.fault;
    if (strikes) {
        state.has_struck = true;
        state.is_dark = state.is_dark || fault.kind == FAULT_POWER;
    }
    pthread_mutex_unlock(&state.lock);
    if (!strikes || *kind != FAULT_DELAY)
        return strikes;
    fault.hold(fault.user);
    return false;
}

static void touch(struct shadow *shadow, size_t from, size_t to) {
    if (shadow->dirty_from >= shadow->dirty_to)
        shadow->dirty_from = SIZE_MAX, shadow->dirty_to = 0;
    shadow->dirty_from = from < shadow->dirty_from ? from : shadow->dirty_from;
    shadow->dirty_to = to > shadow->dirty_to ? to : shadow->dirty_to;
}

static size_t size_of(struct fault_file *file) {
    sqlite3_int64 size = 0;
    file->real->pMethods->xFileSize(file->real, &size);
    return (size_t)size;
}

/* The disk now holds what the file holds. (reallocarray() is nobody's that tests let fail: they
 * do not mean the disk's.) */
static void catch_up(struct fault_file *file) {
    struct shadow *shadow = file->shadow;
    size_t size = size_of(file);
    shadow->synced = reallocarray(shadow->synced, size + 1, 1);
    assert(shadow->synced);
    size_t to = shadow->dirty_to < size ? shadow->dirty_to : size;
    if (shadow->dirty_from < to)
        file->real->pMethods->xRead(file->real, shadow->synced + shadow->dirty_from,
                                    (int)(to - shadow->dirty_from),
                                    (sqlite3_int64)shadow->dirty_from);
    shadow->n_synced = size;
    shadow->dirty_from = shadow->dirty_to = 0;
    shadow->was_synced = true;
}

static int fault_close(sqlite3_file *file) {
    return file_of(file)->real->pMethods->xClose(file_of(file)->real);
}

static int fault_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at) {
    enum fault_kind kind;
    if (must_strike(FAULT_READ, &kind))
        return SQLITE_IOERR_READ;
    return file_of(file)->real->pMethods->xRead(file_of(file)->real, to, n, at);
}

static int write_real(struct fault_file *file, const uint8_t *from, int n, sqlite3_int64 at) {
    if (file->shadow)
        touch(file->shadow, (size_t)at, (size_t)at + (size_t)n);
    return file->real->pMethods->xWrite(file->real, from, n, at);
}

static int fault_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at) {
    enum fault_kind kind;
    if (!must_strike(FAULT_WRITE, &kind))
        return write_real(file_of(file), from, n, at);
    int half = n / 2;
    if (kind == FAULT_SHORT)
        (void)write_real(file_of(file), from, half, at);
    if (kind == FAULT_TEAR)
        (void)write_real(file_of(file), (const uint8_t *)from + half, n - half, at + half);
    if (kind == FAULT_POWER)
        (void)write_real(file_of(file), from, n, at);
    return kind == FAULT_ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size) {
    enum fault_kind kind;
    bool strikes = must_strike(FAULT_TRUNCATE, &kind);
    if (strikes && kind != FAULT_POWER)
        return SQLITE_IOERR_TRUNCATE;
    if (file_of(file)->shadow)
        touch(file_of(file)->shadow, (size_t)size, size_of(file_of(file)));
    int code = file_of(file)->real->pMethods->xTruncate(file_of(file)->real, size);
    return strikes ? SQLITE_IOERR_TRUNCATE : code;
}

/* The real disk is not asked to sync: the test's machine does not lose power. */
static int fault_sync(sqlite3_file *file, int flags) {
    (void)flags;
    enum fault_kind kind;
    if (must_strike(FAULT_SYNC, &kind))
        return SQLITE_IOERR_FSYNC;
    if (file_of(file)->shadow)
        catch_up(file_of(file));
    return SQLITE_OK;
}

static int fault_size(sqlite3_file *file, sqlite3_int64 *size) {
    return file_of(file)->real->pMethods->xFileSize(file_of(file)->real, size);
}

static int fault_lock(sqlite3_file *file, int level) {
    return file_of(file)->real->pMethods->xLock(file_of(file)->real, level);
}

static int fault_unlock(sqlite3_file *file, int level) {
    return file_of(file)->real->pMethods->xUnlock(file_of(file)->real, level);
}

static int fault_check_lock(sqlite3_file *file, int *result) {
    return file_of(file)->real->pMethods->xCheckReservedLock(file_of(file)->real, result);
}

static int fault_control(sqlite3_file *file, int op, void *argument) {
    enum fault_kind kind;
    if (op == SQLITE_FCNTL_COMMIT_PHASETWO && must_strike(FAULT_COMMITTED, &kind))
        return SQLITE_IOERR_NOMEM;
    return file_of(file)->real->pMethods->xFileControl(file_of(file)->real, op, argument);
}

static int fault_sector_size(sqlite3_file *file) {
    return file_of(file)->real->pMethods->xSectorSize(file_of(file)->real);
}

static int fault_characteristics(sqlite3_file *file) {
    return file_of(file)->real->pMethods->xDeviceCharacteristics(file_of(file)->real);
}

static int fault_shm_map(sqlite3_file *file, int page, int size, int extend,
                         void volatile **memory) {
    return file_of(file)->real->pMethods->xShmMap(file_of(file)->real, page, size, extend, memory);
}

/* It is the first of the locks that says who writes to the WAL. */
static int fault_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    enum fault_kind kind;
    if (offset == 0 && flags == (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE))
        (void)must_strike(FAULT_RELEASE, &kind);
    return file_of(file)->real->pMethods->xShmLock(file_of(file)->real, offset, n, flags);
}

static void fault_shm_barrier(sqlite3_file *file) {
    file_of(file)->real->pMethods->xShmBarrier(file_of(file)->real);
}

static int fault_shm_unmap(sqlite3_file *file, int remove) {
    return file_of(file)->real->pMethods->xShmUnmap(file_of(file)->real, remove);
}

/* Version 2: with the WAL's index, without memory-mapped reads. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_check_lock,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector_size,
    .xDeviceCharacteristics = fault_characteristics,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

static struct shadow *find_shadow(const char *path) {
    struct shadow *unused = NULL;
    for (size_t i = 0; i < MAX_FILES; i++) {
        if (strcmp(state.shadows[i].path, path) == 0)
            return &state.shadows[i];
        if (!unused && !state.shadows[i].path[0])
            unused = &state.shadows[i];
    }
    assert(unused && strlen(path) < MAX_PATH);
    return unused;
}

/* A file that is opened the first time is taken to be on the disk as it is. */
static struct shadow *shadow_of(struct fault_file *file, const char *path) {
    pthread_mutex_lock(&state.lock);
    struct shadow *shadow = find_shadow(path);
    if (!shadow->path[0]) {
        snprintf(shadow->path, sizeof(shadow->path), "%s", path);
        file->shadow = shadow;
        size_t size = size_of(file);
        touch(shadow, 0, size);
        catch_up(file);
        shadow->was_synced = size > 0;
    }
    pthread_mutex_unlock(&state.lock);
    return shadow;
}

static int fault_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                      int *out_flags) {
    (void)vfs;
    struct fault_file *made = file_of(file);
    enum fault_kind kind;
    made->base.pMethods = NULL;
    if (must_strike(FAULT_OPEN, &kind))
        return SQLITE_CANTOPEN;
    made->shadow = NULL;
    made->real = (sqlite3_file *)(void *)(made + 1);
    int code = state.real->xOpen(state.real, name, made->real, flags, out_flags);
    if (code != SQLITE_OK)
        return code;
    if (name)
        made->shadow = shadow_of(made, name);
    made->base.pMethods = &methods;
    return SQLITE_OK;
}

static void drop_shadow(const char *path) {
    pthread_mutex_lock(&state.lock);
    for (size_t i = 0; i < MAX_FILES; i++) {
        if (path && strcmp(state.shadows[i].path, path) != 0)
            continue;
        mem_free(state.shadows[i].synced);
        state.shadows[i] = (struct shadow){0};
    }
    pthread_mutex_unlock(&state.lock);
}

static int fault_delete(sqlite3_vfs *vfs, const char *name, int sync_names) {
    (void)vfs;
    enum fault_kind kind;
    if (must_strike(FAULT_DELETE, &kind))
        return SQLITE_IOERR_DELETE;
    drop_shadow(name);
    return state.real->xDelete(state.real, name, sync_names);
}

void fault_vfs_register(void) {
    if (state.real)
        return;
    state.real = sqlite3_vfs_find(NULL);
    state.vfs = *state.real;
    state.vfs.pNext = NULL;
    state.vfs.zName = FAULT_VFS;
    state.vfs.szOsFile = (int)sizeof(struct fault_file) + state.real->szOsFile;
    state.vfs.xOpen = fault_open;
    state.vfs.xDelete = fault_delete;
    int code = sqlite3_vfs_register(&state.vfs, 0);
    assert(code == SQLITE_OK);
    (void)code;
}

void fault_vfs_arm(const struct fault *fault) {
    pthread_mutex_lock(&state.lock);
    state.fault = *fault;
    state.n_counted = 0;
    state.has_struck = false;
    pthread_mutex_unlock(&state.lock);
}

void fault_vfs_plug(struct power *power) {
    state.power = power;
}

void fault_vfs_disarm(void) {
    fault_vfs_arm(&(struct fault){0});
}

size_t fault_vfs_count(void) {
    pthread_mutex_lock(&state.lock);
    size_t n = state.n_counted;
    pthread_mutex_unlock(&state.lock);
    return n;
}

bool fault_vfs_has_struck(void) {
    return state.has_struck;
}

static size_t file_read(const char *path, uint8_t **content) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    *content = mem_alloc(size);
    assert(*content);
    size_t n = fread(*content, 1, size, file);
    fclose(file);
    return n;
}

static void file_write(const char *path, const uint8_t *content, size_t size) {
    FILE *file = fopen(path, "wb");
    assert(file);
    size_t n = fwrite(content, 1, size, file);
    assert(n == size);
    (void)n;
    fclose(file);
}

static size_t choose_size(size_t old, size_t new, struct random *random) {
    switch (random_below(random, 3)) {
    case 0:
        return old;
    case 1:
        return new;
    default:
        return old + random_below(random, new - old + 1) / SECTOR * SECTOR;
    }
}

/* One sector of what is left, as `content` has it; zeros behind its end. */
static void keep_sector(uint8_t *to, struct bytes content, size_t at, size_t n) {
    memset(to, 0, n);
    if (at >= content.len)
        return;
    size_t there = content.len - at;
    memcpy(to, content.data + at, there < n ? there : n);
}

static void lose(struct shadow *shadow, struct random *random) {
    static const uint64_t percent_kept[] = {0, 10, 50, 90, 100};
    uint64_t kept = percent_kept[random_below(random, 5)];
    CLEANUP(mem_freep) uint8_t *content = NULL;
    struct bytes now = bytes_of(NULL, file_read(shadow->path, &content));
    now.data = content;
    if (!content || (!shadow->was_synced && random_below(random, 2))) {
        unlink(shadow->path);
        return;
    }
    struct bytes old = bytes_of(shadow->synced, shadow->n_synced);
    if (now.len < old.len) {
        /* A file system cuts a file as a whole or not at all; SQLite counts on it for its WAL. */
        struct bytes whole = random_below(random, 2) ? now : old;
        file_write(shadow->path, whole.data, whole.len);
        return;
    }
    size_t size = choose_size(old.len, now.len, random);
    CLEANUP(mem_freep) uint8_t *left = mem_alloc(size);
    assert(left);
    for (size_t at = 0; at < size; at += SECTOR) {
        bool is_new = at < now.len && random_below(random, 100) < kept;
        size_t n = size - at < SECTOR ? size - at : SECTOR;
        keep_sector(left + at, is_new ? now : old, at, n);
    }
    file_write(shadow->path, left, size);
}

static bool ends_with(const char *path, const char *end) {
    size_t len = strlen(path), n = strlen(end);
    return len > n && strcmp(path + len - n, end) == 0;
}

/* The WAL's index is memory, which is gone. */
static void remove_index(const char *path) {
    char index[MAX_PATH + 8];
    if (!ends_with(path, ".sqlite"))
        return;
    snprintf(index, sizeof(index), "%s-shm", path);
    unlink(index);
}

void fault_vfs_lose_power(uint64_t seed) {
    struct random random;
    random_init(&random, seed);
    fault_vfs_disarm();
    for (size_t i = 0; i < MAX_FILES; i++) {
        if (!state.shadows[i].path[0])
            continue;
        lose(&state.shadows[i], &random);
        remove_index(state.shadows[i].path);
    }
    fault_vfs_forget();
}

void fault_vfs_forget(void) {
    fault_vfs_disarm();
    drop_shadow(NULL);
    state.is_dark = false;
}
