/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durable backend: opens its parts in their order and answers questions about the whole.
 *
 *     commit -> journal (one sync) -> open chunks -> keeper -> sealed chunks in SQLite
 *               durable from here     history.h      keeper.h  sealed.h
 *
 * Each reading is in exactly one place at a time for whoever asks: in an open chunk, in a sealing
 * on its way, or in SQLite (snapshot.h). The journal repeats what is not in SQLite yet, for the
 * next start only.
 *
 * A failed write or sync is final (durable_fail): what the disk holds is not known any more, so
 * nothing is promised after it. Reading goes on. The same when somebody takes a file away that is
 * written, or moves the directory (durable_look): every commit looks before it is answered, which
 * costs 3 us.
 */
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/check.h"
#include "store/directory.h"
#include "store/durable_impl.h"

/* How long a clean end may seal what is in memory, for a quick next start and a small journal. The
 * journal holds what a slow disk leaves. */
#define CLOSE_SEAL_NS NS_PER_S

/* And between two looks whether the keeper takes more. */
#define CLOSE_LOOK_US 1000

static void fail(struct durable *durable, const struct err_text *words) {
    pthread_mutex_lock(&durable->failure_lock);
    bool is_first = !durable->has_failed;
    if (is_first)
        durable->failure = *words;
    durable->has_failed = true;
    pthread_mutex_unlock(&durable->failure_lock);
    if (is_first)
        durable->options.failed(durable->options.user, durable->failure.text);
}

void durable_fail(struct durable *durable, const char *what, const char *words) {
    struct err_text text;
    err_say(&text,
            "%s: %s. Nothing more is accepted; reading goes on. Make room on the disk "
            "under %s, or mend it, and start again: what was acknowledged is there",
            what, words, durable->options.directory);
    fail(durable, &text);
}

static void fail_gone(struct durable *durable, const char *name) {
    struct err_text text;
    err_say(&text,
            "%s/%s was removed, moved or replaced while the server runs: what was acknowledged may "
            "be gone with it. Nothing more is accepted; reading goes on as far as it can. Stop the "
            "server, put the whole directory back or restore a backup, and start again",
            durable->options.directory, name);
    fail(durable, &text);
}

int durable_look(struct durable *durable, const struct files_held *held) {
    int r = files_look(durable->files, held);
    if (r == -ESTALE)
        fail_gone(durable, held->name);
    else if (r)
        durable_fail(durable, "the store's files cannot be looked at", strerror(-r));
    return r;
}

/* A file that is gone makes other things fail too: then it is the reason. */
static void on_keeper_failed(void *user, const char *words) {
    struct durable *durable = user;
    if (durable_look(durable, &durable->database) == 0)
        durable_fail(durable, "readings cannot be sealed", words);
}

/* ---- views ---- */

int durable_take_view(struct durable *durable, struct sealed_view **view) {
    *view = NULL;
    pthread_mutex_lock(&durable->views_lock);
    if (durable->n_views > 0)
        *view = durable->views[--durable->n_views];
    pthread_mutex_unlock(&durable->views_lock);
    return *view ? 0 : sealed_view_new(durable->sealed, view);
}

void durable_give_view(struct durable *durable, struct sealed_view *view) {
    pthread_mutex_lock(&durable->views_lock);
    bool has_room = durable->n_views < STORE_MAX_IDLE_VIEWS;
    if (has_room)
        durable->views[durable->n_views++] = view;
    pthread_mutex_unlock(&durable->views_lock);
    if (!has_room)
        sealed_view_free(view);
}

/* ---- the whole ---- */

static int durable_list(struct store_backend *backend, const struct store_filter *filter,
                        struct store_page *page) {
    struct names_walk walk;
    names_walk_init(&walk, &durable_of(backend)->names, filter, page->after);
    struct name *name;
    page->n = 0;
    page->more = false;
    while ((name = names_walk_next(&walk))) {
        struct stats stats;
        history_stats(history_of(name), &stats);
        if (stats.count == 0)
            continue;
        page->more = page->n == page->max;
        if (page->more)
            break;
        page->sensors[page->n++] = (struct store_sensor){name_bytes(name), stats};
    }
    return 0;
}

