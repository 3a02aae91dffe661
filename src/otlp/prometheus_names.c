/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: what Prometheus does not allow becomes an underscore, several of which become one; the
 * unit is added in words, unless the name says it already. Where the specification leaves a choice
 * this is what the Collector's exporter does, so that a series has one name whichever way it takes.
 */
#include "otlp/prometheus_names.h"

#include <ctype.h>
#include <string.h>

#include "base/bytes.h"

struct unit_word {
    const char *unit; /* UCUM */
    const char *word;
};

static const struct unit_word units[] = {
    {"d", "days"},          {"h", "hours"},
    {"min", "minutes"},     {"s", "seconds"},
    {"ms", "milliseconds"}, {"us", "microseconds"},
    {"ns", "nanoseconds"},  {"By", "bytes"},
    {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},  {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},   {"MBy", "megabytes"},
    {"GBy", "gigabytes"},   {"TBy", "terabytes"},
    {"m", "meters"},        {"V", "volts"},
    {"A", "amperes"},       {"J", "joules"},
    {"W", "watts"},         {"g", "grams"},
    {"Cel", "celsius"},     {"Hz", "hertz"},
    {"%", "percent"},       {"1", ""},
};

/* Behind a slash: `By/s` is bytes per second. */
static const struct unit_word units_per[] = {
    {"s", "second"}, {"m", "minute"}, {"min", "minute"}, {"h", "hour"},
    {"d", "day"},    {"w", "week"},   {"mo", "month"},   {"y", "year"},
};

/* A name made of words with an underscore between. */
struct words {
    char *text;
    size_t len;
    size_t cap;
    bool is_too_long;
};

static void words_put(struct words *words, char c) {
    if (words->len + 1 < words->cap)
        words->text[words->len++] = c;
    else
        words->is_too_long = true;
    words->text[words->len] = '\0';
}

static bool is_word_character(char c) {
    return isascii(c) && isalnum(c);
}

/* Adds the words that `text` is made of, whatever stands between them. */
static void words_add(struct words *words, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (!is_word_character(text[i]))
            continue;
        bool begins = i == 0 || !is_word_character(text[i - 1]);
        if (begins && words->len > 0 && words->text[words->len - 1] != '_')
            words_put(words, '_');
        words_put(words, text[i]);
    }
}

static void words_add_str(struct words *words, const char *text) {
    words_add(words, text, strlen(text));
}

/* Whether these words are among them, side by side. */
static bool words_have(const struct words *words, const char *wanted) {
    size_t len = strlen(wanted);
    for (const char *at = words->text; (at = strstr(at, wanted)); at++) {
        bool begins = at == words->text || at[-1] == '_';
        if (begins && (at[len] == '\0' || at[len] == '_'))
            return true;
    }
    return false;
}

static bool words_end_with(const struct words *words, const char *wanted) {
    size_t len = strlen(wanted);
    return words->len > len && words->text[words->len - len - 1] == '_' &&
           memcmp(words->text + words->len - len, wanted, len) == 0;
}

static void words_cut(struct words *words, const char *last) {
    if (!words_end_with(words, last))
        return;
    words->len -= strlen(last) + 1;
    words->text[words->len] = '\0';
}

static void add_unit_word(struct words *words, struct bytes unit, const struct unit_word *table,
                          size_t n) {
    for (size_t i = 0; i < n; i++)
        if (bytes_equal_str(unit, table[i].unit)) {
            words_add_str(words, table[i].word);
            return;
        }
    words_add(words, (const char *)unit.data, unit.len);
}

/* Takes what stands in braces out: it is a remark (UCUM, section 12). */
static size_t drop_remarks(const char *unit, char *out, size_t cap) {
    size_t n = 0;
    bool is_remark = false;
    for (; *unit; unit++) {
        if (*unit == '{' || *unit == '}')
            is_remark = *unit == '{';
        else if (!is_remark && n < cap)
            out[n++] = *unit;
    }
    return n;
}

/* The unit before the slash and the one behind it, each as words. */
static void unit_words(const char *unit, struct words *whole, struct words *per) {
    char plain[PROMETHEUS_NAME_MAX];
    size_t len = drop_remarks(unit, plain, sizeof(plain));
    const char *slash = memchr(plain, '/', len);
    size_t before = slash ? (size_t)(slash - plain) : len;
    add_unit_word(whole, bytes_of(plain, before), units, ARRAY_LEN(units));
    if (slash)
        add_unit_word(per, bytes_of(slash + 1, len - before - 1), units_per, ARRAY_LEN(units_per));
}

static void add_unit(struct words *family, const char *unit, struct prometheus_name *made) {
    char per_text[PROMETHEUS_NAME_MAX] = "";
    struct words whole = {.text = made->unit, .cap = sizeof(made->unit)};
    struct words per = {.text = per_text, .cap = sizeof(per_text)};
    unit_words(unit, &whole, &per);
    if (whole.len > 0 && !words_have(family, whole.text))
        words_add_str(family, whole.text);
    if (per.len > 0 && !words_have(family, per.text)) {
        words_add_str(family, "per");
        words_add_str(family, per.text);
    }
    if (per.len > 0) {
        words_add_str(&whole, "per");
        words_add_str(&whole, per.text);
    }
    if (!words_end_with(family, whole.text))
        made->unit[0] = '\0'; /* OpenMetrics: a family with a unit ends with it */
}

int prometheus_name_make(const char *name, const char *unit, enum otel_instrument_kind kind,
                         struct prometheus_name *made) {
    struct words family = {.text = made->family, .cap = sizeof(made->family)};
    made->family[0] = made->unit[0] = '\0';
    if (isdigit((unsigned char)name[0]))
        words_put(&family, '_');
    words_add_str(&family, name);
    if (kind == OTEL_COUNTER)
        words_cut(&family, "total");
    add_unit(&family, unit, made);
    if (kind == OTEL_GAUGE && strcmp(unit, "1") == 0) {
        words_cut(&family, "ratio");
        words_add_str(&family, "ratio");
        memcpy(made->unit, "ratio", sizeof("ratio"));
    }
    return family.len == 0 || family.is_too_long ? -EINVAL : 0;
}

size_t prometheus_label_name(struct bytes key, char *out) {
    size_t n = 0;
    if (key.len > 0 && isdigit(key.data[0])) {
        memcpy(out, "key_", 4);
        n = 4;
    }
    for (size_t i = 0; i < key.len; i++) {
        char c = (char)key.data[i];
        if (is_word_character(c))
            out[n++] = c;
        else if (n == 0 || out[n - 1] != '_')
            out[n++] = '_';
    }
    return n;
}
