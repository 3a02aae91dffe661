/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/*
 * What makes a span known to others (OpenTelemetry specification, "Tracing API", SpanContext; W3C
 * Trace Context). Plain values: copied freely, owned by nobody, except that `trace_state` is
 * borrowed from whoever made the context.
 */
struct otel_trace_id {
    uint8_t bytes[16];
};

struct otel_span_id {
    uint8_t bytes[8];
};

enum {
    OTEL_FLAG_SAMPLED = 0x01,
    OTEL_FLAG_RANDOM = 0x02, /* the trace id's last 7 bytes are random (level 2) */
};

struct otel_span_context {
    struct otel_trace_id trace_id;
    struct otel_span_id span_id;
    uint8_t flags;
    bool is_remote;           /* it came from another process */
    struct bytes trace_state; /* as the header carries it, checked; empty: none */
};

/* Neither id is all zero. A zeroed context is not valid: there is no span. */
static inline bool otel_span_context_is_valid(const struct otel_span_context *context) {
    uint64_t high, low, span;
    memcpy(&high, context->trace_id.bytes, 8);
    memcpy(&low, context->trace_id.bytes + 8, 8);
    memcpy(&span, context->span_id.bytes, 8);
    return (high | low) != 0 && span != 0;
}

static inline bool otel_span_context_is_sampled(const struct otel_span_context *context) {
    return context->flags & OTEL_FLAG_SAMPLED;
}

/* Lower-case hexadecimal digits and a NUL. */
void otel_trace_id_format(const struct otel_trace_id *id, char out[33]);
void otel_span_id_format(const struct otel_span_id *id, char out[17]);