static int durable_check(struct store_backend *backend, struct check **check,
                         struct err_text *why) {
    const struct durable *durable = durable_of(backend);
    const struct check_options options = {.directory = durable->options.directory,
                                          .vfs = durable->options.vfs};
    return check_new(&options, check, why);
}

static struct store_disk_figures disk_figures(const struct durable *durable,
                                              const struct keeper_figures *keeper) {
    return (struct store_disk_figures){
        .journal_bytes = journal_size_bytes(durable->journal),
        .journal_limit_bytes = durable_journal_limit(durable),
        .file_bytes = keeper->sealed.file_bytes,
        .wal_bytes = keeper->sealed.wal_bytes,
        .n_chunks = keeper->sealed.n_chunks,
        .open_bytes = durable->shown_open_bytes,
        .n_sealings_waiting = keeper->n_queue,
        .n_commits = durable->n_commits,
        .last_sync_ns = durable->last_sync_ns,
        .max_sync_ns = durable->max_sync_ns,
    };
}

static void durable_figures(struct store_backend *backend, struct store_figures *figures) {
    struct durable *durable = durable_of(backend);
    struct keeper_figures keeper;
    keeper_figures(durable->keeper, &keeper);
    *figures = (struct store_figures){
        .n_sensors = durable->n_shown_sensors,
        .n_readings = durable->n_readings,
        .memory_bytes = durable->shown_open_bytes + keeper.queue_bytes,
        .memory_limit_bytes = durable->options.memory_limit_bytes,
        .is_on_disk = true,
        .disk = disk_figures(durable, &keeper),
    };
    if (durable->has_failed)
        figures->failure = durable->failure;
}

/* ---- open and close ---- */

static void durable_stop(struct store_backend *backend) {
    keeper_hurry(durable_of(backend)->keeper);
}

static int open_lock(struct durable *durable) {
    CLEANUP(mem_freep) char *path = mem_format_text("%s/lock", durable->options.directory);
    if (!path)
        return -ENOMEM;
    durable->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return durable->lock_fd < 0 ? -errno : 0;
}

static int take_lock(struct durable *durable, struct err_text *why) {
    const char *directory = durable->options.directory;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(durable->lock_fd, F_SETLK, &lock) == 0)
        return 0;
    int r = -errno;
    if (r != -EAGAIN && r != -EACCES) {
        err_say(why, "%s/lock cannot be locked: %s", directory, strerror(-r));
        return r;
    }
    fcntl(durable->lock_fd, F_GETLK, &lock);
    err_say(why, "the directory %s is in use by another thermograph (process %ld)", directory,
            (long)lock.l_pid);
    return -EBUSY;
}

static int lock_directory(struct durable *durable, struct err_text *why) {
    const char *directory = durable->options.directory;
    int r = open_lock(durable);
    if (r == -ENOTDIR)
        err_say(why, "%s is no directory: name one, or one that is not there yet", directory);
    else if (r)
        err_say(why, "the directory %s cannot be written: %s%s", directory, strerror(-r),
                files_remedy(r));
    return r ? r : take_lock(durable, why);
}

/* Its name has to last too: without it everything in it is lost with the power. */
static int make_directory(const char *directory) {
    if (mkdir(directory, 0700))
        return errno == EEXIST ? 0 : -errno;
    CLEANUP(mem_freep) char *parent = mem_format_text("%s/..", directory);
    if (!parent)
        return -ENOMEM;
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) ? -errno : 0;
    close(fd);
    return r;
}

/* Its parent is not made: where a disk is to be mounted first, readings would go to another one. */
static void say_unmade(const char *directory, int r, struct err_text *why) {
    CLEANUP(mem_freep) char *copy = mem_copy_text(directory, strlen(directory));
    const char *parent = copy ? dirname(copy) : directory;
    if (r == -ENOENT && copy && access(parent, F_OK) && errno == ENOENT)
        err_say(
            why,
            "the directory %s cannot be made: %s is not there; make it, or mount the disk first",
            directory, parent);
    else
        err_say(why, "the directory %s cannot be made: %s%s", directory, strerror(-r),
                files_remedy(r));
}

