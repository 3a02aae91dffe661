/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all options, and their values as types. Where values come from is
 * options_command_line.c, options_file.c and, below, the environment.
 *
 * To add an option: its name in options.h, a line here, and the verb's own list. All else follows.
 */
#include "cli/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/yamlfile.h"
#include "cli/verb.h"

/* For `choices`: in the order of the enum that the verb makes of the index. */
#define CHOICES(...)        \
    (const char *const[]) { \
        __VA_ARGS__, NULL   \
    }

static const struct option_info table[N_OPTIONS] = {
    /* a connection to a server */
    [OPTION_SERVER] = {"server", 's', "HOST:PORT", .help = "Server to talk to",
                       .standard = "127.0.0.1:50051"},
    [OPTION_CA] = {"ca", 0, "FILE",
                   .help =
                       "CAs (PEM) that may have signed the server's certificate, instead of the "
                       "system's"},
    [OPTION_CLIENT_CERT] =
        {"client-cert", 0, "FILE",
         .help = "Our own certificate (PEM), for a server or a proxy that asks for one"},
    [OPTION_CLIENT_KEY] = {"client-key", 0, "FILE", .help = "Its private key (PEM)"},
    [OPTION_PLAINTEXT] = {"plaintext", 0, NULL, .help = "Connect without TLS"},
    [OPTION_TOKEN] =
        {"token", 0, "TOKEN",
         .help = "Token to call with. Other users of this machine can see it in the list of "
                 "processes: --token-file or THERMOGRAPH_TOKEN is safer"},
    [OPTION_TOKEN_FILE] = {"token-file", 0, "FILE", .help = "File with the token to call with"},
    [OPTION_TIMEOUT] = {"timeout", 0, "TIME",
                        .help =
                            "How long a call may take, such as 500ms or 1m; 0: as long as it likes "
                            "(default: 10s; 0 for calls that stream)"},
    [OPTION_OUTPUT] = {"output", 'o', "FORMAT", .help = "table, json (an object a line) or csv",
                       .standard = "table", .choices = CHOICES("table", "json", "csv")},

    /* every verb */
    [OPTION_CONFIG] = {"config", 0, "FILE", .help = "Configuration file (YAML): option: value"},
    [OPTION_LOG_LEVEL] = {"log-level", 0, "LEVEL", .help = "error, warn, info or debug",
                          .standard = "info", .choices = CHOICES("error", "warn", "info", "debug")},
    [OPTION_LOG_FORMAT] = {"log-format", 0, "FORMAT", .help = "text or json", .standard = "text",
                           .choices = CHOICES("text", "json")},

    /* serve */
    [OPTION_LISTEN] = {"listen", 0, "HOST:PORT",
                       .help = "Address to listen on; may be repeated. :50051 is every interface",
                       .standard = "127.0.0.1:50051", .is_list = true},
    [OPTION_CERT] = {"cert", 0, "FILE", .help = "The server's certificate (PEM), with its chain"},
    [OPTION_KEY] = {"key", 0, "FILE", .help = "The certificate's private key (PEM)"},
    [OPTION_TOKENS] =
        {"tokens", 0, "FILE",
         .help = "File of tokens' hashes, made with `thermograph token'; a server reads it "
                 "again when it changes"},
    [OPTION_DATA] =
        {"data", 0, "DIR|none",
         .help = "Directory to keep readings in, made if it is not there (its parent has to "
                 "exist); none is in memory only"},
    [OPTION_WORKERS] = {"workers", 0, "N",
                        .help = "Threads that serve (default: one for each core)"},
    [OPTION_MEMORY_LIMIT] = {"memory-limit", 0, "SIZE",
                             .help =
                                 "Memory for readings, such as 512M or 4G. With --data none new "
                                 "ones are refused when it is full (0: no limit); with a "
                                 "directory more go to disk sooner",
                             .standard = "1G"},
    [OPTION_JOURNAL_LIMIT] = {"journal-limit", 0, "SIZE",
                              .help =
                                  "Disk for the journal, at least 1M; each sensor beyond 100000 "
                                  "adds 128 bytes. A larger one makes larger chunks when there "
                                  "are many sensors, and a slower start",
                              .standard = "64M"},
    [OPTION_MAX_FUTURE] = {"max-future", 0, "TIME",
                           .help = "How far ahead of this machine's clock a reading's time may "
                                   "be, such as 90s or 24h (a number alone: seconds)",
                           .standard = "24h"},
    [OPTION_DRAIN_TIMEOUT] = {"drain-timeout", 0, "TIME",
                              .help = "How long running calls may go on when the server is stopped",
                              .standard = "10s"},
    [OPTION_ALLOW_ANYONE] =
        {"allow-anyone", 0, NULL,
         .help = "Serve without --tokens: whoever can connect may read and write all"},
    [OPTION_ALLOW_PLAINTEXT] =
        {"allow-plaintext-from-network", 0, NULL,
         .help = "Serve without TLS on an address that other machines can reach"},
    [OPTION_ADMIN] =
        {"admin", 0, "HOST:PORT|none",
         .help = "Address of the admin port: /metrics for Prometheus, /healthz, /readyz, /version, "
                 "without TLS and tokens (default: none; with OTEL_METRICS_EXPORTER=prometheus "
                 "127.0.0.1:9464)"},
    [OPTION_METRICS_SENSORS] =
        {"metrics-sensors", 0, "GLOB",
         .help =
             "Sensors whose temperatures are metrics: one pattern, in which `*' is any text and "
             "`?' one character, such as `boiler-*' (default: all, as long as there are not "
             "more than 500)"},

    /* readings */
    [OPTION_TIME] = {"time", 0, "TIME", .help = "Time of the reading (default: now)"},
    [OPTION_SEQUENCE] =
        {"sequence", 0, "N",
         .help = "The sender's own count: the same time and count again is a repeat, not "
                 "stored twice"},
    [OPTION_SENSOR] = {"sensor", 0, "ID", .help = "Sensor of lines that name none"},
    [OPTION_START] = {"start", 0, "TIME",
                      .help = "First time: 2026-11-24T10:00:00Z, 2026-11-24, -1h"},
    [OPTION_END] = {"end", 0, "TIME", .help = "Time before which to stop"},
    [OPTION_LIMIT] = {"limit", 0, "N", .help = "At most so many readings"},
    [OPTION_NEWEST] = {"newest", 0, NULL, .help = "Latest first"},

    /* simulate */
    [OPTION_KIND] = {"kind", 0, "KIND",
                     .help = "Calls to make: unary, client-stream, server-stream, chat",
                     .standard = "unary",
                     .choices = CHOICES("unary", "client-stream", "server-stream", "chat")},
    [OPTION_SENSORS] = {"sensors", 0, "N",
                        .help =
                            "Sensors (default: 3; 1000 in a data set; bench: one for each stream)"},
    [OPTION_PREFIX] =
        {"prefix", 0, "NAME",
         .help = "Sensors are NAME-1, NAME-2, ... (default: the kind; `sensor' in a data set; "
                 "for server-stream, whatever there is)"},
    [OPTION_MIN_DELAY] = {"min-delay", 0, "TIME", .help = "Shortest pause", .standard = "1s"},
    [OPTION_MAX_DELAY] = {"max-delay", 0, "TIME", .help = "Longest pause", .standard = "5s"},
    [OPTION_COUNT] = {"count", 0, "N",
                      .help = "End after so many readings (server-stream: reads, also of nothing)"},
    [OPTION_SEED] =
        {"seed", 0, "N",
         .help = "The same seed gives the same readings (default: random; 1 in a data set)"},
    [OPTION_DATASET] =
        {"dataset", 0, "A|B",
         .help = "Send a data set without pauses instead of readings of now, such as --dataset A "
                 "--sensors 100 --count 50000. A: a reading of each sensor a second. B: at random "
                 "intervals of 1 to 10 s, with nanoseconds. From --start on (2026-01-01) "
                 "(default: none)",
         .choices = CHOICES("A", "B")},
    [OPTION_PRINT] = {"print", 0, NULL, .help = "Print the data set as CSV instead of sending it"},

    /* token */
    [OPTION_NAME] = {"name", 0, "NAME", .help = "Name of the token, for people and log lines"},
    [OPTION_WRITE] = {"write", 0, "GLOB", .help = "Sensors it may write, such as `boiler-*'"},
    [OPTION_READ] = {"read", 0, "GLOB", .help = "Sensors it may read"},

    /* bench */
    [OPTION_CONNECTIONS] = {"connections", 'c', "N", .help = "Connections", .standard = "1"},
    [OPTION_STREAMS] = {"streams", 'm', "N", .help = "Calls at a time on each connection",
                        .standard = "1"},
    [OPTION_DURATION] = {"duration", 'd', "TIME", .help = "How long to measure", .standard = "10s"},
    [OPTION_WARMUP] = {"warmup", 0, "TIME", .help = "How long to run before it is measured",
                       .standard = "1s"},
    [OPTION_RATE] =
        {"rate", 0, "N",
         .help = "So many calls (client-stream and chat: readings) a second in all, whether the "
                 "server keeps up or not (default: each stream goes on when it is answered)"},
    [OPTION_READINGS_PER_STREAM] = {"readings-per-stream", 0, "N",
                                    .help = "Readings in a call that streams", .standard = "10000"},
    [OPTION_THREADS] = {"threads", 0, "N", .help = "Threads that make the load", .standard = "1"},
    [OPTION_SERVER_PID] =
        {"server-pid", 0, "PID",
         .help =
             "The server's process, on this machine: its processor time and memory are printed"},
    [OPTION_VERIFY] =
        {"verify", 0, "HOW",
         .help =
             "What the server holds in the end is asked for by statistics, by total (the sensor "
             "`__total', as the servers to compare with have it), or none",
         .standard = "statistics", .choices = CHOICES("statistics", "total", "none")},

    /* health */
    [OPTION_VERBOSE] = {"verbose", 'v', NULL,
                        .help = "Print the store's figures too; this needs a token that may read"},
};

