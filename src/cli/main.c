/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program, many verbs: the table is verbs.c, and each has a file. Options are options.c, what
 * the verbs that call a server share is client.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/help.h"
#include "cli/nearest.h"
#include "cli/verb.h"

static const char *verb_name(size_t i) {
    return verbs[i]->name;
}

static size_t n_verbs(void) {
    size_t n = 0;
    while (verbs[n])
        n++;
    return n;
}

static const struct verb *find_verb(const char *name) {
    size_t i = 0;
    while (verbs[i] && strcmp(verbs[i]->name, name) != 0)
        i++;
    return verbs[i];
}

static int say_unknown(const char *name) {
    const char *near = nearest_name(name, verb_name, n_verbs());
    fprintf(stderr, "thermograph: there is no verb '%s'", name);
    if (near)
        fprintf(stderr, "; did you mean '%s'?\n", near);
    else
        fputs("; `thermograph help' lists them\n", stderr);
    return EXIT_USAGE;
}

/* 0, or -EINVAL with words. */
static int start_log(const struct options *options, struct err_text *why) {
    unsigned level = LOG_INFO, format = LOG_TEXT;
    int r = options_choice(options, OPTION_LOG_LEVEL, &level, why);
    if (r == 0)
        r = options_choice(options, OPTION_LOG_FORMAT, &format, why);
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
        help_print(stderr);
        return EXIT_USAGE;
    }
    if (asks_for_help && argc > 2)
        return run_help(argv[2]);
    if (asks_for_help) {
        help_print(stdout);
        return finish_text();
    }
    if (strcmp(name, "--version") == 0) {
        puts("thermograph " THERMOGRAPH_VERSION);
        return finish_text();
    }
    const struct verb *verb = find_verb(name);
    return verb ? run_verb(verb, argc - 1, argv + 1) : say_unknown(name);
}
