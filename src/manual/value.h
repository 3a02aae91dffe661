/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

/*
 * What a shell can offer in the place of a value: `FILE` and `DIR` are names in a folder, words in
 * small letters stand for themselves (`DIR|none`, `create|add|list|revoke`), anything else is only
 * known to the user.
 */
#define VALUE_MAX_WORDS 8

struct value {
    const char *name; /* as the help shows it */
    bool is_file, is_directory;
    char words[VALUE_MAX_WORDS][24];
    size_t n_words;
};

/* An option's; a flag has none, and an empty name. */
struct value value_of_option(enum option_id id);

/*
 * The next of a verb's arguments, such as `create|add|list|revoke [NAME]`; moves `*arguments` past
 * it. `name` is of the first character on, up to a blank. False at the end.
 */
bool value_of_next_argument(const char **arguments, struct value *value);
