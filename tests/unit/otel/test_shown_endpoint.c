/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/shown_endpoint.h"

#include <string.h>

#include "unit.h"

static void assert_shown(const char *url, const char *shown) {
    assert_string_equal(shown_endpoint(url).text, shown);
}

static void test_what_holds_no_secret_is_shown_as_it_is(void **state) {
    (void)state;
    assert_shown("http://localhost:4318/v1/traces", "http://localhost:4318/v1/traces");
    assert_shown("collector:4317", "collector:4317");
    assert_shown("https://[::1]/a@b", "https://[::1]/a@b");
    assert_shown("", "");
}

static void test_a_password_is_left_out(void **state) {
    (void)state;
    assert_shown("https://me:secret@host:1/path", "https://host:1/path");
    assert_shown("me:sec@ret@host", "host");
}

static void test_a_query_is_left_out(void **state) {
    (void)state;
    assert_shown("https://host/path?key=secret", "https://host/path");
    assert_shown("https://host?key=a@b", "https://host");
    assert_shown("host#secret", "host");
}

static void test_a_long_one_is_cut(void **state) {
    (void)state;
    char url[1000];
    memset(url, 'x', sizeof(url));
    url[sizeof(url) - 1] = '\0';
    assert_int_equal(strlen(shown_endpoint(url).text), 255);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_holds_no_secret_is_shown_as_it_is),
        cmocka_unit_test(test_a_password_is_left_out),
        cmocka_unit_test(test_a_query_is_left_out),
        cmocka_unit_test(test_a_long_one_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
