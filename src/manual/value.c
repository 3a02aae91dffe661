/* SPDX-License-Identifier: Apache-2.0 */
#include "manual/value.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void add_word(struct value *value, const char *word, size_t len) {
    assert(value->n_words < VALUE_MAX_WORDS && len < sizeof(value->words[0]));
    snprintf(value->words[value->n_words++], sizeof(value->words[0]), "%.*s", (int)len, word);
}

/* One of what stands between bars. */
static void take_alternative(struct value *value, const char *text, size_t len) {
    if (len == 4 && memcmp(text, "FILE", len) == 0)
        value->is_file = true;
    else if (len == 3 && memcmp(text, "DIR", len) == 0)
        value->is_directory = true;
    else if (len > 0 && islower((unsigned char)text[0]))
        add_word(value, text, len);
}

static void take_alternatives(struct value *value, const char *text, size_t len) {
    for (size_t at = 0; at < len;) {
        size_t n = 0;
        while (at + n < len && text[at + n] != '|')
            n++;
        take_alternative(value, text + at, n);
        at += n + 1;
    }
}

struct value value_of_option(enum option_id id) {
    const struct option_info *info = option_info(id);
    struct value value = {.name = info->argument ? info->argument : ""};
    for (size_t i = 0; info->choices && info->choices[i]; i++)
        add_word(&value, info->choices[i], strlen(info->choices[i]));
    if (!info->choices)
        take_alternatives(&value, value.name, strlen(value.name));
    return value;
}

bool value_of_next_argument(const char **arguments, struct value *value) {
    *value = (struct value){.name = ""};
    if (!*arguments)
        return false;
    const char *text = *arguments + strspn(*arguments, " [");
    size_t len = strcspn(text, " ]");
    *arguments = text + len + strspn(text + len, "]");
    value->name = text;
    take_alternatives(value, text, len);
    return len > 0;
}
