/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is locked: who asks for a lock that it does not want would be in the way of a server that
 * starts at that moment. F_GETLK only says who has it.
 */
#include "store/directory.h"

#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/files.h"
#include "store/journal_segment.h"
#include "store/sealed_schema.h"

struct contents {
    bool has_others, has_store;
};

/*
 * The rollback journal is there in the very first start only, before SQLite is told to write ahead,
 * and a power cut may leave it without its database. A file that was written ahead and lies there
 * alone (store.sqlite-wal) is of a database that was lost: it does not count.
 */
static bool is_of_database(const char *name) {
    return strcmp(name, "store.sqlite") == 0 || strcmp(name, "store.sqlite-journal") == 0;
}

static bool is_of_store(const char *name) {
    uint64_t base, number;
    return is_of_database(name) || journal_name_parse(name, &base) ||
           journal_name_is_spare(name, &number);
}

static bool is_nobodys(const char *name) {
    return name[0] == '.' || strcmp(name, "lost+found") == 0 || strcmp(name, "lock") == 0;
}

static int note_name(void *user, const char *name) {
    struct contents *contents = user;
    contents->has_store = contents->has_store || is_of_store(name);
    contents->has_others = contents->has_others || !is_nobodys(name);
    return 0;
}

int store_directory_is_foreign(const char *directory, bool *is_foreign) {
    struct files *files;
    struct contents contents = {0};
    *is_foreign = false;
    int r = files_posix_new(directory, &files);
    if (r)
        return r == -ENOMEM ? r : 0;
    r = files->ops->list(files, note_name, &contents);
    files->ops->free(files);
    *is_foreign = r == 0 && contents.has_others && !contents.has_store;
    return r;
}

/* Whether `thermograph serve` could make it: it makes the last folder of the name only. */
static int look_at_parent(const char *directory, struct store_directory *seen) {
    CLEANUP(mem_freep) char *copy = mem_copy_text(directory, strlen(directory));
    if (!copy)
        return -ENOMEM;
    const char *parent = dirname(copy);
    struct statvfs disk;
    seen->is_writable = access(parent, W_OK | X_OK) == 0;
    if (statvfs(parent, &disk) == 0)
        seen->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return 0;
}

/* A negated errno is about the lock; that there is none yet is not one. */
static int look_at_lock(const char *directory, struct store_directory *seen) {
    CLEANUP(mem_freep) char *path = mem_format_text("%s/lock", directory);
    if (!path)
        return -ENOMEM;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int r = fcntl(fd, F_GETLK, &lock) ? -errno : 0;
    close(fd);
    if (r == 0 && lock.l_type != F_UNLCK)
        seen->holder = lock.l_pid;
    return r;
}

/* A file that is too short for a header is an empty one. */
static int look_at_store(const char *directory, struct store_directory *seen) {
    CLEANUP(mem_freep) char *path = mem_format_text("%s/store.sqlite", directory);
    uint8_t header[SEALED_HEADER_SIZE];
    if (!path)
        return -ENOMEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    ssize_t n = pread(fd, header, sizeof(header), 0);
    int r = n < 0 ? -errno : 0;
    close(fd);
    seen->has_store = true;
    if (n == (ssize_t)sizeof(header))
        seen->is_strange = sealed_schema_read_header(header, &seen->version) != 0;
    return r;
}

static int look_inside(const char *directory, struct store_directory *seen) {
    struct statvfs disk;
    seen->exists = true;
    seen->is_writable = access(directory, R_OK | W_OK | X_OK) == 0;
    if (statvfs(directory, &disk) == 0)
        seen->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (!seen->is_writable)
        return 0; /* which says all there is to say */
    int r = store_directory_is_foreign(directory, &seen->is_foreign);
    if (r == 0)
        r = look_at_lock(directory, seen);
    return r ? r : look_at_store(directory, seen);
}

static int look(const char *directory, struct store_directory *seen) {
    struct stat info;
    if (stat(directory, &info) == 0)
        return S_ISDIR(info.st_mode) ? look_inside(directory, seen) : -ENOTDIR;
    return errno == ENOENT ? look_at_parent(directory, seen) : -errno;
}

int store_directory_look(const char *directory, struct store_directory *seen,
                         struct err_text *why) {
    *seen = (struct store_directory){.newest = sealed_schema.n_steps};
    int r = look(directory, seen);
    if (r == -ENOTDIR)
        err_say(why, "%s is no directory", directory);
    else if (r)
        err_say(why, "the directory %s cannot be looked at: %s", directory, strerror(-r));
    return r;
}
