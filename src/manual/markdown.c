/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/help.h"
#include "manual/page.h"
#include "manual/prose.h"

/* In a table a bar ends a cell, and what looks like a tag would be one. */
static void put_cell(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|' || *text == '*' || *text == '_' || *text == '`')
            fputc('\\', out);
        if (*text == '<')
            fputs("&lt;", out);
        else
            fputc(*text, out);
    }
}

static void put_code(FILE *out, const char *text) {
    fputc('`', out);
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('`', out);
}

static void put_option(FILE *out, enum option_id id) {
    const struct option_info *info = option_info(id);
    char name[64];
    snprintf(name, sizeof(name), "--%s%s%s", info->name, info->argument ? " " : "",
             info->argument ? info->argument : "");
    fputs("| ", out);
    put_code(out, name);
    if (info->letter)
        fprintf(out, ", `-%c`", info->letter);
    fputs(" | ", out);
    if (info->standard)
        put_code(out, info->standard);
    fputs(" | ", out);
    put_cell(out, info->help);
    fputs(" |\n", out);
}

static void put_group(FILE *out, const struct verb *verb, enum option_group group) {
    enum option_id ids[N_OPTIONS];
    size_t n = option_group_of(verb, group, ids);
    if (n == 0)
        return;
    fputs("| option | default | |\n|---|---|---|\n", out);
    for (size_t i = 0; i < n; i++)
        put_option(out, ids[i]);
    fputc('\n', out);
}

static void put_verb(FILE *out, const struct verb *verb) {
    const struct prose prose = prose_of(verb);
    fprintf(out, "## thermograph %s\n\n%s.\n\n    thermograph %s [OPTION...]%s%s\n\n", verb->name,
            verb->summary, verb->name, verb->arguments && *verb->arguments ? " " : "",
            verb->arguments ? verb->arguments : "");
    if (prose.description.len > 0)
        fprintf(out, "%.*s\n\n", BYTES_ARGS(prose.description));
    put_group(out, verb, OPTIONS_OF_VERB);
    if (verb->calls_a_server)
        fputs("And those of [a connection](#the-connection).\n\n", out);
    struct bytes examples = prose.examples;
    fputs("Examples:\n\n", out);
    while (examples.len > 0) { /* two blanks are there, a block of code has four */
        const uint8_t *end = memchr(examples.data, '\n', examples.len);
        size_t len = end ? (size_t)(end - examples.data) : examples.len;
        fprintf(out, "  %.*s\n", (int)len, (const char *)examples.data);
        examples = bytes_from(examples, end ? len + 1 : len);
    }
    fputc('\n', out);
}

/* Of every verb that has the group it is the same one. */
static void put_shared_group(FILE *out, enum option_group group) {
    enum option_id ids[N_OPTIONS];
    size_t i = 0;
    while (verbs[i] && option_group_of(verbs[i], group, ids) == 0)
        i++;
    fprintf(out, "## %s\n\n", option_group_heading(group));
    if (verbs[i])
        put_group(out, verbs[i], group);
}

void markdown_options(FILE *out) {
    fprintf(out,
            "# Verbs and options\n\nThermograph " THERMOGRAPH_VERSION
            ". Made of the tables that also `--help` prints.\n\n%s\n\nExit status: %s\n\n",
            help_options, help_exit_status);
    for (size_t i = 0; verbs[i]; i++)
        fprintf(out, "- [%s](#thermograph-%s): %s\n", verbs[i]->name, verbs[i]->name,
                verbs[i]->summary);
    fputs(
        "- Of many verbs: [the connection](#the-connection); of all: [in general](#in-general)\n\n",
        out);
    for (size_t i = 0; verbs[i]; i++)
        put_verb(out, verbs[i]);
    put_shared_group(out, OPTIONS_OF_CONNECTION);
    put_shared_group(out, OPTIONS_OF_ALL);
}
