/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of a worker and how it ends.
 *
 * Stopping is a letter. It drains every connection; when the last has gone, or the limit has passed
 * and all were aborted, the program's hook closes what it has on the loop, then the worker closes
 * its own handles. The loop returns when every handle is closed, the program's included, and the
 * thread's last act is to say so to the server.
 */
#include "grpc/worker.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "grpc/connection.h"
#include "grpc/limits.h"
#include "grpc/server_impl.h"

/* ---- deadlines ---- */

static void on_deadline_timer(uv_timer_t *timer) {
    struct grpc_worker *worker = CONTAINER_OF(timer, struct grpc_worker, deadline_timer);
    worker->timer_at_ns = UINT64_MAX;
    net_loop_renew(&worker->loop);
    deadlines_expire(&worker->deadlines, worker->loop.now_ns);
    worker_set_deadline_timer(worker);
}

/* A timer that is set too early is left: it fires, finds nothing, and is set anew. */
void worker_set_deadline_timer(struct grpc_worker *worker) {
    uint64_t next_ns = deadlines_next(&worker->deadlines);
    if (next_ns >= worker->timer_at_ns || worker->life == WORKER_CLOSING)
        return;
    uint64_t now_ns = worker->loop.now_ns;
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    worker->timer_at_ns = next_ns;
    uv_update_time(&worker->loop.uv);
    uv_timer_start(&worker->deadline_timer, on_deadline_timer, wait_ns / NS_PER_MS + 1, 0);
}

/* ---- stopping ---- */

static void worker_close(struct grpc_worker *worker) {
    if (worker->life == WORKER_CLOSING)
        return;
    worker->life = WORKER_CLOSING;
    if (worker->server->hooks.worker_closing && worker->has_state)
        worker->server->hooks.worker_closing(worker->state);
    mailbox_close(&worker->mailbox, NULL);
    uv_close((uv_handle_t *)&worker->deadline_timer, NULL);
    uv_close((uv_handle_t *)&worker->stop_timer, NULL);
    net_loop_close(&worker->loop);
}

static void worker_close_if_drained(struct grpc_worker *worker) {
    if (worker->life == WORKER_DRAINING && list_is_empty(&worker->connections))
        worker_close(worker);
}

void worker_lost_connection(struct grpc_worker *worker) {
    worker_close_if_drained(worker);
}

static void on_stop_timer(uv_timer_t *timer) {
    struct grpc_worker *worker = CONTAINER_OF(timer, struct grpc_worker, stop_timer);
    LIST_FOR_EACH (node, &worker->connections)
        connection_abort(CONTAINER_OF(node, struct grpc_connection, link),
                         "the server stops and the time for running calls is over");
}

static void worker_drain(struct grpc_worker *worker) {
    if (worker->life != WORKER_RUNNING)
        return;
    worker->life = WORKER_DRAINING;
    LIST_FOR_EACH (node, &worker->connections)
        connection_drain(CONTAINER_OF(node, struct grpc_connection, link));
}

/* An order that comes while the first is carried out can only shorten the time that is left. */
static void stop_letter_deliver(struct letter *letter) {
    struct grpc_worker *worker = CONTAINER_OF(letter, struct grpc_worker, stop);
    atomic_store(&worker->is_stop_posted, false); /* first: a later order posts anew */
    uint64_t limit_ms = atomic_load(&worker->stop_limit_ns) / NS_PER_MS;
    if (worker->life == WORKER_CLOSING)
        return;
    worker_drain(worker);
    uv_update_time(&worker->loop.uv);
    bool is_set = uv_is_active((uv_handle_t *)&worker->stop_timer);
    if (!is_set || limit_ms < uv_timer_get_due_in(&worker->stop_timer))
        uv_timer_start(&worker->stop_timer, on_stop_timer, limit_ms, 0);
    worker_close_if_drained(worker);
}

