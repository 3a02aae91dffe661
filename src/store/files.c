/* SPDX-License-Identifier: Apache-2.0 */
#include "store/files.h"

#include <assert.h>
#include <string.h>

const char *files_remedy(int r) {
    switch (-r) {
    case ENOSPC:
    case EDQUOT:
        return "; make room on the disk and start again";
    case EACCES:
    case EPERM:
        return "; give this user the right to read and write the directory and its files";
    case EROFS:
        return "; mount the file system for writing";
    case EIO:
        return "; the disk fails: copy the directory to another one and start from there";
    case EMFILE:
    case ENFILE:
        return "; raise the limit of open files (ulimit -n)";
    case EPROTONOSUPPORT:
        return "; a newer version of this program has written it: use that one";
    default:
        return "";
    }
}

int files_hold(struct files *files, const char *name, struct files_held *held) {
    assert(strlen(name) < sizeof(held->name));
    memcpy(held->name, name, strlen(name) + 1);
    return files->ops->identify(files, name, &held->identity);
}

int files_look(struct files *files, const struct files_held *held) {
    struct files_identity now;
    int r = files->ops->identify(files, held->name, &now);
    if (r)
        return r == -ENOENT || r == -ENOTDIR ? -ESTALE : r;
    bool is_same = now.device == held->identity.device && now.number == held->identity.number;
    return is_same ? 0 : -ESTALE;
}

void files_say(struct err_text *why, int r, const char *what, const char *name) {
    err_say(why, "cannot %s %s: %s%s", what, name, strerror(-r), files_remedy(r));
}
