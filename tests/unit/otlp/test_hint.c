/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/hint.h"

#include <string.h>

#include "unit.h"

static void assert_hint(const struct otel_otlp_settings *settings, const char *error_type,
                        const char *said, const char *hint) {
    const struct otlp_failure failure = {settings, error_type};
    struct err_text words;
    err_say(&words, "%s", said);
    otlp_hint_add(&failure, &words);
    assert_memory_equal(words.text, said, strlen(said));
    if (!hint)
        assert_string_equal(words.text, said);
    else if (!strstr(words.text + strlen(said), hint))
        fail_msg("'%s' does not say '%s'", words.text, hint);
}

static char tls_url[] = "https://collector:4317", plain_url[] = "http://collector:4317",
            grpc_url[] = "http://collector:4318", http_url[] = "http://collector:4317/v1/logs",
            other_url[] = "https://collector/v1/traces", bare_url[] = "collector:55680",
            longer_url[] = "http://collector:43180", v6_url[] = "http://[fd00::4318]:55680";

/* What the way there has nothing to do with. */
static void check(const char *error_type, const char *said, const char *hint) {
    const struct otel_otlp_settings settings = {.protocol = OTEL_PROTOCOL_GRPC,
                                                .endpoint = tls_url};
    assert_hint(&settings, error_type, said, hint);
}

static void test_a_refused_token_leads_to_the_headers(void **state) {
    (void)state;
    check("UNAUTHENTICATED", "", "OTEL_EXPORTER_OTLP_HEADERS");
    check("403", "HTTP status 403", "OTEL_EXPORTER_OTLP_HEADERS");
}

static void test_nobody_there_leads_to_the_endpoint(void **state) {
    (void)state;
    check("UNAVAILABLE", "cannot connect to x port 1: connection refused", "listening");
    check("no_answer", "Failed to connect to x port 1", "listening");
    check("UNAVAILABLE", "cannot connect to x port 1: no such name", "OTEL_EXPORTER_OTLP_ENDPOINT");
    check("no_answer", "Could not resolve host: x", "OTEL_EXPORTER_OTLP_ENDPOINT");
}

static void test_an_endpoint_of_one_signal_is_named_by_its_own_variable(void **state) {
    (void)state;
    const struct otel_otlp_settings own = {
        .protocol = OTEL_PROTOCOL_GRPC,
        .endpoint = tls_url,
        .own_endpoint_variable = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    };
    assert_hint(&own, "UNAVAILABLE", "connection refused",
                " (is a Collector listening there? OTEL_EXPORTER_OTLP_LOGS_ENDPOINT says where)");
    assert_hint(&own, "no_answer", "Could not resolve host: x",
                " (is the name right? OTEL_EXPORTER_OTLP_LOGS_ENDPOINT has it)");
}

static void test_a_refused_certificate_leads_to_the_file_or_the_name(void **state) {
    (void)state;
    check("UNAVAILABLE", "it is signed by no CA that is trusted here", "_CERTIFICATE");
    check("no_answer", "SSL certificate problem: unable to get local issuer certificate",
          "_CERTIFICATE");
    check("UNAVAILABLE", "the server's certificate is not for 'x'", "certificate's names");
    check("UNAVAILABLE", "ended the TLS handshake: certificate required", "_CLIENT_CERTIFICATE");
}

static void test_a_wrong_path_and_a_wrong_service_are_told_apart(void **state) {
    (void)state;
    check("404", "HTTP status 404", "/v1/traces");
    check("UNIMPLEMENTED", "", "does not take this signal");
}

