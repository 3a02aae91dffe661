/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All variables that the specification has and that mean something here, each with its default; see
 * docs/telemetry.md. To add one: a line here, a row there.
 */
#include "otel/settings.h"

#include <locale.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "otel/settings_otlp.h"
#include "otel/text_list.h"
#include "otel/variables.h"

/* ---- exporters ---- */

static const struct variable_choice exporters_of_metrics[] = {
    {"otlp", OTEL_EXPORT_OTLP},
    {"console", OTEL_EXPORT_CONSOLE},
    {"none", OTEL_EXPORT_NONE},
    {"prometheus", OTEL_EXPORT_PROMETHEUS},
    {NULL, 0},
};

static const struct variable_choice exporters_of_others[] = {
    {"otlp", OTEL_EXPORT_OTLP},
    {"console", OTEL_EXPORT_CONSOLE},
    {"none", OTEL_EXPORT_NONE},
    {NULL, 0},
};

static enum otel_exporter_kind read_exporter(variable_fn variable, enum otel_signal signal) {
    static const char *const names[OTEL_N_SIGNALS] = {
        "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"};
    int kind =
        settings_otlp_is_endpoint_named(variable, signal) ? OTEL_EXPORT_OTLP : OTEL_EXPORT_NONE;
    variable_choose(variable, names[signal],
                    signal == OTEL_METRICS ? exporters_of_metrics : exporters_of_others, &kind);
    return (enum otel_exporter_kind)kind;
}

static void read_exporters(variable_fn variable, struct otel_settings *settings) {
    settings->is_disabled = variable_is_true(variable, "OTEL_SDK_DISABLED", false);
    for (unsigned i = 0; i < OTEL_N_SIGNALS && !settings->is_disabled; i++)
        settings->exporters[i] = read_exporter(variable, (enum otel_signal)i);
}

/* A file in place of the variables; somebody who sets it must not think that it counts. */
static void refuse_config_file(variable_fn variable) {
    static const char *const names[] = {"OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct bytes file = variable_text(variable, names[i]);
        if (file.data)
            log_warn("%s=%.*s: a configuration file is not supported; the other OTEL_* variables "
                     "count",
                     names[i], BYTES_ARGS(file));
    }
}

/* ---- traces ---- */

/* False: it is not known here. */
static bool add_propagator(struct bytes name, struct otel_propagators *propagators) {
    if (text_is_word(name, "tracecontext"))
        propagators->has_trace_context = true;
    else if (text_is_word(name, "baggage"))
        propagators->has_baggage = true;
    else
        return text_is_word(name, "none");
    return true;
}

/* Those of the list that are known count; if none is, both do, as if it were unset. */
static void read_propagators(variable_fn variable, struct otel_propagators *propagators) {
    static const char name[] = "OTEL_PROPAGATORS";
    struct bytes text = variable_text(variable, name), rest = text, member;
    bool has_known = false, has_unknown = false;
    while (text_list_next(&rest, ',', &member)) {
        bool is_known = add_propagator(member, propagators);
        has_known = has_known || is_known;
        has_unknown = has_unknown || (!is_known && member.len > 0);
    }
    if (!has_known)
        *propagators = (struct otel_propagators){true, true};
    if (has_unknown)
        variable_complain(name, text, "a list of tracecontext and baggage, or none",
                          has_known ? "what is known of it" : "tracecontext,baggage");
}

/* With a point, whatever the program's locale has in its place. */
static double number_of(const char *text, char **end) {
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c)
        return strtod(text, end);
    double number = strtod_l(text, end, c);
    freelocale(c);
    return number;
}

static double read_ratio(variable_fn variable) {
    static const char name[] = "OTEL_TRACES_SAMPLER_ARG";
    struct bytes text = variable_text(variable, name);
    char *end;
    if (!text.data)
        return 1.0;
    double ratio = number_of((const char *)text.data, &end);
    if ((const uint8_t *)end == text.data + text.len && ratio >= 0.0 && ratio <= 1.0)
        return ratio;
    variable_complain(name, text, "a number from 0 to 1", "1.0");
    return 1.0;
}

static void read_sampler(variable_fn variable, struct otel_sampler *sampler) {
    enum {
        PARENT_BASED = 0x100
    };
    static const struct variable_choice samplers[] = {
        {"always_on", OTEL_ALWAYS_ON},
        {"always_off", OTEL_ALWAYS_OFF},
        {"traceidratio", OTEL_TRACE_ID_RATIO},
        {"parentbased_always_on", PARENT_BASED | OTEL_ALWAYS_ON},
        {"parentbased_always_off", PARENT_BASED | OTEL_ALWAYS_OFF},
        {"parentbased_traceidratio", PARENT_BASED | OTEL_TRACE_ID_RATIO},
        {NULL, 0},
    };
    int chosen = PARENT_BASED | OTEL_ALWAYS_ON;
    variable_choose(variable, "OTEL_TRACES_SAMPLER", samplers, &chosen);
    *sampler = (struct otel_sampler){
        .kind = (enum otel_sampler_kind)(chosen & ~PARENT_BASED),
        .is_parent_based = chosen & PARENT_BASED,
    };
    if (sampler->kind == OTEL_TRACE_ID_RATIO)
        sampler->ratio = read_ratio(variable);
}

/* ---- batches ---- */

struct batch_names {
    const char *delay, *timeout, *max_queue, *max_batch;
};

