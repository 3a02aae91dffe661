/* SPDX-License-Identifier: Apache-2.0 */
#include "store/check_files.h"

#include "base/mem.h"

struct check_files {
    struct files files;
    struct files *inner;
};

static struct files *inner_of(struct files *files) {
    return CONTAINER_OF(files, struct check_files, files)->inner;
}

/* The file is the inner one's own, and so are the functions that read it. */
static int open_to_read(struct files *files, const char *name, enum files_mode mode,
                        struct file **file) {
    if (mode != FILES_READ)
        return -EROFS;
    return inner_of(files)->ops->open(inner_of(files), name, mode, file);
}

static int keep_name(struct files *files, const char *from, const char *to) {
    (void)files;
    (void)from;
    (void)to;
    return 0;
}

static int keep(struct files *files, const char *name) {
    (void)files;
    (void)name;
    return 0;
}

static int keep_names(struct files *files) {
    (void)files;
    return 0;
}

static int list(struct files *files, files_name_fn each, void *user) {
    return inner_of(files)->ops->list(inner_of(files), each, user);
}

static void check_files_free(struct files *files) {
    inner_of(files)->ops->free(inner_of(files));
    mem_free(CONTAINER_OF(files, struct check_files, files));
}

static const struct files_ops check_files_ops = {
    .open = open_to_read,
    .rename = keep_name,
    .unlink = keep,
    .sync_names = keep_names,
    .list = list,
    .free = check_files_free,
};

int check_files_new(const char *directory, struct files **files) {
    CLEANUP(mem_freep) struct check_files *made = mem_new(struct check_files);
    if (!made)
        return -ENOMEM;
    made->files.ops = &check_files_ops;
    int r = files_posix_new(directory, &made->inner);
    if (r)
        return err_trace(r);
    *files = &STEAL(made)->files;
    return 0;
}