static void test_the_other_protocol_leads_to_the_protocol(void **state) {
    (void)state;
    check("no_answer", "Received HTTP/0.9 when not allowed", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc");
    check("UNAVAILABLE", "it broke HTTP/2: SETTINGS expected", "_PROTOCOL=http/protobuf");
}

static void test_the_other_protocols_port_leads_to_the_protocol(void **state) {
    (void)state;
    const struct otel_otlp_settings grpc = {.protocol = OTEL_PROTOCOL_GRPC, .endpoint = grpc_url};
    const struct otel_otlp_settings http = {.protocol = OTEL_PROTOCOL_HTTP_PROTOBUF,
                                            .endpoint = http_url};
    const struct otel_otlp_settings longer = {.protocol = OTEL_PROTOCOL_GRPC,
                                              .endpoint = longer_url};
    const struct otel_otlp_settings v6 = {.protocol = OTEL_PROTOCOL_GRPC, .endpoint = v6_url};
    assert_hint(&grpc, "UNAVAILABLE", "it closed at once", "http/protobuf");
    assert_hint(&http, "no_answer", "odd", "=grpc");
    assert_hint(&grpc, "timeout", "no answer in time", "http/protobuf");
    assert_hint(&longer, "UNAVAILABLE", "odd", NULL);
    assert_hint(&v6, "UNAVAILABLE", "odd", NULL);
    assert_hint(&grpc, "INTERNAL", "it answers", NULL);
    assert_hint(&grpc, "out_of_memory", "memory ran out", NULL);
}

static void test_the_wrong_scheme_leads_to_the_other(void **state) {
    (void)state;
    const struct otel_otlp_settings tls = {.protocol = OTEL_PROTOCOL_GRPC, .endpoint = tls_url},
                                    plain = {.protocol = OTEL_PROTOCOL_GRPC, .endpoint = plain_url},
                                    bare = {.protocol = OTEL_PROTOCOL_GRPC,
                                            .endpoint = bare_url,
                                            .is_insecure = true};
    assert_hint(&tls, "UNAVAILABLE", "the server does not speak TLS there", "begins with http://");
    assert_hint(&plain, "UNAVAILABLE", "cannot connect: it closed at once", "begins with https://");
    assert_hint(&bare, "UNAVAILABLE", "the connection broke: x", "begins with https://");
    assert_hint(&tls, "UNAVAILABLE", "cannot connect: it closed at once", "_CLIENT_CERTIFICATE");
    assert_hint(&tls, "UNAVAILABLE", "cannot connect: the connection broke", "_CLIENT_CERTIFICATE");
}

static void test_who_hangs_up_on_http_over_tls_may_want_grpc(void **state) {
    (void)state;
    const struct otel_otlp_settings http = {.protocol = OTEL_PROTOCOL_HTTP_PROTOBUF,
                                            .endpoint = other_url};
    assert_hint(&http, "no_answer", "Empty reply from server", "_PROTOCOL=grpc");
}

/* The words are the receiver's then, and say nothing about the way to it. */
static void test_what_a_receiver_has_answered_has_no_hint_about_the_way_there(void **state) {
    (void)state;
    check("INVALID_ARGUMENT", "INVALID_ARGUMENT: this tenant is not for traces", NULL);
    check("rejected", "cannot resolve the name of a metric", NULL);
    check("502", "HTTP status 502: upstream: connection refused", NULL);
    check("504", "HTTP status 504: upstream timed out", NULL);
}

static void test_lateness_asks_for_time_where_nothing_else_is_known(void **state) {
    (void)state;
    check("timeout", "no answer in time", "OTEL_EXPORTER_OTLP_TIMEOUT");
    check("DEADLINE_EXCEEDED", "", "OTEL_EXPORTER_OTLP_TIMEOUT");
    check("no_answer", "Operation timed out after 301 milliseconds", "OTEL_EXPORTER_OTLP_TIMEOUT");
}

static void test_what_is_not_known_has_no_hint(void **state) {
    (void)state;
    check("500", "HTTP status 500", NULL);
    check("no_answer", "odd", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_token_leads_to_the_headers),
        cmocka_unit_test(test_nobody_there_leads_to_the_endpoint),
        cmocka_unit_test(test_an_endpoint_of_one_signal_is_named_by_its_own_variable),
        cmocka_unit_test(test_a_refused_certificate_leads_to_the_file_or_the_name),
        cmocka_unit_test(test_a_wrong_path_and_a_wrong_service_are_told_apart),
        cmocka_unit_test(test_the_other_protocol_leads_to_the_protocol),
        cmocka_unit_test(test_the_other_protocols_port_leads_to_the_protocol),
        cmocka_unit_test(test_the_wrong_scheme_leads_to_the_other),
        cmocka_unit_test(test_who_hangs_up_on_http_over_tls_may_want_grpc),
        cmocka_unit_test(test_what_a_receiver_has_answered_has_no_hint_about_the_way_there),
        cmocka_unit_test(test_lateness_asks_for_time_where_nothing_else_is_known),
        cmocka_unit_test(test_what_is_not_known_has_no_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
