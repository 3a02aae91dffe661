/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of a verb, through argp: its options come from the table, its arguments are
 * counted. --help and --usage are answered here and not by argp, which would end the program well
 * even when nothing could be written.
 *
 * A temperature below zero looks like an option to getopt. So an argument that starts with a minus
 * and a digit has its minus replaced by a byte that no option starts with, and gets it back when
 * argp hands it out.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/client.h"
#include "cli/help.h"
#include "cli/nearest.h"
#include "cli/verb.h"

enum {
    KEY_BASE = 0x100, /* keys of options without a letter start here */
    KEY_USAGE = KEY_BASE + N_OPTIONS,
    HIDDEN_MINUS = '\x01',
    MAX_DOC = 400,
    MAX_HEADING = 40,
    MAX_NAME = 64,               /* longer than any option's */
    MAX_ENTRIES = N_OPTIONS + 8, /* with headings */
};

/* What argp needs while it runs. */
struct command_line {
    struct options *options;
    struct argp_option entries[MAX_ENTRIES];
    size_t n_entries;
    char docs[N_OPTIONS][MAX_DOC];
    char headings[N_OPTION_GROUPS][MAX_HEADING];
};

static void hide_minus(char *argument) {
    bool is_number = argument[0] == '-' && ((argument[1] >= '0' && argument[1] <= '9') ||
                                            (argument[1] == '.' && argument[2] != '\0'));
    if (is_number)
        argument[0] = HIDDEN_MINUS;
}

static char *show_minus(char *argument) {
    if (argument[0] == HIDDEN_MINUS)
        argument[0] = '-';
    return argument;
}

static void add_heading(struct command_line *line, enum option_group group) {
    char *heading = line->headings[group];
    snprintf(heading, MAX_HEADING, "%s:", option_group_heading(group));
    line->entries[line->n_entries++] =
        (struct argp_option){.doc = heading, .group = (int)group + 1};
}

static void add_option(struct command_line *line, enum option_id id, int group) {
    const struct option_info *info = option_info(id);
    if (info->standard)
        snprintf(line->docs[id], MAX_DOC, "%s (default: %s)", info->help, info->standard);
    else
        snprintf(line->docs[id], MAX_DOC, "%s", info->help);
    line->entries[line->n_entries++] = (struct argp_option){
        .name = info->name,
        .key = info->letter ? info->letter : KEY_BASE + (int)id,
        .arg = info->argument ? info->argument : "BOOL",
        .flags = info->argument ? 0 : OPTION_ARG_OPTIONAL, /* a flag alone is true */
        .doc = line->docs[id],
        .group = group,
    };
}

static void add_options(struct command_line *line, const struct verb *verb) {
    for (enum option_group group = 0; group < N_OPTION_GROUPS; group++) {
        enum option_id ids[N_OPTIONS];
        size_t n = option_group_of(verb, group, ids);
        if (n > 0 && option_group_heading(group))
            add_heading(line, group);
        for (size_t i = 0; i < n; i++)
            add_option(line, ids[i], (int)group + 1);
    }
    line->entries[line->n_entries++] =
        (struct argp_option){.name = "help", .key = 'h', .doc = "Print this", .group = -1};
    line->entries[line->n_entries++] = (struct argp_option){
        .name = "usage", .key = KEY_USAGE, .doc = "Print the options alone", .group = -1};
}

static enum option_id id_of_key(int key) {
    if (key >= KEY_BASE && key < KEY_BASE + N_OPTIONS)
        return (enum option_id)(key - KEY_BASE);
    unsigned id = 0;
    while (id < N_OPTIONS && (key <= 0 || option_info(id)->letter != key))
        id++;
    return (enum option_id)id;
}

/* nearest_name() hands nothing through to it. */
static const struct command_line *line_of_names;

static const char *entry_name(size_t i) {
    const char *name = line_of_names->entries[i].name;
    return name ? name : ""; /* of a heading */
}

/* So it is none that is unknown: it lacks its argument, or there are several. */
static bool begins_an_entry(const char *text) {
    for (size_t i = 0; i < line_of_names->n_entries; i++)
        if (strncmp(entry_name(i), text, strlen(text)) == 0)
            return true;
    return false;
}

/* Getopt has said what is wrong with the word that was read last, if that is an option; what may
 * have been meant instead is for us to say. */
