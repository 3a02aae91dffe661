/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/console.h"

#include "base/mem.h"
#include "unit.h"

/* The SDK's side: how the export ended. */
struct otel_export {
    int n_done;
    struct otel_export_outcome outcome;
    uint64_t now_ns;
};

void otel_export_done(struct otel_export *export, const struct otel_export_outcome *outcome,
                      uint64_t now_ns) {
    export->n_done++;
    export->outcome = *outcome;
    export->now_ns = now_ns;
}

static char *text;
static size_t text_len;
static FILE *out;

static const struct otel_scope scope = {.name = {(const uint8_t *)"thermograph", 11},
                                        .version = {(const uint8_t *)"0.1.0", 5}};
static const struct otel_span_context context = {
    .trace_id = {{0x4b, 0xf9, [15] = 0x36}}, .span_id = {{0x00, 0xf0, [7] = 0xb7}}, .flags = 1};

static int set_up(void **state) {
    (void)state;
    out = open_memstream(&text, &text_len);
    return out ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    fclose(out);
    mem_free(text);
    return 0;
}

static void start_over(void) {
    tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);
}

static void export_batch(const struct otel_batch *batch) {
    struct otel_exporter *exporter;
    struct otel_export export = {0};
    assert_int_equal(otel_console_new(batch->signal, out, &exporter), 0);
    exporter->ops->send(exporter, batch, &export, 7);
    assert_int_equal(export.n_done, 1);
    assert_int_equal(export.outcome.n_rejected, 0);
    assert_null(export.outcome.error_type);
    assert_int_equal(export.now_ns, 7);
    exporter->ops->cancel(exporter);
    exporter->ops->free(exporter);
}

static void export_span(const struct otel_span_data *span) {
    const struct otel_span_data *const spans[] = {span};
    export_batch(&(struct otel_batch){.signal = OTEL_TRACES, .spans = spans, .n = 1});
}

static void export_log(const struct otel_log_data *log) {
    const struct otel_log_data *const logs[] = {log};
    export_batch(&(struct otel_batch){.signal = OTEL_LOGS, .logs = logs, .n = 1});
}

static void export_metric(const struct otel_metric *metric) {
    const struct otel_scope_metrics scopes[] = {
        {.scope = &scope, .metrics = metric, .n_metrics = 1}};
    const struct otel_metrics metrics = {.scopes = scopes, .n_scopes = 1, .n_points = 1};
    export_batch(&(struct otel_batch){.signal = OTEL_METRICS, .metrics = &metrics, .n = 1});
}

/* ---- spans ---- */

static void test_a_span_is_printed_with_all_that_belongs_to_it(void **state) {
    struct otel_kept_attribute attribute = {
        .attribute = otel_attribute("rpc.system.name", otel_str("grpc"))};
    struct otel_event event = {
        .name = bytes_str("durable"),
        .time_ns = 1700000000001100000,
        .attributes = {.first = &attribute, .last = &attribute, .n = 1},
    };
    struct otel_link link = {.context = context};
    struct otel_span_data span = {
        .scope = &scope,
        .context = context,
        .parent = {{1, [7] = 2}},
        .has_remote_parent = true,
        .kind = OTEL_KIND_SERVER,
        .name = bytes_str("/S/M"),
        .start_ns = 1700000000000000000,
        .end_ns = 1700000000001204567,
        .attributes = {.first = &attribute, .last = &attribute, .n = 1, .n_dropped = 2},
        .first_event = &event,
        .last_event = &event,
        .n_events = 1,
        .n_dropped_events = 3,
        .first_link = &link,
        .last_link = &link,
        .n_links = 1,
        .n_dropped_links = 4,
        .status = OTEL_STATUS_ERROR,
        .status_text = bytes_str("no space left"),
    };
    (void)state;
    span.context.trace_state = bytes_str("foo=1");
    export_span(&span);
    assert_string_equal(
        text, "span \"/S/M\" server, 1.204 ms, error \"no space left\"\n"
              "    at 2023-11-14T22:13:20.000000000Z\n"
              "    trace 4bf90000000000000000000000000036, span 00f00000000000b7, remote parent "
              "0100000000000002\n"
              "    tracestate foo=1\n"
              "    scope thermograph 0.1.0\n"
              "    rpc.system.name = \"grpc\"\n"
              "    2 attributes dropped\n"
              "    event \"durable\" after 1.100 ms\n"
              "        rpc.system.name = \"grpc\"\n"
              "    3 events dropped\n"
              "    link to trace 4bf90000000000000000000000000036, span 00f00000000000b7\n"
              "    4 links dropped\n");
}

