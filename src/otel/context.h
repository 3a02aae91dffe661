/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/span_context.h"

/*
 * What a piece of work belongs to (OpenTelemetry specification, "Context"): the span it is part of
 * and the baggage that travels with it. It is handed on as an argument, or made the thread's own
 * for a while; neither allocates:
 *
 *     struct otel_attached attached;
 *     otel_context_attach(&attached, &call->context);
 *     ...whatever is logged, started or recorded here belongs to the call...
 *     otel_context_detach(&attached);
 *
 * Attachments nest like the frames of a stack, and the context stays in memory until its detach.
 */
struct otel_baggage; /* propagation.h */

struct otel_context {
    struct otel_span_context span;
    const struct otel_baggage *baggage; /* borrowed; NULL: none */
};

/* Nothing: as a span's parent it makes a root. */
extern const struct otel_context otel_context_none;

struct otel_attached {
    const struct otel_context *context;
    struct otel_attached *outer;
};

void otel_context_attach(struct otel_attached *attached, const struct otel_context *context);
void otel_context_detach(struct otel_attached *attached);

/* This thread's; `&otel_context_none` where none is attached. */
const struct otel_context *otel_context_current(void);
