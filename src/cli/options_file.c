/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: YAML, one `option: value` a line, the same names as on the command line.
 *
 *     server: grpc-server:50051
 *     ca: certs/ca.crt
 *     token-file: token
 *
 * The schema that libcyaml checks it against is made from the table of options. All values are read
 * as text; the verb that uses one turns it into its type. So one file can serve several verbs.
 */
#include "cli/options.h"

#include <string.h>

#include "base/mem.h"
#include "base/yamlfile.h"
#include "cli/nearest.h"

struct file_values {
    char *text[N_OPTIONS];
};

/* Longer values are a mistake; a token has at most 1,024 bytes. */
enum {
    FILE_VALUE_MAX = 4096
};

static void fill_fields(cyaml_schema_field_t fields[N_OPTIONS + 1]) {
    static const cyaml_schema_field_t model =
        CYAML_FIELD_STRING_PTR("", CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL,
                               struct file_values, text[0], 0, FILE_VALUE_MAX);
    for (size_t id = 0; id < N_OPTIONS; id++) {
        fields[id] = model;
        fields[id].key = option_name(id);
        fields[id].data_offset = (uint32_t)(id * sizeof(char *));
    }
    fields[N_OPTIONS] = (cyaml_schema_field_t)CYAML_FIELD_END;
}

/* The one option that people write as a list. */
static void explain_list(struct err_text *why) {
    struct err_text words = *why;
    if (strstr(words.text, "listen: one value belongs here"))
        err_say(why, "%s (several addresses of listen stand between commas)", words.text);
}

/* What is allowed in place of a key that the schema does not know is for us to say. */
static void explain_unknown_key(struct err_text *why) {
    struct err_text words = *why;
    const char *key = yamlfile_cut_unknown_key(&words);
    if (!key)
        return;
    const char *near = nearest_name(key, option_name, N_OPTIONS);
    if (near)
        err_say(why, "%sthere is no option '%.80s'; did you mean '%s'?", words.text, key, near);
    else
        err_say(why,
                "%sthere is no option '%.80s'; allowed are the options' names without the dashes, "
                "such as server, ca, token-file, listen (see `thermograph help VERB')",
                words.text, key);
}

/* 0, or -EINVAL with words. */
static int refuse_config(const char *file, const struct file_values *values, struct err_text *why) {
    if (!values->text[OPTION_CONFIG])
        return 0;
    err_say(why, "%s:%ld: config: a configuration file cannot name another", file,
            yamlfile_find_key(file, "config", 1));
    return -EINVAL;
}

/* 0, or -ENOMEM with words. */
static int take_values(struct options *options, const struct file_values *values,
                       struct err_text *why) {
    for (unsigned id = 0; id < N_OPTIONS; id++) {
        const char *text = values->text[id];
        int r = text && *text ? options_set(options, id, SOURCE_FILE, text) : 0;
        if (r) {
            err_say(why, "out of memory");
            return r;
        }
    }
    return 0;
}

int options_read_file(struct options *options, const char *file, struct err_text *why) {
    cyaml_schema_field_t fields[N_OPTIONS + 1];
    const cyaml_schema_value_t schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_values, fields),
    };
    struct file_values *values;
    fill_fields(fields);
    int r = yamlfile_load(file, &schema, (void **)&values, why);
    if (r) {
        explain_unknown_key(why);
        explain_list(why);
        return r;
    }
    if (!values)
        return 0;
    r = refuse_config(file, values, why);
    if (r == 0)
        r = take_values(options, values, why);
    yamlfile_free(&schema, values);
    return r;
}
