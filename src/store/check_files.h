/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/files.h"

/* The files of a directory as a check sees them: what would change them changes nothing and says
 * that it did. So a journal is read back by the code of a start, which takes unused files away. 0
 * or a negated errno. */
MUST_USE int check_files_new(const char *directory, struct files **files);