static void test_a_root_that_went_well_is_short(void **state) {
    const struct otel_span_data span = {
        .scope = &scope,
        .context = context,
        .kind = OTEL_KIND_INTERNAL,
        .name = bytes_str("commit"),
        .start_ns = 1700000000000000000,
        .end_ns = 1700000000000000000,
        .status = OTEL_STATUS_OK,
    };
    (void)state;
    export_span(&span);
    assert_string_equal(text, "span \"commit\" internal, 0.000 ms, ok\n"
                              "    at 2023-11-14T22:13:20.000000000Z\n"
                              "    trace 4bf90000000000000000000000000036, span 00f00000000000b7\n"
                              "    scope thermograph 0.1.0\n");
}

/* ---- values ---- */

static void assert_printed(struct otel_value value, const char *wanted) {
    struct otel_kept_attribute attribute = {.attribute = otel_attribute("k", value)};
    const struct otel_log_data log = {
        .scope = &scope, .attributes = {.first = &attribute, .last = &attribute, .n = 1}};
    start_over();
    export_log(&log);
    const char *printed = strstr(text, "k = ");
    assert_non_null(printed);
    assert_string_equal(printed + 4, wanted);
}

static void test_values_of_all_types_are_printed(void **state) {
    const struct bytes texts[] = {bytes_str("a"), bytes_str("b")};
    const bool booleans[] = {true, false};
    const int64_t integers[] = {1, -2};
    const double numbers[] = {0.5, 1e300};
    (void)state;
    assert_printed((struct otel_value){.type = OTEL_EMPTY}, "nothing\n");
    assert_printed(otel_boolean(true), "true\n");
    assert_printed(otel_integer(INT64_MIN), "-9223372036854775808\n");
    assert_printed(otel_number(20.37), "20.37\n");
    assert_printed((struct otel_value){.type = OTEL_BYTES, .text = bytes_str("\x01\xff")},
                   "01ff\n");
    assert_printed((struct otel_value){.type = OTEL_TEXTS, .n = 2, .texts = texts},
                   "[\"a\", \"b\"]\n");
    assert_printed((struct otel_value){.type = OTEL_BOOLEANS, .n = 2, .booleans = booleans},
                   "[true, false]\n");
    assert_printed((struct otel_value){.type = OTEL_INTEGERS, .n = 2, .integers = integers},
                   "[1, -2]\n");
    assert_printed((struct otel_value){.type = OTEL_NUMBERS, .n = 2, .numbers = numbers},
                   "[0.5, 1e+300]\n");
    assert_printed((struct otel_value){.type = OTEL_NUMBERS}, "[]\n");
}

static void test_no_text_breaks_its_line(void **state) {
    (void)state;
    assert_printed(otel_str("a\"b\\c\n\x1b[2J\xC2\x9B"
                            "k\xC3\xBC\xFF"),
                   "\"a\\\"b\\\\c\\u000a\\u001b[2J\\u009bk\xC3\xBC\xEF\xBF\xBD\"\n");
    const struct otel_log_data log = {
        .scope = &(struct otel_scope){.name = bytes_str("a\nb"), .version = bytes_str("\r")},
        .severity_text = bytes_str("\nWARN"),
        .event_name = bytes_str("x\ny"),
        .body = otel_str("\n"),
    };
    start_over();
    export_log(&log);
    assert_string_equal(text, "log 1970-01-01T00:00:00.000000000Z \\u000aWARN \"\\u000a\"\n"
                              "    event \"x\\u000ay\"\n"
                              "    scope a\\u000ab \\u000d\n");
}

/* ---- log records ---- */

static void test_a_record_is_printed_with_its_span(void **state) {
    const struct otel_log_data log = {
        .scope = &scope,
        .time_ns = 1700000000000000001,
        .severity = OTEL_WARN,
        .severity_text = bytes_str("WARN"),
        .body = otel_str("disk is full"),
        .context = context,
    };
    (void)state;
    export_log(&log);
    assert_string_equal(text, "log 2023-11-14T22:13:20.000000001Z WARN \"disk is full\"\n"
                              "    trace 4bf90000000000000000000000000036, span 00f00000000000b7\n"
                              "    scope thermograph 0.1.0\n");
}

/* ---- metrics ---- */

