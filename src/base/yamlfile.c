/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcyaml reports through a log function: first what is wrong, then where, outermost last. The
 * first line and the first place are what a person needs; they are put together as `FILE:LINE:
 * what`, and into the words of somebody who knows the file and not libyaml's events.
 */
#include "base/yamlfile.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"

/* What libcyaml has said so far. */
struct yamlfile_complaint {
    char what[256];
    long line;
    char field[64]; /* the innermost; empty: it is about the whole */
};

static void yamlfile_listen(cyaml_log_t level, void *context, const char *format, va_list args) {
    struct yamlfile_complaint *complaint = context;
    char text[256];
    if (level < CYAML_LOG_ERROR)
        return;
    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    const char *place = strstr(text, "line: ");
    if (place && complaint->line == 0)
        complaint->line = strtol(place + strlen("line: "), NULL, 10);
    const char *field = complaint->field[0] ? NULL : strstr(text, "in mapping field '");
    if (field)
        sscanf(field, "in mapping field '%63[^']", complaint->field);
    if (complaint->what[0] || strstr(text, "Backtrace"))
        return;
    const char *said = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
    snprintf(complaint->what, sizeof(complaint->what), "%s", said);
}

static cyaml_config_t yamlfile_config(struct yamlfile_complaint *complaint) {
    return (cyaml_config_t){
        .log_fn = yamlfile_listen,
        .log_ctx = complaint,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_STYLE_BLOCK,
    };
}

static bool line_has_key(const char *line, const char *key) {
    size_t len = strlen(key);
    line += strspn(line, " \t-\"'");
    if (strncmp(line, key, len) != 0)
        return false;
    line += len;
    line += strspn(line, " \t\"'");
    return *line == ':';
}

long yamlfile_find_key(const char *file, const char *key, long from) {
    CLEANUP(mem_freep) char *line = NULL;
    size_t cap = 0;
    long number = 0, found = 0;
    FILE *in = fopen(file, "re");
    if (!in)
        return 0;
    while (!found && getline(&line, &cap, in) >= 0)
        if (++number >= from && line_has_key(line, key))
            found = number;
    fclose(in);
    return found;
}

#define UNKNOWN_KEY "Unexpected key: "

/* What libcyaml tells with the line of the key before, and how far behind it to look. */
static const struct {
    const char *said;
    long further;
} yamlfile_late_keys[] = {
    {UNKNOWN_KEY, 0},
    {"Mapping field already seen: ", 1},
};

static long yamlfile_line(const char *file, const struct yamlfile_complaint *complaint) {
    for (size_t i = 0; i < ARRAY_LEN(yamlfile_late_keys); i++) {
        size_t len = strlen(yamlfile_late_keys[i].said);
        if (strncmp(complaint->what, yamlfile_late_keys[i].said, len) != 0)
            continue;
        long line = yamlfile_find_key(file, complaint->what + len,
                                      complaint->line + yamlfile_late_keys[i].further);
        return line ? line : complaint->line;
    }
    return complaint->line;
}

/* What libcyaml calls it, and a person: where it belongs, and where something else does. */
static const struct yamlfile_form {
    const char *expected, *got;
    const char *belongs, *found;
} yamlfile_forms[] = {
    {"STRING", "SCALAR", "one value belongs here", "one value"},
    {"SEQUENCE", "SEQUENCE_START", "a list belongs here", "a list"},
    {"MAPPING", "MAPPING_START", "lines of `key: value' belong here", "lines of `key: value'"},
};

/* `Expecting MAPPING, got event: SCALAR`. False: it is something else. */
static bool yamlfile_reword_form(const struct yamlfile_complaint *complaint,
                                 struct err_text *words) {
    char expected[16], got[16];
    const char *belongs = NULL, *found = NULL;
    if (sscanf(complaint->what, "Expecting %15[A-Z], got event: %15[A-Z_]", expected, got) != 2)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(yamlfile_forms); i++) {
        if (strcmp(yamlfile_forms[i].expected, expected) == 0)
            belongs = yamlfile_forms[i].belongs;
        if (strcmp(yamlfile_forms[i].got, got) == 0)
            found = yamlfile_forms[i].found;
    }
    if (!belongs || !found)
        return false;
    err_say(words, "%s%s%s, not %s", complaint->field, complaint->field[0] ? ": " : "", belongs,
            found);
    return true;
}

