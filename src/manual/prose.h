/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "cli/verb.h"

/* What stands below the options in a verb's help, in its two parts. */
struct prose {
    struct bytes description; /* paragraphs, a line each; may be empty */
    struct bytes examples;    /* commands, a line each */
};

/* Borrows from the verb. */
struct prose prose_of(const struct verb *verb);

/* As short as a list can take it: the first sentence of an option's help, or less. */
struct bytes prose_summary(const char *help);

/* `thermograph-serve` of a verb, `thermograph` of NULL. */
struct prose_name {
    char text[64];
};
struct prose_name prose_name_of(const struct verb *verb);
