/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/prometheus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "otel/limits.h"
#include "otel/metering.h"
#include "unit.h"

#define START_NS UINT64_C(1700000000000000000)

static const struct otel_scope grpc_scope = {.name = {(const uint8_t *)"grpc-c", 6},
                                             .version = {(const uint8_t *)"0.1", 3}};
static const struct otel_scope other_scope = {.name = {(const uint8_t *)"other", 5}};
#define SCOPED "otel_scope_name=\"grpc-c\",otel_scope_version=\"0.1\""

/* ---- metrics by hand ---- */

static const struct otel_point plain_point = {
    .start_ns = START_NS, .time_ns = START_NS + 1, .integer = 3};

static struct otel_metric integer_metric(const char *name, enum otel_instrument_kind kind) {
    return (struct otel_metric){.name = name,
                                .unit = "",
                                .description = "What it counts",
                                .kind = kind,
                                .is_integer = true,
                                .points = &plain_point,
                                .n_points = 1};
}

/* A text that the caller frees. */
static char *page_of(const struct otel_metrics *metrics, enum prometheus_format format,
                     struct prometheus_clashes *clashes) {
    struct buf page;
    buf_init(&page, 1 << 20);
    assert_int_equal(prometheus_write(metrics, format, &page, clashes), 0);
    struct bytes bytes = buf_bytes(&page);
    char *text = mem_copy_text((const char *)bytes.data, bytes.len);
    assert_non_null(text);
    buf_fini(&page);
    return text;
}

static void assert_page(const struct otel_metric *metrics, size_t n, enum prometheus_format format,
                        const char *wanted) {
    const struct otel_scope_metrics scope = {&grpc_scope, metrics, n};
    const struct otel_metrics all = {.scopes = &scope, .n_scopes = 1};
    struct prometheus_clashes clashes;
    CLEANUP(mem_freep) char *page = page_of(&all, format, &clashes);
    assert_string_equal(page, wanted);
    assert_int_equal(clashes.n, 0);
}

/* ---- single metrics ---- */

static void test_a_counter(void **state) {
    (void)state;
    struct otel_metric metric = integer_metric("grpc.server.call.started", OTEL_COUNTER);
    assert_page(&metric, 1, PROMETHEUS_TEXT,
                "# HELP grpc_server_call_started_total What it counts\n"
                "# TYPE grpc_server_call_started_total counter\n"
                "grpc_server_call_started_total{" SCOPED "} 3\n");
    assert_page(&metric, 1, PROMETHEUS_OPENMETRICS,
                "# HELP grpc_server_call_started What it counts\n"
                "# TYPE grpc_server_call_started counter\n"
                "grpc_server_call_started_total{" SCOPED "} 3\n"
                "grpc_server_call_started_created{" SCOPED "} 1700000000.000000000\n"
                "# EOF\n");
}

static void test_gauges_and_sums_that_may_fall(void **state) {
    (void)state;
    struct otel_point point = {.number = 20.37};
    struct otel_metric metrics[] = {integer_metric("queue", OTEL_UP_DOWN_COUNTER),
                                    {.name = "sensor.temperature",
                                     .unit = "Cel",
                                     .description = "",
                                     .kind = OTEL_GAUGE,
                                     .points = &point,
                                     .n_points = 1}};
    assert_page(metrics, 2, PROMETHEUS_TEXT,
                "# HELP queue What it counts\n# TYPE queue gauge\n"
                "queue{" SCOPED "} 3\n"
                "# TYPE sensor_temperature_celsius gauge\n"
                "sensor_temperature_celsius{" SCOPED "} 20.37\n");
    assert_page(metrics, 2, PROMETHEUS_OPENMETRICS,
                "# HELP queue What it counts\n# TYPE queue gauge\n"
                "queue{" SCOPED "} 3\n"
                "# TYPE sensor_temperature_celsius gauge\n"
                "# UNIT sensor_temperature_celsius celsius\n"
                "sensor_temperature_celsius{" SCOPED "} 20.37\n"
                "# EOF\n");
}

