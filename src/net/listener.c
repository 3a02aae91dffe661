/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One listening socket for each IP address of the name that is listened on: `localhost` is two, and
 * an empty name, every interface, is 0.0.0.0 and ::. IPv6 sockets take IPv6 only, so that the two
 * do not get in each other's way. SO_REUSEADDR lets a restart take its port back at once and still
 * refuses a port that another program listens on (SO_REUSEPORT would share it silently).
 *
 * An address that this machine does not have (IPv6 switched off) is passed over as long as another
 * one of the same name works.
 */
#include "net/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/limits.h"

struct listening_socket {
    uv_poll_t poll;
    struct net_listener *listener;
    int fd;
};

struct net_listener {
    struct net_loop *loop;
    struct net_acceptor acceptor;
    uv_timer_t pause;
    uint16_t port;
    size_t n_sockets;
    size_t n_handles; /* not closed yet */
    struct listening_socket sockets[NET_LISTEN_ADDRESSES_MAX];
};

/* ---- closing ---- */

static void listener_on_handle_closed(struct net_listener *listener) {
    if (--listener->n_handles == 0)
        mem_free(listener);
}

static void listener_on_pause_closed(uv_handle_t *pause) {
    listener_on_handle_closed(CONTAINER_OF(pause, struct net_listener, pause));
}

static void listener_on_poll_closed(uv_handle_t *poll) {
    listener_on_handle_closed(CONTAINER_OF(poll, struct listening_socket, poll)->listener);
}

void net_listener_close(struct net_listener *listener) {
    if (!listener || uv_is_closing((uv_handle_t *)&listener->pause))
        return;
    for (size_t i = 0; i < listener->n_sockets; i++) {
        uv_close((uv_handle_t *)&listener->sockets[i].poll, listener_on_poll_closed);
        close(listener->sockets[i].fd);
    }
    uv_close((uv_handle_t *)&listener->pause, listener_on_pause_closed);
}

/* ---- accepting ---- */

static void listener_on_readable(uv_poll_t *poll, int status, int events);

static void listener_resume(uv_timer_t *pause) {
    struct net_listener *listener = CONTAINER_OF(pause, struct net_listener, pause);
    for (size_t i = 0; i < listener->n_sockets; i++)
        uv_poll_start(&listener->sockets[i].poll, UV_READABLE, listener_on_readable);
}

/* No file descriptor or no memory: until something is closed every try would fail. */
static void listener_pause(struct net_listener *listener, int error) {
    if (listener->acceptor.limit_hit)
        listener->acceptor.limit_hit(listener->acceptor.user, "net.file_descriptors");
    if (ratelimit_take(&listener->loop->refusals, 1, listener->loop->now_ns) == 0)
        log_warn("new connections have to wait: %s (ulimit -n sets how many files may be open)",
                 strerror(error));
    for (size_t i = 0; i < listener->n_sockets; i++)
        uv_poll_stop(&listener->sockets[i].poll);
    uv_timer_start(&listener->pause, listener_resume, NET_ACCEPT_PAUSE_MS, 0);
}

static void listener_hand_on(struct net_listener *listener, int fd) {
    /* What is written is a turn's worth already: nothing is gained by holding it back. */
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    listener->acceptor.accepted(listener->acceptor.user, fd);
}

static void listener_on_readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    const struct listening_socket *self = CONTAINER_OF(poll, struct listening_socket, poll);
    struct net_listener *listener = self->listener;
    net_loop_renew(listener->loop);
    for (int i = 0; i < NET_ACCEPTS_PER_TURN; i++) {
        int fd = accept4(self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            listener_hand_on(listener, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            listener_pause(listener, errno);
            return;
        } /* anything else is the failure of that one peer, who has gone again (accept(2)) */
        if (uv_is_closing((uv_handle_t *)poll))
            return; /* `accepted` has closed the listener */
    }
}

/* ---- opening ---- */

static void listener_set_port(struct addrinfo *address, uint16_t port) {
    if (address->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address->ai_addr)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)address->ai_addr)->sin_port = htons(port);
}

