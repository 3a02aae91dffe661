/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/scopes.h"

#include "base/mem.h"

void scopes_init(struct scopes *scopes, struct recorder *recorder) {
    *scopes = (struct scopes){.recorder = recorder};
    list_init(&scopes->all);
    pthread_mutex_init(&scopes->lock, NULL);
}

void scopes_fini(struct scopes *scopes) {
    LIST_FOR_EACH (link, &scopes->all)
        mem_free(CONTAINER_OF(link, struct scoped, link));
    pthread_mutex_destroy(&scopes->lock);
}

static bool is_same(const struct otel_scope *a, const struct otel_scope *b) {
    return bytes_equal(a->name, b->name) && bytes_equal(a->version, b->version) &&
           bytes_equal(a->schema_url, b->schema_url);
}

static struct scoped *find(const struct scopes *scopes, const struct otel_scope *scope) {
    LIST_FOR_EACH (link, &scopes->all) {
        struct scoped *scoped = CONTAINER_OF(link, struct scoped, link);
        if (is_same(&scoped->scope, scope))
            return scoped;
    }
    return NULL;
}

static struct bytes copy_text(struct bytes text, char **at) {
    if (text.len == 0)
        return (struct bytes){0};
    memcpy(*at, text.data, text.len);
    *at += text.len;
    return bytes_of(*at - text.len, text.len);
}

static struct scoped *add(struct scopes *scopes, const struct otel_scope *scope) {
    if (scopes->n == SCOPES_MAX)
        return NULL;
    size_t n_text = scope->name.len + scope->version.len + scope->schema_url.len;
    struct scoped *scoped = mem_zalloc(1, sizeof(*scoped) + n_text);
    if (!scoped)
        return NULL;
    char *at = scoped->texts;
    scoped->scope.name = copy_text(scope->name, &at);
    scoped->scope.version = copy_text(scope->version, &at);
    scoped->scope.schema_url = copy_text(scope->schema_url, &at);
    scoped->recorder = scopes->recorder;
    list_append(&scopes->all, &scoped->link);
    scopes->n++;
    return scoped;
}

struct scoped *scopes_get(struct scopes *scopes, const struct otel_scope *scope) {
    pthread_mutex_lock(&scopes->lock);
    struct scoped *scoped = find(scopes, scope);
    if (!scoped)
        scoped = add(scopes, scope);
    pthread_mutex_unlock(&scopes->lock);
    return scoped;
}
