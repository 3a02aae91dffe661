/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_disk.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

enum {
    NAME_BYTES = 64,
    MAX_CHANGES = 1024, /* of names, between two syncs */
};

struct node {
    uint8_t *data;    /* as the cache has it */
    uint8_t *durable; /* as the disk has it */
    bool *is_dirty;   /* by sector: a sync would write it */
    size_t size, durable_size, cap;
};

struct entry {
    char name[NAME_BYTES];
    struct node *node;
};

struct directory {
    struct entry entries[FAKE_DISK_MAX_FILES]; /* in order of the names */
    size_t n;
};

/* A change of a name: from "" it is a creation, to "" an unlink. */
struct change {
    char from[NAME_BYTES];
    char to[NAME_BYTES];
    struct node *node;
};

struct fake_disk {
    struct files files;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct node
        *nodes[FAKE_DISK_MAX_FILES * 4]; /* all that ever were, since the disk may go back */
    size_t n_nodes;
    struct directory cache, durable;
    struct change changes[MAX_CHANGES];
    size_t n_changes;
    size_t n_ops[FAKE_N_OPS + 1];
    struct fake_fault fault;
    size_t n_to_fault;   /* 0: none is set */
    bool tears;          /* of a write that fails, only the second half is done */
    void (*delay)(void); /* instead of failing */
    bool is_off;
    struct power *power;   /* NULL: its own */
    struct node *bad_node; /* cannot be read at: */
    uint64_t bad_at;
    char taken[NAME_BYTES]; /* no file has this name, or another one */
    bool is_replaced;
    enum fake_op held_op;
    enum {
        HOLD_NONE,
        HOLD_WAITS,
        HOLD_HOLDS
    } hold;
};

struct fake_file {
    struct file file;
    struct fake_disk *disk;
    struct node *node;
};

static struct fake_disk *disk_of(struct files *files) {
    return CONTAINER_OF(files, struct fake_disk, files);
}

static struct fake_file *fake_of(struct file *file) {
    return CONTAINER_OF(file, struct fake_file, file);
}

/* ---- names ---- */

static struct entry *find(struct directory *directory, const char *name) {
    for (size_t i = 0; i < directory->n; i++)
        if (strcmp(directory->entries[i].name, name) == 0)
            return &directory->entries[i];
    return NULL;
}

static void remove_name(struct directory *directory, const char *name) {
    struct entry *entry = find(directory, name);
    if (!entry)
        return;
    size_t i = (size_t)(entry - directory->entries);
    memmove(entry, entry + 1, (--directory->n - i) * sizeof(*entry));
}

static void add_name(struct directory *directory, const char *name, struct node *node) {
    remove_name(directory, name);
    assert(directory->n < FAKE_DISK_MAX_FILES && strlen(name) < NAME_BYTES);
    size_t i = directory->n++;
    for (; i > 0 && strcmp(directory->entries[i - 1].name, name) > 0; i--)
        directory->entries[i] = directory->entries[i - 1];
    strncpy(directory->entries[i].name, name, NAME_BYTES);
    directory->entries[i].node = node;
}

static void apply(struct directory *directory, const struct change *change) {
    struct entry *from = find(directory, change->from);
    struct node *node = change->node;
    if (change->from[0] && !from)
        return; /* its creation was lost */
    if (from) {
        node = from->node;
        remove_name(directory, change->from);
    }
    if (change->to[0])
        add_name(directory, change->to, node);
}

static void change_names(struct fake_disk *disk, const char *from, const char *to,
                         struct node *node) {
    assert(disk->n_changes < MAX_CHANGES && strlen(from) < NAME_BYTES && strlen(to) < NAME_BYTES);
    struct change *change = &disk->changes[disk->n_changes++];
    *change = (struct change){.node = node};
    strncpy(change->from, from, NAME_BYTES - 1);
    strncpy(change->to, to, NAME_BYTES - 1);
    apply(&disk->cache, change);
}

/* ---- content ---- */

static size_t n_sectors(size_t size) {
    return (size + FAKE_DISK_SECTOR - 1) / FAKE_DISK_SECTOR;
}

