/* SPDX-License-Identifier: Apache-2.0 */
#include "web/admin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "unit.h"
#include "web/limits.h"

enum {
    PATIENCE_S = 30, /* for what comes at once */
    LARGE_BYTES = 4 << 20,
};

static char large_text[LARGE_BYTES + 1];

static int collect(void *user, void (*use)(void *use_user, const struct otel_metrics *metrics),
                   void *use_user) {
    const struct otel_metrics none = {0};
    (void)user;
    use(use_user, &none);
    return 0;
}

static const char *why_not_ready(void *user) {
    (void)user;
    return NULL;
}

static void no_log(enum log_level level, const char *line, size_t len) {
    (void)level;
    (void)line;
    (void)len;
}

static struct admin_options options_of_test(void) {
    return (struct admin_options){
        .address = {.host = "127.0.0.1"},
        .address_option = "--admin",
        .sources = {.collect = collect, .why_not_ready = why_not_ready, .version = large_text},
    };
}

static int set_up(void **state) {
    const struct admin_options options = options_of_test();
    struct admin *admin;
    struct err_text why;
    memset(large_text, 'v', LARGE_BYTES);
    log_redirect(no_log);
    if (admin_open(&options, &admin, &why))
        fail_msg("%s", why.text);
    *state = admin;
    return 0;
}

static int tear_down(void **state) {
    admin_close(*state);
    log_redirect(NULL);
    return 0;
}

/* ---- a client ---- */

static int connect_to(const struct admin *admin) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(admin_port(admin)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Up to the end of the connection, or until there is `stop`. */
static void hear(int fd, char *text, size_t cap, const char *stop) {
    size_t n = 0;
    ssize_t got = 1;
    text[0] = '\0';
    while (got > 0 && n + 1 < cap && !(stop && strstr(text, stop))) {
        got = recv(fd, text + n, cap - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
        text[n] = '\0';
    }
}

/* The other side has closed or reset it: nothing else comes. */
static void assert_closed(int fd) {
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
    close(fd);
}

static void assert_says(int fd, const char *request, const char *stop, const char *status) {
    char text[4096];
    say(fd, request);
    hear(fd, text, sizeof(text), stop);
    if (strncmp(text, status, strlen(status)) != 0 || !strstr(text, stop))
        fail_msg("'%s' is not '%s'", text, status);
}

#define HOST "Host: x\r\n\r\n"

/* ---- tests ---- */

static void test_requests_follow_each_other_on_a_connection(void **state) {
    int fd = connect_to(*state);
    for (int i = 0; i < 3; i++) {
        assert_says(fd, "GET /healthz HTTP/1.1\r\n" HOST, "\r\n\r\nok\n", "HTTP/1.1 200");
        assert_says(fd, "GET /nothing HTTP/1.1\r\n" HOST, "lists what there is\n", "HTTP/1.1 404");
        assert_says(fd, "POST /healthz HTTP/1.1\r\n" HOST, "GET or HEAD\n", "HTTP/1.1 405");
    }
    close(fd);
}

static void test_a_body_is_not_read(void **state) {
    char text[4096];
    int fd = connect_to(*state);
    say(fd, "GET /healthz HTTP/1.1\r\nContent-Length: 99999999\r\n" HOST);
    hear(fd, text, sizeof(text), NULL);
    assert_non_null(strstr(text, "HTTP/1.1 413"));
    assert_non_null(strstr(text, "nothing here takes a body\n"));
    close(fd);
}

static void test_header_fields_are_bounded(void **state) {
    char text[4096], field[64];
    int fd = connect_to(*state);
    say(fd, "GET /healthz HTTP/1.1\r\n");
    for (int i = 0; i < WEB_CONNECTION_BYTES / 32; i++) {
        int n = snprintf(field, sizeof(field), "x-field-%05d: 0123456789abcdef\r\n", i);
        if (send(fd, field, (size_t)n, MSG_NOSIGNAL) != n)
            break; /* refused already */
    }
    hear(fd, text, sizeof(text), NULL);
    assert_null(strstr(text, "HTTP/1.1 200"));
    close(fd);
    fd = connect_to(*state);
    assert_says(fd, "GET /healthz HTTP/1.1\r\n" HOST, "ok\n", "HTTP/1.1 200");
    close(fd);
}

static void test_connections_of_one_are_bounded(void **state) {
    int fds[WEB_MAX_CONNECTIONS_OF_ONE];
    for (int i = 0; i < WEB_MAX_CONNECTIONS_OF_ONE; i++) {
        fds[i] = connect_to(*state);
        assert_says(fds[i], "GET /healthz HTTP/1.1\r\n" HOST, "ok\n", "HTTP/1.1 200");
    }
    assert_closed(connect_to(*state));
    assert_says(fds[0], "GET /healthz HTTP/1.1\r\nConnection: close\r\n" HOST, "ok\n",
                "HTTP/1.1 200");
    assert_closed(fds[0]);
    fds[0] = connect_to(*state);
    assert_says(fds[0], "GET /healthz HTTP/1.1\r\n" HOST, "ok\n", "HTTP/1.1 200");
    for (int i = 0; i < WEB_MAX_CONNECTIONS_OF_ONE; i++)
        close(fds[i]);
}

/* With little patience: who says nothing, who stops in the middle, who does not read, who idles. */
static void test_the_slow_are_let_go_of(void **state) {
    struct admin_options options = options_of_test();
    struct admin *admin;
    struct err_text why;
    (void)state;
    options.request_timeout_ns = options.idle_timeout_ns = NS_PER_MS;
    assert_int_equal(admin_open(&options, &admin, &why), 0);
    int silent = connect_to(admin), halting = connect_to(admin), idle = connect_to(admin);
    int deaf = connect_to(admin);
    say(halting, "GET /healthz HTTP/1.1\r\nHost:");
    assert_says(idle, "GET /healthz HTTP/1.1\r\n" HOST, "ok\n", "HTTP/1.1 200");
    say(deaf, "GET /version HTTP/1.1\r\n" HOST);
    assert_closed(silent);
    assert_closed(halting);
    assert_closed(idle);
    static char text[LARGE_BYTES + 4096];
    hear(deaf, text, sizeof(text), NULL);
    assert_true(strlen(text) < LARGE_BYTES);
    close(deaf);
    admin_close(admin);
}

static void test_a_large_page_arrives_whole(void **state) {
    static char text[LARGE_BYTES + 4096];
    int fd = connect_to(*state);
    say(fd, "GET /version HTTP/1.1\r\nConnection: close\r\n" HOST);
    hear(fd, text, sizeof(text), NULL);
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), LARGE_BYTES);
    close(fd);
}

