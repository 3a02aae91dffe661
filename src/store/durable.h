/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/backend.h"
#include "store/files.h"

/*
 * The backend on disk: an outcome says that a reading is kept, and it is (docs/durability.md). Its
 * directory holds
 *
 *     lock          who has it open
 *     journal-...   what was accepted and is not sealed yet
 *     store.sqlite  everything else
 */
struct store_durable_options {
    const char *directory;        /* made if it is not there; its parent has to be */
    uint64_t journal_limit_bytes; /* 0: STORE_JOURNAL_LIMIT_BYTES; very many sensors add to it */
    uint64_t memory_limit_bytes;  /* of open chunks; 0: STORE_OPEN_LIMIT_BYTES */
    uint32_t max_sensors;         /* for tests; 0: STORE_MAX_SENSORS */
    uint64_t wal_limit_bytes;     /* for tests; 0: STORE_WAL_LIMIT_BYTES */

    /* Told once, from any thread, when the store can keep nothing more; reading goes on. */
    void (*failed)(void *user, const char *words);
    void *user;

    /* What tests put in place of the disk; NULL: the real one. Taken also on failure. */
    struct files *files;
    const char *vfs;
};

/*
 * Opens the directory and reads what its journal holds. Copies the options but for `user`. 0 or a
 * negated errno with words: -EBUSY if it is open already (with the other's process id),
 * -EPROTONOSUPPORT for a directory of a newer version.
 */
MUST_USE int store_durable_new(const struct store_durable_options *options,
                               struct store_backend **backend, struct err_text *why);
