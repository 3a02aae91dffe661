/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Something is printed as a line, and what belongs to it as indented lines below:
 *
 *     span "/SensorService/SendSingleReading" server, 1.204 ms, error "no space left"
 *         at 2026-11-25T22:24:05.123456789Z
 *         trace 4bf92f3577b34da6a3ce929d0e0e4736, span 00f067aa0ba902b7, parent b7ad6b7169203331
 *         scope thermograph 0.1.0
 *         rpc.system.name = "grpc"
 *         event "durable" after 1.1 ms
 *
 * The resource is printed above the first batch. Texts are printed as JSON would have them, so that
 * whatever is in them a line stays a line. The writing may block, as a terminal does: it is for
 * looking at, not for production.
 */
#include "otel/console.h"

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/mem.h"
#include "base/utf8.h"

struct console {
    struct otel_exporter exporter;
    FILE *out;
    bool has_printed_resource;
};

/* ---- values ---- */

/* Without what would end a line, or a text in quotation marks. */
static void print_escaped(FILE *out, struct bytes text) {
    while (text.len > 0) {
        size_t n = utf8_length(text);
        uint8_t first = text.data[0];
        if (n == 0)
            fputs("\xEF\xBF\xBD", out);
        else if (utf8_has_control(bytes_of(text.data, n)))
            fprintf(out, "\\u%04x", n == 1 ? first : text.data[1]);
        else
            fprintf(out, "%s%.*s", first == '"' || first == '\\' ? "\\" : "", (int)n,
                    (const char *)text.data);
        text = bytes_from(text, n ? n : 1);
    }
}

static void print_text(FILE *out, struct bytes text) {
    fputc('"', out);
    print_escaped(out, text);
    fputc('"', out);
}

static void print_hex(FILE *out, struct bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        fprintf(out, "%02x", bytes.data[i]);
}

static void print_value(FILE *out, const struct otel_value *value) {
    switch (value->type) {
    case OTEL_EMPTY:
        fputs("nothing", out);
        return;
    case OTEL_TEXT:
        print_text(out, value->text);
        return;
    case OTEL_BOOLEAN:
        fputs(value->boolean ? "true" : "false", out);
        return;
    case OTEL_INTEGER:
        fprintf(out, "%" PRId64, value->integer);
        return;
    case OTEL_NUMBER:
        fputs(decimal_format(value->number).text, out);
        return;
    case OTEL_BYTES:
        print_hex(out, value->text);
        return;
    default:
        break;
    }
    fputc('[', out);
    for (uint32_t i = 0; i < value->n; i++) {
        struct otel_value one = otel_element(value, i);
        fputs(i ? ", " : "", out);
        print_value(out, &one);
    }
    fputc(']', out);
}

static void print_attribute(FILE *out, const char *indent, const struct otel_attribute *attribute) {
    fputs(indent, out);
    print_escaped(out, attribute->key);
    fputs(" = ", out);
    print_value(out, &attribute->value);
    fputc('\n', out);
}

static void print_kept(FILE *out, const char *indent, const struct otel_kept_attributes *kept) {
    for (const struct otel_kept_attribute *a = kept->first; a; a = a->next)
        print_attribute(out, indent, &a->attribute);
    if (kept->n_dropped > 0)
        fprintf(out, "%s%" PRIu32 " attributes dropped\n", indent, kept->n_dropped);
}

/* ---- what all have ---- */

static void print_time(FILE *out, uint64_t time_ns) {
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm tm;
    char date[32];
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(out, "%s.%09" PRIu64 "Z", date, time_ns % NS_PER_S);
}

static void print_duration(FILE *out, uint64_t from_ns, uint64_t to_ns) {
    uint64_t us = to_ns > from_ns ? (to_ns - from_ns) / NS_PER_US : 0;
    fprintf(out, "%" PRIu64 ".%03" PRIu64 " ms", us / 1000, us % 1000);
}

static void print_ids(FILE *out, const struct otel_span_context *context) {
    char trace[33], span[17];
    otel_trace_id_format(&context->trace_id, trace);
    otel_span_id_format(&context->span_id, span);
    fprintf(out, "trace %s, span %s", trace, span);
}

static void print_scope(FILE *out, const struct otel_scope *scope) {
    fputs("    scope ", out);
    print_escaped(out, scope->name);
    fputc(' ', out);
    print_escaped(out, scope->version);
    fputc('\n', out);
}

