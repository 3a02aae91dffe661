/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is formatted on the stack and written with one write(2), so threads need no lock and lines
 * never mix. A line has a bound, LOG_LINE_MAX: what comes from a peer can make it long, never
 * longer. Bytes that could move a terminal's cursor or break a JSON string are escaped in both
 * formats.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

enum {
    LOG_LINE_MAX = 2048,
    LOG_HEAD_MAX = 128,
    LOG_TAIL_MAX = 160, /* fields, and what closes an object */
};

static enum log_level log_max_level = LOG_INFO;
static enum log_format log_chosen_format = LOG_TEXT;
static log_sink_fn log_sink;
static log_fields_fn log_fields_of_thread;
static struct log_listener *_Atomic log_listener;

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_labels[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};

void log_configure(enum log_level level, enum log_format format) {
    log_max_level = level;
    log_chosen_format = format;
}

void log_redirect(log_sink_fn sink) {
    log_sink = sink;
}

void log_listen(struct log_listener *listener) {
    atomic_store_explicit(&log_listener, listener, memory_order_release);
}

void log_add_fields(log_fields_fn fields) {
    log_fields_of_thread = fields;
}

/* The character at the start of `text`, or a byte that is none, as it goes into a line. */
static size_t log_escape_one(struct bytes text, size_t length, char *out) {
    static const char hex[] = "0123456789abcdef";
    if (length > 0 && !utf8_has_control(bytes_of(text.data, length))) {
        memcpy(out, text.data, length);
        return length;
    }
    uint8_t value = text.data[length == 2 ? 1 : 0]; /* a C1 control's second byte is its value */
    memcpy(out, "\\u00", 4);
    out[4] = hex[value >> 4];
    out[5] = hex[value & 15];
    return 6;
}

/*
 * Escapes controls, stray bytes, quotes and backslashes as JSON does; stops at a character's edge.
 * Returns the bytes written, at most `cap`.
 */
static size_t log_escape(struct bytes text, bool for_json, char *out, size_t cap) {
    size_t n = 0;
    while (text.len > 0 && n + 6 <= cap) {
        size_t length = utf8_length(text);
        if (for_json && (text.data[0] == '"' || text.data[0] == '\\'))
            out[n++] = '\\';
        n += log_escape_one(text, length, out + n);
        text = bytes_from(text, length ? length : 1);
    }
    return n;
}

static size_t log_head(enum log_level level, char *out, size_t cap) {
    uint64_t now = clock_wall_ns();
    time_t seconds = (time_t)(now / NS_PER_S);
    int ms = (int)(now % NS_PER_S / NS_PER_MS);
    struct tm tm;
    char date[32];
    if (log_chosen_format == LOG_TEXT) {
        localtime_r(&seconds, &tm);
        strftime(date, sizeof(date), "%H:%M:%S", &tm);
        return (size_t)snprintf(out, cap, "%s.%03d %s ", date, ms, level_labels[level]);
    }
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    return (size_t)snprintf(out, cap, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"message\":\"",
                            date, ms, level_names[level]);
}

/* What follows the message. */
static size_t log_tail(char *out, size_t cap) {
    struct log_field fields[LOG_MAX_FIELDS];
    bool is_json = log_chosen_format == LOG_JSON;
    size_t n_fields = log_fields_of_thread ? log_fields_of_thread(fields) : 0;
    size_t n = (size_t)snprintf(out, cap, "%s", is_json ? "\"" : "");
    for (size_t i = 0; i < n_fields; i++)
        n += (size_t)snprintf(out + n, cap - n, is_json ? ",\"%.20s\":\"%s\"" : " %.20s=%s",
                              fields[i].name, fields[i].value);
    return n + (size_t)snprintf(out + n, cap - n, "%s", is_json ? "}\n" : "\n");
}

static void log_put_line(enum log_level level, struct bytes message) {
    char line[LOG_LINE_MAX + LOG_HEAD_MAX], tail[LOG_TAIL_MAX];
    size_t n = log_head(level, line, sizeof(line));
    size_t n_tail = log_tail(tail, sizeof(tail));
    n += log_escape(message, log_chosen_format == LOG_JSON, line + n, sizeof(line) - n - n_tail);
    memcpy(line + n, tail, n_tail);
    n += n_tail;
    if (log_sink)
        log_sink(level, line, n);
    else if (write(STDERR_FILENO, line, n) < 0) {
        /* Nowhere is left to say so. */
    }
}

void log_write(enum log_level level, const char *format, ...) {
    if (level > log_max_level)
        return;
    int saved_errno = errno;
    char text[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text[utf8_cut(text, sizeof(text) - 2)] = '\0';
    log_put_line(level, bytes_str(text));
    struct log_listener *listener = atomic_load_explicit(&log_listener, memory_order_acquire);
    if (listener)
        listener->hear(listener, level, bytes_str(text));
    errno = saved_errno;
}
