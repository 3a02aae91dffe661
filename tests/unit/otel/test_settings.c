/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "settings_fixture.h"
#include "unit.h"

/* Reads with one variable that is wrong: one line says so, beginning like this. */
static void assert_complains(const char *name, const char *value, const char *line) {
    read_with(name, value);
    assert_int_equal(variables_n_lines(), 1);
    assert_string_equal(variables_line(0), line);
}

static void read_quietly(const char *name, const char *value) {
    read_with(name, value);
    assert_int_equal(variables_n_lines(), 0);
}

static void assert_exported(enum otel_exporter_kind traces, enum otel_exporter_kind metrics,
                            enum otel_exporter_kind logs) {
    assert_int_equal(settings.exporters[OTEL_TRACES], traces);
    assert_int_equal(settings.exporters[OTEL_METRICS], metrics);
    assert_int_equal(settings.exporters[OTEL_LOGS], logs);
}

static void test_with_nothing_set_all_is_the_default_and_nothing_is_said(void **state) {
    (void)state;
    read_settings();
    assert_int_equal(variables_n_lines(), 0);
    assert_false(settings.is_disabled);
    assert_exported(OTEL_EXPORT_NONE, OTEL_EXPORT_NONE, OTEL_EXPORT_NONE);
    assert_true(settings.propagators.has_trace_context && settings.propagators.has_baggage);
    assert_int_equal(settings.sampler.kind, OTEL_ALWAYS_ON);
    assert_true(settings.sampler.is_parent_based);
    assert_int_equal(settings.spans.delay_ns, 5 * NS_PER_S);
    assert_int_equal(settings.logs.delay_ns, NS_PER_S);
    assert_int_equal(settings.spans.timeout_ns, 30 * NS_PER_S);
    assert_int_equal(settings.spans.max_queue, 2048);
    assert_int_equal(settings.logs.max_batch, 512);
    assert_int_equal(settings.span_limits.n_attributes, 128);
    assert_true(settings.span_limits.value_length == SIZE_MAX);
    assert_int_equal(settings.span_limits.n_events, 128);
    assert_int_equal(settings.span_limits.n_links, 128);
    assert_int_equal(settings.span_limits.n_event_attributes, 128);
    assert_int_equal(settings.span_limits.n_link_attributes, 128);
    assert_int_equal(settings.log_limits.n_attributes, 128);
    assert_int_equal(settings.metric_interval_ns, 60 * NS_PER_S);
    assert_int_equal(settings.metric_timeout_ns, 30 * NS_PER_S);
    assert_int_equal(settings.exemplars, OTEL_EXEMPLARS_TRACE_BASED);
    assert_string_equal(settings.prometheus_host, "localhost");
    assert_int_equal(settings.prometheus_port, 9464);
}

static void test_an_empty_variable_counts_as_unset(void **state) {
    (void)state;
    variables_set("OTEL_SDK_DISABLED", "");
    variables_set("OTEL_EXPORTER_OTLP_ENDPOINT", " ");
    variables_set("OTEL_TRACES_EXPORTER", "");
    variables_set("OTEL_BSP_MAX_QUEUE_SIZE", "");
    variables_set("OTEL_PROPAGATORS", "");
    read_settings();
    assert_int_equal(variables_n_lines(), 0);
    assert_exported(OTEL_EXPORT_NONE, OTEL_EXPORT_NONE, OTEL_EXPORT_NONE);
    assert_true(settings.propagators.has_baggage);
}

static void test_only_true_is_true(void **state) {
    (void)state;
    read_quietly("OTEL_SDK_DISABLED", "TRUE");
    assert_true(settings.is_disabled);
    read_quietly("OTEL_SDK_DISABLED", "False");
    assert_false(settings.is_disabled);
    assert_complains("OTEL_SDK_DISABLED", "1",
                     "OTEL_SDK_DISABLED=1: must be true or false; false is taken");
    assert_false(settings.is_disabled);
}

