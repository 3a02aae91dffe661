/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/sdk.h"
#include "otlp/grpc_observer.h"
#include "unit.h"

/*
 * An SDK whose spans and metrics become text, which a test compares. What differs from run to run
 * is written as `PORT`, and ids only where a test asks for them.
 */
enum {
    OBSERVED_MAX_TEXT = 65536,
};

struct observed {
    struct otel_sdk *sdk;
    struct otlp_grpc_options options; /* with tracer and meter, at most 8 events */
    size_t n_spans;
    struct otel_span_context last, last_parent; /* of the last span; parent: span id only */
    char last_trace_state[64];
    char spans[OBSERVED_MAX_TEXT];
    char metrics[OBSERVED_MAX_TEXT];
};

void observed_open(struct observed *observed);
void observed_close(struct observed *observed);

/* All spans so far:
 *     SERVER pkg.Service/Method ERROR 'CODE, text'
 *       key=value
 *       @event key=value
 */
const char *observed_spans(struct observed *observed);

/* All points:
 *     name{key=value,key=value} 3
 *     name{key=value} count=3 sum=12 exemplars=1     (of durations no sum)
 */
const char *observed_metrics(struct observed *observed);

#define assert_has(text, part)                                  \
    do {                                                        \
        const char *text_ = (text);                             \
        if (!strstr(text_, (part)))                             \
            fail_msg("'%s' is missing in:\n%s", (part), text_); \
    } while (0)
