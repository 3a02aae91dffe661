/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "otel/recorder.h"

/*
 * Tracers and loggers: each is a scope and the recorder it records to. The same scope gives the
 * same one.
 */
struct scoped {
    struct list link;
    struct otel_scope scope; /* copies, in `texts` */
    struct recorder *recorder;
    char texts[];
};

/* What a public handle is. */
struct otel_tracer {
    struct scoped scoped;
};

struct otel_logger {
    struct scoped scoped;
};

struct scopes {
    struct recorder *recorder;
    pthread_mutex_t lock; /* for what follows */
    struct list all;
    size_t n;
};

void scopes_init(struct scopes *scopes, struct recorder *recorder);
void scopes_fini(struct scopes *scopes);

/* Any thread. NULL without memory or at OTEL_MAX_SCOPES. */
struct scoped *scopes_get(struct scopes *scopes, const struct otel_scope *scope);