static void print_resource(struct console *console, const struct otel_resource *resource) {
    if (console->has_printed_resource || !resource)
        return;
    console->has_printed_resource = true;
    fputs("resource\n", console->out);
    for (size_t i = 0; i < resource->n_attributes; i++)
        print_attribute(console->out, "    ", &resource->attributes[i]);
}

/* ---- spans ---- */

static const char *kind_name(enum otel_span_kind kind) {
    static const char *const names[] = {"", "internal", "server", "client", "producer", "consumer"};
    return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "";
}

static void print_status(FILE *out, const struct otel_span_data *span) {
    if (span->status == OTEL_STATUS_OK)
        fputs(", ok", out);
    if (span->status != OTEL_STATUS_ERROR)
        return;
    fputs(", error", out);
    if (span->status_text.len > 0) {
        fputc(' ', out);
        print_text(out, span->status_text);
    }
}

static void print_parentage(FILE *out, const struct otel_span_data *span) {
    static const struct otel_span_id none;
    char parent[17];
    fputs("    ", out);
    print_ids(out, &span->context);
    if (memcmp(&span->parent, &none, sizeof(none)) != 0) {
        otel_span_id_format(&span->parent, parent);
        fprintf(out, ", %sparent %s", span->has_remote_parent ? "remote " : "", parent);
    }
    fputc('\n', out);
    if (span->context.trace_state.len > 0)
        fprintf(out, "    tracestate %.*s\n", BYTES_ARGS(span->context.trace_state));
}

static void print_events(FILE *out, const struct otel_span_data *span) {
    for (const struct otel_event *event = span->first_event; event; event = event->next) {
        fputs("    event ", out);
        print_text(out, event->name);
        fputs(" after ", out);
        print_duration(out, span->start_ns, event->time_ns);
        fputc('\n', out);
        print_kept(out, "        ", &event->attributes);
    }
    if (span->n_dropped_events > 0)
        fprintf(out, "    %" PRIu32 " events dropped\n", span->n_dropped_events);
}

static void print_links(FILE *out, const struct otel_span_data *span) {
    for (const struct otel_link *link = span->first_link; link; link = link->next) {
        fputs("    link to ", out);
        print_ids(out, &link->context);
        fputc('\n', out);
        print_kept(out, "        ", &link->attributes);
    }
    if (span->n_dropped_links > 0)
        fprintf(out, "    %" PRIu32 " links dropped\n", span->n_dropped_links);
}

static void print_span(FILE *out, const struct otel_span_data *span) {
    fputs("span ", out);
    print_text(out, span->name);
    fprintf(out, " %s, ", kind_name(span->kind));
    print_duration(out, span->start_ns, span->end_ns);
    print_status(out, span);
    fputs("\n    at ", out);
    print_time(out, span->start_ns);
    fputc('\n', out);
    print_parentage(out, span);
    print_scope(out, span->scope);
    print_kept(out, "    ", &span->attributes);
    print_events(out, span);
    print_links(out, span);
}

/* ---- log records ---- */

static void print_severity(FILE *out, const struct otel_log_data *log) {
    fputc(' ', out);
    if (log->severity_text.len > 0)
        print_escaped(out, log->severity_text);
    else if (log->severity != OTEL_SEVERITY_NONE)
        fprintf(out, "severity %d", (int)log->severity);
}

static void print_log(FILE *out, const struct otel_log_data *log) {
    fputs("log ", out);
    print_time(out, log->time_ns ? log->time_ns : log->observed_ns);
    print_severity(out, log);
    fputc(' ', out);
    print_value(out, &log->body);
    fputc('\n', out);
    if (log->event_name.len > 0) {
        fputs("    event ", out);
        print_text(out, log->event_name);
        fputc('\n', out);
    }
    if (otel_span_context_is_valid(&log->context)) {
        fputs("    ", out);
        print_ids(out, &log->context);
        fputc('\n', out);
    }
    print_scope(out, log->scope);
    print_kept(out, "    ", &log->attributes);
}

/* ---- metrics ---- */

static const char *instrument_name(enum otel_instrument_kind kind) {
    static const char *const names[] = {
        [OTEL_COUNTER] = "counter",
        [OTEL_UP_DOWN_COUNTER] = "up-down counter",
        [OTEL_HISTOGRAM] = "histogram",
        [OTEL_GAUGE] = "gauge",
    };
    return names[kind];
}

