/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/arena.h"
#include "otel/resource.h"

/*
 * A resource in the making: what is found out is put in piece by piece, and a later word on the
 * same key wins.
 */
enum {
    RESOURCE_MAX_NAMED = 200, /* attributes that variables name: a resource goes with every batch */
    RESOURCE_MAX = RESOURCE_MAX_NAMED + 56, /* and those that are found out, with room for more */
};

struct resource_builder {
    struct arena arena; /* that keys and values lie in */
    struct otel_attribute attributes[RESOURCE_MAX];
    size_t n; /* in order of their keys, each once */
};

void resource_builder_init(struct resource_builder *builder);
void resource_builder_fini(struct resource_builder *builder);

/* Copies a text or an integer. 0 or -ENOMEM. */
MUST_USE int resource_put(struct resource_builder *builder, struct bytes key,
                          struct otel_value value);
MUST_USE int resource_put_text(struct resource_builder *builder, const char *key, const char *text);

/* Its value, data NULL when there is none. */
struct bytes resource_text(const struct resource_builder *builder, const char *key);

/* Process, host, operating system and container; files are looked up below `root`. 0 or -ENOMEM. */
MUST_USE int resource_detect(struct resource_builder *builder, const char *root);