/* `STRING length < 64: abc`. Without the value, which may be a secret. False: it is something else.
 */
static bool yamlfile_reword_length(const struct yamlfile_complaint *complaint,
                                   struct err_text *words) {
    char sign;
    unsigned limit;
    if (sscanf(complaint->what, "STRING length %c %u:", &sign, &limit) != 2)
        return false;
    err_say(words, "%s: %s %s %s here", complaint->field, sign == '<' ? "at least" : "at most",
            counted(limit, "byte", "bytes").text, plural(limit, "belongs", "belong"));
    return true;
}

/* What libcyaml says about a key that stands behind its words. */
static const struct {
    const char *said, *words;
} yamlfile_key_words[] = {
    {"Missing required mapping field: ", "is missing"},
    {"Mapping field already seen: ", "is there twice"},
};

static void yamlfile_reword(const struct yamlfile_complaint *complaint, struct err_text *words) {
    static const char broken[] = "libyaml: ";
    const char *what = complaint->what;
    if (yamlfile_reword_form(complaint, words) || yamlfile_reword_length(complaint, words))
        return;
    for (size_t i = 0; i < ARRAY_LEN(yamlfile_key_words); i++) {
        size_t len = strlen(yamlfile_key_words[i].said);
        if (strncmp(what, yamlfile_key_words[i].said, len) == 0) {
            err_say(words, "%s %s", what + len, yamlfile_key_words[i].words);
            return;
        }
    }
    if (strncmp(what, broken, strlen(broken)) == 0)
        err_say(words, "this is no YAML: %s%s", what + strlen(broken),
                strstr(what, "alphabetic or numeric character")
                    ? " (a value that begins with * stands in quotes)"
                    : "");
    else
        err_say(words, "%s", what);
}

/* What is wrong with the file as a whole is found at its first line. */
static void yamlfile_say(const char *file, struct yamlfile_complaint *complaint, cyaml_err_t err,
                         struct err_text *why) {
    struct err_text words;
    if (!complaint->what[0])
        snprintf(complaint->what, sizeof(complaint->what), "%s", cyaml_strerror(err));
    long line = yamlfile_line(file, complaint);
    yamlfile_reword(complaint, &words);
    err_say(why, "%s:%ld: %s", file, line ? line : 1, words.text);
}

int yamlfile_load(const char *file, const cyaml_schema_value_t *schema, void **data,
                  struct err_text *why) {
    struct yamlfile_complaint complaint = {0};
    cyaml_config_t config = yamlfile_config(&complaint);
    *data = NULL;
    errno = 0;
    cyaml_err_t err = cyaml_load_file(file, &config, schema, data, NULL);
    if (err == CYAML_OK)
        return 0;
    if (err == CYAML_ERR_OOM) {
        err_say(why, "%s: out of memory", file);
        return -ENOMEM;
    }
    if (err == CYAML_ERR_FILE_OPEN || errno == EISDIR) { /* a directory can be opened */
        int r = errno ? -errno : -ENOENT;
        err_say(why, "%s: %s%s", file, strerror(-r), err_reading_remedy(r));
        return r;
    }
    yamlfile_say(file, &complaint, err, why);
    return -EINVAL;
}

const char *yamlfile_cut_unknown_key(struct err_text *words) {
    char *at = strstr(words->text, UNKNOWN_KEY);
    if (!at)
        return NULL;
    *at = '\0';
    return at + strlen(UNKNOWN_KEY);
}

void yamlfile_free(const cyaml_schema_value_t *schema, void *data) {
    struct yamlfile_complaint complaint = {0};
    cyaml_config_t config = yamlfile_config(&complaint);
    cyaml_free(&config, schema, data, 0);
}

int yamlfile_write(const cyaml_schema_value_t *schema, const void *data, char **text, size_t *len) {
    struct yamlfile_complaint complaint = {0};
    cyaml_config_t config = yamlfile_config(&complaint);
    return cyaml_save_data(text, len, &config, schema, data, 0) == CYAML_OK ? 0 : -ENOMEM;
}
