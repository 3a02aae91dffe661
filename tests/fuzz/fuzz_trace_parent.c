/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as `traceparent`: what is taken is written as it can be read again, and means the same.
 */
#include <stdlib.h>

#include "otel/propagation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_right) {
    if (!is_right)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct otel_span_context context = {0}, again = {0};
    char text[OTEL_TRACE_PARENT_LEN + 1];
    if (otel_trace_parent_parse(bytes_of(data, size), &context)) {
        must(!otel_span_context_is_valid(&context));
        return 0;
    }
    must(otel_span_context_is_valid(&context) && context.is_remote);
    otel_trace_parent_format(&context, text);
    must(otel_trace_parent_parse(bytes_str(text), &again) == 0);
    must(memcmp(&context.trace_id, &again.trace_id, sizeof(again.trace_id)) == 0);
    must(memcmp(&context.span_id, &again.span_id, sizeof(again.span_id)) == 0);
    must(context.flags == again.flags);
    return 0;
}
