/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"

#include <math.h>

#define TEXT(literal)                                   \
    (struct bytes) {                                    \
        (const uint8_t *)(literal), sizeof(literal) - 1 \
    }

/* ---- attributes, one of each kind ---- */

static const struct bytes texts[] = {TEXT("cellar"), TEXT(""), TEXT("Dach\xC3\xBCm")};
static const bool booleans[] = {true, false};
static const int64_t integers[] = {0, -1, INT64_MAX};
static const double numbers[] = {-0.0, 21.5, INFINITY};

static struct otel_kept_attribute kept[] = {
    {&kept[1], {TEXT("text"), {.type = OTEL_TEXT, .text = TEXT("W\xC3\xA4rme")}}},
    {&kept[2], {TEXT("no.text"), {.type = OTEL_TEXT, .text = TEXT("")}}},
    {&kept[3], {TEXT("yes"), {.type = OTEL_BOOLEAN, .boolean = true}}},
    {&kept[4], {TEXT("no"), {.type = OTEL_BOOLEAN, .boolean = false}}},
    {&kept[5], {TEXT("integer"), {.type = OTEL_INTEGER, .integer = -7}}},
    {&kept[6], {TEXT("zero"), {.type = OTEL_INTEGER, .integer = 0}}},
    {&kept[7], {TEXT("number"), {.type = OTEL_NUMBER, .number = 2.5}}},
    {&kept[8], {TEXT("bytes"), {.type = OTEL_BYTES, .text = TEXT("\x00\xFF\x80")}}},
    {&kept[9], {TEXT("nothing"), {.type = OTEL_EMPTY}}},
    {&kept[10], {TEXT("texts"), {.type = OTEL_TEXTS, .n = 3, .texts = texts}}},
    {&kept[11], {TEXT("booleans"), {.type = OTEL_BOOLEANS, .n = 2, .booleans = booleans}}},
    {&kept[12], {TEXT("integers"), {.type = OTEL_INTEGERS, .n = 3, .integers = integers}}},
    {&kept[13], {TEXT("numbers"), {.type = OTEL_NUMBERS, .n = 3, .numbers = numbers}}},
    {&kept[14], {TEXT("no.texts"), {.type = OTEL_TEXTS, .n = 0, .texts = texts}}},
    {NULL, {TEXT("bad\xFFkey"), {.type = OTEL_TEXT, .text = TEXT("a\x80\xC3(\xED\xA0\x80z")}}},
};

static struct otel_kept_attribute kept_short[] = {
    {NULL, {TEXT("n"), {.type = OTEL_INTEGER, .integer = 1}}},
};

#define ALL_KEPT(dropped) \
    { kept, &kept[ARRAY_LEN(kept) - 1], 0, ARRAY_LEN(kept), dropped }
#define ONE_KEPT(dropped) \
    { kept_short, kept_short, 0, 1, dropped }

static struct otel_attribute resource_attributes[] = {
    {TEXT("process.pid"), {.type = OTEL_INTEGER, .integer = 4711}},
    {TEXT("service.name"), {.type = OTEL_TEXT, .text = TEXT("sample")}},
};
static const struct otel_resource resource = {.attributes = resource_attributes,
                                              .n_attributes = ARRAY_LEN(resource_attributes)};

static const struct otel_scope scope_a = {TEXT("a"), TEXT("1.2"), TEXT("https://example.com/s/1")};
static const struct otel_scope scope_b = {TEXT("b"), TEXT(""), TEXT("")};

#define TRACE_ID                                                  \
    {                                                             \
        { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } \
    }
#define SPAN_ID(last)                      \
    {                                      \
        { 0xA, 0, 0, 0, 0, 0, 0xFF, last } \
    }

/* ---- traces ---- */

static struct otel_event events[] = {
    {&events[1], TEXT("durable"), 1700000000000000500, ALL_KEPT(3)},
    {NULL, TEXT("second"), 1700000000000000600, {0}},
};

static struct otel_link links[] = {
    {&links[1],
     {TRACE_ID, SPAN_ID(9), OTEL_FLAG_SAMPLED, .is_remote = true, .trace_state = TEXT("a=1,b=2")},
     ONE_KEPT(4)},
    {NULL, {TRACE_ID, SPAN_ID(8), .flags = 0}, {0}},
};

static const struct otel_span_data full_span = {
    .scope = &scope_a,
    .context = {TRACE_ID, SPAN_ID(1), OTEL_FLAG_SAMPLED | OTEL_FLAG_RANDOM,
                .trace_state = TEXT("vendor=opaque")},
    .parent = SPAN_ID(2),
    .has_remote_parent = true,
    .kind = OTEL_KIND_SERVER,
    .name = TEXT("SensorService/SendSingleReading"),
    .start_ns = 1700000000000000000,
    .end_ns = 1700000000000001000,
    .attributes = ALL_KEPT(5),
    .first_event = events,
    .last_event = &events[1],
    .n_events = 2,
    .n_dropped_events = 6,
    .first_link = links,
    .last_link = &links[1],
    .n_links = 2,
    .n_dropped_links = 70000,
    .status = OTEL_STATUS_ERROR,
    .status_text = TEXT("the disk is full"),
};

