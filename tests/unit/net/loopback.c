/* SPDX-License-Identifier: Apache-2.0 */
#include "loopback.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/conn_impl.h"
#include "net/tls.h"
#include "unit.h"

int loopback_n_lines;
char loopback_last_line[512];

static uint64_t loopback_now_ns;

static uint64_t loopback_clock(void) {
    return loopback_now_ns;
}

static void loopback_on_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    loopback_n_lines++;
    snprintf(loopback_last_line, sizeof(loopback_last_line), "%.*s", (int)len, line);
}

/* ---- an end ---- */

/* Moves on with the offset in a way that a lost, doubled or moved piece would show. */
static uint8_t pattern_at(uint64_t offset) {
    return (uint8_t)(offset ^ offset >> 8 ^ offset >> 16);
}

static void end_enter(struct end *self) {
    assert_false(self->is_inside);
    assert_int_equal(self->n_closed, 0);
    self->is_inside = true;
}

static void end_opened(void *user) {
    struct end *self = user;
    end_enter(self);
    assert_int_equal(self->n_opened, 0);
    self->n_opened++;
    self->is_inside = false;
}

static void end_received(void *user, struct bytes bytes) {
    struct end *self = user;
    end_enter(self);
    assert_int_equal(self->n_opened, 1);
    for (size_t i = 0; i < bytes.len; i++)
        self->is_garbled |= bytes.data[i] != pattern_at(self->n_received + i);
    self->n_received += bytes.len;
    if (self->echoes) {
        assert_int_equal(buf_append(&self->echo, bytes), 0);
        net_conn_wake(self->conn);
    }
    if (self->on_received)
        self->on_received(self);
    self->is_inside = false;
}

static size_t end_fill_echo(struct end *self, uint8_t *out, size_t cap) {
    size_t n = buf_len(&self->echo);
    n = n < cap ? n : cap;
    if (n)
        memcpy(out, buf_bytes(&self->echo).data, n);
    buf_consume(&self->echo, n);
    return n;
}

static size_t end_fill(void *user, uint8_t *out, size_t cap) {
    struct end *self = user;
    end_enter(self);
    self->n_filled++;
    size_t n = 0;
    if (self->echoes)
        n = end_fill_echo(self, out, cap);
    else
        for (; n < cap && self->n_sent < self->n_to_send; n++)
            out[n] = pattern_at(self->n_sent++);
    self->is_inside = false;
    return n;
}

static void end_ticked(void *user) {
    ((struct end *)user)->n_ticked++;
}

static void end_closed(void *user, const char *why) {
    struct end *self = user;
    end_enter(self);
    self->n_closed++;
    self->conn = NULL;
    snprintf(self->why, sizeof(self->why), "%s", why ? why : "");
    self->is_inside = false;
}

static void end_handshaken(void *user, const struct net_handshake *handshake) {
    struct end *self = user;
    self->n_handshaken++;
    self->handshake = *handshake;
}

static void end_limit_hit(void *user, const char *limit) {
    struct end *self = user;
    self->n_limits_hit++;
    self->limit = limit;
}

static const struct net_conn_ops end_ops = {
    .handshaken = end_handshaken,
    .limit_hit = end_limit_hit,
    .opened = end_opened,
    .received = end_received,
    .fill = end_fill,
    .ticked = end_ticked,
    .closed = end_closed,
};

static void end_init(struct end *end) {
    buf_init(&end->echo, 64 << 20);
}

/* ---- the loopback ---- */

static void loopback_on_turn(void *user) {
    ((struct loopback *)user)->n_turns++;
}