static void test_a_description_is_one_line(void **state) {
    (void)state;
    struct otel_metric metric = integer_metric("queue", OTEL_GAUGE);
    metric.description = "a \"b\"\nc\\d";
    assert_page(&metric, 1, PROMETHEUS_TEXT,
                "# HELP queue a \"b\"\\nc\\\\d\n# TYPE queue gauge\nqueue{" SCOPED "} 3\n");
    assert_page(&metric, 1, PROMETHEUS_OPENMETRICS,
                "# HELP queue a \\\"b\\\"\\nc\\\\d\n# TYPE queue gauge\nqueue{" SCOPED "} 3\n"
                "# EOF\n");
}

static const double bounds[] = {0.5, 1};
static const struct otel_attribute by_method = {
    .key = {(const uint8_t *)"grpc.method", 11},
    .value = {.type = OTEL_TEXT, .text = {(const uint8_t *)"a/b", 3}}};
static const struct otel_exemplar exemplars[] = {
    {.value = 0.7, .time_ns = START_NS, .trace_id = {{1}}, .span_id = {{2}}},
    {.value = 0.9, .time_ns = START_NS + 5, .trace_id = {{3}}, .span_id = {{4}}},
    {.value = 4, .time_ns = START_NS},
};

static struct otel_point histogram_point(const uint64_t counts[3], double min) {
    return (struct otel_point){
        .attributes = &by_method,
        .n_attributes = 1,
        .start_ns = START_NS,
        .histogram = {.count = counts[0] + counts[1] + counts[2],
                      .sum = 6.5,
                      .min = min,
                      .max = 4,
                      .bounds = bounds,
                      .n_bounds = 2,
                      .counts = counts},
        .exemplars = exemplars,
        .n_exemplars = ARRAY_LEN(exemplars),
    };
}

static struct otel_metric histogram_metric(const struct otel_point *point) {
    return (struct otel_metric){.name = "rpc.duration",
                                .unit = "s",
                                .description = "Time",
                                .kind = OTEL_HISTOGRAM,
                                .points = point,
                                .n_points = 1};
}

#define CALL "grpc_method=\"a/b\"," SCOPED

static void test_a_histogram_as_text(void **state) {
    static const uint64_t counts[] = {0, 2, 1};
    (void)state;
    struct otel_point point = histogram_point(counts, 0.7);
    struct otel_metric metric = histogram_metric(&point);
    assert_page(&metric, 1, PROMETHEUS_TEXT,
                "# HELP rpc_duration_seconds Time\n# TYPE rpc_duration_seconds histogram\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"0.5\"} 0\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"1.0\"} 2\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"+Inf\"} 3\n"
                "rpc_duration_seconds_count{" CALL "} 3\n"
                "rpc_duration_seconds_sum{" CALL "} 6.5\n");
}

static void test_each_bucket_has_its_largest_exemplar(void **state) {
    static const uint64_t counts[] = {0, 2, 1};
    (void)state;
    struct otel_point point = histogram_point(counts, 0.7);
    struct otel_metric metric = histogram_metric(&point);
    assert_page(&metric, 1, PROMETHEUS_OPENMETRICS,
                "# HELP rpc_duration_seconds Time\n# TYPE rpc_duration_seconds histogram\n"
                "# UNIT rpc_duration_seconds seconds\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"0.5\"} 0\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"1.0\"} 2 "
                "# {trace_id=\"03000000000000000000000000000000\",span_id=\"0400000000000000\"} "
                "0.9 1700000000.000000005\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"+Inf\"} 3 "
                "# {} 4.0 1700000000.000000000\n"
                "rpc_duration_seconds_count{" CALL "} 3\n"
                "rpc_duration_seconds_sum{" CALL "} 6.5\n"
                "rpc_duration_seconds_created{" CALL "} 1700000000.000000000\n"
                "# EOF\n");
}

