/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * What can be seen of a store's directory without opening the store, and without a change to it:
 * for who wants to know whether a server could start with it. Whether what lies in it is sound is
 * another question (store/check.h).
 */
struct store_directory {
    bool exists;
    bool is_writable;    /* by us; of one that does not exist: it could be made */
    long holder;         /* the process that has it open; 0: nobody */
    bool is_foreign;     /* as store_directory_is_foreign() */
    bool has_store;      /* there is a file of chunks, with what follows */
    bool is_strange;     /* it is the file of another program */
    int64_t version;     /* of its format; 0: it is still empty */
    int64_t newest;      /* that this program knows */
    uint64_t free_bytes; /* on that disk, for us */
};

/*
 * Whether others' files lie in it and none of a store, so that a store's would be lost among them.
 * What is hidden, or was made by a file system (lost+found) or by a start that went no further
 * (lock), is nobody's. One that is no directory or cannot be read is none: opening it says so. 0,
 * or a negated errno.
 */
MUST_USE int store_directory_is_foreign(const char *directory, bool *is_foreign);

/*
 * Not in the process that has the store open: POSIX would take its lock from it. 0, or a negated
 * errno with words: -ENOTDIR, -EACCES, or what went wrong.
 */
MUST_USE int store_directory_look(const char *directory, struct store_directory *seen,
                                  struct err_text *why);
