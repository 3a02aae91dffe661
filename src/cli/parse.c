/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/parse.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* The longer of two names that start alike comes first. */
static const struct unit time_units[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"ms", NS_PER_MS},
    {"s", NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"d", 86400 * NS_PER_S},
};

static const struct unit size_units[] = {
    {"", 1}, {"B", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", UINT64_C(1) << 40},
};

/* A decimal number: `whole` + `part` / `scale`. */
struct number {
    uint64_t whole;
    uint64_t part;
    uint64_t scale;
};

/* Digits behind the point that count; nanoseconds of a second need no more. */
#define MAX_PART_SCALE UINT64_C(1000000000)

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Reads a number and moves `*at` behind it; false when there is none or it is too large. */
static bool take_number(const char **at, struct number *number) {
    const char *c = *at;
    *number = (struct number){0, 0, 1};
    if (!is_digit(*c) && !(*c == '.' && is_digit(c[1])))
        return false;
    for (; is_digit(*c); c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (__builtin_mul_overflow(number->whole, 10, &number->whole) ||
            __builtin_add_overflow(number->whole, digit, &number->whole))
            return false;
    }
    if (*c == '.')
        for (c++; is_digit(*c); c++)
            if (number->scale < MAX_PART_SCALE) {
                number->part = number->part * 10 + (uint64_t)(*c - '0');
                number->scale *= 10;
            }
    *at = c;
    return true;
}

static bool number_times(const struct number *number, uint64_t factor, uint64_t *result) {
    unsigned __int128 product = (unsigned __int128)number->whole * factor +
                                (unsigned __int128)number->part * factor / number->scale;
    *result = (uint64_t)product;
    return product <= UINT64_MAX;
}

static const struct unit *take_time_unit(const char **at) {
    for (size_t i = 0; i < ARRAY_LEN(time_units); i++) {
        size_t len = strlen(time_units[i].name);
        if (strncmp(*at, time_units[i].name, len) == 0) {
            *at += len;
            return &time_units[i];
        }
    }
    return NULL;
}

/* One number with its unit; a number alone, if it is all there is, counts seconds. */
static bool take_time_part(const char *text, const char **at, uint64_t *ns) {
    struct number number;
    bool is_first = *at == text;
    if (!take_number(at, &number))
        return false;
    if (is_first && **at == '\0')
        return number_times(&number, NS_PER_S, ns);
    const struct unit *unit = take_time_unit(at);
    return unit && number_times(&number, unit->factor, ns);
}

int parse_duration(const char *text, uint64_t *ns, struct err_text *why) {
    const char *at = text;
    uint64_t sum = 0, part;
    do {
        if (!take_time_part(text, &at, &part) || __builtin_add_overflow(sum, part, &sum)) {
            err_say(why,
                    "'%.80s' is no duration: write a number of seconds, or 500ms, 10s, 5m, 1h30m, "
                    "7d",
                    text);
            return -EINVAL;
        }
    } while (*at != '\0');
    *ns = sum;
    return 0;
}

/* `512M`, `512MB` and `512MiB` are the same. */
static bool unit_is(const struct unit *unit, const char *text) {
    size_t len = strlen(unit->name);
    if (strncasecmp(text, unit->name, len) != 0)
        return false;
    text += len;
    return *text == '\0' ||
           (unit->factor > 1 && (strcasecmp(text, "B") == 0 || strcasecmp(text, "iB") == 0));
}

int parse_size(const char *text, uint64_t *bytes, struct err_text *why) {
    const char *at = text;
    struct number number;
    if (take_number(&at, &number))
        for (size_t i = 0; i < ARRAY_LEN(size_units); i++)
            if (unit_is(&size_units[i], at) && number_times(&number, size_units[i].factor, bytes))
                return 0;
    err_say(why, "'%.80s' is no size: write a number of bytes, or 512M, 2G", text);
    return -EINVAL;
}

int parse_count(const char *text, struct parse_range range, uint64_t *count, struct err_text *why) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (is_digit(text[0]) && *end == '\0' && errno == 0 && value >= range.min &&
        value <= range.max) {
        *count = value;
        return 0;
    }
    if (range.max == UINT64_MAX)
        err_say(why, "'%.80s' is no whole number from %llu on", text,
                (unsigned long long)range.min);
    else
        err_say(why, "'%.80s' is no whole number from %llu to %llu", text,
                (unsigned long long)range.min, (unsigned long long)range.max);
    return -EINVAL;
}

int parse_flag(const char *text, bool *flag, struct err_text *why) {
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        for (int value = 0; value < 2; value++)
            if (strcasecmp(text, words[i][value]) == 0) {
                *flag = value;
                return 0;
            }
    err_say(why, "'%.80s' is neither true nor false", text);
    return -EINVAL;
}

int parse_temperature(const char *text, double *temperature, struct err_text *why) {
    char *end;
    double value = strtod(text, &end);
    /* strtod() also takes blanks in front, `inf`, `nan` and hexadecimal. */
    bool is_decimal = text[0] != '\0' && text[strspn(text, "0123456789+-.eE")] == '\0';
    if (!is_decimal || *end != '\0' || end == text) {
        err_say(why, "'%.80s' is no temperature: write a number such as 21.5", text);
        return -EINVAL;
    }
    if (!isfinite(value)) {
        err_say(why, "the temperature %.80s is too large for a double", text);
        return -EINVAL;
    }
    *temperature = value;
    return 0;
}
