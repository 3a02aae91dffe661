/* SPDX-License-Identifier: Apache-2.0 */
/* Where and how OTLP goes; the examples are those of the specification, "OTLP exporter". */
#include "base/clock.h"
#include "settings_fixture.h"
#include "unit.h"

#define ENDPOINT "OTEL_EXPORTER_OTLP_ENDPOINT"
#define HEADERS  "OTEL_EXPORTER_OTLP_HEADERS"

static void assert_endpoints(const char *traces, const char *metrics, const char *logs) {
    assert_string_equal(settings.otlp[OTEL_TRACES].endpoint, traces);
    assert_string_equal(settings.otlp[OTEL_METRICS].endpoint, metrics);
    assert_string_equal(settings.otlp[OTEL_LOGS].endpoint, logs);
}

static void assert_header(enum otel_signal signal, size_t i, const char *name, const char *value) {
    assert_true(i < settings.otlp[signal].n_headers);
    assert_string_equal(settings.otlp[signal].headers[2 * i], name);
    assert_string_equal(settings.otlp[signal].headers[2 * i + 1], value);
}

static void test_an_endpoint_of_all_gets_a_path_for_each_signal(void **state) {
    (void)state;
    read_with(ENDPOINT, "http://collector:4318");
    assert_endpoints("http://collector:4318/v1/traces", "http://collector:4318/v1/metrics",
                     "http://collector:4318/v1/logs");
    read_with(ENDPOINT, "https://collector/mycollector/");
    assert_endpoints("https://collector/mycollector/v1/traces",
                     "https://collector/mycollector/v1/metrics",
                     "https://collector/mycollector/v1/logs");
    read_with(ENDPOINT, "http://collector/a?b=c#d");
    assert_endpoints("http://collector/a/v1/traces", "http://collector/a/v1/metrics",
                     "http://collector/a/v1/logs");
    assert_int_equal(settings.otlp[OTEL_TRACES].protocol, OTEL_PROTOCOL_HTTP_PROTOBUF);
    assert_false(settings.otlp[OTEL_TRACES].is_protocol_named);
    assert_int_equal(variables_n_lines(), 0);
}