/* reallocarray() is nobody's that tests let fail: they do not mean the disk's. */
static int grow(struct node *node, size_t size) {
    if (size <= node->cap)
        return 0;
    size_t cap = n_sectors(size) * FAKE_DISK_SECTOR * 3 / 2 / FAKE_DISK_SECTOR * FAKE_DISK_SECTOR;
    uint8_t *data = reallocarray(node->data, cap, 1);
    node->data = data ? data : node->data;
    uint8_t *durable = reallocarray(node->durable, cap, 1);
    node->durable = durable ? durable : node->durable;
    bool *is_dirty = reallocarray(node->is_dirty, n_sectors(cap), sizeof(bool));
    node->is_dirty = is_dirty ? is_dirty : node->is_dirty;
    if (!data || !durable || !is_dirty)
        return -ENOMEM;
    memset(data + node->cap, 0, cap - node->cap);
    memset(durable + node->cap, 0, cap - node->cap);
    memset(is_dirty + n_sectors(node->cap), 0, n_sectors(cap) - n_sectors(node->cap));
    node->cap = cap;
    return 0;
}

static void put_bytes(struct node *node, size_t at, const void *from, size_t size) {
    if (size == 0)
        return;
    memcpy(node->data + at, from, size);
    for (size_t i = at / FAKE_DISK_SECTOR; i < n_sectors(at + size); i++)
        node->is_dirty[i] = true;
    node->size = at + size > node->size ? at + size : node->size;
}

static void keep_sector(struct node *node, size_t i) {
    memcpy(node->durable + i * FAKE_DISK_SECTOR, node->data + i * FAKE_DISK_SECTOR,
           FAKE_DISK_SECTOR);
}

static void sync_node(struct node *node, bool is_done) {
    for (size_t i = 0; i < n_sectors(node->cap); i++) {
        if (node->is_dirty[i] && is_done)
            keep_sector(node, i);
        node->is_dirty[i] = false;
    }
    if (is_done)
        node->durable_size = node->size;
}

/* ---- faults ---- */

static void stand_still(struct fake_disk *disk, enum fake_op op) {
    if (disk->hold != HOLD_WAITS || disk->held_op != op)
        return;
    disk->hold = HOLD_HOLDS;
    pthread_cond_broadcast(&disk->moved);
    while (disk->hold == HOLD_HOLDS)
        pthread_cond_wait(&disk->moved, &disk->lock);
}

/* Also for the operation that the power fails in: of that, a write reaches the cache. */
static bool has_no_power(struct fake_disk *disk, enum fake_op op) {
    bool is_change = op != FAKE_READ && op != FAKE_SIZE && op != FAKE_IDENTIFY && op != FAKE_LIST;
    enum power_state state = disk->power ? power_draw(disk->power, is_change) : POWER_ON;
    disk->is_off = disk->is_off || state == POWER_OFF;
    return state != POWER_ON;
}

/* Locks, counts, and tells whether this one fails: then how much of it is done before. */
static int begin(struct fake_disk *disk, enum fake_op op, size_t *done_bytes) {
    pthread_mutex_lock(&disk->lock);
    stand_still(disk, op);
    disk->n_ops[op]++;
    disk->n_ops[FAKE_N_OPS]++;
    if (disk->is_off || has_no_power(disk, op)) {
        *done_bytes = disk->is_off ? 0 : *done_bytes;
        disk->is_off = true;
        return -EIO;
    }
    bool is_meant = disk->fault.op == op || disk->fault.op == FAKE_N_OPS;
    if (disk->n_to_fault == 0 || !is_meant || --disk->n_to_fault > 0)
        return 0;
    if (disk->delay) {
        pthread_mutex_unlock(&disk->lock);
        disk->delay();
        pthread_mutex_lock(&disk->lock);
        return 0;
    }
    disk->is_off = disk->fault.is_lasting;
    if (*done_bytes > disk->fault.done_bytes)
        *done_bytes = disk->fault.done_bytes;
    return disk->fault.error;
}

