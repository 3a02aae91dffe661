/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_hints.h"

#include <string.h>

#include "unit.h"

static void assert_hint(const struct doctor_export *export, const char *words) {
    const char *hint = doctor_hint(export);
    if (!words) {
        assert_null(hint);
        return;
    }
    assert_non_null(hint);
    if (!strstr(hint, words))
        fail_msg("'%s' does not say '%s'", hint, words);
}

static void check(const char *error_type, const char *said, const char *words) {
    const struct doctor_export export = {OTEL_PROTOCOL_GRPC, "http://collector:4317", error_type,
                                         said};
    assert_hint(&export, words);
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
    check("no_answer", "Could not resolve host: x", "OTEL_EXPORTER_OTLP_ENDPOINT");
}

static void test_an_unknown_ca_leads_to_the_certificate(void **state) {
    (void)state;
    check("UNAVAILABLE", "it is signed by no CA that is trusted here", "_CERTIFICATE");
    check("no_answer", "SSL certificate problem: unable to get local issuer certificate",
          "_CERTIFICATE");
}

static void test_a_wrong_path_and_a_wrong_service_are_told_apart(void **state) {
    (void)state;
    check("404", "HTTP status 404", "/v1/traces");
    check("UNIMPLEMENTED", "", "does not take this signal");
}

static void test_the_other_protocols_port_leads_to_the_protocol(void **state) {
    (void)state;
    const struct doctor_export grpc = {OTEL_PROTOCOL_GRPC, "http://x:4318", "UNAVAILABLE", "odd"};
    const struct doctor_export http = {OTEL_PROTOCOL_HTTP_PROTOBUF, "http://x:4317/v1/logs",
                                       "no_answer", "odd"};
    assert_hint(&grpc, "http/protobuf");
    assert_hint(&http, "=grpc");
}

static void test_what_is_not_known_has_no_hint(void **state) {
    (void)state;
    check("500", "HTTP status 500", NULL);
    check(NULL, "odd", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_token_leads_to_the_headers),
        cmocka_unit_test(test_nobody_there_leads_to_the_endpoint),
        cmocka_unit_test(test_an_unknown_ca_leads_to_the_certificate),
        cmocka_unit_test(test_a_wrong_path_and_a_wrong_service_are_told_apart),
        cmocka_unit_test(test_the_other_protocols_port_leads_to_the_protocol),
        cmocka_unit_test(test_what_is_not_known_has_no_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