/* `batch->delay_ns` is the default. */
static void read_batch(variable_fn variable, const struct batch_names *names,
                       struct otel_batch_settings *batch) {
    const struct variable_range delay = {0, INT32_MAX, batch->delay_ns / NS_PER_MS};
    const struct variable_range queue = {1, INT32_MAX, 2048};
    batch->delay_ns = variable_duration_ns(variable, names->delay, &delay);
    batch->timeout_ns = variable_timeout_ns(variable, names->timeout, 30 * NS_PER_S);
    batch->max_queue = variable_number(variable, names->max_queue, &queue);
    uint64_t usual = batch->max_queue < 512 ? batch->max_queue : 512;
    const struct variable_range size = {1, batch->max_queue, usual};
    batch->max_batch = variable_number(variable, names->max_batch, &size);
}

static void read_batches(variable_fn variable, struct otel_settings *settings) {
    static const struct batch_names of_spans = {
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_BSP_EXPORT_TIMEOUT",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    };
    static const struct batch_names of_logs = {
        "OTEL_BLRP_SCHEDULE_DELAY",
        "OTEL_BLRP_EXPORT_TIMEOUT",
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    };
    settings->spans.delay_ns = 5 * NS_PER_S;
    read_batch(variable, &of_spans, &settings->spans);
    settings->logs.delay_ns = 1 * NS_PER_S;
    read_batch(variable, &of_logs, &settings->logs);
}

/* ---- limits ---- */

static size_t read_limit(variable_fn variable, const char *name, uint64_t otherwise) {
    const struct variable_range range = {0, INT32_MAX, otherwise};
    return variable_number(variable, name, &range);
}

static void read_limits(variable_fn variable, struct otel_settings *settings) {
    size_t count = read_limit(variable, "OTEL_ATTRIBUTE_COUNT_LIMIT", 128);
    size_t length = read_limit(variable, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", VARIABLE_NO_LIMIT);
    settings->span_limits = (struct otel_limit_settings){
        .n_attributes = read_limit(variable, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", count),
        .value_length = read_limit(variable, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", length),
        .n_events = read_limit(variable, "OTEL_SPAN_EVENT_COUNT_LIMIT", 128),
        .n_links = read_limit(variable, "OTEL_SPAN_LINK_COUNT_LIMIT", 128),
        .n_event_attributes = read_limit(variable, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 128),
        .n_link_attributes = read_limit(variable, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 128),
    };
    settings->log_limits = (struct otel_limit_settings){
        .n_attributes = read_limit(variable, "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", count),
        .value_length = read_limit(variable, "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", length),
    };
}

/* ---- metrics ---- */

/* What there is only one way of yet; who asks for another has to hear it. */
static void refuse_other_aggregations(variable_fn variable) {
    static const struct variable_choice temporalities[] = {{"cumulative", 0}, {NULL, 0}};
    static const struct variable_choice histograms[] = {{"explicit_bucket_histogram", 0},
                                                        {NULL, 0}};
    int only = 0;
    variable_choose(variable, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporalities,
                    &only);
    variable_choose(variable, "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                    histograms, &only);
}

static void read_metrics(variable_fn variable, struct otel_settings *settings) {
    static const struct variable_choice filters[] = {
        {"always_on", OTEL_EXEMPLARS_ON},
        {"always_off", OTEL_EXEMPLARS_OFF},
        {"trace_based", OTEL_EXEMPLARS_TRACE_BASED},
        {NULL, 0},
    };
    static const struct variable_range interval = {1, INT32_MAX, 60000};
    int filter = OTEL_EXEMPLARS_TRACE_BASED;
    variable_choose(variable, "OTEL_METRICS_EXEMPLAR_FILTER", filters, &filter);
    settings->exemplars = (enum otel_exemplar_filter)filter;
    settings->metric_interval_ns =
        variable_duration_ns(variable, "OTEL_METRIC_EXPORT_INTERVAL", &interval);
    settings->metric_timeout_ns =
        variable_timeout_ns(variable, "OTEL_METRIC_EXPORT_TIMEOUT", 30 * NS_PER_S);
    refuse_other_aggregations(variable);
}

static int read_prometheus(variable_fn variable, struct otel_settings *settings) {
    static const struct variable_range port = {1, UINT16_MAX, 9464};
    struct bytes host = variable_text(variable, "OTEL_EXPORTER_PROMETHEUS_HOST");
    if (!host.data)
        host = bytes_str("localhost");
    settings->prometheus_port =
        (uint16_t)variable_number(variable, "OTEL_EXPORTER_PROMETHEUS_PORT", &port);
    settings->prometheus_host = mem_copy_text((const char *)host.data, host.len);
    return settings->prometheus_host ? 0 : -ENOMEM;
}

/* ---- all of them ---- */

static int read_all(variable_fn variable, struct otel_settings *settings) {
    refuse_config_file(variable);
    read_exporters(variable, settings);
    read_propagators(variable, &settings->propagators);
    read_sampler(variable, &settings->sampler);
    read_batches(variable, settings);
    read_limits(variable, settings);
    read_metrics(variable, settings);
    int r = read_prometheus(variable, settings);
    return r ? r : settings_otlp_read(variable, settings);
}

int otel_settings_read(const char *(*variable)(const char *name), struct otel_settings *settings) {
    *settings = (struct otel_settings){0};
    int r = read_all(variable, settings);
    if (r)
        otel_settings_fini(settings);
    return err_trace(r);
}

void otel_settings_fini(struct otel_settings *settings) {
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++)
        settings_otlp_fini(&settings->otlp[i]);
    mem_free(settings->prometheus_host);
    *settings = (struct otel_settings){0};
}