static void test_a_histogram_below_zero_has_no_sum(void **state) {
    static const uint64_t counts[] = {1, 0, 0};
    (void)state;
    struct otel_point point = histogram_point(counts, -3);
    struct otel_metric metric = histogram_metric(&point);
    point.n_exemplars = 0;
    assert_page(&metric, 1, PROMETHEUS_TEXT,
                "# HELP rpc_duration_seconds Time\n# TYPE rpc_duration_seconds histogram\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"0.5\"} 1\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"1.0\"} 1\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"+Inf\"} 1\n"
                "rpc_duration_seconds_count{" CALL "} 1\n");
    point.start_ns = 0;
    assert_page(&metric, 1, PROMETHEUS_OPENMETRICS,
                "# HELP rpc_duration_seconds Time\n# TYPE rpc_duration_seconds histogram\n"
                "# UNIT rpc_duration_seconds seconds\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"0.5\"} 1\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"1.0\"} 1\n"
                "rpc_duration_seconds_bucket{" CALL ",le=\"+Inf\"} 1\n"
                "# EOF\n");
}

static void test_a_counter_shows_its_newest_exemplar(void **state) {
    (void)state;
    struct otel_point point = {.integer = 9, .exemplars = exemplars, .n_exemplars = 3};
    struct otel_metric metric = integer_metric("calls", OTEL_COUNTER);
    metric.points = &point;
    assert_page(&metric, 1, PROMETHEUS_OPENMETRICS,
                "# HELP calls What it counts\n# TYPE calls counter\n"
                "calls_total{" SCOPED "} 9 "
                "# {trace_id=\"03000000000000000000000000000000\",span_id=\"0400000000000000\"} "
                "0.9 1700000000.000000005\n# EOF\n");
}

static void test_the_resource_is_target_info(void **state) {
    struct otel_attribute attributes[] = {otel_attribute("host.name", otel_str("kiln \"7\"")),
                                          otel_attribute("service.name", otel_str("thermograph"))};
    struct otel_resource resource = {.attributes = attributes, .n_attributes = 2};
    const struct otel_metrics metrics = {.resource = &resource};
    struct prometheus_clashes clashes;
    (void)state;
    CLEANUP(mem_freep) char *text = page_of(&metrics, PROMETHEUS_TEXT, &clashes);
    assert_string_equal(
        text, "# HELP target_info Target metadata\n# TYPE target_info gauge\n"
              "target_info{host_name=\"kiln \\\"7\\\"\",service_name=\"thermograph\"} 1\n");
    CLEANUP(mem_freep) char *open = page_of(&metrics, PROMETHEUS_OPENMETRICS, &clashes);
    assert_string_equal(
        open, "# HELP target Target metadata\n# TYPE target info\n"
              "target_info{host_name=\"kiln \\\"7\\\"\",service_name=\"thermograph\"} 1\n# EOF\n");
}

static void test_nothing_measured_is_an_empty_page(void **state) {
    (void)state;
    assert_page(NULL, 0, PROMETHEUS_TEXT, "");
    assert_page(NULL, 0, PROMETHEUS_OPENMETRICS, "# EOF\n");
}

/* ---- several under one name ---- */

static void test_one_name_in_two_scopes_is_one_family(void **state) {
    (void)state;
    struct otel_metric metrics[] = {integer_metric("b", OTEL_GAUGE),
                                    integer_metric("a", OTEL_GAUGE)};
    struct otel_metric other = integer_metric("b", OTEL_UP_DOWN_COUNTER);
    other.description = "Something else";
    const struct otel_scope_metrics scopes[] = {{&grpc_scope, metrics, 2},
                                                {&other_scope, &other, 1}};
    const struct otel_metrics all = {.scopes = scopes, .n_scopes = 2};
    struct prometheus_clashes clashes;
    CLEANUP(mem_freep) char *page = page_of(&all, PROMETHEUS_TEXT, &clashes);
    assert_string_equal(page, "# HELP a What it counts\n# TYPE a gauge\na{" SCOPED "} 3\n"
                              "# HELP b What it counts\n# TYPE b gauge\nb{" SCOPED "} 3\n"
                              "b{otel_scope_name=\"other\",otel_scope_version=\"\"} 3\n");
    assert_int_equal(clashes.n, 0);
}

