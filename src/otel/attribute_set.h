/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "otel/value.h"

/*
 * Attributes as what tells series apart: each key once, in order of their keys, with a text that is
 * the same for the same set.
 */
struct attribute_set {
    struct otel_attribute *attributes; /* in order of their keys, bytewise */
    size_t n;
    struct bytes key; /* keys, types and values, one after the other */
};

/* Copies. Of equal keys the last one counts; an empty key is left out. One block of memory, for
 * mem_free(). 0 or -ENOMEM. */
MUST_USE int attribute_set_new(const struct otel_attribute *attributes, size_t n,
                               struct attribute_set **set);
