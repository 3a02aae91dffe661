/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program, many verbs: the table below, and a file for each. Options are options.c, what the
 * verbs that call a server share is client.c.
 *
 * To add a verb: its file with a `const struct verb`, a line in verb.h, a line here.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/nearest.h"
#include "cli/verb.h"

static const struct verb *const verbs[] = {
    &verb_serve,    &verb_send,    &verb_stream, &verb_get,     &verb_chat,
    &verb_stats,    &verb_sensors, &verb_health, &verb_check,   &verb_doctor,
    &verb_simulate, &verb_bench,   &verb_token,  &verb_version,
};

static const char *verb_name(size_t i) {
    return verbs[i]->name;
}

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static int say_unknown(const char *name) {
    const char *near = nearest_name(name, verb_name, ARRAY_LEN(verbs));
    fprintf(stderr, "thermograph: there is no verb '%s'", name);
    if (near)
        fprintf(stderr, "; did you mean '%s'?\n", near);
    else
        fputs("; `thermograph help' lists them\n", stderr);
    return EXIT_USAGE;
}

static void print_help(FILE *out) {
    fputs("Usage: thermograph VERB [OPTION...]\n"
          "Collect temperature readings from sensors over gRPC, keep them, ask about them.\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        fprintf(out, "  %-10s%s\n", verbs[i]->name, verbs[i]->summary);
    fputs("\n`thermograph VERB --help' tells all about one verb.\n\n"
          "First steps:\n"
          "  thermograph serve --data readings --allow-anyone\n"
          "  thermograph send kitchen 21.5 --plaintext\n"
          "  thermograph get kitchen --plaintext\n",
          out);
}

/* 0, or -EINVAL with words. */
static int start_log(const struct options *options, struct err_text *why) {
    static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    unsigned level = LOG_INFO, format = LOG_TEXT;
    int r = options_choice(options, OPTION_LOG_LEVEL, levels, &level, why);
    if (r == 0)
        r = options_choice(options, OPTION_LOG_FORMAT, formats, &format, why);
    if (r == 0)
        log_configure((enum log_level)level, (enum log_format)format);
    return r;
}

static int run_verb(const struct verb *verb, int argc, char **argv) {
    struct options options;
    struct err_text why;
    int r = options_read(&options, verb, argc, argv, &why);
    if (r == 0)
        r = start_log(&options, &why);
    if (r)
        fprintf(stderr, "thermograph: %s: %s\n", verb->name, why.text);
    int status = r ? options_exit_status(r) : verb->run(&options);
    options_fini(&options);
    return status;
}

/* `thermograph help VERB` is `thermograph VERB --help`. */
static int run_help(const char *name) {
    const struct verb *verb = find_verb(name);
    char help[] = "--help";
    char *argv[] = {NULL, help, NULL};
    return verb ? run_verb(verb, 2, argv) : say_unknown(name);
}

static int finish_text(void) {
    if (fflush(stdout) == 0)
        return EXIT_OK;
    fprintf(stderr, "thermograph: cannot write: %s\n", strerror(errno));
    return EXIT_FAILED;
}

/*
 * A standard descriptor that is closed at the start would be given to the next socket, and lines
 * for standard error would be written into it. So it is filled, with one on which reading or
 * writing fails as on a closed one.
 */
static void fill_standard_descriptors(void) {
    int filled = 0;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && filled >= 0; fd++)
        if (fcntl(fd, F_GETFD) < 0) /* then it is the lowest that is free, which open() takes */
            filled = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv) {
    fill_standard_descriptors();
    const char *name = argc > 1 ? argv[1] : "";
    bool asks_for_help =
        strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    if (*name == '\0') {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (asks_for_help && argc > 2)
        return run_help(argv[2]);
    if (asks_for_help) {
        print_help(stdout);
        return finish_text();
    }
    if (strcmp(name, "--version") == 0) {
        puts("thermograph " THERMOGRAPH_VERSION);
        return finish_text();
    }
    const struct verb *verb = find_verb(name);
    return verb ? run_verb(verb, argc - 1, argv + 1) : say_unknown(name);
}
