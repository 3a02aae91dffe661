/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd speaks HTTP, and nothing else of it is used: its epoll descriptor is polled by a
 * loop of ours on a thread of ours, so that signals stay with the main thread, sockets come from
 * the listener that all ports use, and time is bounded. It knows only how long a connection has
 * been silent, and who sends a byte a second is never silent; so every connection has a deadline:
 *
 *     accepted ──10 s──> request line ──10 s──> answered ──75 s──> request line ...
 *
 * Past it the socket is shut down, and libmicrohttpd finds it closed by the peer, as it were.
 * Everything here runs on that thread, but for opening and closing.
 */
#include "web/admin.h"

#include <microhttpd.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/listener.h"
#include "web/limits.h"

enum {
    TICK_MS = 1000, /* how late a deadline may be noticed */
};

struct admin {
    struct admin_options options;
    struct web_pages pages;
    struct net_loop loop;
    struct net_listener *listener;
    struct MHD_Daemon *daemon;
    uv_poll_t sockets; /* the daemon's */
    uv_timer_t again;  /* the daemon has more to do at once */
    uv_timer_t tick;
    uv_async_t stop;
    struct list conns;
    size_t n_held_bytes;
    uint16_t port;
    pthread_t thread;
};

struct admin_conn {
    struct list node;
    int fd; /* the daemon's */
    uint64_t deadline_ns;
};

/* A body while it is being sent. */
struct held_body {
    struct admin *admin;
    struct buf body;
};

/* ---- deadlines ---- */

static struct admin_conn *conn_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

static void conn_open(struct admin *admin, struct MHD_Connection *connection, void **context) {
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    struct admin_conn *conn = mem_new(struct admin_conn);
    *context = conn;
    if (!conn) {
        shutdown(fd, SHUT_RDWR);
        return;
    }
    conn->fd = fd;
    conn->deadline_ns = clock_monotonic_ns() + admin->options.request_timeout_ns;
    list_append(&admin->conns, &conn->node);
}

static void conn_close(struct admin_conn *conn) {
    if (!conn)
        return;
    list_unlink(&conn->node);
    mem_free(conn);
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_open(user, connection, context);
    else
        conn_close(*context);
}

static void *on_request_line(void *user, const char *uri, struct MHD_Connection *connection) {
    const struct admin *admin = user;
    struct admin_conn *conn = conn_of(connection);
    (void)uri;
    if (conn)
        conn->deadline_ns = clock_monotonic_ns() + admin->options.request_timeout_ns;
    return NULL;
}

static void on_answered(void *user, struct MHD_Connection *connection, void **request,
                        enum MHD_RequestTerminationCode code) {
    const struct admin *admin = user;
    struct admin_conn *conn = conn_of(connection);
    (void)request;
    (void)code;
    if (conn)
        conn->deadline_ns = clock_monotonic_ns() + admin->options.idle_timeout_ns;
}

static void on_tick(uv_timer_t *tick) {
    struct admin *admin = tick->data;
    uint64_t now_ns = clock_monotonic_ns();
    LIST_FOR_EACH (node, &admin->conns) {
        const struct admin_conn *conn = CONTAINER_OF(node, struct admin_conn, node);
        if (now_ns >= conn->deadline_ns)
            shutdown(conn->fd, SHUT_RDWR);
    }
}

/* ---- answering ---- */

/* Paths are compared as they are sent: unescaped, `/%00` would be `/`. */
static size_t keep_escaped(void *user, struct MHD_Connection *connection, char *text) {
    (void)user;
    (void)connection;
    return strlen(text);
}

static struct bytes header(struct MHD_Connection *connection, const char *name) {
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return bytes_str(value ? value : "");
}

/* A list that may come in several fields, which count as one (RFC 9110, section 5.3). */
struct joined_header {
    const char *name;
    char text[WEB_MAX_LIST_BYTES];
    size_t len;
};

static enum MHD_Result join_header(void *user, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    struct joined_header *joined = user;
    (void)kind;
    if (strcasecmp(name, joined->name) != 0 || !value)
        return MHD_YES;
    size_t room = sizeof(joined->text) - joined->len;
    int n = snprintf(joined->text + joined->len, room, "%s%s", joined->len ? "," : "", value);
    if (n > 0 && (size_t)n < room) /* otherwise this one is left out */
        joined->len += (size_t)n;
    return MHD_YES;
}