void worker_stop(struct grpc_worker *worker, uint64_t limit_ns) {
    if (limit_ns < atomic_load(&worker->stop_limit_ns))
        atomic_store(&worker->stop_limit_ns, limit_ns);
    if (!atomic_exchange(&worker->is_stop_posted, true) &&
        mailbox_post(&worker->mailbox, &worker->stop))
        atomic_store(&worker->is_stop_posted, false); /* it has ended */
}

/* ---- connections ---- */

struct socket_letter {
    struct letter letter;
    struct grpc_worker *worker;
    struct net_socket socket;
};

static void socket_letter_deliver(struct letter *letter) {
    struct socket_letter *mail = CONTAINER_OF(letter, struct socket_letter, letter);
    struct grpc_worker *worker = mail->worker;
    struct net_socket socket = mail->socket;
    mem_free(mail);
    net_loop_renew(&worker->loop);
    atomic_fetch_sub(&worker->n_coming, 1);
    if (worker->life == WORKER_RUNNING)
        connection_accept(worker, &socket);
    else
        close(socket.fd);
}

void worker_take_socket(struct grpc_worker *worker, int fd, SSL_CTX *tls) {
    struct socket_letter *mail = mem_new(struct socket_letter);
    if (!mail) {
        log_warn("a connection was closed: out of memory");
        close(fd);
        return;
    }
    *mail = (struct socket_letter){.worker = worker, .socket = {fd, tls}};
    mail->letter.deliver = socket_letter_deliver;
    atomic_fetch_add(&worker->n_coming, 1);
    if (mailbox_post(&worker->mailbox, &mail->letter)) {
        close(fd);
        mem_free(mail);
    }
}

/* ---- life ---- */

static void worker_on_turn_ended(void *user) {
    struct grpc_worker *worker = user;
    if (worker->server->hooks.turn_ended && worker->has_state)
        worker->server->hooks.turn_ended(worker->state);
}

int worker_init(struct grpc_worker *worker, struct grpc_server *server, unsigned index) {
    *worker = (struct grpc_worker){
        .server = server,
        .index = index,
        .life = WORKER_IDLE,
        .timer_at_ns = UINT64_MAX,
        .stop = {.deliver = stop_letter_deliver},
        .stop_limit_ns = UINT64_MAX,
    };
    list_init(&worker->connections);
    list_init(&worker->spare_calls);
    deadlines_init(&worker->deadlines);
    buf_init(&worker->words, 4 * GRPC_MAX_STATUS_MESSAGE);
    int r = net_loop_init(&worker->loop, worker_on_turn_ended, worker);
    if (r)
        return err_trace(r);
    r = mailbox_init(&worker->mailbox, &worker->loop.uv);
    if (r) {
        net_loop_close(&worker->loop);
        net_loop_run(&worker->loop);
        net_loop_fini(&worker->loop);
        return err_trace(r);
    }
    uv_timer_init(&worker->loop.uv, &worker->deadline_timer);
    uv_timer_init(&worker->loop.uv, &worker->stop_timer);
    return 0;
}

static void *worker_main(void *arg) {
    struct grpc_worker *worker = arg;
    net_loop_run(&worker->loop);
    server_worker_ended(worker);
    return NULL;
}

int worker_start(struct grpc_worker *worker) {
    worker->life = WORKER_RUNNING;
    int r = thread_start(&worker->thread, "worker", worker_main, worker);
    worker->has_thread = r == 0;
    return r;
}

void worker_fini(struct grpc_worker *worker) {
    if (worker->has_thread)
        pthread_join(worker->thread, NULL);
    worker_close(worker); /* where there was no thread */
    net_loop_run(&worker->loop);
    for (struct list *spare; (spare = list_pop(&worker->spare_calls));)
        call_free(CONTAINER_OF(spare, struct grpc_call, link));
    deadlines_fini(&worker->deadlines);
    buf_fini(&worker->words);
    mailbox_fini(&worker->mailbox);
    net_loop_fini(&worker->loop);
}