static void print_histogram(FILE *out, const struct otel_histogram_data *data) {
    fprintf(out, "%" PRIu64 " values, sum %s", data->count, decimal_format(data->sum).text);
    if (data->count > 0)
        fprintf(out, ", from %s to %s", decimal_format(data->min).text,
                decimal_format(data->max).text);
    for (size_t i = 0; i <= data->n_bounds; i++) {
        if (data->counts[i] == 0)
            continue;
        if (i < data->n_bounds)
            fprintf(out, "; %" PRIu64 " <= %s", data->counts[i],
                    decimal_format(data->bounds[i]).text);
        else
            fprintf(out, "; %" PRIu64 " above", data->counts[i]);
    }
}

static void print_exemplars(FILE *out, const struct otel_point *point) {
    for (size_t i = 0; i < point->n_exemplars; i++) {
        const struct otel_exemplar *exemplar = &point->exemplars[i];
        const struct otel_span_context context = {.trace_id = exemplar->trace_id,
                                                  .span_id = exemplar->span_id};
        fprintf(out, "        exemplar %s: ", decimal_format(exemplar->value).text);
        print_ids(out, &context);
        fputc('\n', out);
    }
}

static void print_point(FILE *out, const struct otel_metric *metric,
                        const struct otel_point *point) {
    fputs("    {", out);
    for (size_t i = 0; i < point->n_attributes; i++) {
        fputs(i ? ", " : "", out);
        print_escaped(out, point->attributes[i].key);
        fputs(" = ", out);
        print_value(out, &point->attributes[i].value);
    }
    fputs("} ", out);
    if (metric->kind == OTEL_HISTOGRAM)
        print_histogram(out, &point->histogram);
    else if (metric->is_integer)
        fprintf(out, "%" PRId64, point->integer);
    else
        fputs(decimal_format(point->number).text, out);
    fputc('\n', out);
    print_exemplars(out, point);
}

static void print_metric(FILE *out, const struct otel_metric *metric) {
    fprintf(out, "%s %s", instrument_name(metric->kind), metric->name);
    if (*metric->unit)
        fprintf(out, " in %s", metric->unit);
    fputs(" at ", out);
    print_time(out, metric->points[0].time_ns);
    fputc('\n', out);
    for (size_t i = 0; i < metric->n_points; i++)
        print_point(out, metric, &metric->points[i]);
}

static void print_metrics(FILE *out, const struct otel_metrics *metrics) {
    for (size_t i = 0; i < metrics->n_scopes; i++) {
        const struct otel_scope_metrics *scope = &metrics->scopes[i];
        for (size_t k = 0; k < scope->n_metrics; k++)
            print_metric(out, &scope->metrics[k]);
    }
}

/* ---- the exporter ---- */

static void print_batch(struct console *console, const struct otel_batch *batch) {
    print_resource(console, batch->resource);
    if (batch->signal == OTEL_METRICS)
        print_metrics(console->out, batch->metrics);
    for (size_t i = 0; batch->signal == OTEL_TRACES && i < batch->n; i++)
        print_span(console->out, batch->spans[i]);
    for (size_t i = 0; batch->signal == OTEL_LOGS && i < batch->n; i++)
        print_log(console->out, batch->logs[i]);
}

static void console_send(struct otel_exporter *exporter, const struct otel_batch *batch,
                         struct otel_export *export, uint64_t now_ns) {
    struct console *console = CONTAINER_OF(exporter, struct console, exporter);
    struct otel_export_outcome outcome = {0};
    clearerr(console->out);
    print_batch(console, batch);
    if (fflush(console->out) || ferror(console->out))
        outcome =
            (struct otel_export_outcome){.n_rejected = batch->n, .error_type = "write_failed"};
    otel_export_done(export, &outcome, now_ns);
}

/* Nothing is ever under way. */
static void console_cancel(struct otel_exporter *exporter) {
    (void)exporter;
}

static void console_free(struct otel_exporter *exporter) {
    mem_free(CONTAINER_OF(exporter, struct console, exporter));
}

int otel_console_new(enum otel_signal signal, FILE *out, struct otel_exporter **exporter) {
    static const struct otel_exporter_ops ops[OTEL_N_SIGNALS] = {
        {"console_span_exporter", console_send, console_cancel, console_free, NULL},
        {"console_metric_exporter", console_send, console_cancel, console_free, NULL},
        {"console_log_exporter", console_send, console_cancel, console_free, NULL},
    };
    struct console *console = mem_new(struct console);
    if (!console)
        return -ENOMEM;
    console->exporter.ops = &ops[signal];
    console->out = out;
    *exporter = &console->exporter;
    return 0;
}