static void test_it_closes_in_the_middle_of_an_answer(void **state) {
    const struct admin_options options = options_of_test();
    struct admin *admin;
    struct err_text why;
    char text[256];
    (void)state;
    assert_int_equal(admin_open(&options, &admin, &why), 0);
    int fd = connect_to(admin);
    say(fd, "GET /version HTTP/1.1\r\n" HOST);
    hear(fd, text, sizeof(text), "HTTP/1.1 200");
    admin_close(admin);
    close(fd);
}

static void test_a_port_in_use_is_told_in_words(void **state) {
    struct admin_options options = options_of_test();
    struct admin *admin;
    struct err_text why;
    options.address.port = admin_port(*state);
    assert_int_equal(admin_open(&options, &admin, &why), -EADDRINUSE);
    assert_non_null(strstr(why.text, "choose another with --admin"));
}

static void test_every_allocation_of_its_start_may_fail(void **state) {
    const struct admin_options options = options_of_test();
    struct admin *admin;
    struct err_text why;
    int r = -ENOMEM;
    (void)state;
    for (size_t n = 1; r; n++) {
        fail_alloc_at(n);
        r = admin_open(&options, &admin, &why);
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
    }
    admin_close(admin);
}

#define ON_ADMIN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ADMIN(test_requests_follow_each_other_on_a_connection),
        ON_ADMIN(test_a_body_is_not_read),
        ON_ADMIN(test_header_fields_are_bounded),
        ON_ADMIN(test_connections_of_one_are_bounded),
        ON_ADMIN(test_the_slow_are_let_go_of),
        ON_ADMIN(test_a_large_page_arrives_whole),
        ON_ADMIN(test_it_closes_in_the_middle_of_an_answer),
        ON_ADMIN(test_a_port_in_use_is_told_in_words),
        ON_ADMIN(test_every_allocation_of_its_start_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