static int find_directory(const char *directory, struct err_text *why) {
    bool is_foreign;
    int r = make_directory(directory);
    if (r) {
        say_unmade(directory, r, why);
        return r;
    }
    r = store_directory_is_foreign(directory, &is_foreign);
    if (r) {
        err_say(why, "the directory %s cannot be read: %s", directory, strerror(-r));
        return r;
    }
    if (!is_foreign)
        return 0;
    err_say(why,
            "%s holds other files and no store of Thermograph: name an empty or a new directory",
            directory);
    return -ENOTEMPTY;
}

static int open_directory(struct durable *durable, struct err_text *why) {
    const char *directory = durable->options.directory;
    int r = find_directory(directory, why);
    if (r == 0)
        r = lock_directory(durable, why);
    if (r || durable->files)
        return r;
    r = files_posix_new(directory, &durable->files);
    if (r)
        err_say(why, "the directory %s cannot be opened: %s", directory, strerror(-r));
    return r;
}

static int open_sealed(struct durable *durable, struct err_text *why) {
    const struct sealed_options options = {
        .directory = durable->options.directory,
        .vfs = durable->options.vfs,
        .wal_limit_bytes = durable->options.wal_limit_bytes,
    };
    int r = sealed_open(&options, &durable->sealed, why);
    if (r)
        return r;
    r = files_hold(durable->files, "store.sqlite", &durable->database);
    if (r)
        files_say(why, r, "find", "store.sqlite");
    return r;
}

static int open_memory(struct durable *durable, struct err_text *why) {
    durable->spans = mem_new_array(struct span, STORE_COMMIT_MAX_READINGS);
    int r = durable->spans ? 0 : -ENOMEM;
    if (r == 0)
        r = seen_new(durable->sealed, STORE_SEEN_LIMIT_BYTES, &durable->seen);
    if (r)
        err_say(why, "the store cannot be opened: %s", strerror(-r));
    return r;
}

static int start_keeper(struct durable *durable, struct err_text *why) {
    const struct keeper_options options = {
        .sealed = durable->sealed,
        .journal = durable->journal,
        .to_merge = &durable->unmerged,
        .failed = on_keeper_failed,
        .user = durable,
    };
    int r = keeper_new(&options, &durable->keeper);
    if (r == 0)
        r = durable_make_room(durable); /* a journal that is above its limit now is no limit */
    if (r)
        err_say(why, "the store's second thread cannot be started: %s", strerror(-r));
    return r;
}

typedef int (*open_fn)(struct durable *durable, struct err_text *why);

static int open_all(struct durable *durable, struct err_text *why) {
    static const open_fn parts[] = {open_directory, open_sealed, durable_recover, open_memory,
                                    start_keeper};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++)
        r = parts[i](durable, why);
    return r;
}

/* Gives the keeper what is open, as far as there is time; so never when giving would wait. */
static void seal_open(struct durable *durable, uint64_t end_ns) {
    while (!list_is_empty(&durable->by_age) && !durable->has_failed &&
           clock_monotonic_ns() < end_ns) {
        if (keeper_is_behind(durable->keeper)) {
            usleep(CLOSE_LOOK_US);
            continue;
        }
        const struct history *oldest = CONTAINER_OF(durable->by_age.next, struct history, by_age);
        if (durable_seal_before(durable, oldest->oldest + 1))
            return;
        durable_hand_over(durable);
    }
}

static void free_sensors(struct durable *durable) {
    for (uint32_t i = 0; i < durable->n_numbers; i++)
        history_free(durable->by_number[i]);
    mem_free(durable->by_number);
    table_fini(&durable->by_id);
    names_fini(&durable->names, &durable->names_budget);
}

/* Leaves no more files, and no larger ones, than the next start needs. */
static void tidy_files(struct durable *durable) {
    if (durable->has_failed)
        return;
    int r = sealed_tidy(durable->sealed);
    if (r == 0)
        r = journal_tidy(durable->journal);
    if (r)
        log_warn("%s cannot be tidied: %s", durable->options.directory, strerror(-r));
}