/* Of two metrics, the second of which is left out. */
static void assert_clash(struct otel_metric first, struct otel_metric second, const char *words) {
    const struct otel_metric metrics[] = {first, second};
    const struct otel_scope_metrics scope = {&grpc_scope, metrics, 2};
    const struct otel_metrics both = {.scopes = &scope, .n_scopes = 1};
    const struct otel_scope_metrics alone = {&grpc_scope, metrics, 1};
    const struct otel_metrics one = {.scopes = &alone, .n_scopes = 1};
    struct prometheus_clashes clashes, none;
    CLEANUP(mem_freep) char *got = page_of(&both, PROMETHEUS_TEXT, &clashes);
    CLEANUP(mem_freep) char *wanted = page_of(&one, PROMETHEUS_TEXT, &none);
    assert_string_equal(got, wanted);
    assert_int_equal(clashes.n, 1);
    if (!strstr(clashes.first.text, words) || !strstr(clashes.first.text, second.name))
        fail_msg("'%s' does not say '%s'", clashes.first.text, words);
}

static void test_of_two_that_become_one_the_first_stays(void **state) {
    static const uint64_t counts[] = {0, 2, 1};
    (void)state;
    struct otel_point point = histogram_point(counts, 0.7);
    struct otel_metric histogram = histogram_metric(&point);
    assert_clash(integer_metric("a.b", OTEL_GAUGE), integer_metric("a-b", OTEL_GAUGE),
                 "another metric");
    assert_clash(integer_metric("a.b", OTEL_GAUGE), integer_metric("a_b", OTEL_COUNTER),
                 "another type");
    assert_clash(integer_metric("a", OTEL_COUNTER), integer_metric("a.total", OTEL_GAUGE),
                 "another metric's samples");
    assert_clash(histogram, integer_metric("rpc_duration_seconds_count", OTEL_GAUGE),
                 "another metric's samples");
    assert_clash(histogram, integer_metric("target.info", OTEL_GAUGE), "target's own");
    assert_clash(histogram, integer_metric("...", OTEL_GAUGE), "none that Prometheus allows");
}

static void test_of_two_series_that_become_one_the_first_stays(void **state) {
    (void)state;
    const struct otel_attribute number = otel_attribute("a", otel_integer(1));
    const struct otel_attribute text = otel_attribute("a", otel_str("1"));
    const struct otel_attribute other = otel_attribute("a", otel_str("2"));
    const struct otel_point points[] = {{.attributes = &number, .n_attributes = 1, .integer = 5},
                                        {.attributes = &text, .n_attributes = 1, .integer = 6},
                                        {.attributes = &other, .n_attributes = 1, .integer = 7}};
    struct otel_metric metric = integer_metric("x", OTEL_GAUGE);
    metric.points = points;
    metric.n_points = 3;
    const struct otel_scope_metrics scope = {&grpc_scope, &metric, 1};
    const struct otel_metrics all = {.scopes = &scope, .n_scopes = 1};
    struct prometheus_clashes clashes;
    CLEANUP(mem_freep) char *page = page_of(&all, PROMETHEUS_TEXT, &clashes);
    assert_string_equal(page, "# HELP x What it counts\n# TYPE x gauge\nx{a=\"1\"," SCOPED "} 5\n"
                              "x{a=\"2\"," SCOPED "} 7\n");
    assert_int_equal(clashes.n, 1);
    assert_string_equal(clashes.first.text, "x: two of its series have the same labels");
}