/* Only for sending: a receive buffer below the size of a segment makes TCP wait for its timers. */
static void loopback_shrink_buffer(const struct loopback *loopback, int fd) {
    int size = loopback->send_buffer_bytes;
    if (size == 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void loopback_on_accepted(void *user, int fd) {
    struct loopback *loopback = user;
    loopback->n_accepted++;
    loopback_shrink_buffer(loopback, fd);
    loopback->server.n_opened = loopback->server.n_closed = 0;
    struct net_socket accepted = {fd, loopback->server_tls};
    assert_int_equal(net_conn_accept(&loopback->loop, &accepted, &end_ops, &loopback->server,
                                     &loopback->server.conn),
                     0);
}

int loopback_setup(void **state) {
    struct loopback *loopback = mem_new(struct loopback);
    assert_non_null(loopback);
    loopback_n_lines = 0;
    loopback_last_line[0] = '\0';
    log_redirect(loopback_on_line);
    certs_make(&loopback->certs);
    end_init(&loopback->server);
    end_init(&loopback->client);
    loopback->server_name = "localhost";
    assert_int_equal(net_loop_init(&loopback->loop, loopback_on_turn, loopback), 0);
    loopback_now_ns = loopback->loop.now_ns;
    loopback->loop.clock = loopback_clock;
    struct net_address any_port = {"127.0.0.1", 0};
    struct net_acceptor acceptor = {loopback_on_accepted, loopback, .option = "--listen"};
    struct err_text why;
    assert_int_equal(
        net_listener_open(&loopback->loop, &any_port, acceptor, &loopback->listener, &why), 0);
    *state = loopback;
    return 0;
}

int loopback_teardown(void **state) {
    struct loopback *loopback = *state;
    fail_alloc_off();
    net_listener_close(loopback->listener);
    net_loop_close(&loopback->loop);
    net_loop_run(&loopback->loop);
    assert_int_equal(loopback->loop.n_conns, 0);
    net_loop_fini(&loopback->loop);
    SSL_CTX_free(loopback->server_tls);
    SSL_CTX_free(loopback->client_tls);
    buf_fini(&loopback->server.echo);
    buf_fini(&loopback->client.echo);
    certs_remove(&loopback->certs);
    log_redirect(NULL);
    mem_free(loopback);
    return 0;
}

void loopback_use_tls(struct loopback *loopback) {
    const struct certs *certs = &loopback->certs;
    struct err_text why;
    assert_int_equal(net_tls_server_new(certs->cert, certs->key, &loopback->server_tls, NULL, &why),
                     0);
    const struct net_tls_client_options client = {.ca_file = certs->ca};
    assert_int_equal(net_tls_client_new(&client, &loopback->client_tls, &why), 0);
}

int loopback_try_connect(struct loopback *loopback, const struct net_target *target) {
    return net_conn_connect(&loopback->loop, target, &end_ops, &loopback->client,
                            &loopback->client.conn);
}

void loopback_connect_to(struct loopback *loopback, const struct net_target *target) {
    assert_int_equal(loopback_try_connect(loopback, target), 0);
}

void loopback_connect(struct loopback *loopback) {
    struct net_target target = {
        .address = {"127.0.0.1", net_listener_port(loopback->listener)},
        .tls = loopback->client_tls,
        .server_name = loopback->server_name,
    };
    loopback_connect_to(loopback, &target);
}

void loopback_open(struct loopback *loopback) {
    loopback_connect(loopback);
    loopback_until(loopback, loopback->client.n_opened && loopback->server.n_opened);
    loopback_shrink_buffer(loopback, loopback->client.conn->transport.fd);
}

int loopback_raw(struct loopback *loopback) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(net_listener_port(loopback->listener)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    loopback_shrink_buffer(loopback, fd);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    int n_before = loopback->n_accepted;
    loopback_until(loopback, loopback->n_accepted > n_before);
    return fd;
}

void loopback_turn(struct loopback *loopback) {
    for (int i = 0; i < 10; i++)
        uv_run(&loopback->loop.uv, UV_RUN_NOWAIT);
}

void loopback_advance(struct loopback *loopback, uint64_t seconds) {
    loopback_now_ns += seconds * NS_PER_S;
    net_loop_tick(&loopback->loop);
    loopback_turn(loopback);
}
