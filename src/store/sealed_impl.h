/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>

#include "store/sealed.h"
#include "store/sql.h"

/*
 * What the files sealed*.c share. Their order in the life of a chunk: sealed.c opens,
 * sealed_write.c writes, sealed_checkpoint.c moves the WAL into the file, sealed_view.c reads.
 */

/*
 * How long a connection waits for another one's lock. In this program such locks last microseconds:
 * a view that reads the WAL's index while it changes locks the writer out until it has read it
 * again, and the writer locks views out when it cuts the WAL. Beyond this another program holds the
 * file.
 */
#define SEALED_BUSY_MS 5000

enum sealed_statement {
    SEALED_BEGIN,
    SEALED_COMMIT,
    SEALED_ROLLBACK,
    SEALED_PUT_SENSOR,
    SEALED_ADD_DATA,
    SEALED_ADD_HEAD,
    SEALED_REMOVE_HEAD,
    SEALED_REMOVE_DATA,
    SEALED_PUT_JOURNAL,
    SEALED_N_STATEMENTS,
};

struct sealed {
    struct sql sql;
    sqlite3_stmt *statements[SEALED_N_STATEMENTS];
    char *path;
    char *vfs; /* NULL: the system's */
    uint64_t wal_limit_bytes;
    int64_t last_id;        /* of a chunk: the greatest that was ever given */
    uint64_t n_chunks;      /* committed */
    bool must_count;        /* n_chunks is not known: a commit may have been one */
    int64_t n_chunks_added; /* less those removed, in this transaction */
    int failed; /* 0; -ENOMEM until rolled back; or the error that ended its life as a writer */
    _Atomic uint32_t n_views; /* begun and not ended; any thread */
};

#define SEALED_COUNT_CHUNKS "SELECT count(*) FROM heads"

/* Texts of the statements, in the order of the enum. */
extern const char *const sealed_statements[SEALED_N_STATEMENTS];

/* Notes a negative `r` as the end of the transaction, and of the store's life as a writer unless it
 * is -ENOMEM; gives `r`. */
MUST_USE int sealed_fail(struct sealed *sealed, int r);

/* As sealed_fail(), outside a transaction. */
MUST_USE int sealed_fail_outside(struct sealed *sealed, int r);
