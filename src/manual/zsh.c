/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zsh's _arguments does the work: each verb is a call of it with a specification for each option.
 * In these a colon and brackets have a meaning, and all of them stand in single quotes.
 */
#include <string.h>

#include "manual/page.h"
#include "manual/prose.h"
#include "manual/value.h"

/* Text within single quotes and a specification. */
static void put_text(FILE *out, struct bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        if (c == '\'')
            fputs("'\\''", out);
        else if (strchr(":[]\\", c))
            fprintf(out, "\\%c", c);
        else
            fputc(c, out);
    }
}

/* `:NAME:what is offered` */
static void put_value(FILE *out, const struct value *value) {
    fputc(':', out);
    put_text(out, bytes_of(value->name, strcspn(value->name, " ]")));
    fputc(':', out);
    if (value->is_directory && value->n_words > 0)
        fprintf(out, "{compadd -- %s; _files -/}", value->words[0]);
    else if (value->is_file || value->is_directory)
        fputs(value->is_file ? "_files" : "_files -/", out);
    for (size_t i = 0; i < value->n_words && !value->is_directory; i++)
        fprintf(out, "%s%s", i ? " " : "(", value->words[i]);
    if (value->n_words > 0 && !value->is_directory)
        fputc(')', out);
}

/* `'--output=[table, json or csv]:FORMAT:(table json csv)'`, and the same for the letter. */
static void put_spelling(FILE *out, enum option_id id, bool is_letter) {
    const struct option_info *info = option_info(id);
    const struct value value = value_of_option(id);
    fputs(" \\\n            '", out);
    if (info->is_list)
        fputc('*', out);
    else if (info->letter)
        fprintf(out, "(-%c --%s)", info->letter, info->name);
    if (is_letter)
        fprintf(out, "-%c%s[", info->letter, info->argument ? "+" : "");
    else
        fprintf(out, "--%s%s[", info->name, info->argument ? "=" : "");
    put_text(out, prose_summary(info->help));
    fputc(']', out);
    if (info->argument)
        put_value(out, &value);
    fputc('\'', out);
}

static void put_options(FILE *out, const struct verb *verb) {
    for (enum option_group group = 0; group < N_OPTION_GROUPS; group++) {
        enum option_id ids[N_OPTIONS];
        size_t n = option_group_of(verb, group, ids);
        for (size_t i = 0; i < n; i++) {
            put_spelling(out, ids[i], false);
            if (option_info(ids[i])->letter)
                put_spelling(out, ids[i], true);
        }
    }
}

static void put_verb(FILE *out, const struct verb *verb) {
    const char *arguments = verb->arguments;
    struct value value;
    fprintf(out,
            "    %s)\n        _arguments -s \\\n            '(-h --help)'{-h,--help}'[Print help]'"
            " \\\n            '--usage[Print the options alone]'",
            verb->name);
    put_options(out, verb);
    for (int n = 1; value_of_next_argument(&arguments, &value); n++) {
        fprintf(out, " \\\n            '%d", n);
        put_value(out, &value);
        fputc('\'', out);
    }
    fputs("\n        ;;\n", out);
}

void zsh_completion(FILE *out) {
    fputs("#compdef thermograph\n"
          "# zsh completion for thermograph; made of the tables of options in src/cli.\n\n"
          "local -a verbs\n"
          "verbs=(\n    'help:Tell about the program or a verb'\n",
          out);
    for (size_t i = 0; verbs[i]; i++) {
        fprintf(out, "    '%s:", verbs[i]->name);
        put_text(out, bytes_str(verbs[i]->summary));
        fputs("'\n", out);
    }
    fputs(")\n"
          "if (( CURRENT == 2 )) || [[ $CURRENT == 3 && $words[2] == help ]]; then\n"
          "    _describe -t verbs verb verbs\n"
          "    return\n"
          "fi\n"
          "shift words\n"
          "(( CURRENT-- ))\n"
          "case $words[1] in\n",
          out);
    for (size_t i = 0; verbs[i]; i++)
        put_verb(out, verbs[i]);
    fputs("esac\n", out);
}
