/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/table.h"

/*
 * An index of a google.protobuf.FileDescriptorSet: files by name, and the file of each message,
 * enum, service and method by its full name. It borrows the set.
 */
struct descriptor_file {
    struct bytes name;
    struct bytes package;
    struct bytes wire; /* the FileDescriptorProto */
};

struct descriptor_index {
    struct descriptor_file *files;
    size_t n_files;
    struct table files_by_name;
    struct table symbols;
};

/* 0, -EINVAL when the set cannot be read, or -ENOMEM. */
MUST_USE int descriptor_index_init(struct descriptor_index *index, struct bytes file_set);
void descriptor_index_fini(struct descriptor_index *index);

/* The file, or NULL. */
const struct descriptor_file *descriptor_index_file(const struct descriptor_index *index,
                                                    struct bytes name);
const struct descriptor_file *descriptor_index_symbol(const struct descriptor_index *index,
                                                      struct bytes full_name);

/*
 * The file and all it needs, each once, itself first. `files` has room for n_files. Returns how
 * many.
 */
size_t descriptor_index_closure(const struct descriptor_index *index,
                                const struct descriptor_file *file,
                                const struct descriptor_file **files);
