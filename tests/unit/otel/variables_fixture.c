/* SPDX-License-Identifier: Apache-2.0 */
#include "variables_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static struct { const char *name, *value; } variables[32];
static size_t n_variables;
static char lines[32][512];
static unsigned n_lines;

static void keep_line(enum log_level level, const char *line, size_t len) {
    size_t head = strlen("12:03:55.120 INFO  ");
    (void)level;
    assert(n_lines < ARRAY_LEN(lines) && len > head);
    snprintf(lines[n_lines++], sizeof(lines[0]), "%.*s", (int)(len - head - 1), line + head);
}

void variables_clear(void) {
    n_variables = n_lines = 0;
    log_redirect(keep_line);
}

void variables_set(const char *name, const char *value) {
    assert(n_variables < ARRAY_LEN(variables));
    variables[n_variables].name = name;
    variables[n_variables++].value = value;
}

const char *variables_get(const char *name) {
    for (size_t i = 0; i < n_variables; i++)
        if (strcmp(variables[i].name, name) == 0)
            return variables[i].value;
    return NULL;
}

unsigned variables_n_lines(void) {
    return n_lines;
}

const char *variables_line(unsigned i) {
    assert(i < n_lines);
    return lines[i];
}
