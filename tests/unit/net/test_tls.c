/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "certs.h"
#include "unit.h"

static struct certs certs;
static char last_line[512];
static struct err_text why;

static void keep_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    snprintf(last_line, sizeof(last_line), "%.*s", (int)len, line);
}

static int setup(void **state) {
    (void)state;
    certs_make(&certs);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    certs_remove(&certs);
    return 0;
}

static int server_outcome(const char *cert, const char *key) {
    SSL_CTX *tls = NULL;
    why.text[0] = '\0';
    int r = net_tls_server_new(cert, key, &tls, NULL, &why);
    assert_int_equal(r == 0, tls != NULL);
    SSL_CTX_free(tls);
    return r;
}

static int client_outcome_with(const struct net_tls_client_options *options) {
    SSL_CTX *tls = NULL;
    why.text[0] = '\0';
    int r = net_tls_client_new(options, &tls, &why);
    assert_int_equal(r == 0, tls != NULL);
    SSL_CTX_free(tls);
    return r;
}

static int client_outcome(const char *ca) {
    return client_outcome_with(&(struct net_tls_client_options){.ca_file = ca});
}

static int client_pair_outcome(const char *cert, const char *key) {
    return client_outcome_with(
        &(struct net_tls_client_options){.ca_file = certs.ca, .cert_file = cert, .key_file = key});
}

static void assert_says(const char *words) {
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
}

static void test_a_good_pair_tells_when_it_expires(void **state) {
    (void)state;
    SSL_CTX *tls = NULL;
    int64_t expires_at = 0;
    assert_int_equal(net_tls_server_new(certs.cert, certs.key, &tls, &expires_at, &why), 0);
    assert_int_equal(expires_at, 4102444800); /* 2100-01-01 */
    SSL_CTX_free(tls);
}

static void test_a_missing_file_is_named_with_what_makes_it(void **state) {
    (void)state;
    assert_int_equal(server_outcome("/nowhere/server.crt", certs.key), -ENOENT);
    assert_says("cannot read the certificate /nowhere/server.crt: No such file or directory");
    assert_says("make generate_certs");
    assert_int_equal(server_outcome(certs.cert, "/nowhere/server.key"), -ENOENT);
    assert_says("cannot read the key /nowhere/server.key: ");
    assert_int_equal(client_outcome("/nowhere/ca.crt"), -ENOENT);
    assert_says("cannot read the CA /nowhere/ca.crt: ");
}

static void test_a_file_of_another_kind_is_named(void **state) {
    (void)state;
    assert_int_equal(server_outcome(certs.key, certs.key), -EINVAL);
    assert_says("holds no certificate in PEM form");
    assert_int_equal(server_outcome(certs.cert, certs.cert), -EINVAL);
    assert_says("holds no key in PEM form");
    assert_int_equal(client_outcome(certs.key), -EINVAL);
    assert_says("holds no certificate of a CA in PEM form");
    assert_int_equal(server_outcome(certs.dir, certs.key), -EINVAL);
    assert_says("holds no certificate in PEM form");
}

static void test_a_key_of_another_certificate_is_refused(void **state) {
    (void)state;
    assert_int_equal(server_outcome(certs.cert, certs.other_key), -EINVAL);
    assert_says("other.key does not belong to the certificate ");
}

static void test_a_key_with_a_password_is_refused_without_asking(void **state) {
    (void)state;
    assert_int_equal(server_outcome(certs.cert, certs.locked_key), -EINVAL);
    assert_says("can be read without a password");
}

static void test_an_expired_certificate_is_refused_with_its_date(void **state) {
    (void)state;
    assert_int_equal(server_outcome(certs.expired, certs.key), -EKEYEXPIRED);
    assert_says("expired.crt expired on 2001-09-09");
    assert_says("make generate_certs RENEW=1");
}

static void test_a_certificate_of_the_future_is_refused_with_its_date(void **state) {
    (void)state;
    assert_int_equal(server_outcome(certs.early, certs.key), -EKEYREJECTED);
    assert_says("early.crt is valid only from 2100-01-01");
}

static void test_a_key_that_everybody_can_read_is_warned_about(void **state) {
    (void)state;
    log_redirect(keep_line);
    last_line[0] = '\0';
    assert_int_equal(server_outcome(certs.cert, certs.key), 0);
    assert_string_equal(last_line, "");
    assert_int_equal(chmod(certs.key, 0644), 0);
    assert_int_equal(server_outcome(certs.cert, certs.key), 0);
    assert_int_equal(chmod(certs.key, 0600), 0);
    log_redirect(NULL);
    assert_non_null(strstr(last_line, "every user of this machine can read the key "));
}

static void test_a_client_may_trust_the_systems_cas(void **state) {
    (void)state;
    assert_int_equal(client_outcome(NULL), 0);
    assert_int_equal(client_outcome(certs.ca), 0);
}

static void test_a_client_may_have_a_certificate_of_its_own(void **state) {
    (void)state;
    assert_int_equal(client_pair_outcome(certs.cert, certs.key), 0);
}

static void test_a_clients_certificate_and_key_need_each_other(void **state) {
    (void)state;
    assert_int_equal(client_pair_outcome(certs.cert, NULL), -EINVAL);
    assert_says("server.crt needs a key beside it");
    assert_int_equal(client_pair_outcome(NULL, certs.key), -EINVAL);
    assert_says("server.key needs a certificate beside it");
    assert_int_equal(client_pair_outcome(certs.cert, certs.other_key), -EINVAL);
    assert_says("other.key does not belong to the certificate ");
}

static void test_a_clients_certificate_is_looked_at_as_a_servers(void **state) {
    (void)state;
    assert_int_equal(client_pair_outcome("/nowhere/client.crt", certs.key), -ENOENT);
    assert_says("cannot read the certificate /nowhere/client.crt: ");
    assert_int_equal(client_pair_outcome(certs.cert, certs.locked_key), -EINVAL);
    assert_says("can be read without a password");
    assert_int_equal(client_pair_outcome(certs.expired, certs.key), -EKEYEXPIRED);
    assert_says("expired on 2001-09-09");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_pair_tells_when_it_expires),
        cmocka_unit_test(test_a_missing_file_is_named_with_what_makes_it),
        cmocka_unit_test(test_a_file_of_another_kind_is_named),
        cmocka_unit_test(test_a_key_of_another_certificate_is_refused),
        cmocka_unit_test(test_a_key_with_a_password_is_refused_without_asking),
        cmocka_unit_test(test_an_expired_certificate_is_refused_with_its_date),
        cmocka_unit_test(test_a_certificate_of_the_future_is_refused_with_its_date),
        cmocka_unit_test(test_a_key_that_everybody_can_read_is_warned_about),
        cmocka_unit_test(test_a_client_may_trust_the_systems_cas),
        cmocka_unit_test(test_a_client_may_have_a_certificate_of_its_own),
        cmocka_unit_test(test_a_clients_certificate_and_key_need_each_other),
        cmocka_unit_test(test_a_clients_certificate_is_looked_at_as_a_servers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