static int end(struct fake_disk *disk, int r) {
    pthread_mutex_unlock(&disk->lock);
    return r;
}

static int begin_plain(struct fake_disk *disk, enum fake_op op) {
    size_t nothing = 0;
    return begin(disk, op, &nothing);
}

/* ---- the table ---- */

static int open_node(struct fake_disk *disk, const char *name, enum files_mode mode,
                     struct node **node) {
    struct entry *entry = find(&disk->cache, name);
    if (mode != FILES_CREATE) {
        *node = entry ? entry->node : NULL;
        return entry ? 0 : -ENOENT;
    }
    if (entry)
        return -EEXIST;
    assert(disk->n_nodes < ARRAY_LEN(disk->nodes));
    *node = mem_new(struct node);
    if (!*node)
        return -ENOMEM;
    disk->nodes[disk->n_nodes++] = *node;
    change_names(disk, "", name, *node);
    return 0;
}

static int fake_open(struct files *files, const char *name, enum files_mode mode,
                     struct file **out) {
    struct fake_disk *disk = disk_of(files);
    int r = begin_plain(disk, FAKE_OPEN);
    struct fake_file *file = r ? NULL : mem_new(struct fake_file);
    if (r == 0)
        r = file ? open_node(disk, name, mode, &file->node) : -ENOMEM;
    if (r) {
        mem_free(file);
        return end(disk, r);
    }
    file->file.ops = files->ops;
    file->disk = disk;
    *out = &file->file;
    return end(disk, 0);
}

static void fake_close(struct file *file) {
    mem_free(fake_of(file));
}

static int fake_read(struct file *base, uint64_t at, void *to, size_t size, size_t *n) {
    struct fake_file *file = fake_of(base);
    size_t wanted = size;
    int r = begin(file->disk, FAKE_READ, &wanted);
    size_t there = at < file->node->size ? file->node->size - (size_t)at : 0;
    *n = there < wanted ? there : wanted;
    if (*n > 0)
        memcpy(to, file->node->data + at, *n);
    uint64_t bad_at = file->disk->bad_at;
    if (file->node == file->disk->bad_node && at <= bad_at && bad_at < at + *n)
        return end(file->disk, -EIO);
    return end(file->disk, r);
}

static int fake_write(struct file *base, uint64_t at, const void *from, size_t size) {
    struct fake_file *file = fake_of(base);
    size_t done = size;
    int r = begin(file->disk, FAKE_WRITE, &done);
    size_t skipped = r && file->disk->tears && !file->disk->is_off ? size / 2 : 0;
    if (skipped > 0)
        done = size;
    if (done == 0)
        return end(file->disk, r);
    int grown = grow(file->node, (size_t)at + done);
    if (grown)
        return end(file->disk, grown);
    put_bytes(file->node, (size_t)at + skipped, (const uint8_t *)from + skipped, done - skipped);
    return end(file->disk, r);
}

static int fake_sync(struct file *base) {
    struct fake_file *file = fake_of(base);
    int r = begin_plain(file->disk, FAKE_SYNC);
    if (!file->disk->is_off)
        sync_node(file->node, r == 0);
    return end(file->disk, r);
}

static int fake_truncate(struct file *base, uint64_t size) {
    struct fake_file *file = fake_of(base);
    struct node *node = file->node;
    int r = begin_plain(file->disk, FAKE_TRUNCATE);
    if (r == 0)
        r = grow(node, (size_t)size);
    if (r)
        return end(file->disk, r);
    if (size < node->size)
        memset(node->data + size, 0, node->size - (size_t)size);
    for (size_t i = (size_t)size / FAKE_DISK_SECTOR; i < n_sectors(node->size); i++)
        node->is_dirty[i] = true;
    node->size = (size_t)size;
    return end(file->disk, 0);
}

static int fake_size(struct file *base, uint64_t *size) {
    struct fake_file *file = fake_of(base);
    int r = begin_plain(file->disk, FAKE_SIZE);
    *size = file->node->size;
    return end(file->disk, r);
}

