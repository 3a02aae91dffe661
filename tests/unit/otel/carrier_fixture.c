/* SPDX-License-Identifier: Apache-2.0 */
#include "carrier_fixture.h"

#include <assert.h>
#include <stdio.h>

static struct carried *find(struct carrier_fixture *fixture, const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(fixture->fields); i++)
        if (fixture->fields[i].name && strcmp(fixture->fields[i].name, name) == 0)
            return &fixture->fields[i];
    return NULL;
}

static struct bytes get(void *user, const char *name) {
    const struct carried *field = find(user, name);
    return field ? bytes_str(field->value) : (struct bytes){0};
}

static struct carried *find_or_add(struct carrier_fixture *fixture, const char *name) {
    struct carried *field = find(fixture, name);
    for (size_t i = 0; !field && i < ARRAY_LEN(fixture->fields); i++)
        if (!fixture->fields[i].name)
            field = &fixture->fields[i];
    assert(field);
    field->name = name;
    return field;
}

static void set(void *user, const char *name, struct bytes value) {
    struct carrier_fixture *fixture = user;
    struct carried *field = find_or_add(fixture, name);
    fixture->n_sets++;
    snprintf(field->value, sizeof(field->value), "%.*s", BYTES_ARGS(value));
}

void carrier_init(struct carrier_fixture *fixture) {
    *fixture = (struct carrier_fixture){.carrier = {.user = fixture, .get = get, .set = set}};
}

void carrier_add(struct carrier_fixture *fixture, const char *name, const char *value) {
    bool is_first = !find(fixture, name);
    struct carried *field = find_or_add(fixture, name);
    size_t n = is_first ? 0 : strlen(field->value);
    snprintf(field->value + n, sizeof(field->value) - n, "%s%s", is_first ? "" : ",", value);
}

const char *carrier_value(const struct carrier_fixture *fixture, const char *name) {
    const struct carried *field = find((struct carrier_fixture *)fixture, name);
    return field ? field->value : NULL;
}