static struct bytes list_header(struct MHD_Connection *connection, struct joined_header *joined) {
    MHD_get_connection_values(connection, MHD_HEADER_KIND, join_header, joined);
    return bytes_of((const uint8_t *)joined->text, joined->len);
}

static bool has_body(struct MHD_Connection *connection) {
    struct bytes length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length.len > 0 && !bytes_equal_str(length, "0")) ||
           header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).len > 0;
}

static void held_body_free(void *user) {
    struct held_body *held = user;
    held->admin->n_held_bytes -= held->body.cap;
    buf_fini(&held->body);
    mem_free(held);
}

/* Takes the body. NULL without memory. */
static struct MHD_Response *response_of(struct admin *admin, struct buf *body) {
    struct held_body *held = mem_new(struct held_body);
    if (!held) {
        buf_fini(body);
        return NULL;
    }
    *held = (struct held_body){admin, *body};
    admin->n_held_bytes += body->cap;
    struct bytes bytes = buf_bytes(body);
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        bytes.len, (void *)(uintptr_t)bytes.data, held_body_free, held);
    if (!response)
        held_body_free(held);
    return response;
}

static bool add_headers(struct MHD_Response *response, const struct web_answer *answer) {
    const struct {
        const char *name, *value;
    } headers[] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type},
        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
        {"x-content-type-options", "nosniff"},
        {MHD_HTTP_HEADER_ALLOW, answer->allow},
        {MHD_HTTP_HEADER_VARY, answer->is_negotiated ? "accept, accept-encoding" : NULL},
        {MHD_HTTP_HEADER_CONTENT_ENCODING, answer->is_gzip ? "gzip" : NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        if (headers[i].value &&
            MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
            return false;
    return true;
}

static enum MHD_Result answer_request(struct admin *admin, struct MHD_Connection *connection,
                                      const struct web_request *request) {
    struct web_answer answer;
    if (web_pages_answer(&admin->pages, request, &answer))
        return MHD_NO;
    struct MHD_Response *response = response_of(admin, &answer.body);
    if (!response)
        return MHD_NO;
    enum MHD_Result done = MHD_NO;
    if (add_headers(response, &answer))
        done = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return done;
}

/*
 * Comes once with the header fields and again when all of the request is there. An answer at the
 * first time means that the rest is not read and the connection ends: right for a body, and for
 * nothing else.
 */
/* check: parameters: libmicrohttpd's callback */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context) {
    struct admin *admin = user;
    struct joined_header accept = {.name = MHD_HTTP_HEADER_ACCEPT};
    struct joined_header encoding = {.name = MHD_HTTP_HEADER_ACCEPT_ENCODING};
    const struct web_request request = {
        .method = method,
        .path = url,
        .accept = list_header(connection, &accept),
        .accept_encoding = list_header(connection, &encoding),
        .has_body = has_body(connection),
        .is_crowded = admin->n_held_bytes >= WEB_MAX_HELD_BYTES,
    };
    (void)version;
    (void)upload;
    (void)upload_size;
    bool is_first = *context == NULL;
    *context = admin;
    if (is_first && !request.has_body)
        return MHD_YES;
    return answer_request(admin, connection, &request);
}

/* ---- the daemon on the loop ---- */

static void on_again(uv_timer_t *again);

static void run_daemon(struct admin *admin) {
    MHD_UNSIGNED_LONG_LONG wait_ms;
    MHD_run(admin->daemon);
    if (MHD_get_timeout(admin->daemon, &wait_ms) == MHD_YES)
        uv_timer_start(&admin->again, on_again, wait_ms, 0);
}

static void on_again(uv_timer_t *again) {
    run_daemon(again->data);
}

static void on_sockets(uv_poll_t *sockets, int status, int events) {
    (void)status;
    (void)events;
    run_daemon(sockets->data);
}

/* The daemon owns the socket, and closes it when it has too many. */
static void on_accepted(void *user, int fd) {
    struct admin *admin = user;
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    } peer = {0};
    socklen_t len = sizeof(peer);
    getpeername(fd, &peer.any, &len);
    if (MHD_add_connection(admin->daemon, fd, &peer.any, len) != MHD_YES)
        net_loop_log_refusal(&admin->loop, net_address_format(&peer.any).text,
                             "too many connections to the admin port");
    run_daemon(admin);
}

