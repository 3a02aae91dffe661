/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdio.h>

#include "cli/verb.h"

/* What the program is, in a sentence. */
extern const char help_program[];

/* The first commands to try, a line each. */
extern const char help_first_steps[];

/* What holds for every verb: where options come from, what the program ends with. */
extern const char help_options[], help_exit_status[];

/* What the program prints without a verb. */
void help_print(FILE *out);

/* What stands below the options in a verb's --help, on standard output. */
void help_print_more(const struct verb *verb);
