/* SPDX-License-Identifier: Apache-2.0 */
#include "web/accept.h"

#include <stdio.h>

#include "base/err.h"
#include "unit.h"

#define OPENMETRICS "application/openmetrics-text"

static void assert_openmetrics(const char *accept, bool wanted) {
    if (accept_wants_openmetrics(bytes_str(accept)) != wanted)
        fail_msg("'%s' %s OpenMetrics", accept, wanted ? "wants" : "does not want");
}

static void assert_gzip(const char *accept, bool allowed) {
    if (accept_allows_gzip(bytes_str(accept)) != allowed)
        fail_msg("'%s' %s gzip", accept, allowed ? "allows" : "does not allow");
}

static void test_prometheus_wants_openmetrics(void **state) {
    (void)state;
    assert_openmetrics(OPENMETRICS ";version=1.0.0;escaping=allow-utf-8;q=0.6," OPENMETRICS
                                   ";version=0.0.1;q=0.5,text/plain;version=1.0.0;"
                                   "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
                                   "*/*;q=0.2",
                       true);
    assert_openmetrics("application/vnd.google.protobuf;q=0.7," OPENMETRICS
                       ";version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
                       true);
}

static void test_text_is_what_all_others_get(void **state) {
    (void)state;
    static const char *const headers[] = {"",
                                          "*/*",
                                          "text/plain",
                                          "application/*",
                                          "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
                                          "application/json",
                                          ",",
                                          ";",
                                          "q=1",
                                          OPENMETRICS ";version=0.0.1",
                                          OPENMETRICS ";version=2.0.0"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        assert_openmetrics(headers[i], false);
}

static void test_weights_decide(void **state) {
    (void)state;
    assert_openmetrics(OPENMETRICS, true);
    assert_openmetrics("text/plain;q=0.9," OPENMETRICS ";q=0.9", true);
    assert_openmetrics("text/plain;q=0.901," OPENMETRICS ";q=0.9", false);
    assert_openmetrics(OPENMETRICS ";q=0", false);
    assert_openmetrics(OPENMETRICS ";q=0.000,*/*;q=0", false);
    assert_openmetrics(OPENMETRICS ";q=0.001,*/*;q=0", true);
}

static void test_the_most_exact_name_counts(void **state) {
    (void)state;
    assert_openmetrics("*/*;q=1,text/plain;q=0.1," OPENMETRICS ";q=0.5", true);
    assert_openmetrics("text/*;q=1,*/*;q=0.1," OPENMETRICS ";q=0.5", false);
}

static void test_case_spaces_and_quotes_do_not_matter(void **state) {
    (void)state;
    assert_openmetrics(" Application/OpenMetrics-Text ; Version=\"1.0.0\" ;\tQ=1 ", true);
    assert_openmetrics("x/y;a=\"," OPENMETRICS ",\"", false);
    assert_openmetrics("x/y;a=\"\\\",\"," OPENMETRICS, true);
}

static void test_an_element_that_is_malformed_is_passed_over(void **state) {
    (void)state;
    static const char *const weights[] = {"",   "x",      "2",  "1.001", "0.5.5",
                                          "-1", "0.1234", ".5", "0x1"};
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        char accept[128];
        snprintf(accept, sizeof(accept), OPENMETRICS ";q=%s", weights[i]);
        assert_openmetrics(accept, false);
    }
    assert_openmetrics("text/plain;q=x,,;;," OPENMETRICS, true);
}

static void test_gzip_where_it_is_asked_for(void **state) {
    (void)state;
    assert_gzip("gzip", true);
    assert_gzip("deflate, GZIP;q=0.5", true);
    assert_gzip("x-gzip", true);
    assert_gzip("*", true);
    assert_gzip("", false);
    assert_gzip("identity", false);
    assert_gzip("gzip;q=0", false);
    assert_gzip("gzip;q=0, *", false);
    assert_gzip("*;q=0, gzip", true);
    assert_gzip("gzippy", false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus_wants_openmetrics),
        cmocka_unit_test(test_text_is_what_all_others_get),
        cmocka_unit_test(test_weights_decide),
        cmocka_unit_test(test_the_most_exact_name_counts),
        cmocka_unit_test(test_case_spaces_and_quotes_do_not_matter),
        cmocka_unit_test(test_an_element_that_is_malformed_is_passed_over),
        cmocka_unit_test(test_gzip_where_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