/* check: parameters: libmicrohttpd's callback */
static void on_daemon_message(void *user, const char *format, va_list arguments) {
    char line[512];
    (void)user;
    vsnprintf(line, sizeof(line), format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_debug("libmicrohttpd: %s", line);
}

static struct MHD_Daemon *start_daemon(struct admin *admin) {
    const unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, admin, MHD_OPTION_EXTERNAL_LOGGER, on_daemon_message,
        NULL, MHD_OPTION_CONNECTION_LIMIT, WEB_MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        WEB_MAX_CONNECTIONS_OF_ONE, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)WEB_CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, admin, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, admin,
        MHD_OPTION_NOTIFY_COMPLETED, on_answered, admin, MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped,
        NULL, MHD_OPTION_END);
}

/* ---- opening and closing ---- */

static void close_handles(struct admin *admin) {
    net_listener_close(admin->listener);
    uv_close((uv_handle_t *)&admin->sockets, NULL);
    uv_close((uv_handle_t *)&admin->again, NULL);
    uv_close((uv_handle_t *)&admin->tick, NULL);
    uv_close((uv_handle_t *)&admin->stop, NULL);
    net_loop_close(&admin->loop);
}

static void on_stop(uv_async_t *stop) {
    close_handles(stop->data);
}

static void *run(void *user) {
    struct admin *admin = user;
    net_loop_run(&admin->loop);
    return NULL;
}

/* When all handles are closed. */
static void admin_free(struct admin *admin) {
    MHD_stop_daemon(admin->daemon);
    net_loop_fini(&admin->loop);
    mem_free(admin);
}

/* The loop with all that is on it but the listener. 0 or a negated errno, and nothing is left. */
static int open_loop(struct admin *admin) {
    int r = net_loop_init(&admin->loop, NULL, NULL);
    if (r)
        return r;
    admin->daemon = start_daemon(admin);
    if (!admin->daemon) {
        net_loop_close(&admin->loop);
        net_loop_run(&admin->loop);
        net_loop_fini(&admin->loop);
        return -ENOMEM;
    }
    uv_loop_t *uv = &admin->loop.uv;
    uv_poll_init(uv, &admin->sockets,
                 MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    uv_timer_init(uv, &admin->again);
    uv_timer_init(uv, &admin->tick);
    uv_async_init(uv, &admin->stop, on_stop);
    admin->sockets.data = admin->again.data = admin->tick.data = admin->stop.data = admin;
    uv_poll_start(&admin->sockets, UV_READABLE, on_sockets);
    uv_timer_start(&admin->tick, on_tick, TICK_MS, TICK_MS);
    return 0;
}

static int listen_and_start(struct admin *admin, struct err_text *why) {
    const struct net_acceptor acceptor = {
        .accepted = on_accepted, .user = admin, .option = admin->options.address_option};
    int r =
        net_listener_open(&admin->loop, &admin->options.address, acceptor, &admin->listener, why);
    if (r)
        return r;
    admin->port = net_listener_port(admin->listener);
    r = thread_start(&admin->thread, "admin", run, admin);
    if (r)
        err_say(why, "cannot start the admin port's thread: %s", strerror(-r));
    return r;
}

static struct admin *admin_new(const struct admin_options *options) {
    struct admin *admin = mem_new(struct admin);
    if (!admin)
        return NULL;
    admin->options = *options;
    if (options->request_timeout_ns == 0)
        admin->options.request_timeout_ns = WEB_REQUEST_TIMEOUT_S * NS_PER_S;
    if (options->idle_timeout_ns == 0)
        admin->options.idle_timeout_ns = WEB_IDLE_TIMEOUT_S * NS_PER_S;
    admin->pages.sources = options->sources;
    list_init(&admin->conns);
    return admin;
}

int admin_open(const struct admin_options *options, struct admin **opened, struct err_text *why) {
    struct admin *admin = admin_new(options);
    int r = admin ? open_loop(admin) : -ENOMEM;
    if (r) {
        err_say(why, "cannot start the admin port: %s", strerror(-r));
        mem_free(admin);
        return r;
    }
    r = listen_and_start(admin, why);
    if (r) {
        close_handles(admin);
        net_loop_run(&admin->loop);
        admin_free(admin);
        return r;
    }
    *opened = admin;
    return 0;
}

uint16_t admin_port(const struct admin *admin) {
    return admin->port;
}

void admin_close(struct admin *admin) {
    if (!admin)
        return;
    uv_async_send(&admin->stop);
    pthread_join(admin->thread, NULL);
    admin_free(admin);
}
