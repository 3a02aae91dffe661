/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/*
 * The log: lines on standard error, for people (`12:03:55.120 INFO  serving on ...`) or as JSON,
 * one object a line. Any thread may write; a line is written with one call and never torn.
 *
 * Levels: error, something stopped working; warn, it works on but somebody should look; info, what
 * an operator wants to know of a healthy server, never a line per call; debug, the rest.
 */
enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
};

enum log_format {
    LOG_TEXT,
    LOG_JSON,
};

/* Before any other thread starts. Without it: info, text. */
void log_configure(enum log_level level, enum log_format format);

void log_write(enum log_level level, const char *format, ...) PRINTF(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* Where lines go instead of standard error; NULL brings that back. For tests,
 * and for who shows them as a part of something else. */
typedef void (*log_sink_fn)(enum log_level level, const char *line, size_t len);
void log_redirect(log_sink_fn sink);

/*
 * A second one who hears every line that is written: its words as they were formatted, without time
 * and level and not escaped, valid for the time of the call; on whatever thread logs, `log_write`
 * waiting for it. It may log itself; how it keeps from hearing itself for ever is its own business.
 */
struct log_listener {
    void (*hear)(struct log_listener *listener, enum log_level level, struct bytes message);
};

/* NULL: nobody. Who listened before may still be hearing a line on another thread. */
void log_listen(struct log_listener *listener);

/*
 * What the line's thread is at work on, as fields beside the words: ` name=value` behind a text,
 * members of a JSON object. Names, at most 20 bytes, and values are made of letters, digits, `_`
 * and `-`.
 */
struct log_field {
    const char *name;
    char value[40];
};

enum {
    LOG_MAX_FIELDS = 2
};

/* Fills in what there is and returns how many; 0 mostly. */
typedef size_t (*log_fields_fn)(struct log_field fields[LOG_MAX_FIELDS]);

/* Asked for each line; NULL: there are none. Before any other thread starts. */
void log_add_fields(log_fields_fn fields);
