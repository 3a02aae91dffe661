/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <assert.h>

#include "otel/value.h"

/* Of a span at its start, or of a series: none has more. */
#define OTEL_ATTRIBUTE_LIST_MAX 8

/* Attributes that are put together one by one. Only `n` has to be zeroed: on hot paths all of it
 * would be paid for. */
struct otel_attribute_list {
    struct otel_attribute all[OTEL_ATTRIBUTE_LIST_MAX];
    size_t n;
};

/* Inline, so that the length of a key is known to the compiler. */
static inline void otel_attribute_list_add(struct otel_attribute_list *list, const char *key,
                                           struct otel_value value) {
    assert(list->n < OTEL_ATTRIBUTE_LIST_MAX);
    list->all[list->n++] = otel_attribute(key, value);
}
