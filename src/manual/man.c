/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manual pages, with the macros of man(7): every system's man reads these, and they are few. What
 * they say is what --help says; only what frames it is written here.
 */
#include <ctype.h>

#include "cli/help.h"
#include "manual/page.h"
#include "manual/prose.h"
#include "manual/roff.h"

#define CONFIGURATION "/etc/thermograph/thermograph.yaml"

static void put_text(FILE *out, const char *text) {
    roff_put(out, bytes_str(text));
}

static void put_words(FILE *out, const char *text) {
    roff_put_words(out, bytes_str(text));
}

/* Titles are in capitals, as man(7) has them. */
static void put_title(FILE *out, const char *name, int section, time_t day) {
    char date[20];
    struct tm utc;
    strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&day, &utc));
    fputs(".\\\" Made of the tables of options in src/cli; not to be changed here.\n.TH ", out);
    for (const char *c = name; *c; c++) {
        char capital = (char)toupper(*c);
        roff_put(out, bytes_of(&capital, 1));
    }
    fprintf(out, " %d %s \"Thermograph " THERMOGRAPH_VERSION "\" Thermograph\n", section, date);
}

static void put_name(FILE *out, const char *name, const char *summary) {
    struct err_text line;
    err_say(&line, "%s - %s", name, summary);
    fputs(".SH NAME\n", out);
    put_words(out, line.text);
}

static void put_sentence(FILE *out, const char *text) {
    struct err_text sentence;
    err_say(&sentence, "%s.", text);
    put_words(out, sentence.text);
}

/* ---- options ---- */

static void put_help(FILE *out, const struct option_info *info) {
    put_words(out, info->help);
    if (!info->standard)
        return;
    fputs("(default: ", out);
    put_text(out, info->standard);
    fputs(")\n", out);
}