const struct option_info *option_info(enum option_id id) {
    return &table[id];
}

const char *option_group_heading(enum option_group group) {
    static const char *const headings[] = {NULL, "The connection", "In general"};
    return headings[group];
}

static size_t list_range(enum option_id first, enum option_id last, enum option_id *ids) {
    size_t n = 0;
    for (unsigned id = first; id <= last; id++)
        ids[n++] = id;
    return n;
}

size_t option_group_of(const struct verb *verb, enum option_group group,
                       enum option_id ids[N_OPTIONS]) {
    if (group == OPTIONS_OF_ALL)
        return list_range(OPTION_CONFIG, OPTION_LOG_FORMAT, ids);
    if (group == OPTIONS_OF_CONNECTION)
        return verb->calls_a_server ? list_range(OPTION_SERVER, OPTION_TIMEOUT, ids) : 0;
    size_t n = 0;
    while (n < verb->n_options) {
        ids[n] = verb->options[n];
        n++;
    }
    if (verb->prints_records)
        ids[n++] = OPTION_OUTPUT;
    return n;
}

const char *option_name(size_t id) {
    return table[id].name;
}

struct option_variable option_variable(enum option_id id) {
    struct option_variable variable;
    int n = snprintf(variable.text, sizeof(variable.text), "THERMOGRAPH_");
    for (const char *c = table[id].name; *c; c++)
        variable.text[n++] = *c == '-' ? '_' : (char)toupper(*c);
    variable.text[n] = '\0';
    return variable;
}