static int fake_rename(struct files *files, const char *from, const char *to) {
    struct fake_disk *disk = disk_of(files);
    int r = begin_plain(disk, FAKE_RENAME);
    if (r == 0 && !find(&disk->cache, from))
        r = -ENOENT;
    if (r == 0)
        change_names(disk, from, to, NULL);
    return end(disk, r);
}

static int fake_unlink(struct files *files, const char *name) {
    struct fake_disk *disk = disk_of(files);
    int r = begin_plain(disk, FAKE_UNLINK);
    if (r == 0 && !find(&disk->cache, name))
        r = -ENOENT;
    if (r == 0)
        change_names(disk, name, "", NULL);
    return end(disk, r);
}

static int fake_sync_names(struct files *files) {
    struct fake_disk *disk = disk_of(files);
    int r = begin_plain(disk, FAKE_SYNC_NAMES);
    if (r == 0) {
        disk->durable = disk->cache;
        disk->n_changes = 0;
    }
    return end(disk, r);
}

static int fake_list(struct files *files, files_name_fn each, void *user) {
    struct fake_disk *disk = disk_of(files);
    int r = begin_plain(disk, FAKE_LIST);
    for (size_t i = 0; i < disk->cache.n && r == 0; i++)
        r = each(user, disk->cache.entries[i].name);
    return end(disk, r);
}

static void fake_free(struct files *files) {
    (void)files;
}

static int fake_identify(struct files *files, const char *name, struct files_identity *identity) {
    struct fake_disk *disk = disk_of(files);
    int r = begin_plain(disk, FAKE_IDENTIFY);
    const struct entry *entry = find(&disk->cache, name);
    bool is_taken = strcmp(disk->taken, name) == 0;
    if (r == 0 && is_taken && !disk->is_replaced)
        r = -ENOENT;
    if (r == 0)
        *identity = (struct files_identity){is_taken, entry ? (uintptr_t)entry->node : 0};
    return end(disk, r);
}

static const struct files_ops fake_ops = {
    .open = fake_open,
    .close = fake_close,
    .read = fake_read,
    .write = fake_write,
    .sync = fake_sync,
    .truncate = fake_truncate,
    .size = fake_size,
    .identify = fake_identify,
    .rename = fake_rename,
    .unlink = fake_unlink,
    .sync_names = fake_sync_names,
    .list = fake_list,
    .free = fake_free,
};

/* ---- for tests ---- */

struct fake_disk *fake_disk_new(void) {
    struct fake_disk *disk = mem_new(struct fake_disk);
    assert(disk);
    disk->files.ops = &fake_ops;
    pthread_mutex_init(&disk->lock, NULL);
    pthread_cond_init(&disk->moved, NULL);
    return disk;
}

struct files *fake_disk_files(struct fake_disk *disk) {
    return &disk->files;
}

void fake_disk_free(struct fake_disk *disk) {
    for (size_t i = 0; i < disk->n_nodes; i++) {
        mem_free(disk->nodes[i]->data);
        mem_free(disk->nodes[i]->durable);
        mem_free(disk->nodes[i]->is_dirty);
        mem_free(disk->nodes[i]);
    }
    pthread_cond_destroy(&disk->moved);
    pthread_mutex_destroy(&disk->lock);
    mem_free(disk);
}

static void arm(struct fake_disk *disk, const struct fake_fault *fault, bool tears,
                void (*delay)(void)) {
    pthread_mutex_lock(&disk->lock);
    disk->fault = *fault;
    disk->n_to_fault = fault->nth;
    disk->tears = tears;
    disk->delay = delay;
    disk->is_off = false;
    pthread_mutex_unlock(&disk->lock);
}

void fake_disk_fail(struct fake_disk *disk, struct fake_fault fault) {
    arm(disk, &fault, false, NULL);
}

void fake_disk_tear(struct fake_disk *disk, size_t nth) {
    arm(disk, &(struct fake_fault){.op = FAKE_WRITE, .nth = nth, .error = -EIO}, true, NULL);
}

void fake_disk_delay(struct fake_disk *disk, enum fake_op op, size_t nth, void (*delay)(void)) {
    arm(disk, &(struct fake_fault){.op = op, .nth = nth}, false, delay);
}

