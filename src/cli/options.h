/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/moment.h"
#include "cli/parse.h"

/*
 * The options of all verbs. One table (options.c) gives each its name, and from the name come the
 * option (`--token-file`), the environment's variable (`THERMOGRAPH_TOKEN_FILE`) and the key in the
 * configuration file (`token-file`). The first of these that is given counts, in that order.
 */
enum option_id {
    OPTION_SERVER,
    OPTION_CA,
    OPTION_CLIENT_CERT,
    OPTION_CLIENT_KEY,
    OPTION_PLAINTEXT,
    OPTION_TOKEN,
    OPTION_TOKEN_FILE,
    OPTION_TIMEOUT,
    OPTION_OUTPUT,
    OPTION_CONFIG,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_LISTEN,
    OPTION_CERT,
    OPTION_KEY,
    OPTION_TOKENS,
    OPTION_DATA,
    OPTION_WORKERS,
    OPTION_MEMORY_LIMIT,
    OPTION_JOURNAL_LIMIT,
    OPTION_MAX_FUTURE,
    OPTION_DRAIN_TIMEOUT,
    OPTION_ALLOW_ANYONE,
    OPTION_ALLOW_PLAINTEXT,
    OPTION_ADMIN,
    OPTION_METRICS_SENSORS,
    OPTION_TIME,
    OPTION_SEQUENCE,
    OPTION_SENSOR,
    OPTION_START,
    OPTION_END,
    OPTION_LIMIT,
    OPTION_NEWEST,
    OPTION_KIND,
    OPTION_SENSORS,
    OPTION_PREFIX,
    OPTION_MIN_DELAY,
    OPTION_MAX_DELAY,
    OPTION_COUNT,
    OPTION_SEED,
    OPTION_DATASET,
    OPTION_PRINT,
    OPTION_NAME,
    OPTION_WRITE,
    OPTION_READ,
    OPTION_CONNECTIONS,
    OPTION_STREAMS,
    OPTION_DURATION,
    OPTION_WARMUP,
    OPTION_RATE,
    OPTION_READINGS_PER_STREAM,
    OPTION_THREADS,
    OPTION_SERVER_PID,
    OPTION_VERIFY,
    OPTION_VERBOSE,
    N_OPTIONS,
};

struct option_info {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* NULL: a flag */
    const char *help;
    const char *standard;       /* the value when nobody gives one; NULL: none */
    const char *const *choices; /* all that it may be, ended by NULL; NULL: that is not a list */
    bool is_list;               /* may be repeated; elsewhere its values stand between commas */
};

const struct option_info *option_info(enum option_id id);

/* A verb's options as its help has them: its own, those of a connection, those of every verb. */
enum option_group {
    OPTIONS_OF_VERB,
    OPTIONS_OF_CONNECTION,
    OPTIONS_OF_ALL,
    N_OPTION_GROUPS,
};

/* What stands above a group; NULL: nothing. */
const char *option_group_heading(enum option_group group);

struct verb;

/* Which these are, how many is returned. */
size_t option_group_of(const struct verb *verb, enum option_group group,
                       enum option_id ids[N_OPTIONS]);

/* Its name, for nearest_name(). */
const char *option_name(size_t id);

/* `THERMOGRAPH_TOKEN_FILE` */
struct option_variable {
    char text[64];
};
struct option_variable option_variable(enum option_id id);

/* Later ones come before earlier ones. */
enum option_source {
    SOURCE_NONE,
    SOURCE_FILE,
    SOURCE_ENVIRONMENT,
    SOURCE_COMMAND_LINE,
};

struct option_value {
    char *text; /* owned; NULL: not given */
    enum option_source source;
};

#define OPTIONS_MAX_ARGUMENTS 2

struct options {
    const struct verb *verb;
    struct option_value values[N_OPTIONS];
    const char *arguments[OPTIONS_MAX_ARGUMENTS]; /* borrowed from the command line */
    size_t n_arguments;
};

/*
 * Reads the command line (argv[0] is the verb), the environment and the configuration file. Wrong
 * usage of the command line and --help end the program, as argp does. 0, or a negated errno with
 * words, for options_exit_status().
 */
MUST_USE int options_read(struct options *options, const struct verb *verb, int argc, char **argv,
                          struct err_text *why);
void options_fini(struct options *options);

/* Gives a value that counts unless a later source has given one; a list grows within one source. 0
 * or -ENOMEM. */
MUST_USE int options_set(struct options *options, enum option_id id, enum option_source source,
                         const char *text);

/* From the environment. 0 or -ENOMEM. */
MUST_USE int options_read_environment(struct options *options);

/* From a configuration file: YAML, a flat mapping. 0 or a negated errno with words. */
MUST_USE int options_read_file(struct options *options, const char *file, struct err_text *why);

/* ---- values ---- */

/* The value, else the standard one, else NULL. */
const char *options_text(const struct options *options, enum option_id id);

bool options_given(const struct options *options, enum option_id id);

/*
 * Values of other types. What is neither given nor has a standard value leaves the result as it is.
 * 0, or -EINVAL with words that name the option, the variable or the file and line it came from.
 */
MUST_USE int options_flag(const struct options *options, enum option_id id, bool *flag,
                          struct err_text *why);
MUST_USE int options_duration(const struct options *options, enum option_id id, uint64_t *ns,
                              struct err_text *why);
MUST_USE int options_size(const struct options *options, enum option_id id, uint64_t *bytes,
                          struct err_text *why);
MUST_USE int options_count(const struct options *options, enum option_id id,
                           struct parse_range range, uint64_t *count, struct err_text *why);
MUST_USE int options_moment(const struct options *options, enum option_id id, struct moment *moment,
                            struct err_text *why);

/* The index of the value among the option's choices, of which it has some. */
MUST_USE int options_choice(const struct options *options, enum option_id id, unsigned *index,
                            struct err_text *why);

/*
 * What a failure to take the options in ends the program with: wrong usage for -EINVAL, else a
 * failure, as of a file that an option names and that cannot be read.
 */
int options_exit_status(int r);

/* Puts the place that a value came from before the words. Returns -EINVAL. */
int options_blame(const struct options *options, enum option_id id, struct err_text *why);
