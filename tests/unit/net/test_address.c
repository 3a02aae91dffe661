/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "unit.h"

static void assert_parses(const char *text, const char *host, uint16_t port) {
    struct net_address address;
    struct err_text why;
    assert_int_equal(net_address_parse(text, 50051, &address, &why), 0);
    assert_string_equal(address.host, host);
    assert_int_equal(address.port, port);
}

static void assert_is_refused(const char *text, uint16_t default_port, const char *words) {
    struct net_address address;
    struct err_text why;
    assert_int_equal(net_address_parse(text, default_port, &address, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
}

static void test_host_and_port_are_told_apart(void **state) {
    (void)state;
    assert_parses("127.0.0.1:8080", "127.0.0.1", 8080);
    assert_parses("localhost:0", "localhost", 0);
    assert_parses(":65535", "", 65535);
    assert_parses("[::1]:443", "::1", 443);
}

static void test_without_a_port_the_default_is_taken(void **state) {
    (void)state;
    assert_parses("sensors.example.org", "sensors.example.org", 50051);
    assert_parses("[::]", "::", 50051);
    assert_parses("fe80::1", "fe80::1", 50051);
}

static void test_without_a_default_the_port_is_a_must(void **state) {
    (void)state;
    assert_is_refused("localhost", 0, "'localhost' has no port: write HOST:PORT, such as");
}

static void test_what_is_no_host_is_refused_with_an_example(void **state) {
    (void)state;
    assert_is_refused("29465", 9464,
                      "a port without a host: write HOST:PORT, such as "
                      "127.0.0.1:29465");
    assert_is_refused("", 9464, "an empty address: write HOST:PORT, such as 127.0.0.1:50051");
}

static void test_bad_ports_are_refused(void **state) {
    (void)state;
    const char *const bad[] = {"h:", "h:65536", "h:-1", "h: 1", "h:1x", "h:000001", "[::1]:"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_is_refused(bad[i], 50051, "is no number from 0 to 65535");
}

static void test_bad_brackets_are_refused(void **state) {
    (void)state;
    const char *const bad[] = {"[::1", "[::1]50051", "["};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_is_refused(bad[i], 50051, "is no address: write HOST:PORT, such as");
}

static void test_an_address_is_split_in_place(void **state) {
    (void)state;
    const char text[] = "[::1]:443, and what is behind it";
    struct bytes host;
    uint16_t port;
    assert_int_equal(net_address_split(bytes_of(text, 9), &host, &port), 0);
    assert_true(bytes_equal_str(host, "::1"));
    assert_ptr_equal(host.data, text + 1);
    assert_int_equal(port, 443);
    assert_int_equal(net_address_split(bytes_str("cellar"), &host, &port), 0);
    assert_true(bytes_equal_str(host, "cellar"));
    assert_int_equal(port, 0);
    assert_int_equal(net_address_split(bytes_of(NULL, 0), &host, &port), 0);
    assert_int_equal(host.len, 0);
    assert_int_equal(net_address_split(bytes_str("h:70000"), &host, &port), -EINVAL);
    assert_int_equal(net_address_split(bytes_str("[::1"), &host, &port), -EINVAL);
}

static void test_an_address_of_the_web_is_refused_with_a_hint(void **state) {
    (void)state;
    assert_is_refused("https://localhost:50051", 50051, "leave https:// out and write HOST:PORT");
    assert_is_refused("http://[::1]:1", 0, "leave http:// out");
}

static void test_a_host_fills_its_room_and_no_more(void **state) {
    (void)state;
    char host[sizeof(((struct net_address *)0)->host) + 1];
    memset(host, 'h', sizeof(host));
    host[sizeof(host) - 1] = '\0';
    assert_is_refused(host, 50051, "is no address");
    host[sizeof(host) - 2] = '\0';
    assert_parses(host, host, 50051);
}

static void test_loopback_is_what_only_this_machine_reaches(void **state) {
    (void)state;
    const char *const loopback[] = {"127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"};
    const char *const open[] = {"", "0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.evil.org"};
    struct net_address address = {.port = 1};
    for (size_t i = 0; i < ARRAY_LEN(loopback); i++) {
        strncpy(address.host, loopback[i], sizeof(address.host) - 1);
        assert_true(net_address_is_loopback(&address));
    }
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        strncpy(address.host, open[i], sizeof(address.host) - 1);
        assert_false(net_address_is_loopback(&address));
    }
}

static void test_a_sockets_address_is_written_as_people_do(void **state) {
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(40312)};
    inet_pton(AF_INET, "127.0.0.1", &v4.sin_addr);
    assert_string_equal(net_address_format((struct sockaddr *)&v4).text, "127.0.0.1:40312");
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(65535)};
    inet_pton(AF_INET6, "2001:db8:1234:5678:9abc:def0:1234:5678", &v6.sin6_addr);
    assert_string_equal(net_address_format((struct sockaddr *)&v6).text,
                        "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535");
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_string_equal(net_address_format((struct sockaddr *)&local).text, "a local socket");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_and_port_are_told_apart),
        cmocka_unit_test(test_without_a_port_the_default_is_taken),
        cmocka_unit_test(test_without_a_default_the_port_is_a_must),
        cmocka_unit_test(test_what_is_no_host_is_refused_with_an_example),
        cmocka_unit_test(test_bad_ports_are_refused),
        cmocka_unit_test(test_bad_brackets_are_refused),
        cmocka_unit_test(test_an_address_is_split_in_place),
        cmocka_unit_test(test_an_address_of_the_web_is_refused_with_a_hint),
        cmocka_unit_test(test_a_host_fills_its_room_and_no_more),
        cmocka_unit_test(test_loopback_is_what_only_this_machine_reaches),
        cmocka_unit_test(test_a_sockets_address_is_written_as_people_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