/* ---- giving values ---- */

void options_fini(struct options *options) {
    for (size_t i = 0; i < N_OPTIONS; i++)
        mem_freep(&options->values[i].text);
}

/* Puts `text` behind a comma. 0 or -ENOMEM. */
static int value_extend(struct option_value *value, const char *text) {
    size_t len = strlen(value->text), more = strlen(text);
    char *longer = mem_resize(value->text, len + more + 2, 1);
    if (!longer)
        return -ENOMEM;
    longer[len] = ',';
    memcpy(longer + len + 1, text, more + 1);
    value->text = longer;
    return 0;
}

int options_set(struct options *options, enum option_id id, enum option_source source,
                const char *text) {
    struct option_value *value = &options->values[id];
    if (value->source > source)
        return 0;
    if (value->source == source && table[id].is_list)
        return value_extend(value, text);
    char *copy = mem_copy_text(text, strlen(text));
    if (!copy)
        return -ENOMEM;
    mem_free(value->text);
    *value = (struct option_value){copy, source};
    return 0;
}

/* An empty variable is as good as none. */
int options_read_environment(struct options *options) {
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const char *text = getenv(option_variable(id).text);
        int r = text && *text ? options_set(options, id, SOURCE_ENVIRONMENT, text) : 0;
        if (r)
            return r;
    }
    return 0;
}

