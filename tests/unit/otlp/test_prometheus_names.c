/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/prometheus_names.h"

#include <string.h>

#include "unit.h"

struct sample {
    const char *name;
    const char *unit;
    enum otel_instrument_kind kind;
    const char *family;
    const char *unit_in_words;
};

static void assert_named(const struct sample *sample) {
    struct prometheus_name made;
    assert_int_equal(prometheus_name_make(sample->name, sample->unit, sample->kind, &made), 0);
    assert_string_equal(made.family, sample->family);
    assert_string_equal(made.unit, sample->unit_in_words);
}

static void assert_all_named(const struct sample *samples, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_named(&samples[i]);
}

static void test_what_is_not_allowed_becomes_one_underscore(void **state) {
    (void)state;
    const struct sample samples[] = {
        {"sensor.temperature", "", OTEL_GAUGE, "sensor_temperature", ""},
        {"a/b-c.d", "", OTEL_GAUGE, "a_b_c_d", ""},
        {"a..b__c._d", "", OTEL_GAUGE, "a_b_c_d", ""},
        {"a_", "", OTEL_GAUGE, "a", ""},
        {"3d", "", OTEL_GAUGE, "_3d", ""},
        {"gr\xc3\xb6\xc3\x9f"
         "e",
         "", OTEL_GAUGE, "gr_e", ""},
    };
    assert_all_named(samples, ARRAY_LEN(samples));
}

static void test_units_are_added_in_words(void **state) {
    (void)state;
    const struct sample samples[] = {
        {"rpc.server.call.duration", "s", OTEL_HISTOGRAM, "rpc_server_call_duration_seconds",
         "seconds"},
        {"disk.free", "By", OTEL_GAUGE, "disk_free_bytes", "bytes"},
        {"sensor.temperature", "Cel", OTEL_GAUGE, "sensor_temperature_celsius", "celsius"},
        {"speed", "m/s", OTEL_GAUGE, "speed_meters_per_second", "meters_per_second"},
        {"flow", "By/min", OTEL_GAUGE, "flow_bytes_per_minute", "bytes_per_minute"},
        {"load", "bananas", OTEL_GAUGE, "load_bananas", "bananas"},
        {"odd", "a.b", OTEL_GAUGE, "odd_a_b", "a_b"},
    };
    assert_all_named(samples, ARRAY_LEN(samples));
}

static void test_remarks_in_braces_are_no_units(void **state) {
    (void)state;
    const struct sample samples[] = {
        {"calls", "{call}", OTEL_UP_DOWN_COUNTER, "calls", ""},
        {"calls", "{call}/s", OTEL_GAUGE, "calls_per_second", "per_second"},
        {"size", "By{compressed}", OTEL_GAUGE, "size_bytes", "bytes"},
        {"size", "{open", OTEL_GAUGE, "size", ""},
    };
    assert_all_named(samples, ARRAY_LEN(samples));
}

static void test_a_unit_in_the_name_is_not_repeated(void **state) {
    (void)state;
    const struct sample samples[] = {
        {"process.cpu.seconds", "s", OTEL_GAUGE, "process_cpu_seconds", "seconds"},
        {"seconds.of.waiting", "s", OTEL_GAUGE, "seconds_of_waiting", ""},
        {"bytes_seconds", "By/s", OTEL_GAUGE, "bytes_seconds_per_second", ""},
        {"microseconds", "s", OTEL_GAUGE, "microseconds_seconds", "seconds"},
    };
    assert_all_named(samples, ARRAY_LEN(samples));
}

static void test_the_unit_of_a_counter_stands_before_total(void **state) {
    (void)state;
    const struct sample samples[] = {
        {"cpu.time", "s", OTEL_COUNTER, "cpu_time_seconds", "seconds"},
        {"cpu.total", "s", OTEL_COUNTER, "cpu_seconds", "seconds"},
        {"readings_total", "{reading}", OTEL_COUNTER, "readings", ""},
        {"size_total", "By", OTEL_HISTOGRAM, "size_total_bytes", "bytes"},
    };
    assert_all_named(samples, ARRAY_LEN(samples));
}

static void test_only_gauges_of_one_are_ratios(void **state) {
    (void)state;
    const struct sample samples[] = {
        {"disk.used", "1", OTEL_GAUGE, "disk_used_ratio", "ratio"},
        {"hit.ratio", "1", OTEL_GAUGE, "hit_ratio", "ratio"},
        {"things", "1", OTEL_COUNTER, "things", ""},
        {"things", "1", OTEL_UP_DOWN_COUNTER, "things", ""},
    };
    assert_all_named(samples, ARRAY_LEN(samples));
}

static void test_a_name_of_nothing_and_one_too_long_are_refused(void **state) {
    struct prometheus_name made;
    char name[PROMETHEUS_NAME_MAX + 1];
    (void)state;
    assert_int_equal(prometheus_name_make("...", "", OTEL_GAUGE, &made), -EINVAL);
    memset(name, 'n', sizeof(name));
    name[PROMETHEUS_NAME_MAX] = '\0';
    assert_int_equal(prometheus_name_make(name, "", OTEL_GAUGE, &made), -EINVAL);
    name[PROMETHEUS_NAME_MAX - 1] = '\0';
    assert_int_equal(prometheus_name_make(name, "", OTEL_GAUGE, &made), 0);
    assert_int_equal(prometheus_name_make(name, "s", OTEL_GAUGE, &made), -EINVAL);
}

static void assert_label(const char *key, const char *name) {
    char out[64];
    size_t len = prometheus_label_name(bytes_str(key), out);
    assert_int_equal(len, strlen(name));
    assert_memory_equal(out, name, len);
}

static void test_names_of_labels(void **state) {
    (void)state;
    assert_label("grpc.method", "grpc_method");
    assert_label("a..b", "a_b");
    assert_label("__name__", "_name_");
    assert_label("1st", "key_1st");
    assert_label("a:b", "a_b");
    assert_label("\xff", "_");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_allowed_becomes_one_underscore),
        cmocka_unit_test(test_units_are_added_in_words),
        cmocka_unit_test(test_remarks_in_braces_are_no_units),
        cmocka_unit_test(test_a_unit_in_the_name_is_not_repeated),
        cmocka_unit_test(test_the_unit_of_a_counter_stands_before_total),
        cmocka_unit_test(test_only_gauges_of_one_are_ratios),
        cmocka_unit_test(test_a_name_of_nothing_and_one_too_long_are_refused),
        cmocka_unit_test(test_names_of_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