static void test_a_name_like_a_sample_stays_where_there_is_none(void **state) {
    (void)state;
    struct otel_metric metrics[] = {integer_metric("a", OTEL_COUNTER),
                                    integer_metric("a.count", OTEL_GAUGE),
                                    integer_metric("b.total", OTEL_GAUGE)};
    assert_page(metrics, 3, PROMETHEUS_TEXT,
                "# HELP a_total What it counts\n# TYPE a_total counter\na_total{" SCOPED "} 3\n"
                "# HELP a_count What it counts\n# TYPE a_count gauge\na_count{" SCOPED "} 3\n"
                "# HELP b_total What it counts\n# TYPE b_total gauge\nb_total{" SCOPED "} 3\n");
}

/* ---- limits ---- */

static const uint64_t full_counts[] = {0, 2, 1};

struct full_page {
    struct otel_attribute attribute;
    struct otel_resource resource;
    struct otel_point points[2];
    struct otel_metric metrics[3];
    struct otel_scope_metrics scope;
    struct otel_metrics all;
};

static void full_page_init(struct full_page *full) {
    full->attribute = otel_attribute("service.name", otel_str("thermograph"));
    full->resource = (struct otel_resource){.attributes = &full->attribute, .n_attributes = 1};
    full->points[0] = full->points[1] = histogram_point(full_counts, 0.7);
    full->points[1].n_attributes = 0;
    full->metrics[0] = histogram_metric(full->points);
    full->metrics[0].n_points = 2;
    full->metrics[1] = integer_metric("readings", OTEL_COUNTER);
    full->metrics[2] = integer_metric("sensors", OTEL_GAUGE);
    full->scope = (struct otel_scope_metrics){&grpc_scope, full->metrics, 3};
    full->all = (struct otel_metrics){
        .resource = &full->resource, .scopes = &full->scope, .n_scopes = 1, .n_points = 3};
}

static void test_a_page_that_does_not_fit_says_so(void **state) {
    struct full_page full;
    struct prometheus_clashes clashes;
    (void)state;
    full_page_init(&full);
    CLEANUP(mem_freep) char *text = page_of(&full.all, PROMETHEUS_OPENMETRICS, &clashes);
    size_t len = strlen(text);
    for (size_t max = 0; max <= len; max += 7) {
        struct buf page;
        buf_init(&page, max);
        int r = prometheus_write(&full.all, PROMETHEUS_OPENMETRICS, &page, &clashes);
        assert_int_equal(r, max < len ? BUF_E_FULL : 0);
        assert_true(buf_len(&page) <= max);
        buf_fini(&page);
    }
}

static void test_every_allocation_may_fail(void **state) {
    struct full_page full;
    struct prometheus_clashes clashes;
    int r = -ENOMEM;
    (void)state;
    full_page_init(&full);
    for (size_t n = 1; r; n++) {
        struct buf page;
        buf_init(&page, 1 << 16);
        fail_alloc_at(n);
        r = prometheus_write(&full.all, PROMETHEUS_OPENMETRICS, &page, &clashes);
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        buf_fini(&page);
    }
}

/* ---- by others ---- */

static void promtool_path(char *path, size_t cap) {
    const char *bin = getenv("PEERS_BIN");
    if (bin && *bin)
        snprintf(path, cap, "%s/promtool", bin);
    else
        snprintf(path, cap, "%s/.cache/thermograph-peers/promtool", getenv("HOME"));
}

/* Skips the test where promtool is missing. */
static void assert_promtool_accepts(const struct otel_metrics *metrics) {
    struct prometheus_clashes clashes;
    char path[512], command[600];
    promtool_path(path, sizeof(path));
    if (access(path, X_OK)) {
        print_message("promtool is not there (tools/install-peers promtool)\n");
        skip();
    }
    CLEANUP(mem_freep) char *text = page_of(metrics, PROMETHEUS_TEXT, &clashes);
    snprintf(command, sizeof(command), "'%s' check metrics 1>&2", path);
    FILE *promtool = popen(command, "w");
    assert_non_null(promtool);
    assert_true(fputs(text, promtool) >= 0);
    assert_int_equal(pclose(promtool), 0);
}

static void test_promtool_accepts_the_page(void **state) {
    struct full_page full;
    (void)state;
    full_page_init(&full);
    assert_promtool_accepts(&full.all);
}

