/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hints.h"

#include <string.h>

#include "base/err.h"
#include "unit.h"

static void assert_hints(const char *hint, const char *words) {
    assert_non_null(hint);
    assert_non_null(strstr(hint, words));
}

static void test_refused_connection_asks_for_the_server(void **state) {
    (void)state;
    struct hint_situation tls = {.has_token = true};
    assert_hints(hint_for(GRPC_UNAVAILABLE, "connection refused", tls), "is the server running");
}

static void test_a_refused_certificate_is_not_a_server_that_is_not_there(void **state) {
    (void)state;
    struct hint_situation tls = {.has_token = true};
    assert_null(hint_for(GRPC_UNAVAILABLE,
                         "cannot connect to h:1: the server's certificate was refused: unsuitable "
                         "certificate purpose",
                         tls));
}

static void test_an_unknown_ca_asks_for_its_file(void **state) {
    (void)state;
    struct hint_situation tls = {.has_token = true};
    assert_hints(hint_for(GRPC_UNAVAILABLE, "it is signed by no CA that is trusted here", tls),
                 "--ca FILE");
}

static void test_wrong_kind_of_connection(void **state) {
    (void)state;
    struct hint_situation tls = {.is_plaintext = false}, plaintext = {.is_plaintext = true};
    assert_hints(hint_for(GRPC_UNAVAILABLE, "the server hung up during the TLS handshake", tls),
                 "--plaintext");
    assert_hints(hint_for(GRPC_UNAVAILABLE, "the server does not speak TLS there", tls),
                 "--plaintext");
    assert_hints(hint_for(GRPC_UNAVAILABLE, "cannot connect to h:1: it closed at once", plaintext),
                 "--plaintext out");
    assert_hints(hint_for(GRPC_UNAVAILABLE, "certificate is not for 'x'", tls), "--server");
    assert_hints(hint_for(GRPC_UNAVAILABLE, "certificate is not for 'x'", tls), "RENEW=1 NAMES=");
}

static void test_plaintext_is_taken_back_where_it_was_said(void **state) {
    (void)state;
    static const char text[] = "cannot connect to h:1: it closed at once";
    struct hint_situation file = {.is_plaintext = true, .plaintext_from = SOURCE_FILE},
                          variable = {.is_plaintext = true, .plaintext_from = SOURCE_ENVIRONMENT},
                          option = {.is_plaintext = true, .plaintext_from = SOURCE_COMMAND_LINE};
    assert_hints(hint_for(GRPC_UNAVAILABLE, text, file), "plaintext out of the configuration file");
    assert_hints(hint_for(GRPC_UNAVAILABLE, text, variable), "leave THERMOGRAPH_PLAINTEXT out");
    assert_hints(hint_for(GRPC_UNAVAILABLE, text, option), "leave --plaintext out");
}

static void test_plaintext_is_not_blamed_for_other_troubles(void **state) {
    (void)state;
    struct hint_situation plaintext = {.is_plaintext = true};
    static const char *const texts[] = {
        "cannot connect to nohost port 50051: no such name",
        "the connection to h:1 was lost: the connection broke",
        "the server is stopping",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_null(hint_for(GRPC_UNAVAILABLE, texts[i], plaintext));
}

static void test_a_certificate_that_is_missing_is_asked_for(void **state) {
    (void)state;
    struct hint_situation without = {.has_token = true}, with = {.has_certificate = true};
    static const char *const texts[] = {
        "cannot connect to h:1: it closed at once",
        "cannot connect to h:1: the connection broke: Broken pipe",
        "cannot connect to h:1: reading failed in TLS: tlsv13 alert certificate required",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_hints(hint_for(GRPC_UNAVAILABLE, texts[i], without), "--client-cert");
        assert_null(hint_for(GRPC_UNAVAILABLE, texts[i], with));
    }
}

static void test_missing_token_and_wrong_token_differ(void **state) {
    (void)state;
    struct hint_situation with = {.has_token = true}, without = {.has_token = false};
    assert_hints(hint_for(GRPC_UNAUTHENTICATED, "no token", without), "--token-file");
    assert_hints(hint_for(GRPC_UNAUTHENTICATED, "not known", with), "tokens file");
}

static void test_errors_that_speak_for_themselves_have_no_hint(void **state) {
    (void)state;
    struct hint_situation tls = {.has_token = true};
    assert_null(hint_for(GRPC_INVALID_ARGUMENT, "temperature: must be finite", tls));
    assert_null(hint_for(GRPC_NOT_FOUND, "nobody", tls));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_connection_asks_for_the_server),
        cmocka_unit_test(test_a_refused_certificate_is_not_a_server_that_is_not_there),
        cmocka_unit_test(test_an_unknown_ca_asks_for_its_file),
        cmocka_unit_test(test_wrong_kind_of_connection),
        cmocka_unit_test(test_plaintext_is_taken_back_where_it_was_said),
        cmocka_unit_test(test_plaintext_is_not_blamed_for_other_troubles),
        cmocka_unit_test(test_a_certificate_that_is_missing_is_asked_for),
        cmocka_unit_test(test_missing_token_and_wrong_token_differ),
        cmocka_unit_test(test_errors_that_speak_for_themselves_have_no_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