/* Seals what there is time for, and ends the keeper. */
static void end_keeper(struct durable *durable) {
    uint64_t now_ns = clock_monotonic_ns(), end_ns = now_ns + CLOSE_SEAL_NS;
    if (!durable->keeper)
        return;
    keeper_hurry(durable->keeper);
    seal_open(durable, end_ns);
    now_ns = clock_monotonic_ns();
    keeper_free(durable->keeper, end_ns > now_ns ? end_ns - now_ns : 0);
}

static void durable_free(struct store_backend *backend) {
    struct durable *durable = durable_of(backend);
    bool was_open = durable->keeper;
    end_keeper(durable);
    seen_free(durable->seen);
    while (durable->n_views > 0)
        sealed_view_free(durable->views[--durable->n_views]);
    if (was_open)
        tidy_files(durable);
    sealed_free(durable->sealed);
    journal_free(durable->journal);
    if (durable->files)
        durable->files->ops->free(durable->files);
    free_sensors(durable);
    if (durable->lock_fd >= 0)
        close(durable->lock_fd);
    pthread_mutex_destroy(&durable->views_lock);
    pthread_mutex_destroy(&durable->failure_lock);
    mem_free(durable->spans);
    mem_free((char *)durable->options.directory);
    mem_free(durable);
}

static const struct store_backend_ops durable_ops = {
    .commit = durable_commit,
    .cursor_open = durable_cursor_open,
    .cursor_next = durable_cursor_next,
    .cursor_is_ready = durable_cursor_is_ready,
    .cursor_close = durable_cursor_close,
    .statistics = durable_statistics,
    .list = durable_list,
    .check = durable_check,
    .figures = durable_figures,
    .stop = durable_stop,
    .free = durable_free,
};

static struct bytes history_key(const void *object) {
    const struct history *history = object;
    return name_bytes(&history->id);
}

static void set_defaults(struct store_durable_options *options) {
    if (!options->journal_limit_bytes)
        options->journal_limit_bytes = STORE_JOURNAL_LIMIT_BYTES;
    if (options->journal_limit_bytes < STORE_JOURNAL_LIMIT_MIN_BYTES)
        options->journal_limit_bytes = STORE_JOURNAL_LIMIT_MIN_BYTES;
    if (!options->max_sensors)
        options->max_sensors = STORE_MAX_SENSORS;
    if (!options->wal_limit_bytes)
        options->wal_limit_bytes = STORE_WAL_LIMIT_BYTES;
    if (!options->memory_limit_bytes)
        options->memory_limit_bytes = STORE_OPEN_LIMIT_BYTES;
}

static int durable_init(struct durable *durable, const struct store_durable_options *options) {
    durable->backend.ops = &durable_ops;
    durable->options = *options;
    set_defaults(&durable->options);
    durable->files = options->files;
    durable->lock_fd = -1;
    list_init(&durable->by_age);
    list_init(&durable->detached);
    list_init(&durable->unmerged);
    pthread_mutex_init(&durable->views_lock, NULL);
    pthread_mutex_init(&durable->failure_lock, NULL);
    durable->options.directory = mem_copy_text(options->directory, strlen(options->directory));
    int r = durable->options.directory ? 0 : -ENOMEM;
    if (r == 0)
        r = table_init(&durable->by_id, history_key);
    return r ? r : names_init(&durable->names, durable->options.max_sensors);
}

int store_durable_new(const struct store_durable_options *options, struct store_backend **backend,
                      struct err_text *why) {
    struct durable *durable = mem_new(struct durable);
    int r = durable ? durable_init(durable, options) : -ENOMEM;
    if (r) {
        err_say(why, "the store cannot be opened: %s", strerror(-r));
        if (!durable && options->files)
            options->files->ops->free(options->files);
    } else {
        r = open_all(durable, why);
    }
    if (r && durable)
        durable_free(&durable->backend);
    if (r)
        return r;
    *backend = &durable->backend;
    return 0;
}
