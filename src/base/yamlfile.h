/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <cyaml/cyaml.h>

#include "base/err.h"

/*
 * YAML files, through libcyaml (whose own libyaml has the prefix yaml_): a file is checked against
 * a schema and comes out as a C struct. What is wrong is said with the file's name and the line.
 */

/*
 * 0; -ENOENT and the like when the file cannot be opened; -EINVAL when it does not fit the schema;
 * each with words. An empty file gives NULL data.
 */
MUST_USE int yamlfile_load(const char *file, const cyaml_schema_value_t *schema, void **data,
                           struct err_text *why);

/*
 * Where yamlfile_load() met a key that the schema does not know: the key, and `words` end before
 * it, with the place; what is allowed there is for the caller to say. NULL: they are about
 * something else.
 */
const char *yamlfile_cut_unknown_key(struct err_text *words);

/* What yamlfile_load() gave. NULL is fine. */
void yamlfile_free(const cyaml_schema_value_t *schema, void *data);

/* `data` as YAML text, to be freed with mem_free(). 0 or -ENOMEM. */
MUST_USE int yamlfile_write(const cyaml_schema_value_t *schema, const void *data, char **text,
                            size_t *len);

/* The first line from `from` on (they count from 1) where `key` stands; 0 when it is nowhere. For
 * words about a file. */
long yamlfile_find_key(const char *file, const char *key, long from);
