/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header lists.
 *
 * HPACK lets a few bytes stand for many, so the limit is on the decoded list: nothing is copied
 * beyond it, though nghttp2 must decode on to keep the compression table in step. What is cut off
 * is remembered, so that the layer above can answer 431 instead of a bare reset.
 *
 * The list grows by doubling inside the arena. What that wastes is less than the list itself, and
 * a usual request (under 16 fields) takes one piece for the list and one for each field.
 */
#include "http2/fields.h"

#include "http2/limits.h"

enum {
    FIELD_OVERHEAD = 32, /* RFC 9113 section 6.5.2 */
    FIRST_CAP = 16,
};

static size_t field_size(const struct h2_field *field) {
    return field->name.len + field->value.len + FIELD_OVERHEAD;
}

static int field_list_grow(struct field_list *list, struct arena *arena) {
    size_t cap = list->cap ? 2 * list->cap : FIRST_CAP;
    struct h2_field *fields = arena_alloc(arena, cap * sizeof(*fields));
    if (!fields)
        return -ENOMEM;
    if (list->n_fields)
        memcpy(fields, list->fields, list->n_fields * sizeof(*fields));
    list->fields = fields;
    list->cap = cap;
    return 0;
}

/* One piece of memory for the name and the value. */
static int field_copy(const struct h2_field *from, struct arena *arena, struct h2_field *to) {
    uint8_t *data = arena_alloc(arena, from->name.len + from->value.len);
    if (!data)
        return -ENOMEM;
    memcpy(data, from->name.data, from->name.len);
    if (from->value.len)
        memcpy(data + from->name.len, from->value.data, from->value.len);
    to->name = bytes_of(data, from->name.len);
    to->value = bytes_of(data + from->name.len, from->value.len);
    to->is_secret = from->is_secret;
    return 0;
}

/* nghttp2 lets `:status` through only once and before the other fields. */
static bool is_informational_status(const struct h2_field *field) {
    return bytes_equal_str(field->name, ":status") && bytes_start_with(field->value, "1");
}

int field_list_add(struct field_list *list, struct arena *arena, const struct h2_field *field) {
    if (is_informational_status(field))
        list->is_informational = true;
    if (list->is_informational || list->is_too_long)
        return 0;
    list->size += field_size(field);
    if (list->size > H2_MAX_HEADER_LIST || list->n_fields == H2_MAX_HEADER_FIELDS) {
        list->is_too_long = true;
        return 0;
    }
    if (list->n_fields == list->cap && field_list_grow(list, arena))
        return -ENOMEM;
    int r = field_copy(field, arena, &list->fields[list->n_fields]);
    if (r)
        return r;
    list->n_fields++;
    return 0;
}

int fields_check(const struct h2_field *fields, size_t n) {
    size_t size = 0;
    if (n > H2_MAX_HEADER_FIELDS)
        return -EMSGSIZE;
    for (size_t i = 0; i < n; i++)
        size += field_size(&fields[i]);
    return size > H2_MAX_SEND_HEADER_LIST ? -EMSGSIZE : 0;
}

/* nghttp2 only reads what it is given; its type says otherwise. */
static nghttp2_nv field_to_nv(const struct h2_field *field) {
    return (nghttp2_nv){
        .name = (uint8_t *)field->name.data,
        .namelen = field->name.len,
        .value = (uint8_t *)field->value.data,
        .valuelen = field->value.len,
        .flags = field->is_secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE,
    };
}

void fields_to_nv(const struct h2_field *fields, size_t n, nghttp2_nv *nv) {
    for (size_t i = 0; i < n; i++)
        nv[i] = field_to_nv(&fields[i]);
}

int fields_copy_to_nv(const struct h2_field *fields, size_t n, struct arena *arena,
                      nghttp2_nv **nv) {
    nghttp2_nv *copies = arena_alloc(arena, n * sizeof(*copies));
    if (!copies)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct h2_field copy;
        int r = field_copy(&fields[i], arena, &copy);
        if (r)
            return r;
        copies[i] = field_to_nv(&copy);
    }
    *nv = copies;
    return 0;
}
