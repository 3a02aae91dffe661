/* SPDX-License-Identifier: Apache-2.0 */
#include "net/certificate.h"

#include "loopback.h"
#include "net/tls.h"
#include "unit.h"

#define NAMES "localhost, 127.0.0.1, ::1"

static void connect_until_closed(struct loopback *loopback) {
    loopback_connect(loopback);
    loopback_until(loopback, loopback->client.n_closed);
}

static void test_a_file_tells_its_names_and_dates(void **state) {
    struct loopback *loopback = *state;
    struct net_certificate certificate;
    loopback_use_tls(loopback);
    net_certificate_of_settings(loopback->server_tls, &certificate);
    assert_true(certificate.is_known);
    assert_string_equal(certificate.names, NAMES);
    assert_true(certificate.issuer[0]);
    assert_true(certificate.from < certificate.until);
    assert_null(certificate.complaint);
}

static void test_settings_without_a_certificate_have_none(void **state) {
    struct loopback *loopback = *state;
    struct net_certificate certificate;
    loopback_use_tls(loopback);
    net_certificate_of_settings(loopback->client_tls, &certificate);
    assert_false(certificate.is_known);
}

static void test_what_a_server_shows_is_seen(void **state) {
    struct loopback *loopback = *state;
    struct net_certificate certificate;
    loopback_use_tls(loopback);
    net_certificate_watch(loopback->client_tls, &certificate);
    assert_false(certificate.is_known);
    loopback_open(loopback);
    assert_string_equal(certificate.names, NAMES);
    assert_null(certificate.complaint);
}

static void test_what_is_refused_is_seen_with_the_reason(void **state) {
    struct loopback *loopback = *state;
    struct net_certificate certificate;
    loopback_use_tls(loopback);
    net_certificate_watch(loopback->client_tls, &certificate);
    loopback->server_name = "example.org";
    connect_until_closed(loopback);
    assert_int_equal(loopback->client.n_opened, 0);
    assert_string_equal(certificate.names, NAMES);
    assert_string_equal(certificate.complaint, "hostname mismatch");
}

static void test_an_unknown_ca_is_refused_though_it_is_watched(void **state) {
    struct loopback *loopback = *state;
    struct net_certificate certificate;
    struct err_text why;
    loopback_use_tls(loopback);
    SSL_CTX_free(loopback->client_tls);
    const struct net_tls_client_options client = {.ca_file = loopback->certs.other_ca};
    assert_int_equal(net_tls_client_new(&client, &loopback->client_tls, &why), 0);
    net_certificate_watch(loopback->client_tls, &certificate);
    connect_until_closed(loopback);
    assert_int_equal(loopback->client.n_opened, 0);
    assert_true(certificate.is_known);
    assert_non_null(certificate.complaint);
}

static void test_dates_are_days(void **state) {
    (void)state;
    assert_string_equal(net_date_format(999999999).text, "2001-09-09");
    assert_string_equal(net_date_format(INT64_MAX).text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_file_tells_its_names_and_dates, loopback_setup,
                                        loopback_teardown),
        cmocka_unit_test_setup_teardown(test_settings_without_a_certificate_have_none,
                                        loopback_setup, loopback_teardown),
        cmocka_unit_test_setup_teardown(test_what_a_server_shows_is_seen, loopback_setup,
                                        loopback_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_refused_is_seen_with_the_reason,
                                        loopback_setup, loopback_teardown),
        cmocka_unit_test_setup_teardown(test_an_unknown_ca_is_refused_though_it_is_watched,
                                        loopback_setup, loopback_teardown),
        cmocka_unit_test(test_dates_are_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
