/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as `tracestate`, behind a sound `traceparent`: what is carried on is bounded, sound,
 * and was there.
 */
#include <stdlib.h>

#include "otel/propagation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_right) {
    if (!is_right)
        abort();
}

static struct bytes get(void *user, const char *name) {
    if (strcmp(name, "tracestate") == 0)
        return *(const struct bytes *)user;
    return bytes_str("00-12345678901234567890123456789012-1234567890123456-01");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct otel_propagators propagators = {.has_trace_context = true};
    struct bytes field = bytes_of(data, size);
    struct otel_carrier carrier = {.user = &field, .get = get};
    struct otel_context context;
    otel_propagation_extract(&propagators, &carrier, &context, NULL);
    struct bytes state = context.span.trace_state;
    must(otel_span_context_is_valid(&context.span));
    must(state.len <= OTEL_MAX_TRACE_STATE_BYTES);
    must(otel_trace_state_check(state) == 0);
    if (state.len > 0)
        must(state.data >= data && state.data + state.len <= data + size);
    struct bytes value = otel_trace_state_get(field, "ot");
    must(!value.data || (value.data >= data && value.data + value.len <= data + size));
    return 0;
}
