/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server: the table of methods, the listening sockets, and the workers' start and end. Everything
 * here runs on the accepting thread; workers only read what does not change after the start.
 *
 * Ending: the listeners close, each worker is told, and each says when its thread is through (a
 * letter to the accepting loop). The last one closes that mailbox, and then `stopped` tells the
 * program, which frees the server.
 */
#include "grpc/server.h"

#include <assert.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "grpc/call_observing.h"
#include "grpc/limits.h"
#include "grpc/server_impl.h"
#include "grpc/worker.h"

/* ---- methods ---- */

static struct bytes key_of_route(const void *object) {
    return bytes_str(((const struct grpc_route *)object)->path);
}

const struct grpc_route *server_find_route(const struct grpc_server *server, struct bytes path) {
    const struct grpc_route *route = table_find(&server->routes_by_path, path);
    return route ? route : &server->unknown;
}

/* A path that is no method's: the call exists only to be finished, so that the words are coded, and
 * the end is observed, in one place. */
static const struct grpc_method unknown_method = {.name = "", .kind = GRPC_BIDI_STREAM};
static const struct grpc_service unknown_service = {.name = ""};

/* Makes the observer's own of a route. 0 or -ENOMEM. */
static int observe_route(const struct grpc_server *server, struct grpc_route *route,
                         const char *path) {
    const struct grpc_server_observer *observer = server->observer;
    if (!observer || !observer->method)
        return 0;
    return observer->method(observer->user, path, &route->observed);
}

static size_t aligned(size_t size) {
    size_t align = _Alignof(max_align_t);
    return (size + align - 1) / align * align;
}

static int add_route(struct grpc_server *server, const struct grpc_service *service,
                     const struct grpc_method *method) {
    char *path = mem_format_text("/%s/%s", service->name, method->name);
    if (!path)
        return -ENOMEM;
    struct grpc_route *route = &server->routes[server->n_routes++];
    *route = (struct grpc_route){.method = method, .service = service, .path = path};
    if (method->state_size > server->max_state_size)
        server->max_state_size = aligned(method->state_size);
    int r = observe_route(server, route, path);
    return r ? err_trace(r) : table_add(&server->routes_by_path, route);
}

static int add_routes(struct grpc_server *server, const struct grpc_server_options *options) {
    size_t n = 0;
    for (size_t i = 0; i < options->n_services; i++)
        n += options->services[i]->n_methods;
    server->routes = mem_new_array(struct grpc_route, n);
    if (!server->routes)
        return -ENOMEM;
    for (size_t i = 0; i < options->n_services; i++) {
        const struct grpc_service *service = options->services[i];
        for (size_t k = 0; k < service->n_methods; k++) {
            int r = add_route(server, service, &service->methods[k]);
            if (r)
                return err_trace(r);
        }
    }
    return 0;
}

/* ---- life ---- */

static int init_workers(struct grpc_server *server, unsigned n_workers) {
    server->workers = mem_new_array(struct grpc_worker, n_workers);
    if (!server->workers)
        return -ENOMEM;
    for (unsigned i = 0; i < n_workers; i++) {
        int r = worker_init(&server->workers[i], server, i);
        if (r)
            return err_trace(r);
        server->n_workers++;
    }
    return 0;
}

int grpc_server_new(struct net_loop *loop, const struct grpc_server_options *options,
                    struct grpc_server **server) {
    assert(options->n_workers > 0);
    struct grpc_server *new = mem_new(struct grpc_server);
    if (!new)
        return -ENOMEM;
    new->loop = loop;
    new->hooks = options->hooks;
    new->hooks.connection_state_size = aligned(options->hooks.connection_state_size);
    new->observer = options->observer;
    new->unknown =
        (struct grpc_route){.method = &unknown_method, .service = &unknown_service, .path = ""};
    int r = table_init(&new->routes_by_path, key_of_route);
    if (!r)
        r = observe_route(new, &new->unknown, NULL);
    if (!r)
        r = add_routes(new, options);
    if (!r)
        r = init_workers(new, options->n_workers);
    if (r) {
        grpc_server_free(new);
        return err_trace(r);
    }
    *server = new;
    return 0;
}

static void listen_free(struct grpc_listen *listen) {
    net_listener_close(listen->listener);
    SSL_CTX_free(listen->tls);
    mem_free(listen);
}

static void free_listens(struct grpc_server *server) {
    while (server->n_listens > 0)
        listen_free(server->listens[--server->n_listens]);
    mem_free(STEAL(server->listens));
}

/* Their TLS settings stay until the workers have ended: sockets may still be on their way there. */
static void close_listens(struct grpc_server *server) {
    for (size_t i = 0; i < server->n_listens; i++)
        net_listener_close(STEAL(server->listens[i]->listener));
}

void grpc_server_free(struct grpc_server *server) {
    if (!server)
        return;
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_fini(&server->workers[i]);
    free_listens(server);
    for (size_t i = 0; i < server->n_routes; i++)
        mem_free((void *)(uintptr_t)server->routes[i].path);
    mem_free(server->workers);
    mem_free(server->routes);
    table_fini(&server->routes_by_path);
    mem_free(server);
}

unsigned grpc_server_n_workers(const struct grpc_server *server) {
    return server->n_workers;
}