void fake_disk_plug(struct fake_disk *disk, struct power *power) {
    disk->power = power;
}

void fake_disk_fail_off(struct fake_disk *disk) {
    fake_disk_fail(disk, (struct fake_fault){0});
}

size_t fake_disk_count(struct fake_disk *disk, enum fake_op op) {
    pthread_mutex_lock(&disk->lock);
    size_t n = disk->n_ops[op];
    pthread_mutex_unlock(&disk->lock);
    return n;
}

void fake_disk_hold(struct fake_disk *disk, enum fake_op op) {
    pthread_mutex_lock(&disk->lock);
    disk->held_op = op;
    disk->hold = HOLD_WAITS;
    pthread_mutex_unlock(&disk->lock);
}

void fake_disk_wait_until_held(struct fake_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    while (disk->hold != HOLD_HOLDS)
        pthread_cond_wait(&disk->moved, &disk->lock);
    pthread_mutex_unlock(&disk->lock);
}

void fake_disk_let_go(struct fake_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    disk->hold = HOLD_NONE;
    pthread_cond_broadcast(&disk->moved);
    pthread_mutex_unlock(&disk->lock);
}

void fake_disk_go_bad(struct fake_disk *disk, const char *name, uint64_t at) {
    struct entry *entry = find(&disk->cache, name);
    assert(entry);
    disk->bad_node = entry->node;
    disk->bad_at = at;
}

void fake_disk_take_away(struct fake_disk *disk, const char *name, bool is_replaced) {
    pthread_mutex_lock(&disk->lock);
    assert(strlen(name) < NAME_BYTES);
    memcpy(disk->taken, name, strlen(name) + 1);
    disk->is_replaced = is_replaced;
    pthread_mutex_unlock(&disk->lock);
}

/* One in four cuts keeps nothing, one keeps all, the others any subset. */
struct luck {
    struct random random;
    uint64_t kind;
};

static bool is_kept(struct luck *luck) {
    if (luck->kind < 2)
        return luck->kind == 1;
    return random_below(&luck->random, 2) == 1;
}

static void cut_node(struct node *node, struct luck *luck) {
    for (size_t i = 0; i < n_sectors(node->cap); i++) {
        if (node->is_dirty[i] && is_kept(luck))
            keep_sector(node, i);
        node->is_dirty[i] = false;
    }
    if (node->size != node->durable_size && is_kept(luck))
        node->durable_size = node->size;
    node->size = node->durable_size;
    if (node->cap == 0)
        return;
    memset(node->durable + node->size, 0, node->cap - node->size);
    memcpy(node->data, node->durable, node->cap);
}

void fake_disk_power_cut(struct fake_disk *disk, uint64_t seed) {
    struct luck luck;
    random_init(&luck.random, seed);
    luck.kind = random_below(&luck.random, 4);
    fake_disk_fail_off(disk);
    for (size_t i = 0; i < disk->n_nodes; i++)
        cut_node(disk->nodes[i], &luck);
    for (size_t i = 0; i < disk->n_changes; i++)
        if (is_kept(&luck))
            apply(&disk->durable, &disk->changes[i]);
    disk->cache = disk->durable;
    disk->n_changes = 0;
}

uint8_t *fake_disk_bytes(struct fake_disk *disk, const char *name, size_t *size) {
    struct entry *entry = find(&disk->cache, name);
    *size = entry ? entry->node->size : 0;
    return entry ? entry->node->data : NULL;
}

void fake_disk_settle(struct fake_disk *disk) {
    for (size_t i = 0; i < disk->n_nodes; i++) {
        struct node *node = disk->nodes[i];
        for (size_t sector = 0; sector < n_sectors(node->cap); sector++)
            node->is_dirty[sector] = true;
        sync_node(node, true);
    }
    disk->durable = disk->cache;
    disk->n_changes = 0;
}

const char *fake_disk_name(struct fake_disk *disk, size_t i) {
    return i < disk->cache.n ? disk->cache.entries[i].name : NULL;
}