static uint16_t listener_bound_port(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t len = sizeof(bound);
    getsockname(fd, &bound.any, &len);
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

static int listener_bind(int fd, const struct addrinfo *address) {
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
        return -errno;
    if (address->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)))
        return -errno;
    if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, NET_LISTEN_BACKLOG))
        return -errno;
    return 0;
}

static int listener_add(struct net_listener *listener, struct addrinfo *address) {
    if (listener->n_sockets == NET_LISTEN_ADDRESSES_MAX)
        return -E2BIG;
    listener_set_port(address, listener->port);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct listening_socket *self = &listener->sockets[listener->n_sockets];
    int r = listener_bind(fd, address);
    if (r == 0)
        r = uv_poll_init(&listener->loop->uv, &self->poll, fd);
    if (r) {
        close(fd);
        return r;
    }
    self->listener = listener;
    self->fd = fd;
    listener->n_sockets++;
    listener->n_handles++;
    listener->port = listener_bound_port(fd); /* the others of the same name get the same */
    uv_poll_start(&self->poll, UV_READABLE, listener_on_readable);
    return 0;
}

/* A resolver may name one address twice, and the second bind would find the port in use. */
static bool listener_has_before(struct addrinfo *first, const struct addrinfo *address) {
    for (; first != address; first = first->ai_next) {
        listener_set_port(first, 0);
        if (bytes_equal(bytes_of(first->ai_addr, first->ai_addrlen),
                        bytes_of(address->ai_addr, address->ai_addrlen)))
            return true;
    }
    return false;
}

static int listener_fail(const struct net_address *address, const char *option, int r,
                         struct err_text *why) {
    const char *host = address->host[0] ? address->host : "any address";
    if (r == -EADDRINUSE)
        err_say(why, "port %u on %s is in use by another program: choose another with %s",
                address->port, host, option);
    else if (r == -EACCES)
        err_say(why, "port %u on %s is for root only: choose one from 1024 on with %s",
                address->port, host, option);
    else if (r == -EADDRNOTAVAIL)
        err_say(why, "%s is no address of this machine: choose another with %s", host, option);
    else
        err_say(why, "cannot listen on port %u of %s: %s", address->port, host, strerror(-r));
    return err_trace(r);
}

static int listener_add_all(struct net_listener *listener, struct addrinfo *found) {
    int missing = -EADDRNOTAVAIL;
    for (struct addrinfo *address = found; address; address = address->ai_next) {
        listener_set_port(address, 0);
        if (listener_has_before(found, address))
            continue;
        int r = listener_add(listener, address);
        if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT)
            missing = r;
        else if (r)
            return r;
    }
    return listener->n_sockets > 0 ? 0 : missing;
}

static int listener_resolve(const struct net_address *address, const char *option,
                            struct addrinfo **found, struct err_text *why) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    const char *host = address->host[0] ? address->host : NULL;
    int error = getaddrinfo(host, "0", &hints, found);
    if (error == 0)
        return 0;
    err_say(why, "cannot listen on '%s': %s; choose an address of this machine with %s",
            address->host, error == EAI_NONAME ? "no such name" : gai_strerror(error), option);
    return err_trace(-EINVAL);
}

int net_listener_open(struct net_loop *loop, const struct net_address *address,
                      struct net_acceptor acceptor, struct net_listener **opened,
                      struct err_text *why) {
    struct addrinfo *found;
    int r = listener_resolve(address, acceptor.option, &found, why);
    if (r)
        return r;
    struct net_listener *listener = mem_new(struct net_listener);
    if (!listener) {
        freeaddrinfo(found);
        return listener_fail(address, acceptor.option, -ENOMEM, why);
    }
    *listener = (struct net_listener){
        .loop = loop, .acceptor = acceptor, .port = address->port, .n_handles = 1};
    uv_timer_init(&loop->uv, &listener->pause);
    r = listener_add_all(listener, found);
    freeaddrinfo(found);
    if (r) {
        net_listener_close(listener);
        return listener_fail(address, acceptor.option, r, why);
    }
    *opened = listener;
    return 0;
}

uint16_t net_listener_port(const struct net_listener *listener) {
    return listener->port;
}
