/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "power.h"

/*
 * A disk for SQLite that fails on demand and can lose power: a VFS named "fault" over the system's.
 *
 * What is written goes to the real file at once, so that every connection of the process sees it;
 * beside it the content as of the last sync is remembered. A loss of power takes for each sector of
 * 512 bytes that was written since either the new content or the old one, by a seed.
 */
#define FAULT_VFS "fault"

enum fault_op {
    FAULT_READ = 1,
    FAULT_WRITE = 2,
    FAULT_SYNC = 4,
    FAULT_TRUNCATE = 8,
    FAULT_DELETE = 16,
    FAULT_OPEN = 32,
    FAULT_RELEASE = 64,    /* a writer lets go of the WAL: what it has committed can be seen */
    FAULT_COMMITTED = 128, /* it can be seen; memory runs out all the same */
    FAULT_CHANGES = FAULT_WRITE | FAULT_SYNC | FAULT_TRUNCATE | FAULT_DELETE,
};

enum fault_kind {
    FAULT_EIO,
    FAULT_ENOSPC,
    FAULT_SHORT, /* the first half of a write arrives, then EIO */
    FAULT_TEAR,  /* only the second half of a write arrives, then EIO */
    FAULT_DELAY, /* `hold` runs before it is done */
    FAULT_POWER, /* the power fails while it is done; from then on everything fails */
};

struct fault {
    unsigned ops; /* which operations are counted */
    size_t n;     /* the n-th from now on is struck; 0: only count */
    enum fault_kind kind;
    void (*hold)(void *user);
    void *user;
};

/* Registers the VFS; calling it again is harmless. */
void fault_vfs_register(void);

void fault_vfs_arm(const struct fault *fault);
void fault_vfs_disarm(void);

/* Hangs it on a power that others hang on too; NULL: on its own. While no file is open. */
void fault_vfs_plug(struct power *power);

/* Operations counted since fault_vfs_arm(), and whether one was struck. */
size_t fault_vfs_count(void);
bool fault_vfs_has_struck(void);

/* The files are closed: takes away what the loss of power takes, and brings power back. */
void fault_vfs_lose_power(uint64_t seed);

/* The files are closed and not needed any more. */
void fault_vfs_forget(void);
