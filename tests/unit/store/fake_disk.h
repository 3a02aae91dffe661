/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "power.h"
#include "store/files.h"

/*
 * A directory in memory that fails on demand and loses power.
 *
 * A write goes into a cache, as the system's does; a sync makes the file's content last, sync_names
 * the names. A sync that fails forgets what it should have written: the cache still shows it, the
 * disk never gets it. A power cut keeps of every file any subset of its unsynced sectors of 512
 * bytes, of a new size either, and of unsynced creations, renames and unlinks any subset.
 *
 * Any thread may use the functions, but for what `list` calls. There are at most
 * FAKE_DISK_MAX_FILES files.
 */
struct fake_disk;

#define FAKE_DISK_MAX_FILES 256
#define FAKE_DISK_SECTOR    512

enum fake_op {
    FAKE_OPEN,
    FAKE_READ,
    FAKE_WRITE,
    FAKE_SYNC,
    FAKE_TRUNCATE,
    FAKE_SIZE,
    FAKE_IDENTIFY,
    FAKE_RENAME,
    FAKE_UNLINK,
    FAKE_SYNC_NAMES,
    FAKE_LIST,
    FAKE_N_OPS, /* as a kind: any of them */
};

struct fake_fault {
    enum fake_op op;
    size_t nth;        /* of its kind, from now on; 1 is the next */
    int error;         /* negated errno; 0 with `done_bytes`: a read that ends early */
    size_t done_bytes; /* of a write or read: so many are done before it fails */
    bool is_lasting;   /* all that come after it, of whatever kind, fail too: the power is off */
};

struct fake_disk *fake_disk_new(void);

/* Of the same disk; its `free` does nothing, so that it can be opened again. */
struct files *fake_disk_files(struct fake_disk *disk);

void fake_disk_free(struct fake_disk *disk);

/* ---- faults ---- */

/* One at a time; replaces the one before. */
void fake_disk_fail(struct fake_disk *disk, struct fake_fault fault);
void fake_disk_fail_off(struct fake_disk *disk);

/* As fake_disk_fail() with -EIO, but of the write only the second half is done. */
void fake_disk_tear(struct fake_disk *disk, size_t nth);

/* Before the `nth` operation of that kind `delay` runs; nothing fails. */
void fake_disk_delay(struct fake_disk *disk, enum fake_op op, size_t nth, void (*delay)(void));

/* Hangs it on a power that others hang on too; NULL: on its own. Before it is used. */
void fake_disk_plug(struct fake_disk *disk, struct power *power);

/* Operations since the disk was made, failed ones too. FAKE_N_OPS: all. */
size_t fake_disk_count(struct fake_disk *disk, enum fake_op op);

/* The next operation of that kind stands still until it is let go. */
void fake_disk_hold(struct fake_disk *disk, enum fake_op op);
void fake_disk_wait_until_held(struct fake_disk *disk);
void fake_disk_let_go(struct fake_disk *disk);

/* From now on no file has the name, or another one; whoever holds the file open notices nothing.
 * One at a time. Files that the disk never had, as SQLite's, count as there before. */
void fake_disk_take_away(struct fake_disk *disk, const char *name, bool is_replaced);

/* From now on a read of that byte of the file fails with -EIO. One at a time. */
void fake_disk_go_bad(struct fake_disk *disk, const char *name, uint64_t at);

/* Cuts the power and turns it on again, with no fault set. Files are closed before. */
void fake_disk_power_cut(struct fake_disk *disk, uint64_t seed);

/* ---- looking and meddling, behind the back of whoever uses the disk ---- */

/* The file's bytes, to read or change in cache and on disk alike; NULL if there is none. */
uint8_t *fake_disk_bytes(struct fake_disk *disk, const char *name, size_t *size);

/* After a change through fake_disk_bytes(), or any write: all is on the disk. */
void fake_disk_settle(struct fake_disk *disk);

/* The `i`-th name in order, or NULL. */
const char *fake_disk_name(struct fake_disk *disk, size_t i);