static void suggest_option(const struct argp_state *state) {
    const char *word = state->next > 0 ? state->argv[state->next - 1] : "";
    char name[MAX_NAME];
    if (strncmp(word, "--", 2) != 0)
        return;
    line_of_names = state->input;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *near = nearest_name(name, entry_name, line_of_names->n_entries);
    if (near && *near && !begins_an_entry(name))
        fprintf(stderr, "%s: did you mean '--%s'?\n", state->name, near);
}

static error_t take_argument(struct argp_state *state, char *argument) {
    const struct command_line *line = state->input;
    struct options *options = line->options;
    if (options->n_arguments == options->verb->max_arguments) {
        argp_error(state, "there is an argument too many: '%s'", show_minus(argument));
        return EINVAL;
    }
    options->arguments[options->n_arguments++] = show_minus(argument);
    return 0;
}

static void print_help(struct argp_state *state) {
    const struct command_line *line = state->input;
    argp_state_help(state, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG);
    help_print_more(line->options->verb);
    exit(finish_output(line->options, EXIT_OK));
}

static void print_usage(struct argp_state *state) {
    const struct command_line *line = state->input;
    argp_state_help(state, stdout, ARGP_HELP_USAGE);
    exit(finish_output(line->options, EXIT_OK));
}

static error_t take_key(int key, char *argument, struct argp_state *state) {
    const struct command_line *line = state->input;
    struct options *options = line->options;
    if (key == ARGP_KEY_ARG)
        return take_argument(state, argument);
    if (key == 'h')
        print_help(state);
    if (key == KEY_USAGE)
        print_usage(state);
    if (key == ARGP_KEY_ERROR)
        suggest_option(state);
    if (key == ARGP_KEY_END && options->n_arguments < options->verb->min_arguments) {
        argp_error(state, "this takes: %s", options->verb->arguments);
        return EINVAL;
    }
    enum option_id id = id_of_key(key);
    if (id == N_OPTIONS)
        return ARGP_ERR_UNKNOWN;
    const char *text = argument ? show_minus(argument) : "true";
    return options_set(options, id, SOURCE_COMMAND_LINE, text) ? ENOMEM : 0;
}

/* 0 or -ENOMEM; wrong usage and --help end the program. */
static int read_command_line(struct options *options, int argc, char **argv) {
    CLEANUP(mem_freep) struct command_line *line = mem_new(struct command_line);
    char name[64];
    if (!line)
        return -ENOMEM;
    snprintf(name, sizeof(name), "thermograph %s", options->verb->name);
    line->options = options;
    add_options(line, options->verb);
    const struct argp argp = {
        .options = line->entries,
        .parser = take_key,
        .args_doc = options->verb->arguments,
        .doc = options->verb->summary,
    };
    for (int i = 1; i < argc; i++)
        hide_minus(argv[i]);
    argv[0] = name;
    setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); /* its note below the options is noise here */
    error_t error = argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_EXIT, NULL, line);
    if (error && error != ENOMEM)
        exit(EXIT_USAGE); /* it has been said why */
    return error ? -ENOMEM : 0;
}

/* Mostly a variable of a script that is not set. 0, or -EINVAL with words. */
static int check_file_names(const struct options *options, struct err_text *why) {
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const char *form = option_info(id)->argument, *text = options->values[id].text;
        if (!text || *text || !form || strcmp(form, "FILE") != 0)
            continue;
        err_say(why, "an empty name: give a file, or leave the option out");
        return options_blame(options, id, why);
    }
    return 0;
}

/* 0, or a negated errno with words: where the file's name came from, if it cannot be opened. */
static int read_config(struct options *options, struct err_text *why) {
    const char *file = options_text(options, OPTION_CONFIG);
    int r = file ? options_read_file(options, file, why) : 0;
    if (r == 0 || r == -EINVAL || r == -ENOMEM)
        return r;
    int unused = options_blame(options, OPTION_CONFIG, why);
    (void)unused; /* it would say that the usage was wrong */
    return r;
}

int options_read(struct options *options, const struct verb *verb, int argc, char **argv,
                 struct err_text *why) {
    *options = (struct options){.verb = verb};
    int r = read_command_line(options, argc, argv);
    if (r == 0)
        r = options_read_environment(options);
    if (r) {
        err_say(why, "out of memory");
        return r;
    }
    r = check_file_names(options, why);
    if (r)
        return r;
    return read_config(options, why);
}
