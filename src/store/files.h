/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The files of a store's directory, behind one small table of functions: files_posix.c is the real
 * one, tests bring a disk that fails, tears, delays and loses power (tests/unit/store/fake_disk.h).
 *
 * Names are plain, without '/'. Every function returns 0 or a negated errno and does all or says
 * so: a short read is the end of the file (told in `*n`), a short write is carried on, EINTR is
 * tried again.
 */
struct files;
struct file;

enum files_mode {
    FILES_READ,   /* an existing file */
    FILES_WRITE,  /* an existing file, to read and write */
    FILES_CREATE, /* a new file, mode 0600; -EEXIST if there is one */
};

typedef int (*files_name_fn)(void *user, const char *name);

struct files_ops {
    int (*open)(struct files *files, const char *name, enum files_mode mode, struct file **file);
    void (*close)(struct file *file);
    int (*read)(struct file *file, uint64_t at, void *to, size_t size, size_t *n);
    int (*write)(struct file *file, uint64_t at, const void *from, size_t size);
    int (*sync)(struct file *file); /* data, and what is needed to find it again */
    int (*truncate)(struct file *file, uint64_t size);
    int (*size)(struct file *file, uint64_t *size);
    int (*rename)(struct files *files, const char *from, const char *to);
    int (*unlink)(struct files *files, const char *name);
    int (*sync_names)(struct files *files); /* creations, renames and unlinks */
    int (*list)(struct files *files, files_name_fn each, void *user); /* stops at a non-zero */
    void (*free)(struct files *files);
};

struct files {
    const struct files_ops *ops;
};

/* The start of every file. */
struct file {
    const struct files_ops *ops;
};

/* Of an existing directory, which stays open until `free`. 0 or a negated errno. */
MUST_USE int files_posix_new(const char *directory, struct files **files);

/* What to do about `r`, to be put behind strerror(), or "". */
const char *files_remedy(int r);

/* Words about `r`, for the person who can mend it: `what` could not be done (`read journal-...`).
 */
void files_say(struct err_text *why, int r, const char *what, const char *name);
