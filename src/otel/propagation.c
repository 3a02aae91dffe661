/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two formats side by side: each reads and writes its own fields, and knows nothing of the
 * other. What cannot be read is left out without a word: it is a stranger's, there may be one in
 * every call, and the call is as good without.
 */
#include "otel/propagation.h"

#include "otel/text_list.h"

/* Whole members from the front, as many as have to be carried: the list is borrowed, so what is in
 * the middle of it cannot be taken out. */
static struct bytes cut_trace_state(struct bytes field) {
    field = text_trim(field);
    if (field.len <= OTEL_MAX_TRACE_STATE_BYTES)
        return field;
    size_t len = OTEL_MAX_TRACE_STATE_BYTES;
    while (len > 0 && field.data[len] != ',')
        len--;
    return text_trim(bytes_of(field.data, len));
}

static void extract_trace_context(const struct otel_carrier *carrier,
                                  struct otel_span_context *span) {
    struct bytes parent = carrier->get(carrier->user, "traceparent");
    if (!parent.data || otel_trace_parent_parse(parent, span))
        return;
    struct bytes state = carrier->get(carrier->user, "tracestate");
    if (state.len > 0 && otel_trace_state_check(state) == 0)
        span->trace_state = cut_trace_state(state);
}

static void extract_baggage(const struct otel_carrier *carrier, struct otel_context *context,
                            struct otel_baggage *baggage) {
    struct bytes field = carrier->get(carrier->user, "baggage");
    if (field.len == 0)
        return;
    otel_baggage_parse(field, baggage);
    if (baggage->n_members > 0)
        context->baggage = baggage;
}

void otel_propagation_extract(const struct otel_propagators *propagators,
                              const struct otel_carrier *carrier, struct otel_context *context,
                              struct otel_baggage *baggage) {
    *context = otel_context_none;
    if (propagators->has_trace_context)
        extract_trace_context(carrier, &context->span);
    if (propagators->has_baggage && baggage)
        extract_baggage(carrier, context, baggage);
}

static void inject_trace_context(const struct otel_span_context *span,
                                 const struct otel_carrier *carrier) {
    char parent[OTEL_TRACE_PARENT_LEN + 1];
    otel_trace_parent_format(span, parent);
    carrier->set(carrier->user, "traceparent", bytes_of(parent, OTEL_TRACE_PARENT_LEN));
    if (span->trace_state.len > 0)
        carrier->set(carrier->user, "tracestate", span->trace_state);
}

static void inject_baggage(const struct otel_baggage *baggage, const struct otel_carrier *carrier) {
    char text[OTEL_MAX_BAGGAGE_BYTES];
    size_t n = otel_baggage_format(baggage, text, sizeof(text));
    if (n > 0)
        carrier->set(carrier->user, "baggage", bytes_of(text, n));
}

void otel_propagation_inject(const struct otel_propagators *propagators,
                             const struct otel_context *context,
                             const struct otel_carrier *carrier) {
    if (propagators->has_trace_context && otel_span_context_is_valid(&context->span))
        inject_trace_context(&context->span, carrier);
    if (propagators->has_baggage && context->baggage)
        inject_baggage(context->baggage, carrier);
}
