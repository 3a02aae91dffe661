/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shortest digits are found by trying: 15 significant digits are enough for nearly every
 * temperature, 17 always. They are then laid out by Python's rule: an exponent below -4 or from 16
 * on is written as one, everything else in full with at least one digit behind the point.
 */
#include "base/decimal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS_MAX = 17
};

struct digits {
    char text[DIGITS_MAX + 1]; /* d1 d2 d3 ... without trailing zeros */
    int n;
    int exponent; /* the value is d1.d2d3... times 10^exponent */
};

/* Takes apart "d.ddde[+-]dd"; whatever the locale has as its point is skipped. */
static struct digits digits_of_scientific(const char *text) {
    struct digits d = {.n = 0};
    const char *c = text;
    for (; *c != 'e'; c++)
        if (*c >= '0' && *c <= '9')
            d.text[d.n++] = *c;
    d.exponent = (int)strtol(c + 1, NULL, 10);
    while (d.n > 1 && d.text[d.n - 1] == '0')
        d.n--;
    d.text[d.n] = '\0';
    return d;
}

/* Of a value that is finite and not negative. */
static struct digits digits_shortest(double value) {
    char text[64];
    /* Subnormal numbers have fewer bits, so fewer digits may do. */
    for (int precision = value < DBL_MIN ? 1 : 15;; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision - 1, value);
        if (precision == DIGITS_MAX || strtod(text, NULL) == value)
            return digits_of_scientific(text);
    }
}

static void layout_exponent(const struct digits *d, char *out, size_t cap) {
    const char *point = d->n > 1 ? "." : "";
    snprintf(out, cap, "%c%s%se%+03d", d->text[0], point, d->text + 1, d->exponent);
}

static void layout_plain(const struct digits *d, char *out) {
    int point = d->exponent + 1; /* digits before the point */
    if (point <= 0) {
        *out++ = '0';
        *out++ = '.';
        for (; point < 0; point++)
            *out++ = '0';
        memcpy(out, d->text, (size_t)d->n + 1);
        return;
    }
    for (int i = 0; i < point; i++)
        *out++ = i < d->n ? d->text[i] : '0';
    *out++ = '.';
    if (point >= d->n)
        *out++ = '0';
    for (int i = point; i < d->n; i++)
        *out++ = d->text[i];
    *out = '\0';
}

struct decimal_text decimal_format(double value) {
    struct decimal_text result;
    char *out = result.text;
    if (isnan(value)) {
        memcpy(out, "nan", 4);
        return result;
    }
    if (signbit(value))
        *out++ = '-';
    if (isinf(value)) {
        memcpy(out, "inf", 4);
        return result;
    }
    struct digits d = digits_shortest(fabs(value));
    if (d.exponent < -4 || d.exponent >= 16)
        layout_exponent(&d, out, sizeof(result.text) - 1);
    else
        layout_plain(&d, out);
    return result;
}
