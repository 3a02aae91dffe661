/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/limits.h"
#include "unit.h"

struct rig {
    struct net_loop loop;
    struct net_listener *listener;
    struct err_text why;
    int n_accepted;
    int n_limits_hit;
    int last_fd;
    bool closes_listener;
};

static struct rig rig;
static int n_lines;
static char last_line[512];

static void keep_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    n_lines++;
    snprintf(last_line, sizeof(last_line), "%.*s", (int)len, line);
}

static void on_accepted(void *user, int fd) {
    struct rig *self = user;
    if (self->last_fd >= 0)
        close(self->last_fd);
    self->last_fd = fd;
    self->n_accepted++;
    if (self->closes_listener)
        net_listener_close(STEAL(self->listener));
}

static int setup(void **state) {
    (void)state;
    rig = (struct rig){.last_fd = -1};
    n_lines = 0;
    last_line[0] = '\0';
    log_redirect(keep_line);
    return net_loop_init(&rig.loop, NULL, NULL);
}

static int teardown(void **state) {
    (void)state;
    fail_alloc_off();
    net_listener_close(rig.listener);
    net_loop_close(&rig.loop);
    net_loop_run(&rig.loop);
    net_loop_fini(&rig.loop);
    if (rig.last_fd >= 0)
        close(rig.last_fd);
    log_redirect(NULL);
    return 0;
}

static void on_limit_hit(void *user, const char *limit) {
    (void)user;
    assert_string_equal(limit, "net.file_descriptors");
    rig.n_limits_hit++;
}

static int try_listen(const char *host, uint16_t port, struct net_listener **listener) {
    struct net_address address = {.port = port};
    snprintf(address.host, sizeof(address.host), "%s", host);
    rig.why.text[0] = '\0';
    struct net_acceptor acceptor = {on_accepted, &rig, "--listen", on_limit_hit};
    return net_listener_open(&rig.loop, &address, acceptor, listener, &rig.why);
}

static void assert_says(const char *words) {
    if (!strstr(rig.why.text, words))
        fail_msg("'%s' does not say '%s'", rig.why.text, words);
}

static bool connects_to(int family, int fd, uint16_t port) {
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr *address = family == AF_INET ? (void *)&v4 : (void *)&v6;
    return connect(fd, address, family == AF_INET ? sizeof(v4) : sizeof(v6)) == 0;
}

static void turn_until_accepted(int n) {
    for (int i = 0; i < 1000 && rig.n_accepted < n; i++)
        uv_run(&rig.loop.uv, UV_RUN_ONCE);
    assert_int_equal(rig.n_accepted, n);
}

static int connect_raw(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(connects_to(AF_INET, fd, port));
    return fd;
}

