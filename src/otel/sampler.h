/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <endian.h>

#include "otel/span.h"

/*
 * Which traces are recorded (OpenTelemetry specification, "Tracing SDK", sampling). A sampler is a
 * value; a program may bring a function of its own.
 */
enum otel_sampler_kind {
    OTEL_ALWAYS_ON,
    OTEL_ALWAYS_OFF,
    OTEL_TRACE_ID_RATIO,
    OTEL_SAMPLED_BY, /* the program's own function */
};

struct otel_sampling {
    const struct otel_context *parent;
    struct otel_trace_id trace_id;
    const struct otel_span_options *options;
};

struct otel_sampler {
    enum otel_sampler_kind kind; /* of roots, where `is_parent_based` */
    bool is_parent_based;        /* a span with a parent is sampled if that one is */
    double ratio;                /* 0 to 1 */
    bool (*is_sampled)(void *user, const struct otel_sampling *sampling);
    void *user;
};

enum otel_sampling_decision {
    OTEL_SAMPLE,
    OTEL_DROP,
    OTEL_ASK, /* the program's own function, which looks at the span's options */
};

/* What can be told at once. `parent`: NULL of a root. `low`: the trace id's last eight bytes. */
static inline enum otel_sampling_decision
otel_sampler_decide(const struct otel_sampler *sampler, const struct otel_span_context *parent,
                    uint64_t low) {
    if (sampler->is_parent_based && parent)
        return otel_span_context_is_sampled(parent) ? OTEL_SAMPLE : OTEL_DROP;
    if (sampler->kind == OTEL_SAMPLED_BY)
        return OTEL_ASK;
    if (sampler->kind != OTEL_TRACE_ID_RATIO)
        return sampler->kind == OTEL_ALWAYS_ON ? OTEL_SAMPLE : OTEL_DROP;
    int64_t randomness = (int64_t)(be64toh(low) & (UINT64_MAX >> 8));
    int64_t threshold = (int64_t)((1.0 - sampler->ratio) * 0x1p56);
    return randomness >= threshold ? OTEL_SAMPLE : OTEL_DROP;
}

/* The same to its end: asks the program's own function where that is to be asked. */
bool otel_sampler_is_sampled(const struct otel_sampler *sampler,
                             const struct otel_sampling *sampling);

/* `ParentBased{root:TraceIdRatioBased{0.000100}}` and the like, as the specification fixes them.
 * Terminated, cut at `cap`. */
void otel_sampler_describe(const struct otel_sampler *sampler, char *out, size_t cap);
