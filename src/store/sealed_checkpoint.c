/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The WAL, and how it stays small.
 *
 * A commit appends to the WAL. A passive checkpoint copies into the file what no view needs from
 * the WAL any more; when that was everything and no view reads from the WAL, the next commit starts
 * it at its beginning. (Views that begin when everything is in the file read from the file alone,
 * so short views without end do no harm.) The WAL's file keeps its size then, so above half of the
 * limit it is cut to nothing, which waits a moment for the views that read from it.
 *
 * A view that does not end pins the WAL: what was committed after its beginning cannot be started
 * over. The caller is told at the limit.
 */
#include "store/sealed_impl.h"

/*
 * How long cutting the WAL waits for views. Views are short, yet under much reading one of them is
 * always a commit behind, and without waiting the WAL would never be whole in the file. New views
 * do not wait meanwhile.
 */
#define VIEWS_WAIT_MS 50

static int wal_size(struct sealed *sealed, uint64_t *bytes) {
    sqlite3_file *wal = NULL;
    sqlite3_int64 size = 0;
    int code = sqlite3_file_control(sealed->sql.db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (code == SQLITE_OK && wal && wal->pMethods)
        code = wal->pMethods->xFileSize(wal, &size);
    *bytes = (uint64_t)size;
    return code ? sql_trouble(&sealed->sql, code) : 0;
}

/* A view that is in the way is no error. */
static int checkpoint(struct sealed *sealed, int mode, int wait_ms) {
    sqlite3_busy_timeout(sealed->sql.db, wait_ms);
    int code = sqlite3_wal_checkpoint_v2(sealed->sql.db, "main", mode, NULL, NULL);
    sqlite3_busy_timeout(sealed->sql.db, SEALED_BUSY_MS);
    return code == SQLITE_OK || code == SQLITE_BUSY ? 0 : sql_trouble(&sealed->sql, code);
}

static int sealed_shrink(struct sealed *sealed) {
    uint64_t wal_bytes;
    int r = checkpoint(sealed, SQLITE_CHECKPOINT_PASSIVE, 0);
    if (r == 0)
        r = wal_size(sealed, &wal_bytes);
    if (r || wal_bytes <= sealed->wal_limit_bytes / 2)
        return r;
    r = checkpoint(sealed, SQLITE_CHECKPOINT_TRUNCATE, VIEWS_WAIT_MS);
    if (r == 0)
        r = wal_size(sealed, &wal_bytes);
    if (r)
        return r;
    return wal_bytes >= sealed->wal_limit_bytes ? SEALED_E_PINNED : 0;
}

int sealed_checkpoint(struct sealed *sealed) {
    if (sealed->failed)
        return err_trace(sealed->failed);
    return sealed_fail_outside(sealed, sealed_shrink(sealed));
}

int sealed_tidy(struct sealed *sealed) {
    if (sealed->failed)
        return err_trace(sealed->failed);
    return sealed_fail_outside(sealed,
                               checkpoint(sealed, SQLITE_CHECKPOINT_TRUNCATE, VIEWS_WAIT_MS));
}

static int file_size(struct sealed *sealed, uint64_t *bytes) {
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    int code = sqlite3_file_control(sealed->sql.db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK)
        code = file->pMethods->xFileSize(file, &size);
    *bytes = (uint64_t)size;
    return code ? sql_trouble(&sealed->sql, code) : 0;
}

int sealed_figures(struct sealed *sealed, struct sealed_figures *figures) {
    *figures = (struct sealed_figures){
        .wal_limit_bytes = sealed->wal_limit_bytes,
        .n_chunks = sealed->n_chunks,
        .n_views = sealed->n_views,
    };
    int r = file_size(sealed, &figures->file_bytes);
    return r ? r : wal_size(sealed, &figures->wal_bytes);
}