static void test_an_accepted_socket_never_blocks_and_never_holds_back(void **state) {
    (void)state;
    assert_int_equal(try_listen("127.0.0.1", 0, &rig.listener), 0);
    int client = connect_raw(net_listener_port(rig.listener));
    turn_until_accepted(1);
    int no_delay = 0;
    socklen_t len = sizeof(no_delay);
    getsockopt(rig.last_fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len);
    assert_true(no_delay);
    assert_true(fcntl(rig.last_fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(rig.last_fd, F_GETFD) & FD_CLOEXEC);
    close(client);
}

static void test_a_port_in_use_is_told_in_words(void **state) {
    (void)state;
    struct net_listener *second;
    assert_int_equal(try_listen("127.0.0.1", 0, &rig.listener), 0);
    uint16_t port = net_listener_port(rig.listener);
    assert_int_equal(try_listen("127.0.0.1", port, &second), -EADDRINUSE);
    char words[128];
    snprintf(words, sizeof(words),
             "port %u on 127.0.0.1 is in use by another program: choose another with --listen",
             port);
    assert_says(words);
}

static void test_a_port_can_be_taken_again_at_once(void **state) {
    (void)state;
    assert_int_equal(try_listen("127.0.0.1", 0, &rig.listener), 0);
    uint16_t port = net_listener_port(rig.listener);
    int client = connect_raw(port);
    turn_until_accepted(1);
    net_listener_close(rig.listener);
    close(rig.last_fd); /* our side first: it is the one that TIME_WAIT keeps */
    rig.last_fd = -1;
    close(client);
    assert_int_equal(try_listen("127.0.0.1", port, &rig.listener), 0);
}

static void test_every_interface_is_ipv4_and_ipv6_on_one_port(void **state) {
    (void)state;
    assert_int_equal(try_listen("", 0, &rig.listener), 0);
    int v4 = connect_raw(net_listener_port(rig.listener));
    turn_until_accepted(1);
    int v6 = socket(AF_INET6, SOCK_STREAM, 0);
    if (v6 >= 0 && connects_to(AF_INET6, v6, net_listener_port(rig.listener)))
        turn_until_accepted(2);
    else if (v6 >= 0)
        assert_int_equal(errno, EADDRNOTAVAIL); /* this machine has no ::1 */
    close(v4);
    close(v6);
}

static void test_an_address_of_another_machine_is_told_in_words(void **state) {
    (void)state;
    assert_int_equal(try_listen("192.0.2.1", 0, &rig.listener), -EADDRNOTAVAIL);
    assert_says("192.0.2.1 is no address of this machine");
    assert_int_equal(try_listen("no such name", 0, &rig.listener), -EINVAL);
    assert_says("cannot listen on 'no such name': ");
    assert_says("; choose an address of this machine with --listen");
}

static void test_the_listener_may_be_closed_while_it_accepts(void **state) {
    (void)state;
    assert_int_equal(try_listen("127.0.0.1", 0, &rig.listener), 0);
    uint16_t port = net_listener_port(rig.listener);
    int first = connect_raw(port), second = connect_raw(port);
    rig.closes_listener = true;
    turn_until_accepted(1);
    uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(rig.n_accepted, 1);
    close(first);
    close(second);
}

static void test_a_rush_is_accepted_in_shares(void **state) {
    (void)state;
    assert_int_equal(try_listen("127.0.0.1", 0, &rig.listener), 0);
    int clients[NET_ACCEPTS_PER_TURN + 1];
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = connect_raw(net_listener_port(rig.listener));
    turn_until_accepted(NET_ACCEPTS_PER_TURN); /* and not one more in that turn */
    turn_until_accepted(NET_ACCEPTS_PER_TURN + 1);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        close(clients[i]);
}

/* Allows no file descriptor beyond those that are open. */
static rlim_t limit_files(rlim_t limit) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    rlim_t before = files.rlim_cur;
    files.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    return before;
}

static void test_without_file_descriptors_accepting_pauses_and_then_goes_on(void **state) {
    (void)state;
    assert_int_equal(try_listen("127.0.0.1", 0, &rig.listener), 0);
    uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    int client = connect_raw(net_listener_port(rig.listener));
    rlim_t before = limit_files((rlim_t)client + 1);
    for (int i = 0; i < 20; i++)
        uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    limit_files(before);
    assert_int_equal(rig.n_accepted, 0);
    assert_int_equal(n_lines, 1); /* it tried once, not twenty times */
    assert_non_null(strstr(last_line, "new connections have to wait: Too many open files"));
    assert_int_equal(rig.n_limits_hit, 1);
    turn_until_accepted(1);
    close(client);
}

static void test_out_of_memory_is_told_in_words(void **state) {
    (void)state;
    fail_alloc_at(1);
    assert_int_equal(try_listen("127.0.0.1", 0, &rig.listener), -ENOMEM);
    assert_says("Cannot allocate memory");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_an_accepted_socket_never_blocks_and_never_holds_back),
        CASE(test_a_port_in_use_is_told_in_words),
        CASE(test_a_port_can_be_taken_again_at_once),
        CASE(test_every_interface_is_ipv4_and_ipv6_on_one_port),
        CASE(test_an_address_of_another_machine_is_told_in_words),
        CASE(test_the_listener_may_be_closed_while_it_accepts),
        CASE(test_a_rush_is_accepted_in_shares),
        CASE(test_without_file_descriptors_accepting_pauses_and_then_goes_on),
        CASE(test_out_of_memory_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
