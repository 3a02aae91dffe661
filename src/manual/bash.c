/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function for bash's `complete`. It needs nothing of the package bash-completion, which loads it
 * where there is one; a person without may source it.
 *
 * Bash splits a line at = and : too (COMP_WORDBREAKS), so `--output=js` comes as three words.
 */
#include "manual/page.h"
#include "manual/value.h"

static const char frame_begin[] =
    "# bash completion for thermograph; made of the tables of options in src/cli.\n"
    "\n"
    "_thermograph_files() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$2\")\n"
    "}\n"
    "\n"
    "_thermograph_words() {\n"
    "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -W \"$1\" -- \"$2\")\n"
    "}\n"
    "\n"
    "# _thermograph_value OPTION CURRENT    false for an option that takes no value, or for none.\n"
    "_thermograph_value() {\n"
    "    case $1 in\n";

static const char frame_middle[] = "    *) return 1 ;;\n"
                                   "    esac\n"
                                   "}\n"
                                   "\n"
                                   "_thermograph_argument() {\n"
                                   "    case $1 in\n";

static const char frame_options[] = "    esac\n"
                                    "}\n"
                                    "\n"
                                    "_thermograph_options() {\n"
                                    "    case $1 in\n";

static const char frame_verbs[] = "    esac\n"
                                  "}\n"
                                  "\n"
                                  "_thermograph_verbs() {\n"
                                  "    echo \"help";

static const char frame_end[] =
    "\"\n"
    "}\n"
    "\n"
    "_thermograph() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    COMPREPLY=()\n"
    "    if [[ $COMP_CWORD == 1 || ($COMP_CWORD == 2 && $previous == help) ]]; then\n"
    "        _thermograph_words \"$(_thermograph_verbs)\" \"$current\"\n"
    "        return\n"
    "    fi\n"
    "    if [[ $current == = ]]; then\n"
    "        current= # of --option=\n"
    "    elif [[ $previous == = ]]; then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    if _thermograph_value \"$previous\" \"$current\"; then\n"
    "        return\n"
    "    elif [[ $current == -* ]]; then\n"
    "        _thermograph_words \"$(_thermograph_options \"${COMP_WORDS[1]}\")\" \"$current\"\n"
    "    else\n"
    "        _thermograph_argument \"${COMP_WORDS[1]}\" \"$current\"\n"
    "    fi\n"
    "}\n"
    "\n"
    "complete -F _thermograph thermograph\n";

/* What completes `$2`, as the end of a line in a case. */
static void put_offer(FILE *out, const struct value *value) {
    if (value->is_file || value->is_directory)
        fprintf(out, " _thermograph_files %s \"$2\";", value->is_file ? "-f" : "-d");
    if (value->n_words > 0) {
        fputs(" _thermograph_words \"", out);
        for (size_t i = 0; i < value->n_words; i++)
            fprintf(out, "%s%s", i ? " " : "", value->words[i]);
        fputs("\" \"$2\";", out);
    }
    fputs(" return 0 ;;\n", out);
}

static void put_values(FILE *out) {
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const struct option_info *info = option_info(id);
        const struct value value = value_of_option(id);
        if (!info->argument)
            continue;
        fprintf(out, "    --%s", info->name);
        if (info->letter)
            fprintf(out, " | -%c", info->letter);
        fputc(')', out);
        put_offer(out, &value);
    }
}

/* Of the first: no verb has a second one that could be offered. */
static void put_arguments(FILE *out) {
    for (size_t i = 0; verbs[i]; i++) {
        const char *arguments = verbs[i]->arguments;
        struct value value;
        if (!value_of_next_argument(&arguments, &value))
            continue;
        fprintf(out, "    %s)", verbs[i]->name);
        put_offer(out, &value);
    }
}

static void put_options(FILE *out, const struct verb *verb) {
    fprintf(out, "    %s) echo \"--help --usage", verb->name);
    for (enum option_group group = 0; group < N_OPTION_GROUPS; group++) {
        enum option_id ids[N_OPTIONS];
        size_t n = option_group_of(verb, group, ids);
        for (size_t i = 0; i < n; i++)
            fprintf(out, " --%s", option_info(ids[i])->name);
    }
    fputs("\" ;;\n", out);
}

void bash_completion(FILE *out) {
    fputs(frame_begin, out);
    put_values(out);
    fputs(frame_middle, out);
    put_arguments(out);
    fputs(frame_options, out);
    for (size_t i = 0; verbs[i]; i++)
        put_options(out, verbs[i]);
    fputs(frame_verbs, out);
    for (size_t i = 0; verbs[i]; i++)
        fprintf(out, " %s", verbs[i]->name);
    fputs(frame_end, out);
}
