/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "http2/session.h"

/*
 * Header lists: those that arrive field by field, and those that we send.
 */
struct field_list {
    struct h2_field *fields; /* in the stream's arena */
    size_t n_fields;
    size_t cap;
    size_t size; /* as HTTP/2 counts it, of all that arrived */
    bool is_informational;
    bool is_too_long;
};

/*
 * Copies a field into the list, with its memory from `arena`. What lies beyond the limits, and what
 * belongs to an informational response (status 1xx), is left out. 0 or -ENOMEM.
 */
MUST_USE int field_list_add(struct field_list *list, struct arena *arena,
                            const struct h2_field *field);

/* Whether the fields are within what we send: 0 or -EMSGSIZE. */
MUST_USE int fields_check(const struct h2_field *fields, size_t n);

/* nghttp2's form, borrowing the bytes. `nv` has room for `n`. */
void fields_to_nv(const struct h2_field *fields, size_t n, nghttp2_nv *nv);

/* The same, with a copy of everything in the arena. 0 or -ENOMEM. */
MUST_USE int fields_copy_to_nv(const struct h2_field *fields, size_t n, struct arena *arena,
                               nghttp2_nv **nv);
