/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two small things: the trail that a fatal error leaves at log level debug, and the words that go
 * with an error that somebody can mend. Which function returns what is said in err.h.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"

int err_trace_at(int r, const char *file, int line, const char *function) {
    if (r < 0)
        log_debug("%s:%d: %s: %s", file, line, function, strerror(-r));
    return r;
}

const char *err_reading_remedy(int r) {
    bool is_about_rights = r == -EACCES || r == -EPERM;
    return is_about_rights ? " (give the user that runs this the right to read it)" : "";
}

void err_say(struct err_text *why, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    /* One byte less than there is, so that a character that vsnprintf cut is seen as cut. */
    if (n >= (int)sizeof(why->text))
        why->text[utf8_cut(why->text, sizeof(why->text) - 2)] = '\0';
}
