/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a directory, as the system has them. The directory is held open: where it is moved
 * while the store runs, what is written lands in it all the same. Only identify() goes by its path,
 * as the next start will.
 *
 * A write is carried on until all of it is in, and sync is fdatasync(): it writes the data and,
 * when the size has changed, that too. Names are made to last by an fsync() of the directory.
 */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/files.h"

struct posix_files {
    struct files files;
    int directory;
    char *path; /* of the directory */
};

struct posix_file {
    struct file file;
    int fd;
};

static int directory_of(struct files *files) {
    return CONTAINER_OF(files, struct posix_files, files)->directory;
}

static int fd_of(struct file *file) {
    return CONTAINER_OF(file, struct posix_file, file)->fd;
}

static int result_of(int r) {
    return r < 0 ? -errno : 0;
}

static const int flags_of_mode[] = {
    [FILES_READ] = O_RDONLY,
    [FILES_WRITE] = O_RDWR,
    [FILES_CREATE] = O_RDWR | O_CREAT | O_EXCL,
};

static int posix_open(struct files *files, const char *name, enum files_mode mode,
                      struct file **out) {
    CLEANUP(mem_freep) struct posix_file *file = mem_new(struct posix_file);
    if (!file)
        return -ENOMEM;
    assert(!strchr(name, '/'));
    do {
        file->fd = openat(directory_of(files), name, flags_of_mode[mode] | O_CLOEXEC, 0600);
    } while (file->fd < 0 && errno == EINTR);
    if (file->fd < 0)
        return -errno;
    file->file.ops = files->ops;
    *out = &STEAL(file)->file;
    return 0;
}

static void posix_close(struct file *file) {
    close(fd_of(file));
    mem_free(CONTAINER_OF(file, struct posix_file, file));
}

static int posix_read(struct file *file, uint64_t at, void *to, size_t size, size_t *n) {
    uint8_t *next = to;
    for (*n = 0; *n < size;) {
        ssize_t got = pread(fd_of(file), next + *n, size - *n, (off_t)(at + *n));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        *n += (size_t)got;
    }
    return 0;
}

static int posix_write(struct file *file, uint64_t at, const void *from, size_t size) {
    const uint8_t *next = from;
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd_of(file), next + done, size - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

/* Never tried again, not even after EINTR: what was not written may be forgotten by then. */
static int posix_sync(struct file *file) {
    return result_of(fdatasync(fd_of(file)));
}

static int posix_truncate(struct file *file, uint64_t size) {
    int r;
    do {
        r = ftruncate(fd_of(file), (off_t)size);
    } while (r < 0 && errno == EINTR);
    return result_of(r);
}

static int posix_size(struct file *file, uint64_t *size) {
    struct stat status;
    if (fstat(fd_of(file), &status) < 0)
        return -errno;
    *size = (uint64_t)status.st_size;
    return 0;
}

static int posix_identify(struct files *files, const char *name, struct files_identity *identity) {
    const struct posix_files *posix = CONTAINER_OF(files, struct posix_files, files);
    char path[PATH_MAX];
    struct stat status;
    int len = snprintf(path, sizeof(path), "%s/%s", posix->path, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return -ENAMETOOLONG;
    if (lstat(path, &status) < 0)
        return -errno;
    *identity = (struct files_identity){status.st_dev, status.st_ino};
    return 0;
}

static int posix_rename(struct files *files, const char *from, const char *to) {
    int directory = directory_of(files);
    return result_of(renameat(directory, from, directory, to));
}

static int posix_unlink(struct files *files, const char *name) {
    return result_of(unlinkat(directory_of(files), name, 0));
}

static int posix_sync_names(struct files *files) {
    return result_of(fsync(directory_of(files)));
}

static int posix_list_each(DIR *directory, files_name_fn each, void *user) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry)
            return -errno;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int r = each(user, entry->d_name);
        if (r)
            return r;
    }
}

static int posix_list(struct files *files, files_name_fn each, void *user) {
    int fd = openat(directory_of(files), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *directory = fdopendir(fd);
    if (!directory) {
        int r = -errno;
        close(fd);
        return r;
    }
    int r = posix_list_each(directory, each, user);
    closedir(directory);
    return r;
}

static void posix_free(struct files *files) {
    struct posix_files *posix = CONTAINER_OF(files, struct posix_files, files);
    close(posix->directory);
    mem_free(posix->path);
    mem_free(posix);
}

static const struct files_ops posix_ops = {
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .truncate = posix_truncate,
    .size = posix_size,
    .identify = posix_identify,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .sync_names = posix_sync_names,
    .list = posix_list,
    .free = posix_free,
};

int files_posix_new(const char *directory, struct files **out) {
    CLEANUP(mem_freep) struct posix_files *files = mem_new(struct posix_files);
    CLEANUP(mem_freep) char *path = mem_copy_text(directory, strlen(directory));
    if (!files || !path)
        return -ENOMEM;
    files->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->directory < 0)
        return -errno;
    files->files.ops = &posix_ops;
    files->path = STEAL(path);
    *out = &STEAL(files)->files;
    return 0;
}