static const struct otel_span_data small_span = {
    .scope = &scope_b,
    .context = {TRACE_ID, SPAN_ID(3), .flags = OTEL_FLAG_SAMPLED},
    .kind = OTEL_KIND_INTERNAL,
    .name = TEXT("commit"),
    .start_ns = 1,
    .end_ns = 2,
};

static const struct otel_span_data good_span = {
    .scope = &scope_a,
    .context = {TRACE_ID, SPAN_ID(4), .flags = OTEL_FLAG_SAMPLED},
    .parent = SPAN_ID(3),
    .kind = OTEL_KIND_CLIENT,
    .name = TEXT("get"),
    .start_ns = 3,
    .end_ns = 4,
    .status = OTEL_STATUS_OK,
};

static const struct otel_span_data *const spans[] = {&full_span, &small_span, &good_span};

const struct otel_batch *sample_traces(void) {
    static const struct otel_batch batch = {
        .signal = OTEL_TRACES, .resource = &resource, .spans = spans, .n = ARRAY_LEN(spans)};
    return &batch;
}

/* ---- logs ---- */

static const struct otel_log_data full_log = {
    .scope = &scope_a,
    .time_ns = 1700000000000000100,
    .observed_ns = 1700000000000000200,
    .severity = OTEL_WARN,
    .severity_text = TEXT("WARN"),
    .body = {.type = OTEL_TEXT, .text = TEXT("the store is slow")},
    .event_name = TEXT("store.slow"),
    .attributes = ALL_KEPT(2),
    .context = {TRACE_ID, SPAN_ID(1), .flags = OTEL_FLAG_SAMPLED},
};

static const struct otel_log_data small_log = {
    .scope = &scope_a,
    .observed_ns = 5,
    .body = {.type = OTEL_NUMBERS, .n = 3, .numbers = numbers},
};

static const struct otel_log_data *const logs[] = {&full_log, &small_log};

const struct otel_batch *sample_logs(void) {
    static const struct otel_batch batch = {
        .signal = OTEL_LOGS, .resource = &resource, .logs = logs, .n = ARRAY_LEN(logs)};
    return &batch;
}

/* ---- metrics ---- */

static const struct otel_attribute point_attributes[] = {
    {TEXT("method"), {.type = OTEL_TEXT, .text = TEXT("Send")}},
    {TEXT("status"), {.type = OTEL_INTEGER, .integer = 0}},
};

static const struct otel_exemplar exemplars[] = {
    {0.25, 1700000000000000300, TRACE_ID, SPAN_ID(1)},
    {0.0, 1700000000000000400, TRACE_ID, SPAN_ID(2)},
};

static const double bounds[] = {0, 0.5, 10};
static const uint64_t counts[] = {1, 2, 0, UINT64_C(1) << 40};
static const uint64_t no_counts[] = {0, 0, 0, 0};

#define POINT  .start_ns = 1700000000000000000, .time_ns = 1700000060000000000
#define LABELS .attributes = point_attributes, .n_attributes = ARRAY_LEN(point_attributes)

static const struct otel_point calls_points[] = {
    {POINT, LABELS, .integer = INT64_MAX},
    {POINT, .integer = 0},
};
static const struct otel_point depth_points[] = {{POINT, .integer = -3}};
static const struct otel_point seconds_points[] = {
    {POINT, .number = 1.5, .exemplars = exemplars, .n_exemplars = 1}};
static const struct otel_point temperature_points[] = {{.time_ns = 7, LABELS, .number = -0.0}};
static const struct otel_point duration_points[] = {
    {POINT, LABELS,
     .histogram = {.count = (UINT64_C(1) << 40) + 3,
                   .sum = 12.75,
                   .min = 0,
                   .max = 11,
                   .bounds = bounds,
                   .n_bounds = 3,
                   .counts = counts},
     .exemplars = exemplars, .n_exemplars = ARRAY_LEN(exemplars)},
    {POINT, .histogram = {.bounds = bounds, .n_bounds = 3, .counts = no_counts}},
};

#define POINTS(name) .points = name, .n_points = ARRAY_LEN(name)

static const struct otel_metric metrics_a[] = {
    {"calls", "{call}", "Calls that were taken", OTEL_COUNTER, true, POINTS(calls_points)},
    {"depth", "", "", OTEL_UP_DOWN_COUNTER, true, POINTS(depth_points)},
    {"cpu", "s", "", OTEL_COUNTER, false, POINTS(seconds_points)},
};
static const struct otel_metric metrics_b[] = {
    {"temperature", "Cel", "", OTEL_GAUGE, false, POINTS(temperature_points)},
    {"duration", "s", "", OTEL_HISTOGRAM, false, POINTS(duration_points)},
};

static const struct otel_scope_metrics scopes[] = {
    {&scope_a, metrics_a, ARRAY_LEN(metrics_a)},
    {&scope_b, metrics_b, ARRAY_LEN(metrics_b)},
};
static const struct otel_metrics metrics = {&resource, scopes, ARRAY_LEN(scopes), 7};

const struct otel_batch *sample_metrics(void) {
    static const struct otel_batch batch = {
        .signal = OTEL_METRICS, .resource = &resource, .n = 7, .metrics = &metrics};
    return &batch;
}
