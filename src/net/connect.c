/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting: the name is resolved in libuv's worker pool, then its addresses are tried one after
 * the other (`localhost` gives ::1 first, and a server may listen on 127.0.0.1 only). The time for
 * all of it together is that of the handshake.
 *
 * Each attempt has a socket of its own. libuv gives a handle back only some time after it was asked
 * to, so a failed attempt closes its handle, and the next begins when that is done.
 */
#include "net/connect.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct connector {
    uv_getaddrinfo_t request;
    struct net_conn *conn;
    struct net_address target;
    struct addrinfo *found;
    struct addrinfo *next;
    int error; /* of the last attempt, a negated errno */
};

void connector_free(struct connector *connector) {
    if (connector)
        uv_freeaddrinfo(connector->found);
    mem_free(connector);
}

/* The connection ends here and has no handle that the loop would have to close first. */
static void connect_give_up(struct net_conn *conn, const char *problem) {
    const struct net_address *target = &conn->connector->target;
    struct err_text why;
    err_say(&why, "cannot connect to %s port %u: %s", target->host, target->port, problem);
    conn_blame(conn, why.text);
    conn_move(conn, CONN_CLOSED);
    conn_end(conn);
}

static int connect_try(struct net_conn *conn, const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    conn->peer = net_address_format(address->ai_addr);
    conn->transport.fd = fd; /* it closes the socket, whatever happens */
    if (connect(fd, address->ai_addr, address->ai_addrlen) && errno != EINPROGRESS)
        return -errno;
    return conn_watch_socket(conn, fd, UV_WRITABLE);
}

static void connect_forget_socket(struct net_conn *conn) {
    if (conn->transport.fd >= 0)
        close(conn->transport.fd);
    conn->transport.fd = -1;
}

void connect_try_next(struct net_conn *conn) {
    struct connector *connector = conn->connector;
    while (connector->next) {
        const struct addrinfo *address = connector->next;
        connector->next = address->ai_next;
        connect_forget_socket(conn);
        connector->error = connect_try(conn, address);
        if (connector->error == 0)
            return;
    }
    connect_give_up(conn, connector->error == -ECONNREFUSED ? "connection refused"
                                                            : strerror(-connector->error));
}

/* Whether the attempt under way has connected: a socket that has a peer has. */
static bool connect_has_peer(const struct net_conn *conn) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    return getpeername(conn->transport.fd, (struct sockaddr *)&peer, &len) == 0;
}

void connect_on_event(struct net_conn *conn) {
    if (!connect_has_peer(conn)) {
        conn->connector->error = transport_take_error(&conn->transport);
        conn_close_handle(conn); /* leads to connect_try_next() */
        return;
    }
    /* What is written is a turn's worth already: nothing is gained by holding it back. */
    int on = 1;
    setsockopt(conn->transport.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connector_free(STEAL(conn->connector));
    conn_move(conn, CONN_HANDSHAKING);
    conn_watch(conn, UV_READABLE);
    if (transport_attach(&conn->transport, conn->transport.fd))
        conn_close(conn, "out of memory");
    else
        conn_proceed(conn);
}

static void connect_on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    struct connector *connector = CONTAINER_OF(request, struct connector, request);
    struct net_conn *conn = connector->conn;
    net_loop_renew(conn->loop);
    connector->found = connector->next = found;
    if (conn->state == CONN_CLOSED) {
        conn_end(conn);
    } else if (status) {
        connect_give_up(conn, status == UV_EAI_NONAME ? "no such name" : uv_strerror(status));
    } else {
        conn_move(conn, CONN_CONNECTING);
        connect_try_next(conn);
    }
}

void connect_cancel(struct net_conn *conn) {
    /* A look-up that has begun cannot be stopped: then its end is waited for. */
    (void)uv_cancel((uv_req_t *)&conn->connector->request);
}

static int connect_resolve(struct net_conn *conn, const struct net_address *address) {
    struct connector *connector = mem_new(struct connector);
    if (!connector)
        return -ENOMEM;
    conn->connector = connector;
    connector->conn = conn;
    connector->target = *address;
    if (address->host[0] == '\0')
        snprintf(connector->target.host, sizeof(connector->target.host), "localhost");
    char port[8];
    snprintf(port, sizeof(port), "%u", address->port);
    snprintf(conn->peer.text, sizeof(conn->peer.text), "%.50s:%s", connector->target.host, port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    return uv_getaddrinfo(&conn->loop->uv, &connector->request, connect_on_resolved,
                          connector->target.host, port, &hints);
}

int net_conn_connect(struct net_loop *loop, const struct net_target *target,
                     const struct net_conn_ops *ops, void *user, struct net_conn **connecting) {
    struct net_conn *conn = conn_new(loop, ops, user, CONN_RESOLVING);
    if (!conn)
        return err_trace(-ENOMEM);
    int r = transport_init(&conn->transport, target->tls, TRANSPORT_CLIENT);
    if (r == 0 && target->tls)
        r = transport_expect(&conn->transport, target->server_name);
    if (r == 0)
        r = connect_resolve(conn, &target->address);
    if (r) {
        conn_free(conn);
        return err_trace(r);
    }
    *connecting = conn;
    return 0;
}
