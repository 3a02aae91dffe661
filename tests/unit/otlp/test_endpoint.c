/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/endpoint.h"

#include <string.h>

#include "unit.h"

static struct err_text why;

static void assert_goes_to(const char *url, bool has_tls, const char *host, uint16_t port) {
    struct otlp_endpoint endpoint;
    assert_int_equal(otlp_endpoint_parse(url, false, &endpoint, &why), 0);
    assert_int_equal(endpoint.has_tls, has_tls);
    assert_string_equal(endpoint.address.host, host);
    assert_int_equal(endpoint.address.port, port);
}

static void test_the_scheme_says_whether_there_is_tls(void **state) {
    (void)state;
    assert_goes_to("http://localhost:4317", false, "localhost", 4317);
    assert_goes_to("HTTPS://otlp.example.com:4318/v1", true, "otlp.example.com", 4318);
    assert_goes_to("http://[::1]:5000/", false, "::1", 5000);
}

static void test_a_port_that_is_missing_is_the_usual_one(void **state) {
    (void)state;
    assert_goes_to("https://otlp.example.com", true, "otlp.example.com", 443);
    assert_goes_to("http://collector/", false, "collector", 4317);
}

static void test_without_a_scheme_the_setting_says_whether_there_is_tls(void **state) {
    (void)state;
    struct otlp_endpoint endpoint;
    assert_goes_to("collector:4317", true, "collector", 4317);
    assert_int_equal(otlp_endpoint_parse("collector:4317", true, &endpoint, &why), 0);
    assert_false(endpoint.has_tls);
}

static void assert_grpc_refuses(const char *url, const char *words) {
    struct otlp_endpoint endpoint;
    assert_int_equal(otlp_endpoint_parse(url, false, &endpoint, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
}

static void test_what_is_no_endpoint_is_refused_with_words(void **state) {
    (void)state;
    assert_grpc_refuses("unix:///run/otel.sock", "has to begin with http:// or https://");
    assert_grpc_refuses("ftp://collector", "has to begin with http:// or https://");
    assert_grpc_refuses("http://", "names no host");
    assert_grpc_refuses("http://:4317", "names no host");
    assert_grpc_refuses("", "names no host");
    assert_grpc_refuses("http://collector:port", "port");
}

static void test_a_password_is_refused_for_grpc_and_never_said(void **state) {
    (void)state;
    assert_grpc_refuses("http://me:secret@collector:4317", "OTEL_EXPORTER_OTLP_HEADERS can");
    assert_null(strstr(why.text, "secret"));
    assert_grpc_refuses("ftp://me:secret@collector", "has to begin with");
    assert_null(strstr(why.text, "secret"));
}

static void test_http_needs_a_scheme_and_a_host(void **state) {
    (void)state;
    bool has_tls;
    assert_int_equal(otlp_endpoint_check_http("http://c:4318/v1/traces", &has_tls, &why), 0);
    assert_false(has_tls);
    assert_int_equal(otlp_endpoint_check_http("https://c/v1/traces", &has_tls, &why), 0);
    assert_true(has_tls);
    assert_int_equal(otlp_endpoint_check_http("c:4318/v1/traces", &has_tls, &why), -EINVAL);
    assert_int_equal(otlp_endpoint_check_http("http:///v1/traces", &has_tls, &why), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_scheme_says_whether_there_is_tls),
        cmocka_unit_test(test_a_port_that_is_missing_is_the_usual_one),
        cmocka_unit_test(test_without_a_scheme_the_setting_says_whether_there_is_tls),
        cmocka_unit_test(test_what_is_no_endpoint_is_refused_with_words),
        cmocka_unit_test(test_a_password_is_refused_for_grpc_and_never_said),
        cmocka_unit_test(test_http_needs_a_scheme_and_a_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
