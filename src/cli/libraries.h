/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

/* The libraries that what strangers send passes through, as they are found at run time. */
struct library {
    const char *name;
    const char *version;
};

#define N_LIBRARIES 6

/* Texts that live as long as the program. */
void libraries_list(struct library libraries[N_LIBRARIES]);

/* The program's version and theirs, a line each. */
struct libraries_text {
    char text[512];
};
struct libraries_text libraries_text(void);