/* ---- taking values ---- */

const char *options_text(const struct options *options, enum option_id id) {
    const char *text = options->values[id].text;
    return text ? text : table[id].standard;
}

bool options_given(const struct options *options, enum option_id id) {
    return options->values[id].text != NULL;
}

int options_blame(const struct options *options, enum option_id id, struct err_text *why) {
    struct err_text words = *why;
    const char *name = table[id].name;
    const char *file = options_text(options, OPTION_CONFIG);
    switch (options->values[id].source) {
    case SOURCE_FILE:
        err_say(why, "%s:%ld: %s: %s", file, yamlfile_find_key(file, name, 1), name, words.text);
        break;
    case SOURCE_ENVIRONMENT:
        err_say(why, "%s: %s", option_variable(id).text, words.text);
        break;
    default:
        err_say(why, "--%s: %s", name, words.text);
        break;
    }
    return -EINVAL;
}

int options_exit_status(int r) {
    return r == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

int options_flag(const struct options *options, enum option_id id, bool *flag,
                 struct err_text *why) {
    const char *text = options_text(options, id);
    return text && parse_flag(text, flag, why) ? options_blame(options, id, why) : 0;
}

int options_duration(const struct options *options, enum option_id id, uint64_t *ns,
                     struct err_text *why) {
    const char *text = options_text(options, id);
    return text && parse_duration(text, ns, why) ? options_blame(options, id, why) : 0;
}

int options_size(const struct options *options, enum option_id id, uint64_t *bytes,
                 struct err_text *why) {
    const char *text = options_text(options, id);
    return text && parse_size(text, bytes, why) ? options_blame(options, id, why) : 0;
}

int options_count(const struct options *options, enum option_id id, struct parse_range range,
                  uint64_t *count, struct err_text *why) {
    const char *text = options_text(options, id);
    return text && parse_count(text, range, count, why) ? options_blame(options, id, why) : 0;
}

int options_moment(const struct options *options, enum option_id id, struct moment *moment,
                   struct err_text *why) {
    const char *text = options_text(options, id);
    return text && moment_parse(text, clock_wall_ns(), moment, why)
               ? options_blame(options, id, why)
               : 0;
}

int options_choice(const struct options *options, enum option_id id, unsigned *index,
                   struct err_text *why) {
    const char *const *names = table[id].choices;
    const char *text = options_text(options, id);
    char allowed[256] = "";
    size_t n = 0;
    if (!text)
        return 0;
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *index = i;
            return 0;
        }
        n += (size_t)snprintf(allowed + n, sizeof(allowed) - n, "%s%s", i ? ", " : "", names[i]);
    }
    err_say(why, "'%.80s' is none of: %s", text, allowed);
    return options_blame(options, id, why);
}
