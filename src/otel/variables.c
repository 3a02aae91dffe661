/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/variables.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "otel/text_list.h"

enum {
    SHOWN_MAX = 100, /* bytes of a value in a line of the log */
};

struct bytes variable_text(variable_fn variable, const char *name) {
    const char *value = variable(name);
    struct bytes text = value ? text_trim(bytes_str(value)) : (struct bytes){0};
    return text.len > 0 ? text : (struct bytes){0};
}

void variable_complain(const char *name, struct bytes value, const char *allowed,
                       const char *taken) {
    bool is_cut = value.len > SHOWN_MAX;
    value.len = is_cut ? SHOWN_MAX : value.len;
    log_warn("%s=%.*s%s: must be %s; %s is taken", name, BYTES_ARGS(value), is_cut ? "..." : "",
             allowed, taken);
}

bool variable_is_true(variable_fn variable, const char *name, bool otherwise) {
    struct bytes text = variable_text(variable, name);
    if (!text.data)
        return otherwise;
    if (text_is_word(text, "true"))
        return true;
    if (!text_is_word(text, "false"))
        variable_complain(name, text, "true or false", "false");
    return false;
}

/* ---- numbers ---- */

/* False: it is no whole number, or larger than `max`. */
static bool read_number(struct bytes text, uint64_t max, uint64_t *number) {
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || *number > (max - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return text.len > 0;
}

uint64_t variable_number(variable_fn variable, const char *name,
                         const struct variable_range *range) {
    struct bytes text = variable_text(variable, name);
    char allowed[96], taken[24] = "no limit";
    uint64_t number;
    if (!text.data)
        return range->otherwise;
    if (read_number(text, range->max, &number) && number >= range->min)
        return number;
    snprintf(allowed, sizeof(allowed), "a whole number from %llu to %llu",
             (unsigned long long)range->min, (unsigned long long)range->max);
    if (range->otherwise != VARIABLE_NO_LIMIT)
        snprintf(taken, sizeof(taken), "%llu", (unsigned long long)range->otherwise);
    variable_complain(name, text, allowed, taken);
    return range->otherwise;
}

uint64_t variable_duration_ns(variable_fn variable, const char *name,
                              const struct variable_range *range_ms) {
    return variable_number(variable, name, range_ms) * NS_PER_MS;
}

uint64_t variable_timeout_ns(variable_fn variable, const char *name, uint64_t otherwise_ns) {
    const struct variable_range range = {0, INT32_MAX, otherwise_ns / NS_PER_MS};
    uint64_t ms = variable_number(variable, name, &range);
    return (ms ? ms : UINT32_MAX) * NS_PER_MS;
}

/* ---- words ---- */

static void list_words(const struct variable_choice *choices, char *out, size_t cap) {
    size_t n = 0;
    for (size_t i = 0; choices[i].word && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "", choices[i].word);
}

static const char *word_of(const struct variable_choice *choices, int value) {
    while (choices->word && choices->value != value)
        choices++;
    return choices->word;
}

bool variable_choose(variable_fn variable, const char *name, const struct variable_choice *choices,
                     int *chosen) {
    struct bytes text = variable_text(variable, name);
    char words[160], allowed[224];
    if (!text.data)
        return false;
    for (size_t i = 0; choices[i].word; i++) {
        if (text_is_word(text, choices[i].word)) {
            *chosen = choices[i].value;
            return true;
        }
    }
    list_words(choices, words, sizeof(words));
    bool is_list = memchr(text.data, ',', text.len) != NULL;
    snprintf(allowed, sizeof(allowed), "one of %s%s", words, is_list ? ", not a list of them" : "");
    variable_complain(name, text, allowed, word_of(choices, *chosen));
    return false;
}