static void test_an_endpoint_of_one_signal_is_taken_as_it_is(void **state) {
    (void)state;
    variables_set(ENDPOINT, "http://all:4318");
    variables_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318");
    variables_set("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://collector.example.com/v1/x");
    read_settings();
    assert_endpoints("http://collector:4318/", "https://collector.example.com/v1/x",
                     "http://all:4318/v1/logs");
    assert_string_equal(settings.otlp[OTEL_TRACES].own_endpoint_variable,
                        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    assert_string_equal(settings.otlp[OTEL_METRICS].own_endpoint_variable,
                        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
    assert_null(settings.otlp[OTEL_LOGS].own_endpoint_variable);
}

static void test_port_4317_means_grpc_where_no_protocol_is_named(void **state) {
    static const char *const endpoints[] = {"http://collector:4317", "https://collector:4317/",
                                            "collector:4317", "[::1]:4317"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        read_with(ENDPOINT, endpoints[i]);
        assert_int_equal(variables_n_lines(), 0);
        assert_int_equal(settings.otlp[OTEL_LOGS].protocol, OTEL_PROTOCOL_GRPC);
        assert_endpoints(endpoints[i], endpoints[i], endpoints[i]);
    }
    variables_set("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://other:4318/v1/logs");
    read_settings();
    assert_int_equal(settings.otlp[OTEL_TRACES].protocol, OTEL_PROTOCOL_GRPC);
    assert_int_equal(settings.otlp[OTEL_LOGS].protocol, OTEL_PROTOCOL_HTTP_PROTOBUF);
}

static void test_a_protocol_that_is_named_wins_over_the_port(void **state) {
    (void)state;
    variables_set(ENDPOINT, "http://collector:4317");
    variables_set("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    variables_set("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "GRPC");
    read_settings();
    assert_endpoints("http://collector:4317/v1/traces", "http://collector:4317/v1/metrics",
                     "http://collector:4317");
    assert_true(settings.otlp[OTEL_TRACES].is_protocol_named);
}

static void test_an_exporter_without_an_endpoint_goes_to_this_machine(void **state) {
    (void)state;
    variables_set("OTEL_TRACES_EXPORTER", "otlp");
    read_settings();
    assert_string_equal(settings.otlp[OTEL_TRACES].endpoint, "http://localhost:4318/v1/traces");
    variables_set("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    read_settings();
    assert_string_equal(settings.otlp[OTEL_TRACES].endpoint, "http://localhost:4317");
    assert_null(settings.otlp[OTEL_LOGS].endpoint);
}

static void test_a_protocol_that_is_not_known_is_told_once(void **state) {
    (void)state;
    variables_set(ENDPOINT, "http://collector:4317");
    variables_set("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    read_settings();
    assert_int_equal(variables_n_lines(), 1);
    assert_string_equal(variables_line(0), "OTEL_EXPORTER_OTLP_PROTOCOL=http/json: must be one of "
                                           "grpc, http/protobuf; grpc is taken");
    assert_int_equal(settings.otlp[OTEL_TRACES].protocol, OTEL_PROTOCOL_GRPC);
}

static void assert_not_exported(const char *endpoint, const char *why) {
    read_with(ENDPOINT, endpoint);
    assert_int_equal(variables_n_lines(), 1);
    assert_string_equal(variables_line(0), why);
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++)
        assert_int_equal(settings.exporters[i], OTEL_EXPORT_NONE);
}

static void test_an_endpoint_that_is_none_is_told_once_and_exports_nothing(void **state) {
    (void)state;
    assert_not_exported("ftp://collector:4317",
                        ENDPOINT "=ftp://collector:4317: must start with http:// or https://; what "
                                 "would go there is not exported");
    assert_not_exported("collector:4318",
                        ENDPOINT "=collector:4318: must start with http:// or https://; what would "
                                 "go there is not exported");
    assert_not_exported("http://", ENDPOINT "=http://: names no host; what would go there is not "
                                            "exported");
    assert_not_exported("http://:4318", ENDPOINT "=http://:4318: names no host; what would go "
                                                 "there is not exported");
    assert_not_exported("http://a:65536/", ENDPOINT "=http://a:65536/: must have a port from 1 to "
                                                    "65535; what would go there is not exported");
    assert_not_exported("http://a:0", ENDPOINT "=http://a:0: must have a port from 1 to 65535; "
                                               "what would go there is not exported");
    assert_not_exported("http://a b", ENDPOINT "=http://a b: has characters that an address cannot "
                                               "have; what would go there is not exported");
}

static void test_a_wrong_endpoint_of_one_signal_leaves_the_others(void **state) {
    (void)state;
    variables_set(ENDPOINT, "http://collector:4318");
    variables_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:/run/collector");
    read_settings();
    assert_int_equal(variables_n_lines(), 1);
    assert_int_equal(settings.exporters[OTEL_TRACES], OTEL_EXPORT_NONE);
    assert_int_equal(settings.exporters[OTEL_METRICS], OTEL_EXPORT_OTLP);
    assert_int_equal(settings.exporters[OTEL_LOGS], OTEL_EXPORT_OTLP);
}

static void test_a_password_in_an_endpoint_is_not_logged(void **state) {
    (void)state;
    assert_not_exported("ftp://user:secret@collector:1",
                        ENDPOINT "=...@collector:1: must start with http:// or https://; what "
                                 "would go there is not exported");
}

/* What is behind the last colon is no port then. */
static void test_an_endpoint_may_say_who_logs_in(void **state) {
    static const char *const endpoints[] = {
        "https://user:secret@collector/v1/x", "https://user:secret@collector:4318/v1/x",
        "https://user@collector/v1/x", "https://user:secret@[::1]/v1/x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        read_with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoints[i]);
        assert_int_equal(variables_n_lines(), 0);
        assert_string_equal(settings.otlp[OTEL_TRACES].endpoint, endpoints[i]);
        assert_int_equal(settings.otlp[OTEL_TRACES].protocol, OTEL_PROTOCOL_HTTP_PROTOBUF);
    }
    assert_not_exported("http://user:secret@", ENDPOINT "=...@: names no host; what would go there "
                                                        "is not exported");
    assert_not_exported("http://user:secret@a:b", ENDPOINT "=...@a:b: must have a port from 1 to "
                                                           "65535; what would go there is not "
                                                           "exported");
}

static void test_a_key_in_an_endpoints_query_is_not_logged(void **state) {
    (void)state;
    assert_not_exported("http://a:0/v1?key=secret",
                        ENDPOINT "=http://a:0/v1...: must have a port from 1 to 65535; what would "
                                 "go there is not exported");
    assert_not_exported("ftp://u:secret@a/v1?key=secret",
                        ENDPOINT "=...@a/v1...: must start with http:// or https://; what would go "
                                 "there is not exported");
    assert_not_exported("http://u:secret?secret@a", ENDPOINT "=...: must have a port from 1 to "
                                                             "65535; what would go there is not "
                                                             "exported");
}

static void test_grpc_may_do_without_a_scheme(void **state) {
    (void)state;
    variables_set(ENDPOINT, "collector:9999");
    variables_set("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    variables_set("OTEL_EXPORTER_OTLP_INSECURE", "true");
    variables_set("OTEL_EXPORTER_OTLP_LOGS_INSECURE", "false");
    read_settings();
    assert_int_equal(variables_n_lines(), 0);
    assert_endpoints("collector:9999", "collector:9999", "collector:9999");
    assert_true(settings.otlp[OTEL_TRACES].is_insecure);
    assert_false(settings.otlp[OTEL_LOGS].is_insecure);
}

static void test_the_port_may_be_left_empty(void **state) {
    (void)state;
    read_with(ENDPOINT, "http://collector:/x");
    assert_int_equal(variables_n_lines(), 0);
    assert_string_equal(settings.otlp[OTEL_LOGS].endpoint, "http://collector:/x/v1/logs");
}

static void test_timeout_and_compression_are_set_for_all_or_one(void **state) {
    (void)state;
    read_with(ENDPOINT, "http://collector:4318");
    assert_int_equal(settings.otlp[OTEL_TRACES].timeout_ns, 10 * NS_PER_S);
    assert_false(settings.otlp[OTEL_TRACES].has_gzip);
    variables_set("OTEL_EXPORTER_OTLP_TIMEOUT", "2000");
    variables_set("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    variables_set("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "3000");
    variables_set("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none");
    read_settings();
    assert_int_equal(settings.otlp[OTEL_TRACES].timeout_ns, 2 * NS_PER_S);
    assert_int_equal(settings.otlp[OTEL_METRICS].timeout_ns, 3 * NS_PER_S);
    assert_true(settings.otlp[OTEL_TRACES].has_gzip);
    assert_false(settings.otlp[OTEL_METRICS].has_gzip);
}

/* What is wrong for one signal falls back to what is right for all. */
static void test_a_wrong_value_of_one_signal_falls_back(void **state) {
    (void)state;
    variables_set(ENDPOINT, "http://collector:4318");
    variables_set("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    variables_set("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "zstd");
    variables_set("OTEL_EXPORTER_OTLP_TIMEOUT", "2000");
    variables_set("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "2s");
    read_settings();
    assert_int_equal(variables_n_lines(), 2);
    assert_string_equal(variables_line(0), "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=zstd: must be one "
                                           "of none, gzip; gzip is taken");
    assert_string_equal(variables_line(1), "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=2s: must be a whole "
                                           "number from 0 to 2147483647; 2000 is taken");
    assert_true(settings.otlp[OTEL_LOGS].has_gzip);
    assert_int_equal(settings.otlp[OTEL_LOGS].timeout_ns, 2 * NS_PER_S);
}

static void test_certificates_are_set_for_all_or_one(void **state) {
    (void)state;
    variables_set(ENDPOINT, "https://collector:4318");
    variables_set("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem");
    variables_set("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "client.pem");
    variables_set("OTEL_EXPORTER_OTLP_CLIENT_KEY", "client.key");
    variables_set("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "own-ca.pem");
    variables_set("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "own.pem");
    variables_set("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "own.key");
    read_settings();
    assert_string_equal(settings.otlp[OTEL_TRACES].ca_file, "own-ca.pem");
    assert_string_equal(settings.otlp[OTEL_TRACES].client_cert_file, "own.pem");
    assert_string_equal(settings.otlp[OTEL_TRACES].client_key_file, "own.key");
    assert_string_equal(settings.otlp[OTEL_LOGS].ca_file, "ca.pem");
    assert_string_equal(settings.otlp[OTEL_LOGS].client_cert_file, "client.pem");
    assert_string_equal(settings.otlp[OTEL_LOGS].client_key_file, "client.key");
}

static void test_headers_are_decoded_and_their_names_in_lower_case(void **state) {
    (void)state;
    variables_set(ENDPOINT, "https://collector:4318");
    variables_set(HEADERS, " Authorization = Basic%20YTpi== ,X-Org=a%2Cb,, empty=");
    variables_set("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-own=1");
    read_settings();
    assert_int_equal(variables_n_lines(), 0);
    assert_int_equal(settings.otlp[OTEL_TRACES].n_headers, 3);
    assert_header(OTEL_TRACES, 0, "authorization", "Basic YTpi==");
    assert_header(OTEL_TRACES, 1, "x-org", "a,b");
    assert_header(OTEL_TRACES, 2, "empty", "");
    assert_int_equal(settings.otlp[OTEL_LOGS].n_headers, 1);
    assert_header(OTEL_LOGS, 0, "x-own", "1");
}

static void test_what_is_no_header_is_left_out_and_told_without_its_value(void **state) {
    static const char *const bad[] = {
        "a=1,secret",       "a=1,se cret=2", "a=1,=secret", "a=1,x=secret%0d%0aY: z",
        "a=1,x=secret%00y", "a=1,x=secret%", "a=1,x=%C3%A9"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        variables_clear();
        variables_set(ENDPOINT, "https://collector:4318");
        variables_set(HEADERS, bad[i]);
        read_settings();
        assert_int_equal(variables_n_lines(), 1);
        assert_string_equal(variables_line(0),
                            HEADERS ": member 2 is not NAME=VALUE in printable characters, others "
                                    "as %XX; it is left out (values are not shown)");
        assert_int_equal(settings.otlp[OTEL_TRACES].n_headers, 1);
        assert_int_equal(settings.otlp[OTEL_LOGS].n_headers, 1);
    }
}

#define IN_ENVIRONMENT(test) \
    cmocka_unit_test_setup_teardown(test, settings_set_up, settings_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ENVIRONMENT(test_an_endpoint_of_all_gets_a_path_for_each_signal),
        IN_ENVIRONMENT(test_an_endpoint_of_one_signal_is_taken_as_it_is),
        IN_ENVIRONMENT(test_port_4317_means_grpc_where_no_protocol_is_named),
        IN_ENVIRONMENT(test_a_protocol_that_is_named_wins_over_the_port),
        IN_ENVIRONMENT(test_an_exporter_without_an_endpoint_goes_to_this_machine),
        IN_ENVIRONMENT(test_a_protocol_that_is_not_known_is_told_once),
        IN_ENVIRONMENT(test_an_endpoint_that_is_none_is_told_once_and_exports_nothing),
        IN_ENVIRONMENT(test_a_wrong_endpoint_of_one_signal_leaves_the_others),
        IN_ENVIRONMENT(test_a_password_in_an_endpoint_is_not_logged),
        IN_ENVIRONMENT(test_an_endpoint_may_say_who_logs_in),
        IN_ENVIRONMENT(test_a_key_in_an_endpoints_query_is_not_logged),
        IN_ENVIRONMENT(test_grpc_may_do_without_a_scheme),
        IN_ENVIRONMENT(test_the_port_may_be_left_empty),
        IN_ENVIRONMENT(test_timeout_and_compression_are_set_for_all_or_one),
        IN_ENVIRONMENT(test_a_wrong_value_of_one_signal_falls_back),
        IN_ENVIRONMENT(test_certificates_are_set_for_all_or_one),
        IN_ENVIRONMENT(test_headers_are_decoded_and_their_names_in_lower_case),
        IN_ENVIRONMENT(test_what_is_no_header_is_left_out_and_told_without_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