static void test_disabled_exports_nothing_and_propagates_all_the_same(void **state) {
    (void)state;
    variables_set("OTEL_SDK_DISABLED", "true");
    variables_set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
    variables_set("OTEL_PROPAGATORS", "baggage");
    read_settings();
    assert_exported(OTEL_EXPORT_NONE, OTEL_EXPORT_NONE, OTEL_EXPORT_NONE);
    assert_true(settings.propagators.has_baggage);
}

static void test_an_endpoint_of_all_exports_all(void **state) {
    (void)state;
    read_quietly("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    assert_exported(OTEL_EXPORT_OTLP, OTEL_EXPORT_OTLP, OTEL_EXPORT_OTLP);
}

static void test_an_endpoint_of_one_exports_that_one(void **state) {
    (void)state;
    read_quietly("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:4318");
    assert_exported(OTEL_EXPORT_NONE, OTEL_EXPORT_NONE, OTEL_EXPORT_OTLP);
}

static void test_an_exporter_that_is_named_wins(void **state) {
    (void)state;
    variables_set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    variables_set("OTEL_TRACES_EXPORTER", "none");
    variables_set("OTEL_METRICS_EXPORTER", "Prometheus");
    variables_set("OTEL_LOGS_EXPORTER", "console");
    read_settings();
    assert_int_equal(variables_n_lines(), 0);
    assert_exported(OTEL_EXPORT_NONE, OTEL_EXPORT_PROMETHEUS, OTEL_EXPORT_CONSOLE);
}

static void test_an_exporter_that_is_not_known_is_told(void **state) {
    (void)state;
    assert_complains(
        "OTEL_TRACES_EXPORTER", "zipkin",
        "OTEL_TRACES_EXPORTER=zipkin: must be one of otlp, console, none; none is taken");
    assert_complains(
        "OTEL_LOGS_EXPORTER", "prometheus",
        "OTEL_LOGS_EXPORTER=prometheus: must be one of otlp, console, none; none is taken");
    assert_complains("OTEL_METRICS_EXPORTER", "logging",
                     "OTEL_METRICS_EXPORTER=logging: must be one of otlp, console, none, "
                     "prometheus; none is taken");
    variables_set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    read_settings();
    assert_exported(OTEL_EXPORT_OTLP, OTEL_EXPORT_OTLP, OTEL_EXPORT_OTLP);
}

static void test_a_list_of_exporters_is_told(void **state) {
    (void)state;
    assert_complains("OTEL_TRACES_EXPORTER", "otlp,console",
                     "OTEL_TRACES_EXPORTER=otlp,console: must be one of otlp, console, none, not a "
                     "list of them; none is taken");
}

static void test_a_configuration_file_is_refused_in_one_line(void **state) {
    (void)state;
    assert_complains("OTEL_CONFIG_FILE", "sdk.yaml",
                     "OTEL_CONFIG_FILE=sdk.yaml: a configuration file is not supported; the other "
                     "OTEL_* variables count");
}

static void test_propagators_are_a_list(void **state) {
    (void)state;
    read_quietly("OTEL_PROPAGATORS", "tracecontext");
    assert_true(settings.propagators.has_trace_context && !settings.propagators.has_baggage);
    read_quietly("OTEL_PROPAGATORS", " Baggage , baggage,");
    assert_true(!settings.propagators.has_trace_context && settings.propagators.has_baggage);
    read_quietly("OTEL_PROPAGATORS", "none");
    assert_false(settings.propagators.has_trace_context || settings.propagators.has_baggage);
}

static void test_propagators_that_are_not_known_are_told(void **state) {
    (void)state;
    assert_complains("OTEL_PROPAGATORS", "b3,baggage",
                     "OTEL_PROPAGATORS=b3,baggage: must be a list of tracecontext and baggage, or "
                     "none; what is known of it is taken");
    assert_true(!settings.propagators.has_trace_context && settings.propagators.has_baggage);
    assert_complains("OTEL_PROPAGATORS", "b3,jaeger",
                     "OTEL_PROPAGATORS=b3,jaeger: must be a list of tracecontext and baggage, or "
                     "none; tracecontext,baggage is taken");
    assert_true(settings.propagators.has_trace_context && settings.propagators.has_baggage);
}

static void test_samplers_are_known_by_their_names(void **state) {
    static const struct {
        const char *name;
        enum otel_sampler_kind kind;
        bool is_parent_based;
    } rows[] = {
        {"always_on", OTEL_ALWAYS_ON, false},
        {"always_off", OTEL_ALWAYS_OFF, false},
        {"traceidratio", OTEL_TRACE_ID_RATIO, false},
        {"parentbased_always_on", OTEL_ALWAYS_ON, true},
        {"parentbased_always_off", OTEL_ALWAYS_OFF, true},
        {"parentbased_traceidratio", OTEL_TRACE_ID_RATIO, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        read_quietly("OTEL_TRACES_SAMPLER", rows[i].name);
        assert_int_equal(settings.sampler.kind, rows[i].kind);
        assert_int_equal(settings.sampler.is_parent_based, rows[i].is_parent_based);
    }
    assert_complains("OTEL_TRACES_SAMPLER", "jaeger_remote",
                     "OTEL_TRACES_SAMPLER=jaeger_remote: must be one of always_on, always_off, "
                     "traceidratio, parentbased_always_on, parentbased_always_off, "
                     "parentbased_traceidratio; parentbased_always_on is taken");
}

static double ratio_of(const char *argument) {
    variables_clear();
    variables_set("OTEL_TRACES_SAMPLER", "traceidratio");
    variables_set("OTEL_TRACES_SAMPLER_ARG", argument);
    read_settings();
    return settings.sampler.ratio;
}

static void test_the_ratio_is_the_samplers_argument(void **state) {
    static const char *const bad[] = {"1.1", "-0.1", "half", "0.5x", "nan", "inf"};
    (void)state;
    assert_true(ratio_of("0.25") == 0.25);
    assert_true(ratio_of("0") == 0.0);
    assert_true(ratio_of("1e-4") == 1e-4);
    assert_true(ratio_of("") == 1.0);
    assert_int_equal(variables_n_lines(), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(ratio_of(bad[i]) == 1.0);
        assert_int_equal(variables_n_lines(), 1);
    }
    ratio_of("half");
    assert_string_equal(variables_line(0), "OTEL_TRACES_SAMPLER_ARG=half: must be a number from 0 "
                                           "to 1; 1.0 is taken");
}

/* Makes a locale with a comma, since machines mostly have none, and makes it the thread's. */
static bool speak_german(const char *folder) {
    char command[128];
    snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8", folder);
    setenv("LOCPATH", folder, 1);
    if (system(command) != 0)
        return false;
    locale_t german = newlocale(LC_ALL_MASK, "de_DE.UTF-8", (locale_t)0);
    return german && uselocale(german) && localeconv()->decimal_point[0] == ',';
}

/* In a process of its own: what the library reads from LOCPATH it keeps. */
static void test_the_ratio_has_a_point_in_every_locale(void **state) {
    char folder[] = "/tmp/test_settings_XXXXXX", command[64];
    int status;
    (void)state;
    assert_non_null(mkdtemp(folder));
    pid_t program = fork();
    assert_true(program >= 0);
    if (program == 0)
        _exit(speak_german(folder) && ratio_of("0.25") == 0.25 && variables_n_lines() == 0 ? 7 : 1);
    assert_int_equal(waitpid(program, &status, 0), program);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_an_argument_without_a_sampler_that_takes_one_is_not_looked_at(void **state) {
    (void)state;
    read_quietly("OTEL_TRACES_SAMPLER_ARG", "half");
}

static void test_batches_are_set(void **state) {
    (void)state;
    variables_set("OTEL_BSP_SCHEDULE_DELAY", "0");
    variables_set("OTEL_BSP_EXPORT_TIMEOUT", "1500");
    variables_set("OTEL_BSP_MAX_QUEUE_SIZE", "100");
    variables_set("OTEL_BLRP_SCHEDULE_DELAY", "250");
    variables_set("OTEL_BLRP_EXPORT_TIMEOUT", "0");
    variables_set("OTEL_BLRP_MAX_QUEUE_SIZE", "5000");
    variables_set("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "5000");
    read_settings();
    assert_int_equal(variables_n_lines(), 0);
    assert_int_equal(settings.spans.delay_ns, 0);
    assert_int_equal(settings.spans.timeout_ns, 1500 * NS_PER_MS);
    assert_int_equal(settings.spans.max_queue, 100);
    assert_int_equal(settings.spans.max_batch, 100);
    assert_int_equal(settings.logs.delay_ns, 250 * NS_PER_MS);
    assert_true(settings.logs.timeout_ns > 24 * 3600 * NS_PER_S); /* 0: no limit */
    assert_int_equal(settings.logs.max_batch, 5000);
}

static void test_numbers_that_cannot_be_are_told(void **state) {
    (void)state;
    assert_complains("OTEL_BSP_MAX_QUEUE_SIZE", "0",
                     "OTEL_BSP_MAX_QUEUE_SIZE=0: must be a whole number from 1 to 2147483647; 2048 "
                     "is taken");
    assert_int_equal(settings.spans.max_queue, 2048);
    assert_complains("OTEL_BLRP_SCHEDULE_DELAY", "-1",
                     "OTEL_BLRP_SCHEDULE_DELAY=-1: must be a whole number from 0 to 2147483647; "
                     "1000 is taken");
    assert_complains("OTEL_BSP_EXPORT_TIMEOUT", "10s",
                     "OTEL_BSP_EXPORT_TIMEOUT=10s: must be a whole number from 0 to 2147483647; "
                     "30000 is taken");
    assert_complains("OTEL_METRIC_EXPORT_INTERVAL", "99999999999999999999999",
                     "OTEL_METRIC_EXPORT_INTERVAL=99999999999999999999999: must be a whole number "
                     "from 1 to 2147483647; 60000 is taken");
    assert_complains("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "many",
                     "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=many: must be a whole number from 0 to "
                     "2147483647; no limit is taken");
}

static void test_a_batch_larger_than_its_queue_is_told(void **state) {
    (void)state;
    variables_set("OTEL_BSP_MAX_QUEUE_SIZE", "1000");
    variables_set("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1001");
    read_settings();
    assert_string_equal(variables_line(0),
                        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=1001: must be a whole number from 1 to "
                        "1000; 512 is taken");
    assert_int_equal(settings.spans.max_batch, 512);
}

static void test_a_long_value_is_cut_in_the_line(void **state) {
    char value[400];
    (void)state;
    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    variables_set("OTEL_BSP_MAX_QUEUE_SIZE", value);
    read_settings();
    assert_non_null(strstr(variables_line(0), "xxx...: must be a whole number"));
    assert_true(strlen(variables_line(0)) < 250);
}

static void test_limits_of_spans_and_logs_win_over_those_of_all(void **state) {
    (void)state;
    variables_set("OTEL_ATTRIBUTE_COUNT_LIMIT", "10");
    variables_set("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100");
    variables_set("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "20");
    variables_set("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0");
    variables_set("OTEL_SPAN_EVENT_COUNT_LIMIT", "1");
    variables_set("OTEL_SPAN_LINK_COUNT_LIMIT", "2");
    variables_set("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "3");
    variables_set("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "4");
    read_settings();
    assert_int_equal(variables_n_lines(), 0);
    assert_int_equal(settings.span_limits.n_attributes, 20);
    assert_int_equal(settings.span_limits.value_length, 100);
    assert_int_equal(settings.span_limits.n_events, 1);
    assert_int_equal(settings.span_limits.n_links, 2);
    assert_int_equal(settings.span_limits.n_event_attributes, 3);
    assert_int_equal(settings.span_limits.n_link_attributes, 4);
    assert_int_equal(settings.log_limits.n_attributes, 10);
    assert_int_equal(settings.log_limits.value_length, 0);
}

static void test_metrics_are_set(void **state) {
    (void)state;
    variables_set("OTEL_METRIC_EXPORT_INTERVAL", "1000");
    variables_set("OTEL_METRIC_EXPORT_TIMEOUT", "500");
    variables_set("OTEL_METRICS_EXEMPLAR_FILTER", "Always_Off");
    variables_set("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0");
    variables_set("OTEL_EXPORTER_PROMETHEUS_PORT", "9000");
    variables_set("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Cumulative");
    read_settings();
    assert_int_equal(variables_n_lines(), 0);
    assert_int_equal(settings.metric_interval_ns, NS_PER_S);
    assert_int_equal(settings.metric_timeout_ns, NS_PER_S / 2);
    assert_int_equal(settings.exemplars, OTEL_EXEMPLARS_OFF);
    assert_string_equal(settings.prometheus_host, "0.0.0.0");
    assert_int_equal(settings.prometheus_port, 9000);
    read_quietly("OTEL_METRICS_EXEMPLAR_FILTER", "always_on");
    assert_int_equal(settings.exemplars, OTEL_EXEMPLARS_ON);
}

static void test_what_metrics_cannot_be_yet_is_told(void **state) {
    (void)state;
    assert_complains("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta",
                     "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta: must be one of "
                     "cumulative; cumulative is taken");
    variables_clear();
    variables_set("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                  "base2_exponential_bucket_histogram");
    read_settings();
    assert_int_equal(variables_n_lines(), 1);
    assert_complains("OTEL_EXPORTER_PROMETHEUS_PORT", "65536",
                     "OTEL_EXPORTER_PROMETHEUS_PORT=65536: must be a whole number from 1 to 65535; "
                     "9464 is taken");
}

static void test_each_allocation_may_fail(void **state) {
    (void)state;
    variables_set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    variables_set("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=2");
    variables_set("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem");
    variables_set("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "client.pem");
    variables_set("OTEL_EXPORTER_OTLP_CLIENT_KEY", "client.key");
    for (size_t n = 1;; n++) {
        fail_alloc_at(n);
        int r = otel_settings_read(variables_get, &settings);
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        assert_null(settings.prometheus_host);
    }
    assert_int_equal(settings.otlp[OTEL_LOGS].n_headers, 2);
}

#define IN_ENVIRONMENT(test) \
    cmocka_unit_test_setup_teardown(test, settings_set_up, settings_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ENVIRONMENT(test_with_nothing_set_all_is_the_default_and_nothing_is_said),
        IN_ENVIRONMENT(test_an_empty_variable_counts_as_unset),
        IN_ENVIRONMENT(test_only_true_is_true),
        IN_ENVIRONMENT(test_disabled_exports_nothing_and_propagates_all_the_same),
        IN_ENVIRONMENT(test_an_endpoint_of_all_exports_all),
        IN_ENVIRONMENT(test_an_endpoint_of_one_exports_that_one),
        IN_ENVIRONMENT(test_an_exporter_that_is_named_wins),
        IN_ENVIRONMENT(test_an_exporter_that_is_not_known_is_told),
        IN_ENVIRONMENT(test_a_list_of_exporters_is_told),
        IN_ENVIRONMENT(test_a_configuration_file_is_refused_in_one_line),
        IN_ENVIRONMENT(test_propagators_are_a_list),
        IN_ENVIRONMENT(test_propagators_that_are_not_known_are_told),
        IN_ENVIRONMENT(test_samplers_are_known_by_their_names),
        IN_ENVIRONMENT(test_the_ratio_is_the_samplers_argument),
        IN_ENVIRONMENT(test_the_ratio_has_a_point_in_every_locale),
        IN_ENVIRONMENT(test_an_argument_without_a_sampler_that_takes_one_is_not_looked_at),
        IN_ENVIRONMENT(test_batches_are_set),
        IN_ENVIRONMENT(test_numbers_that_cannot_be_are_told),
        IN_ENVIRONMENT(test_a_batch_larger_than_its_queue_is_told),
        IN_ENVIRONMENT(test_a_long_value_is_cut_in_the_line),
        IN_ENVIRONMENT(test_limits_of_spans_and_logs_win_over_those_of_all),
        IN_ENVIRONMENT(test_metrics_are_set),
        IN_ENVIRONMENT(test_what_metrics_cannot_be_yet_is_told),
        IN_ENVIRONMENT(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