static void put_option(FILE *out, enum option_id id) {
    const struct option_info *info = option_info(id);
    fputs(".TP\n", out);
    if (info->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", info->letter);
    fputs("\\fB\\-\\-", out);
    put_text(out, info->name);
    fputs("\\fR", out);
    if (info->argument) {
        fputs("=\\fI", out);
        put_text(out, info->argument);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_help(out, info);
}

static void put_options(FILE *out, const struct verb *verb) {
    fputs(".SH OPTIONS\n", out);
    for (enum option_group group = 0; group < N_OPTION_GROUPS; group++) {
        enum option_id ids[N_OPTIONS];
        size_t n = option_group_of(verb, group, ids);
        if (n > 0 && option_group_heading(group))
            fprintf(out, ".SS %s\n", option_group_heading(group));
        for (size_t i = 0; i < n; i++)
            put_option(out, ids[i]);
    }
    fputs(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint help\n"
          ".TP\n\\fB\\-\\-usage\\fR\nPrint the options alone\n",
          out);
}

/* ---- what every page ends with ---- */

static void put_sources(FILE *out) {
    put_words(out, help_options);
    fputs("The file is told of in\n.BR thermograph.yaml (5).\n", out);
}

static void put_environment(FILE *out) {
    fputs(".SH ENVIRONMENT\n.TP\n.BI THERMOGRAPH_ OPTION\n"
          "The option of that name, in capitals and with _ for each \\-.\n"
          ".TP\n.B OTEL_*\n"
          "Where traces, metrics and log records go, as OpenTelemetry defines it;\n"
          "without any of these nothing is exported.\n",
          out);
}

static void put_exit_status(FILE *out) {
    fputs(".SH EXIT STATUS\n", out);
    put_words(out, help_exit_status);
}

/* All verbs but one, or all. */
static void put_verbs_to_see(FILE *out, const struct verb *but) {
    const struct verb *last = NULL;
    for (size_t i = 0; verbs[i]; i++)
        last = verbs[i] == but ? last : verbs[i];
    for (size_t i = 0; verbs[i]; i++) {
        if (verbs[i] == but)
            continue;
        fputs(".BR ", out);
        put_text(out, prose_name_of(verbs[i]).text);
        fprintf(out, " (1)%s\n", verbs[i] == last ? "" : ",");
    }
}

/* ---- the pages ---- */

void man_verb(FILE *out, const struct verb *verb, time_t day) {
    const struct prose prose = prose_of(verb);
    const struct prose_name name = prose_name_of(verb);
    put_title(out, name.text, 1, day);
    put_name(out, name.text, verb->summary);
    fprintf(out, ".SH SYNOPSIS\n.B thermograph %s\n[\\fIOPTION\\fR...]", verb->name);
    if (verb->arguments && *verb->arguments) {
        fputc(' ', out);
        put_text(out, verb->arguments);
    }
    fputs("\n.SH DESCRIPTION\n", out);
    put_sentence(out, verb->summary);
    if (prose.description.len > 0)
        fputs(".PP\n", out);
    roff_put_words(out, prose.description);
    put_options(out, verb);
    fputs(".PP\n", out);
    put_sources(out);
    fputs(".SH EXAMPLES\n", out);
    roff_put_commands(out, prose.examples);
    put_environment(out);
    put_exit_status(out);
    fputs(".SH SEE ALSO\n.BR thermograph (1),\n.BR thermograph.yaml (5),\n", out);
    put_verbs_to_see(out, verb);
}

static void put_verbs(FILE *out) {
    fputs(".SH VERBS\n", out);
    for (size_t i = 0; verbs[i]; i++) {
        fputs(".TP\n.BR ", out);
        put_text(out, prose_name_of(verbs[i]).text);
        fputs(" (1)\n", out);
        put_sentence(out, verbs[i]->summary);
    }
}

void man_program(FILE *out, time_t day) {
    put_title(out, "thermograph", 1, day);
    put_name(out, "thermograph", "collect temperature readings from sensors over gRPC");
    fputs(".SH SYNOPSIS\n.B thermograph\n\\fIVERB\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
          ".SH DESCRIPTION\n",
          out);
    put_words(out, help_program);
    fputs(".PP\n", out);
    put_sources(out);
    put_verbs(out);
    fputs(".SH EXAMPLES\n", out);
    roff_put_commands(out, bytes_str(help_first_steps));
    put_environment(out);
    fputs(".SH FILES\n.TP\n.I " CONFIGURATION "\n"
          "Configuration of the service that the package installs.\n"
          ".TP\n.I /var/lib/thermograph\nIts readings.\n",
          out);
    put_exit_status(out);
    fputs(".SH SEE ALSO\n.BR thermograph.yaml (5),\n", out);
    put_verbs_to_see(out, NULL);
}

/* ---- the configuration file ---- */

static bool has_option(const struct verb *verb, enum option_id id) {
    for (enum option_group group = 0; group < N_OPTION_GROUPS; group++) {
        enum option_id ids[N_OPTIONS];
        size_t n = option_group_of(verb, group, ids);
        for (size_t i = 0; i < n; i++)
            if (ids[i] == id)
                return true;
    }
    return false;
}

static void put_users(FILE *out, enum option_id id) {
    const char *separator = "For: ";
    size_t n = 0;
    for (size_t i = 0; verbs[i]; i++) {
        if (!has_option(verbs[i], id))
            continue;
        fprintf(out, "%s%s", n > 0 && n % 8 == 0 ? ",\n" : separator, verbs[i]->name);
        separator = ", ";
        n++;
    }
    fputs(".\n", out);
}

static void put_key(FILE *out, enum option_id id) {
    const struct option_info *info = option_info(id);
    fputs(".TP\n\\fB", out);
    put_text(out, info->name);
    fputs("\\fR: \\fI", out);
    put_text(out, info->argument ? info->argument : "true|false");
    fputs("\\fR\n", out);
    put_help(out, info);
    fputs(".br\n", out);
    put_users(out, id);
}

void man_configuration(FILE *out, time_t day) {
    put_title(out, "thermograph.yaml", 5, day);
    put_name(out, "thermograph.yaml", "configuration of thermograph");
    fputs(".SH DESCRIPTION\n", out);
    put_words(out,
              "YAML: a mapping of options to their values, with the names that they have on the "
              "command line, without the dashes. Every verb takes such a file with --config. One "
              "file can serve several verbs: each takes the options that it has.\n\n"
              "A value is one scalar. Several addresses of listen stand between commas in one. "
              "Times are such as 500ms, 10s, 1m or 24h, sizes such as 512M or 4G. A key that no "
              "verb has, or a value that does not fit, is refused with its line and what is "
              "allowed.\n\n"
              "The command line comes first, then the environment, then the file.");
    fputs(".SH KEYS\n", out);
    for (unsigned id = 0; id < N_OPTIONS; id++)
        if (id != OPTION_CONFIG)
            put_key(out, id);
    fputs(".SH EXAMPLES\nA server:\n.PP\n", out);
    roff_put_commands(out, bytes_str("  listen: \":50051\"\n"
                                     "  cert: /etc/thermograph/certs/server.crt\n"
                                     "  key: /etc/thermograph/certs/server.key\n"
                                     "  tokens: /etc/thermograph/tokens.yaml\n"
                                     "  data: /var/lib/thermograph\n"));
    fputs(".PP\nWho calls it:\n.PP\n", out);
    roff_put_commands(out, bytes_str("  server: grpc-server:50051\n"
                                     "  ca: certs/ca.crt\n"
                                     "  token-file: gateway.token\n"));
    fputs(".SH FILES\n.TP\n.I " CONFIGURATION "\nWhat the service reads.\n"
          ".SH SEE ALSO\n.BR thermograph (1),\n.BR thermograph\\-serve (1)\n",
          out);
}
