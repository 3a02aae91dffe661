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

/* Of a name that the store gives, with its end: the longest is a journal file's. */
#define FILES_NAME_MAX_BYTES 40

enum files_mode {
    FILES_READ,   /* an existing file */
    FILES_WRITE,  /* an existing file, to read and write */
    FILES_CREATE, /* a new file, mode 0600; -EEXIST if there is one */
};

/* Which file it is: while one is held open, no other has the same. */
struct files_identity {
    uint64_t device;
    uint64_t number;
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
    /* Of the file that has the name now, in what has the directory's path now: that is where the
     * next start looks. */
    int (*identify)(struct files *files, const char *name, struct files_identity *identity);
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

/*
 * A file that is held open, and the name that it must keep: what is written into one that was
 * removed, moved or replaced, by itself or with its directory, is not found by the next start.
 */
struct files_held {
    char name[FILES_NAME_MAX_BYTES];
    struct files_identity identity;
};

/* Notes the file that has the name now. 0 or a negated errno. */
MUST_USE int files_hold(struct files *files, const char *name, struct files_held *held);

/* 0; -ESTALE: no file has its name any more, or another one, or the directory was moved; or another
 * negated errno. */
MUST_USE int files_look(struct files *files, const struct files_held *held);

/* What to do about `r`, to be put behind strerror(), or "". */
const char *files_remedy(int r);

/* Words about `r`, for the person who can mend it: `what` could not be done (`read journal-...`).
 */
void files_say(struct err_text *why, int r, const char *what, const char *name);