static struct otel_instrument *instrument(struct otel_meter *meter, const char *name,
                                          enum otel_instrument_kind kind, const char *unit) {
    const struct otel_instrument_options options = {.kind = kind,
                                                    .is_integer = kind != OTEL_HISTOGRAM,
                                                    .name = name,
                                                    .unit = unit,
                                                    .description = "For a test"};
    struct otel_instrument *made;
    assert_int_equal(otel_instrument_new(meter, &options, &made), 0);
    return made;
}

/* One of each kind, and a counter with more series than it may have. */
static void measure(struct otel_meter *meter) {
    struct otel_instrument *counter = instrument(meter, "readings", OTEL_COUNTER, "{reading}");
    for (int i = 0; i < OTEL_MAX_SERIES + 10; i++) {
        const struct otel_attribute sensor = otel_attribute("sensor.id", otel_integer(i));
        otel_series_add(otel_series_of(counter, &sensor, 1), i);
    }
    struct otel_instrument *queue = instrument(meter, "queue", OTEL_UP_DOWN_COUNTER, "By");
    otel_series_add(otel_series_of(queue, NULL, 0), -7);
    struct otel_instrument *gauge = instrument(meter, "sensors", OTEL_GAUGE, "{sensor}");
    otel_series_set(otel_series_of(gauge, NULL, 0), 3);
    struct otel_instrument *duration = instrument(meter, "call.duration", OTEL_HISTOGRAM, "s");
    otel_series_record(otel_series_of(duration, NULL, 0), 0.25, NULL);
}

static void test_promtool_accepts_what_was_measured(void **state) {
    struct otel_resource resource = {0};
    const struct otel_metering_options options = {.resource = &resource, .start_ns = START_NS};
    const struct otel_metrics *metrics;
    struct otel_metering *metering;
    (void)state;
    assert_int_equal(otel_metering_new(&options, &metering), 0);
    measure(otel_metering_meter(metering, &grpc_scope));
    assert_int_equal(otel_metering_collect(metering, START_NS + 1, &metrics), 0);
    struct prometheus_clashes clashes;
    CLEANUP(mem_freep) char *text = page_of(metrics, PROMETHEUS_TEXT, &clashes);
    assert_int_equal(clashes.n, 0);
    assert_non_null(strstr(text, "readings_total{otel_metric_overflow=\"true\"," SCOPED "}"));
    assert_non_null(strstr(text, "queue_bytes{" SCOPED "} -7\n"));
    assert_promtool_accepts(metrics);
    otel_metering_end(metering);
    otel_metering_free(metering);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_counter),
        cmocka_unit_test(test_gauges_and_sums_that_may_fall),
        cmocka_unit_test(test_a_description_is_one_line),
        cmocka_unit_test(test_a_histogram_as_text),
        cmocka_unit_test(test_each_bucket_has_its_largest_exemplar),
        cmocka_unit_test(test_a_histogram_below_zero_has_no_sum),
        cmocka_unit_test(test_a_counter_shows_its_newest_exemplar),
        cmocka_unit_test(test_the_resource_is_target_info),
        cmocka_unit_test(test_nothing_measured_is_an_empty_page),
        cmocka_unit_test(test_one_name_in_two_scopes_is_one_family),
        cmocka_unit_test(test_of_two_that_become_one_the_first_stays),
        cmocka_unit_test(test_of_two_series_that_become_one_the_first_stays),
        cmocka_unit_test(test_a_name_like_a_sample_stays_where_there_is_none),
        cmocka_unit_test(test_a_page_that_does_not_fit_says_so),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    const struct CMUnitTest tests_by_others[] = {
        cmocka_unit_test(test_promtool_accepts_the_page),
        cmocka_unit_test(test_promtool_accepts_what_was_measured),
    };
    if (argc > 1 && strcmp(argv[1], "promtool") == 0)
        return cmocka_run_group_tests(tests_by_others, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
