/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/scopes.h"

#include "base/mem.h"
#include "otel/limits.h"
#include "otel/scope.h"

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

static struct scoped *find(const struct scopes *scopes, const struct otel_scope *scope) {
    LIST_FOR_EACH (link, &scopes->all) {
        struct scoped *scoped = CONTAINER_OF(link, struct scoped, link);
        if (scope_is(&scoped->scope, scope))
            return scoped;
    }
    return NULL;
}

static struct scoped *add(struct scopes *scopes, const struct otel_scope *scope) {
    if (scopes->n == OTEL_MAX_SCOPES)
        return NULL;
    struct scoped *scoped = mem_zalloc(1, sizeof(*scoped) + scope_text_bytes(scope));
    if (!scoped)
        return NULL;
    scoped->scope = scope_copy(scope, scoped->texts);
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
