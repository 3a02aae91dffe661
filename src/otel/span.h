/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/context.h"
#include "otel/value.h"

/*
 * Spans, as a program that is instrumented uses them (OpenTelemetry specification, "Tracing API").
 *
 * Nothing here fails, blocks or waits: what cannot be recorded is counted as dropped, and the
 * caller's work goes on. Everything accepts a NULL tracer and a span that is not recorded, at the
 * cost of a test. A span is used by one thread at a time, and may be handed on.
 *
 *     otel_span_start -> set, event, link, status ... -> otel_span_end
 *
 * After the end all but otel_span_end() is ignored; a second end is too.
 */
struct otel_tracer;
struct otel_prepared;
struct span_record; /* otel's own */

/* OTLP's numbers. */
enum otel_span_kind {
    OTEL_KIND_INTERNAL = 1,
    OTEL_KIND_SERVER = 2,
    OTEL_KIND_CLIENT = 3,
    OTEL_KIND_PRODUCER = 4,
    OTEL_KIND_CONSUMER = 5,
};

/* OTLP's numbers. OK is final; ERROR may be replaced by OK and by another ERROR; UNSET changes
 * nothing. */
enum otel_status {
    OTEL_STATUS_UNSET = 0,
    OTEL_STATUS_OK = 1,
    OTEL_STATUS_ERROR = 2,
};

struct otel_link_to {
    struct otel_span_context context;
    const struct otel_attribute *attributes;
    size_t n_attributes;
};

struct otel_span_options;

/* For who would have to find out what nobody wants to know of a span that is not recorded: asked
 * for the rest of the options where it is sampled, or a sampler looks at them. Lies in what `say`
 * needs for that, and what it says stays there until the span has started. */
struct otel_span_description {
    void (*say)(struct otel_span_description *description, struct otel_span_options *options);
};

/* Its size counts: up to here gcc zeroes it in a few pieces, and what is larger by `rep stos`,
 * which takes longer than all else at a start. */
struct otel_span_options {
    struct bytes name;
    const struct otel_context *parent;       /* NULL: otel_context_current() */
    uint64_t start_ns;                       /* wall clock; 0: now */
    const struct otel_attribute *attributes; /* what a sampler may look at, as at those prepared */
    size_t n_attributes;
    const struct otel_prepared *const *prepared; /* set before `attributes` (prepared.h) */
    size_t n_prepared;
    const struct otel_link_to *links;
    size_t n_links;
    struct otel_span_description *description; /* says the rest; NULL: all is said */
    enum otel_span_kind kind; /* 0: internal. Last, so that there is no gap: see span.c */
};

/* Lies where its owner wants it; zeroed, it is a span that is not recorded. */
struct otel_span {
    struct otel_context context; /* what its children take as parent, with the parent's baggage */
    struct span_record *record;  /* NULL: not recorded */
};

/* Not to be called: the rest of otel_span_start(), otel_span_set() and otel_span_end(), which are
 * tests where there is nothing to do. Never inline: whoever makes a span that is not recorded would
 * save registers for them. */
void otel_span_start_traced(struct otel_tracer *tracer, const struct otel_span_options *options,
                            struct otel_span *span);
__attribute__((noinline)) void otel_span_set_recorded(struct otel_span *span, struct bytes key,
                                                      const struct otel_value *value);
__attribute__((noinline)) void otel_span_end_recorded(struct otel_span *span, uint64_t end_ns);

/*
 * Starts `span`, whatever was in it. Sampled or not, its context is valid, and has the parent's
 * trace id if that is valid. With a NULL tracer the context is the parent's. Borrows the parent's
 * trace_state and baggage for as long as the span's context is used; everything else is copied.
 */
static inline void otel_span_start(struct otel_tracer *tracer,
                                   const struct otel_span_options *options,
                                   struct otel_span *span) {
    if (tracer) {
        otel_span_start_traced(tracer, options, span);
        return;
    }
    span->context = options->parent ? *options->parent : *otel_context_current();
    span->record = NULL;
}

static inline bool otel_span_is_recorded(const struct otel_span *span) {
    return span->record != NULL;
}

/* Sets or replaces an attribute. */
static inline void otel_span_set(struct otel_span *span, const char *key, struct otel_value value) {
    if (otel_span_is_recorded(span))
        otel_span_set_recorded(span, bytes_str(key), &value);
}

void otel_span_rename(struct otel_span *span, struct bytes name);

/* `time_ns`: wall clock, 0: now. */
void otel_span_event(struct otel_span *span, const char *name, uint64_t time_ns,
                     const struct otel_attribute *attributes, size_t n_attributes);

/* To a context that is not valid: ignored, unless it has attributes or a trace state. */
void otel_span_link(struct otel_span *span, const struct otel_link_to *link);

/* The text counts with ERROR only. */
void otel_span_status(struct otel_span *span, enum otel_status status, struct bytes text);

/* `end_ns`: wall clock, 0: now; at the earliest its start. Its context stays readable. */
static inline void otel_span_end(struct otel_span *span, uint64_t end_ns) {
    if (otel_span_is_recorded(span))
        otel_span_end_recorded(span, end_ns);
}
