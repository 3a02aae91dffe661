/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/verb.h"

/* What stands below the options in a verb's --help, on standard output. */
void help_print_more(const struct verb *verb);
