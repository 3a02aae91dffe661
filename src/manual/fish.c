/* SPDX-License-Identifier: Apache-2.0 */
#include "manual/page.h"
#include "manual/prose.h"
#include "manual/value.h"

/* Text within single quotes. */
static void put_text(FILE *out, struct bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        if (c == '\'' || c == '\\')
            fputc('\\', out);
        fputc(c, out);
    }
}

/* What is offered where a value stands. */
static void put_offer(FILE *out, const struct value *value) {
    if (value->is_file)
        fputs(" -F", out);
    if (value->n_words == 0 && !value->is_directory)
        return;
    fputs(" -a '", out);
    for (size_t i = 0; i < value->n_words; i++)
        fprintf(out, "%s%s", i ? " " : "", value->words[i]);
    if (value->is_directory)
        fprintf(out, "%s(__fish_complete_directories)", value->n_words ? " " : "");
    fputc('\'', out);
}

static void put_option(FILE *out, const struct verb *verb, enum option_id id) {
    const struct option_info *info = option_info(id);
    const struct value value = value_of_option(id);
    fprintf(out, "complete -c thermograph -n '__thermograph_verb_is %s' -l %s", verb->name,
            info->name);
    if (info->letter)
        fprintf(out, " -s %c", info->letter);
    if (info->argument)
        fputs(value.is_file ? " -r" : " -x", out);
    put_offer(out, &value);
    fputs(" -d '", out);
    put_text(out, prose_summary(info->help));
    fputs("'\n", out);
}

static void put_verb(FILE *out, const struct verb *verb) {
    const char *arguments = verb->arguments;
    struct value value;
    fputs("\ncomplete -c thermograph -n '__thermograph_verb_is' -a ", out);
    fprintf(out, "%s -d '", verb->name);
    put_text(out, bytes_str(verb->summary));
    fputs("'\n", out);
    if (value_of_next_argument(&arguments, &value) &&
        (value.n_words > 0 || value.is_file || value.is_directory)) {
        fprintf(out, "complete -c thermograph -n '__thermograph_verb_is %s'", verb->name);
        put_offer(out, &value);
        fputc('\n', out);
    }
    for (enum option_group group = 0; group < N_OPTION_GROUPS; group++) {
        enum option_id ids[N_OPTIONS];
        size_t n = option_group_of(verb, group, ids);
        for (size_t i = 0; i < n; i++)
            put_option(out, verb, ids[i]);
    }
}

void fish_completion(FILE *out) {
    fputs(
        "# fish completion for thermograph; made of the tables of options in src/cli.\n\n"
        "# Whether the line has this verb, or without one, whether it has none yet.\n"
        "function __thermograph_verb_is\n"
        "    set -l words (commandline -opc)\n"
        "    test \"$words[2]\" = \"$argv[1]\"\n"
        "end\n\n"
        "complete -c thermograph -f\n"
        "complete -c thermograph -n '__thermograph_verb_is' -a help -d 'Tell about the program or "
        "a verb'\n"
        "complete -c thermograph -l help -s h -d 'Print help'\n",
        out);
    fputs("complete -c thermograph -n '__thermograph_verb_is help' -a '", out);
    for (size_t i = 0; verbs[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", verbs[i]->name);
    fputs("'\n", out);
    for (size_t i = 0; verbs[i]; i++)
        put_verb(out, verbs[i]);
}
