/* SPDX-License-Identifier: Apache-2.0 */
#include "observed.h"

#include <stdio.h>

#include "base/clock.h"

/* ---- text ---- */

PRINTF(3, 4)
static void write_to(char *text, size_t cap, const char *format, ...) {
    va_list arguments;
    size_t len = strlen(text);
    va_start(arguments, format);
    vsnprintf(text + len, cap - len, format, arguments);
    va_end(arguments);
}

#define SAY(text, ...) write_to((text), OBSERVED_MAX_TEXT, __VA_ARGS__)

static void say_attribute(char *text, const struct otel_attribute *attribute) {
    SAY(text, "%.*s=", BYTES_ARGS(attribute->key));
    if (attribute->value.type == OTEL_TEXT)
        SAY(text, "%.*s", BYTES_ARGS(attribute->value.text));
    else if (bytes_equal_str(attribute->key, "server.port") ||
             bytes_equal_str(attribute->key, "network.peer.port"))
        SAY(text, "PORT");
    else
        SAY(text, "%lld", (long long)attribute->value.integer);
}

/* ---- spans ---- */

static void say_span(struct observed *observed, const struct otel_span_data *span) {
    static const char *const kinds[] = {"", "INTERNAL", "SERVER", "CLIENT"};
    static const char *const statuses[] = {"UNSET", "OK", "ERROR"};
    char *text = observed->spans;
    SAY(text, "%s %.*s %s '%.*s'\n", kinds[span->kind], BYTES_ARGS(span->name),
        statuses[span->status], BYTES_ARGS(span->status_text));
    for (const struct otel_kept_attribute *one = span->attributes.first; one; one = one->next) {
        SAY(text, "  ");
        say_attribute(text, &one->attribute);
        SAY(text, "\n");
    }
    for (const struct otel_event *event = span->first_event; event; event = event->next) {
        assert_true(event->time_ns >= span->start_ns);
        SAY(text, "  @%.*s", BYTES_ARGS(event->name));
        for (struct otel_kept_attribute *one = event->attributes.first; one; one = one->next) {
            SAY(text, " ");
            say_attribute(text, &one->attribute);
        }
        SAY(text, "\n");
    }
    assert_true(span->end_ns > span->start_ns);
    assert_true(span->end_ns <= clock_wall_ns() + NS_PER_S);
    assert_true(span->start_ns + 60 * NS_PER_S >= clock_wall_ns());
}

static void keep_last(struct observed *observed, const struct otel_span_data *span) {
    observed->last = span->context;
    observed->last_parent = (struct otel_span_context){.span_id = span->parent};
    snprintf(observed->last_trace_state, sizeof(observed->last_trace_state), "%.*s",
             BYTES_ARGS(span->context.trace_state));
    observed->last.trace_state = (struct bytes){0};
}

static struct observed *current; /* whom the exporters serve */

static void take_batch(struct otel_exporter *exporter, const struct otel_batch *batch,
                       struct otel_export *export, uint64_t now_ns) {
    (void)exporter;
    for (size_t i = 0; batch->signal == OTEL_TRACES && i < batch->n; i++) {
        current->n_spans++;
        say_span(current, batch->spans[i]);
        keep_last(current, batch->spans[i]);
    }
    otel_export_done(export, &(struct otel_export_outcome){0}, now_ns);
}

static void do_nothing(struct otel_exporter *exporter) {
    (void)exporter;
}

const char *observed_spans(struct observed *observed) {
    uint64_t now_ns = clock_monotonic_ns();
    otel_sdk_flush(observed->sdk, now_ns);
    while (!otel_sdk_is_flushed(observed->sdk))
        otel_sdk_turn(observed->sdk, now_ns);
    return observed->spans;
}

/* ---- metrics ---- */

/* No call takes a minute here, if these are seconds. */
static void check_durations(const struct otel_histogram_data *durations) {
    assert_true(durations->min >= 0);
    assert_true(durations->max < 60);
}

static void say_point(char *text, const struct otel_metric *metric,
                      const struct otel_point *point) {
    SAY(text, "%s{", metric->name);
    for (size_t i = 0; i < point->n_attributes; i++) {
        SAY(text, i ? "," : "%s", "");
        say_attribute(text, &point->attributes[i]);
    }
    SAY(text, "} ");
    if (metric->kind != OTEL_HISTOGRAM) {
        SAY(text, "%lld\n", (long long)point->integer);
        return;
    }
    SAY(text, "count=%llu", (unsigned long long)point->histogram.count);
    if (strcmp(metric->unit, "s") == 0)
        check_durations(&point->histogram);
    else
        SAY(text, " sum=%.0f", point->histogram.sum);
    SAY(text, " exemplars=%zu\n", point->n_exemplars);
}

static void say_metrics(void *user, const struct otel_metrics *metrics) {
    struct observed *observed = user;
    for (size_t i = 0; i < metrics->n_scopes; i++)
        for (size_t k = 0; k < metrics->scopes[i].n_metrics; k++) {
            const struct otel_metric *metric = &metrics->scopes[i].metrics[k];
            for (size_t n = 0; n < metric->n_points; n++)
                say_point(observed->metrics, metric, &metric->points[n]);
        }
}

const char *observed_metrics(struct observed *observed) {
    observed->metrics[0] = '\0';
    assert_int_equal(otel_sdk_collect(observed->sdk, say_metrics, observed), 0);
    return observed->metrics;
}

/* ---- life ---- */

static void wake(void *user) {
    (void)user;
}

void observed_open(struct observed *observed) {
    static const struct otel_exporter_ops ops = {"text", take_batch, do_nothing, do_nothing, NULL};
    static struct otel_exporter exporter = {&ops};
    static const struct otel_limit_settings limits = {128, SIZE_MAX, 128, 128, 128, 128};
    static const struct otel_batch_settings batches = {NS_PER_S, 30 * NS_PER_S, 256, 64};
    static const struct otel_scope scope = {.name = {(const uint8_t *)"grpc-c", 6}};
    const struct otel_settings settings = {
        .spans = batches,
        .logs = batches,
        .span_limits = limits,
        .log_limits = limits,
        .metric_interval_ns = 3600 * NS_PER_S,
        .metric_timeout_ns = 30 * NS_PER_S,
        .exemplars = OTEL_EXEMPLARS_TRACE_BASED,
        .sampler = {.kind = OTEL_ALWAYS_ON, .is_parent_based = true},
    };
    const struct otel_sdk_options options = {.settings = &settings,
                                             .exporters = {[OTEL_TRACES] = &exporter},
                                             .wake = wake,
                                             .now_ns = clock_monotonic_ns()};
    *observed = (struct observed){.options = {.propagators = {true, true}, .max_events = 8}};
    current = observed;
    assert_int_equal(otel_sdk_new(&options, &observed->sdk), 0);
    observed->options.tracer = otel_sdk_tracer(observed->sdk, &scope);
    observed->options.meter = otel_sdk_meter(observed->sdk, &scope);
}

void observed_close(struct observed *observed) {
    otel_sdk_free(observed->sdk);
}
