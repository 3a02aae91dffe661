/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "cli/options.h"

/* What the program tells its caller. */
enum exit_status {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* a call failed, a server did not start, a file cannot be read, bad input */
    EXIT_USAGE = 2,  /* the options or arguments are wrong, wherever they come from */
    EXIT_INTERRUPTED = 130, /* Ctrl-C, as a shell counts it */
};

/*
 * One verb of the program: its line in the help, its options and what it does. Each lives in the
 * file of its name and is listed in verbs.c.
 */
struct verb {
    const char *name;
    const char *arguments; /* as the help shows them: `SENSOR TEMPERATURE` */
    unsigned min_arguments;
    unsigned max_arguments; /* at most OPTIONS_MAX_ARGUMENTS */
    const char *summary;    /* one line */
    const char *more;       /* below the options: examples, what there is to know */
    const enum option_id *options;
    size_t n_options;
    bool calls_a_server; /* has the options of a connection too */
    bool prints_records; /* has --output too */
    int (*run)(const struct options *options);
};

/* All of them in the order of the help; the last is followed by NULL. */
extern const struct verb *const verbs[];

extern const struct verb verb_serve;
extern const struct verb verb_send;
extern const struct verb verb_stream;
extern const struct verb verb_get;
extern const struct verb verb_chat;
extern const struct verb verb_stats;
extern const struct verb verb_sensors;
extern const struct verb verb_health;
extern const struct verb verb_check;
extern const struct verb verb_doctor;
extern const struct verb verb_simulate;
extern const struct verb verb_bench;
extern const struct verb verb_token;
extern const struct verb verb_version;
