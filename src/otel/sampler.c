/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ratio looks at the last seven bytes of the trace id, which W3C Trace Context (level 2) wants
 * random, and takes those at or above a threshold: as OpenTelemetry's probability sampling does, so
 * that a trace sampled at a ratio is sampled at every larger one, here and by whoever else samples
 * like that.
 */
#include "otel/sampler.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/decimal.h"

bool otel_sampler_is_sampled(const struct otel_sampler *sampler,
                             const struct otel_sampling *sampling) {
    const struct otel_span_context *parent = &sampling->parent->span;
    uint64_t low;
    memcpy(&low, sampling->trace_id.bytes + 8, sizeof(low));
    enum otel_sampling_decision decision =
        otel_sampler_decide(sampler, otel_span_context_is_valid(parent) ? parent : NULL, low);
    return decision == OTEL_ASK ? sampler->is_sampled(sampler->user, sampling)
                                : decision == OTEL_SAMPLE;
}

/* ---- description ---- */

/* Six digits after the point, as the specification's example has it; a ratio that they do not tell
 * from another one, whole. Not by printf, which knows locales. */
static void format_ratio(double ratio, char *out, size_t cap) {
    uint64_t millionths = (uint64_t)llround(ratio * 1e6);
    if ((double)millionths / 1e6 == ratio)
        snprintf(out, cap, "%" PRIu64 ".%06" PRIu64, millionths / 1000000, millionths % 1000000);
    else
        snprintf(out, cap, "%s", decimal_format(ratio).text);
}

static void describe_root(const struct otel_sampler *sampler, char *out, size_t cap) {
    char ratio[48];
    switch (sampler->kind) {
    case OTEL_ALWAYS_ON:
        snprintf(out, cap, "AlwaysOnSampler");
        return;
    case OTEL_ALWAYS_OFF:
        snprintf(out, cap, "AlwaysOffSampler");
        return;
    case OTEL_TRACE_ID_RATIO:
        format_ratio(sampler->ratio, ratio, sizeof(ratio));
        snprintf(out, cap, "TraceIdRatioBased{%s}", ratio);
        return;
    case OTEL_SAMPLED_BY:
        snprintf(out, cap, "SampledBy");
        return;
    }
}

void otel_sampler_describe(const struct otel_sampler *sampler, char *out, size_t cap) {
    char root[80] = "";
    describe_root(sampler, root, sizeof(root));
    if (sampler->is_parent_based)
        snprintf(out, cap, "ParentBased{root:%s}", root);
    else
        snprintf(out, cap, "%s", root);
}