static void test_a_histogram_is_printed_by_its_buckets(void **state) {
    const double bounds[] = {0.005, 0.01};
    const uint64_t counts[] = {3, 0, 1};
    const struct otel_attribute attributes[] = {otel_attribute("rpc.method", otel_str("S/M"))};
    const struct otel_exemplar exemplar = {
        .value = 0.5, .trace_id = context.trace_id, .span_id = context.span_id};
    const struct otel_point point = {
        .attributes = attributes,
        .n_attributes = 1,
        .time_ns = 1700000000000000000,
        .histogram = {.count = 4,
                      .sum = 0.75,
                      .min = 0.001,
                      .max = 0.5,
                      .bounds = bounds,
                      .n_bounds = 2,
                      .counts = counts},
        .exemplars = &exemplar,
        .n_exemplars = 1,
    };
    const struct otel_metric metric = {.name = "rpc.server.call.duration",
                                       .unit = "s",
                                       .description = "",
                                       .kind = OTEL_HISTOGRAM,
                                       .points = &point,
                                       .n_points = 1};
    (void)state;
    export_metric(&metric);
    assert_string_equal(
        text,
        "histogram rpc.server.call.duration in s at 2023-11-14T22:13:20.000000000Z\n"
        "    {rpc.method = \"S/M\"} 4 values, sum 0.75, from 0.001 to 0.5; 3 <= 0.005; 1 above\n"
        "        exemplar 0.5: trace 4bf90000000000000000000000000036, span 00f00000000000b7\n");
}

static void test_sums_and_gauges_are_printed_by_their_value(void **state) {
    const struct otel_point integer = {.integer = 42}, number = {.number = 20.5};
    (void)state;
    export_metric(&(struct otel_metric){.name = "calls",
                                        .unit = "",
                                        .description = "",
                                        .kind = OTEL_COUNTER,
                                        .is_integer = true,
                                        .points = &integer,
                                        .n_points = 1});
    export_metric(&(struct otel_metric){.name = "sensor.temperature",
                                        .unit = "Cel",
                                        .description = "",
                                        .kind = OTEL_GAUGE,
                                        .points = &number,
                                        .n_points = 1});
    assert_string_equal(text, "counter calls at 1970-01-01T00:00:00.000000000Z\n"
                              "    {} 42\n"
                              "gauge sensor.temperature in Cel at "
                              "1970-01-01T00:00:00.000000000Z\n"
                              "    {} 20.5\n");
}

/* ---- the exporter ---- */

static void test_the_resource_is_printed_once(void **state) {
    struct otel_attribute attributes[] = {otel_attribute("service.name", otel_str("thermograph"))};
    const struct otel_resource resource = {.attributes = attributes, .n_attributes = 1};
    const struct otel_batch batch = {.signal = OTEL_LOGS, .resource = &resource};
    struct otel_exporter *exporter;
    struct otel_export export = {0};
    (void)state;
    assert_int_equal(otel_console_new(OTEL_LOGS, out, &exporter), 0);
    exporter->ops->send(exporter, &batch, &export, 0);
    exporter->ops->send(exporter, &batch, &export, 0);
    exporter->ops->free(exporter);
    assert_int_equal(export.n_done, 2);
    assert_string_equal(text, "resource\n    service.name = \"thermograph\"\n");
}

static void test_what_cannot_be_written_counts_as_rejected(void **state) {
    const struct otel_log_data log = {.scope = &scope};
    const struct otel_log_data *const logs[] = {&log, &log};
    const struct otel_batch batch = {.signal = OTEL_LOGS, .logs = logs, .n = 2};
    struct otel_exporter *exporter;
    struct otel_export export = {0};
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(otel_console_new(OTEL_LOGS, full, &exporter), 0);
    exporter->ops->send(exporter, &batch, &export, 0);
    assert_int_equal(export.n_done, 1);
    assert_int_equal(export.outcome.n_rejected, 2);
    assert_string_equal(export.outcome.error_type, "write_failed");
    exporter->ops->free(exporter);
    fclose(full);
}

static void test_each_signal_has_an_exporter_of_its_name(void **state) {
    static const char *const names[] = {"console_span_exporter", "console_metric_exporter",
                                        "console_log_exporter"};
    (void)state;
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++) {
        struct otel_exporter *exporter;
        assert_int_equal(otel_console_new((enum otel_signal)i, out, &exporter), 0);
        assert_string_equal(exporter->ops->component_type, names[i]);
        exporter->ops->free(exporter);
    }
}

static void test_without_memory_there_is_none(void **state) {
    struct otel_exporter *exporter;
    (void)state;
    fail_alloc_at(1);
    assert_int_equal(otel_console_new(OTEL_LOGS, out, &exporter), -ENOMEM);
    fail_alloc_off();
}

#define ON_PAPER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_PAPER(test_a_span_is_printed_with_all_that_belongs_to_it),
        ON_PAPER(test_a_root_that_went_well_is_short),
        ON_PAPER(test_values_of_all_types_are_printed),
        ON_PAPER(test_no_text_breaks_its_line),
        ON_PAPER(test_a_record_is_printed_with_its_span),
        ON_PAPER(test_a_histogram_is_printed_by_its_buckets),
        ON_PAPER(test_sums_and_gauges_are_printed_by_their_value),
        ON_PAPER(test_the_resource_is_printed_once),
        ON_PAPER(test_what_cannot_be_written_counts_as_rejected),
        ON_PAPER(test_each_signal_has_an_exporter_of_its_name),
        ON_PAPER(test_without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
