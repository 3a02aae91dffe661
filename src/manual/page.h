/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdio.h>
#include <time.h>

#include "cli/verb.h"

/* What is made of the tables of verbs and options. Each writes one file; whether all of it arrived
 * is the file's to say (ferror). */

/* thermograph(1), thermograph-VERB(1), thermograph.yaml(5). `day` is the date that they carry. */
void man_program(FILE *out, time_t day);
void man_verb(FILE *out, const struct verb *verb, time_t day);
void man_configuration(FILE *out, time_t day);

/* Every verb with its options, for a reader. */
void markdown_options(FILE *out);

/* Completions. */
void bash_completion(FILE *out);
void zsh_completion(FILE *out);
void fish_completion(FILE *out);
