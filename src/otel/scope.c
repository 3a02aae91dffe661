/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/scope.h"

bool scope_is(const struct otel_scope *a, const struct otel_scope *b) {
    return bytes_equal(a->name, b->name) && bytes_equal(a->version, b->version) &&
           bytes_equal(a->schema_url, b->schema_url);
}

size_t scope_text_bytes(const struct otel_scope *scope) {
    return scope->name.len + scope->version.len + scope->schema_url.len;
}

/* Moves `*at` behind the copy. */
static struct bytes copy_text(struct bytes text, char **at) {
    if (text.len == 0)
        return (struct bytes){0};
    memcpy(*at, text.data, text.len);
    *at += text.len;
    return bytes_of(*at - text.len, text.len);
}

struct otel_scope scope_copy(const struct otel_scope *scope, char *texts) {
    struct otel_scope copy;
    copy.name = copy_text(scope->name, &texts);
    copy.version = copy_text(scope->version, &texts);
    copy.schema_url = copy_text(scope->schema_url, &texts);
    return copy;
}
