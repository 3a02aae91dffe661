/* SPDX-License-Identifier: Apache-2.0 */
#include "store/files.h"

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

void files_say(struct err_text *why, int r, const char *what, const char *name) {
    err_say(why, "cannot %s %s: %s%s", what, name, strerror(-r), files_remedy(r));
}
