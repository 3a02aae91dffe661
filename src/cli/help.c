/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argp breaks whatever stands below the options into lines of its own. Here only sentences are
 * broken: a line that starts with a blank is a command that somebody will copy.
 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

/* As argp breaks what it prints above. */
enum {
    HELP_WIDTH = 79
};

const char help_program[] =
    "Collect temperature readings from sensors over gRPC, keep them, ask about them.";

const char help_first_steps[] = "  thermograph serve --data readings --allow-anyone\n"
                                "  thermograph send kitchen 21.5 --plaintext\n"
                                "  thermograph get kitchen --plaintext\n";

const char help_options[] =
    "Every option can also come from the environment (--log-level from THERMOGRAPH_LOG_LEVEL) or "
    "from the configuration file (log-level: debug). The command line comes first, then the "
    "environment, then the file. A flag that is set there is taken back with =false.";

const char help_exit_status[] =
    "0 success, 1 failure, 2 wrong usage, 130 ended by Ctrl-C (serve and simulate: 0).";

void help_print(FILE *out) {
    fprintf(out, "Usage: thermograph VERB [OPTION...]\n%s\n\n", help_program);
    for (size_t i = 0; verbs[i]; i++)
        fprintf(out, "  %-10s%s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(out, "\n`thermograph VERB --help' tells all about one verb.\n\nFirst steps:\n%s",
            help_first_steps);
}

static void print_words(const char *line, size_t len) {
    size_t column = 0;
    for (size_t at = 0; at < len;) {
        size_t n = strcspn(line + at, " \n");
        if (column > 0 && column + 1 + n > HELP_WIDTH) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column ? " " : "", (int)n, line + at);
        at += n + 1;
    }
}

static void print_text(const char *text) {
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (*text == ' ')
            printf("%.*s", (int)len, text);
        else
            print_words(text, len);
        putchar('\n');
        text += len + (text[len] == '\n');
    }
}

void help_print_more(const struct verb *verb) {
    char exit_status[sizeof(help_exit_status) + sizeof("Exit status: ")];
    snprintf(exit_status, sizeof(exit_status), "Exit status: %s", help_exit_status);
    putchar('\n');
    print_text(verb->more);
    putchar('\n');
    print_text(help_options);
    putchar('\n');
    print_text(exit_status);
}