int grpc_server_post(struct grpc_server *server, unsigned worker, struct letter *letter) {
    return mailbox_post(&server->workers[worker].mailbox, letter);
}

/* ---- listening ---- */

static uint32_t worker_load(struct grpc_worker *worker) {
    return atomic_load(&worker->loop.n_conns) + atomic_load(&worker->n_coming);
}

/* The worker with the fewest connections; `*n_all` is how many all have. */
static struct grpc_worker *least_loaded(struct grpc_server *server, uint32_t *n_all) {
    struct grpc_worker *best = &server->workers[0];
    uint32_t fewest = UINT32_MAX;
    *n_all = 0;
    for (unsigned i = 0; i < server->n_workers; i++) {
        uint32_t load = worker_load(&server->workers[i]);
        *n_all += load;
        if (load < fewest) {
            fewest = load;
            best = &server->workers[i];
        }
    }
    return best;
}

static void on_accepted(void *user, int fd) {
    struct grpc_listen *listen = user;
    uint32_t n_all;
    struct grpc_worker *worker = least_loaded(listen->server, &n_all);
    if (n_all >= GRPC_MAX_CONNECTIONS || !listen->server->has_started) {
        server_hit_limit(listen->server, "grpc.connections");
        net_loop_log_refusal(listen->server->loop, "a client",
                             "the server has as many connections as it takes");
        close(fd);
        return;
    }
    worker_take_socket(worker, fd, listen->tls);
}

static void on_limit_hit(void *user, const char *limit) {
    const struct grpc_listen *listen = user;
    server_hit_limit(listen->server, limit);
}

int grpc_server_listen(struct grpc_server *server, const struct net_address *address, SSL_CTX *tls,
                       struct err_text *why) {
    struct grpc_listen **listens =
        mem_resize(server->listens, server->n_listens + 1, sizeof(*listens));
    struct grpc_listen *listen = mem_new(struct grpc_listen);
    if (listens)
        server->listens = listens;
    if (!listens || !listen) {
        mem_free(listen);
        err_say(why, "out of memory");
        return -ENOMEM;
    }
    listen->server = server;
    struct net_acceptor acceptor = {on_accepted, listen, "--listen", on_limit_hit};
    int r = net_listener_open(server->loop, address, acceptor, &listen->listener, why);
    if (r) {
        mem_free(listen);
        return r;
    }
    if (tls && SSL_CTX_up_ref(tls))
        listen->tls = tls;
    server->listens[server->n_listens++] = listen;
    return 0;
}

uint16_t grpc_server_port(const struct grpc_server *server, size_t n) {
    return net_listener_port(server->listens[n]->listener);
}

/* ---- start and stop ---- */

static int start_workers(struct grpc_server *server) {
    int r = 0;
    for (unsigned i = 0; i < server->n_workers && !r; i++) {
        struct grpc_worker *worker = &server->workers[i];
        if (server->hooks.worker_init)
            r = server->hooks.worker_init(server->hooks.user, i, &worker->loop, &worker->state);
        worker->has_state = !r;
    }
    for (unsigned i = 0; i < server->n_workers && !r; i++) {
        r = worker_start(&server->workers[i]);
        server->n_running += r == 0;
    }
    return err_trace(r);
}

/* Nothing of the start is left on the accepting loop: the server may be freed at once. */
static void undo_start(struct grpc_server *server) {
    unsigned n_started = server->n_running;
    for (unsigned i = 0; i < n_started; i++)
        worker_stop(&server->workers[i], 0);
    while (server->n_running > 0)
        uv_run(&server->loop->uv, UV_RUN_ONCE);
    mailbox_close(&server->mailbox, mailbox_fini);
    uv_run(&server->loop->uv, UV_RUN_NOWAIT);
}

int grpc_server_start(struct grpc_server *server) {
    int r = mailbox_init(&server->mailbox, &server->loop->uv);
    if (r)
        return err_trace(r);
    r = start_workers(server);
    if (r) {
        undo_start(server);
        return r;
    }
    server->has_started = true;
    return 0;
}

static void on_mailbox_closed(struct mailbox *mailbox) {
    struct grpc_server *server = CONTAINER_OF(mailbox, struct grpc_server, mailbox);
    mailbox_fini(mailbox);
    server->stopped(server->stopped_user);
}

static void end_if_all_ended(struct grpc_server *server) {
    if (server->is_stopping && server->n_running == 0)
        mailbox_close(&server->mailbox, on_mailbox_closed);
}

void grpc_server_stop(struct grpc_server *server, uint64_t limit_ns, void (*stopped)(void *user),
                      void *user) {
    assert(server->has_started);
    bool is_first = !server->is_stopping;
    server->is_stopping = true;
    server->stopped = stopped;
    server->stopped_user = user;
    close_listens(server);
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_stop(&server->workers[i], limit_ns);
    if (is_first)
        end_if_all_ended(server);
}

static void ended_letter_deliver(struct letter *letter) {
    struct grpc_server *server = CONTAINER_OF(letter, struct grpc_worker, ended)->server;
    server->n_running--;
    end_if_all_ended(server);
}

void server_worker_ended(struct grpc_worker *worker) {
    worker->ended.deliver = ended_letter_deliver;
    int r = mailbox_post(&worker->server->mailbox, &worker->ended);
    assert(r == 0); /* it is closed only when all have said so */
    (void)r;
}
