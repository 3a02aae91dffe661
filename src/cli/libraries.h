/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

/* The libraries that what strangers send passes through, as they are found at run time. */
struct library {
    const char *name;
    const char *version;
};

#define N_LIBRARIES 5

/* Texts that live as long as the program. */
void libraries_list(struct library libraries[N_LIBRARIES]);
