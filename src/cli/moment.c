/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times in and out. Out is always UTC, so that a line means the same on every machine and can be
 * pasted back in; in, a time without an offset is UTC for the same reason.
 */
#include "cli/moment.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/parse.h"

struct moment moment_of_ns(uint64_t ns) {
    return (struct moment){(int64_t)(ns / NS_PER_S), (int32_t)(ns % NS_PER_S)};
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Exactly `n` digits. */
static bool take_digits(const char **at, int n, int *value) {
    *value = 0;
    for (int i = 0; i < n; i++, (*at)++) {
        if (!is_digit(**at))
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool take_char(const char **at, char c) {
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* `.25` and the like, at most nine digits; nothing is 0. */
static bool take_fraction(const char **at, int32_t *nanos) {
    int32_t unit = 100000000;
    *nanos = 0;
    if (!take_char(at, '.'))
        return true;
    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++, unit /= 10) {
        if (unit == 0)
            return false;
        *nanos += (**at - '0') * unit;
    }
    return true;
}

/* `1790000000.25` */
static bool parse_seconds(const char *at, struct moment *moment) {
    moment->seconds = 0;
    if (!is_digit(*at))
        return false;
    for (; is_digit(*at); at++)
        if (__builtin_mul_overflow(moment->seconds, 10, &moment->seconds) ||
            __builtin_add_overflow(moment->seconds, *at - '0', &moment->seconds))
            return false;
    return take_fraction(&at, &moment->nanos) && *at == '\0';
}

static bool take_date(const char **at, struct tm *tm) {
    int month;
    if (!take_digits(at, 4, &tm->tm_year) || !take_char(at, '-') || !take_digits(at, 2, &month) ||
        !take_char(at, '-') || !take_digits(at, 2, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon = month - 1;
    return true;
}

/* `10:00`, `10:00:00`, `10:00:00.25` */
static bool take_clock(const char **at, struct tm *tm, int32_t *nanos) {
    if (!take_digits(at, 2, &tm->tm_hour) || !take_char(at, ':') ||
        !take_digits(at, 2, &tm->tm_min))
        return false;
    if (!take_char(at, ':'))
        return true;
    return take_digits(at, 2, &tm->tm_sec) && take_fraction(at, nanos);
}

/* `Z`, `+01:00`, `-0530` or nothing, in seconds east of Greenwich. */
static bool take_offset(const char **at, int64_t *seconds) {
    int sign = **at == '-' ? -1 : 1, hours, minutes;
    *seconds = 0;
    if (**at == '\0' || take_char(at, 'Z') || take_char(at, 'z'))
        return true;
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    if (!take_digits(at, 2, &hours))
        return false;
    take_char(at, ':');
    if (!take_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* timegm() takes the 31st of February for the 3rd of March; here it is no date. */
static bool seconds_of_tm(const struct tm *tm, int64_t *seconds) {
    struct tm normal = *tm;
    *seconds = timegm(&normal);
    return normal.tm_mon == tm->tm_mon && normal.tm_mday == tm->tm_mday &&
           normal.tm_hour == tm->tm_hour && normal.tm_min == tm->tm_min &&
           normal.tm_sec == tm->tm_sec;
}

static bool parse_iso(const char *at, struct moment *moment) {
    struct tm tm = {0};
    int64_t offset = 0;
    moment->nanos = 0;
    if (!take_date(&at, &tm))
        return false;
    if (take_char(&at, 'T') || take_char(&at, 't') || take_char(&at, ' '))
        if (!take_clock(&at, &tm, &moment->nanos) || !take_offset(&at, &offset))
            return false;
    if (*at != '\0' || !seconds_of_tm(&tm, &moment->seconds))
        return false;
    moment->seconds -= offset;
    return true;
}

/* `-1h`: whole seconds, so that it also fits where the protocol has no parts of a second. */
static bool parse_relative(const char *text, uint64_t now_ns, struct moment *moment) {
    struct err_text unused;
    uint64_t ns;
    if (!is_digit(text[1]) || parse_duration(text + 1, &ns, &unused))
        return false;
    int64_t seconds = (int64_t)(ns / NS_PER_S);
    int64_t now = (int64_t)(now_ns / NS_PER_S);
    *moment = (struct moment){text[0] == '-' ? now - seconds : now + seconds, 0};
    return true;
}

int moment_parse(const char *text, uint64_t now_ns, struct moment *moment, struct err_text *why) {
    if (strcmp(text, "now") == 0) {
        *moment = moment_of_ns(now_ns);
        return 0;
    }
    bool is_relative = text[0] == '-' || text[0] == '+';
    if (is_relative ? parse_relative(text, now_ns, moment)
                    : parse_seconds(text, moment) || parse_iso(text, moment))
        return 0;
    err_say(
        why,
        "'%.80s' is no time: write 2026-11-24T10:00:00Z, 2026-11-24, -1h (an hour ago), now, or "
        "seconds since 1970",
        text);
    return -EINVAL;
}

static size_t format_fraction(int32_t nanos, char *out, size_t cap) {
    if (nanos == 0)
        return 0;
    size_t n = (size_t)snprintf(out, cap, ".%09d", nanos);
    while (out[n - 1] == '0')
        n--;
    return n;
}

struct moment_text moment_format(struct moment moment) {
    struct moment_text out;
    struct tm tm;
    time_t seconds = moment.seconds;
    size_t n;
    /* Years of more than four digits have no agreed form. */
    if (!gmtime_r(&seconds, &tm) || tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > 9999) {
        n = (size_t)snprintf(out.text, sizeof(out.text), "%lld", (long long)moment.seconds);
        n += format_fraction(moment.nanos, out.text + n, sizeof(out.text) - n);
        out.text[n] = '\0';
        return out;
    }
    n = (size_t)snprintf(out.text, sizeof(out.text), "%04d-%02d-%02dT%02d:%02d:%02d",
                         tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                         tm.tm_sec);
    n += format_fraction(moment.nanos, out.text + n, sizeof(out.text) - n);
    out.text[n] = 'Z';
    out.text[n + 1] = '\0';
    return out;
}
