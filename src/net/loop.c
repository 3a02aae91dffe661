/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The turn of the loop. libuv's order is: timers, idle, prepare, poll, check, closing; ours hangs
 * on it so:
 *
 *     prepare  writes what timers have caused, then the loop may wait
 *     poll     sockets are read, other handles on the loop have their callbacks
 *     check    reads on where a socket's share of the poll was used up, then `turn_ended`, then
 *              writes what all of it has caused
 *
 * So whatever is read is followed by `turn_ended`, and whatever is caused is written, before the
 * loop waits. While a connection is left with work (it has used up its share), an idle handle keeps
 * the poll from waiting.
 *
 * SIGPIPE: OpenSSL writes to a socket by write(2), which has no MSG_NOSIGNAL, and a peer that hangs
 * up would end the process. So the signal is ignored, for the whole process: the error that
 * write(2) then gives is all we need.
 */
#include "net/loop.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/conn_impl.h"
#include "net/limits.h"

void net_loop_renew(struct net_loop *loop) {
    if (loop->is_now_fresh)
        return;
    loop->now_ns = loop->clock();
    loop->is_now_fresh = true;
}

/* What is marked again meanwhile stays for the next pass: nobody can keep a pass from ending. */
static void loop_flush_dirty(struct net_loop *loop) {
    struct list dirty;
    list_init(&dirty);
    list_move_all(&dirty, &loop->dirty);
    for (struct list *node; (node = list_pop(&dirty));)
        conn_flush(CONTAINER_OF(node, struct net_conn, dirty_link));
}

static void loop_read_unread(struct net_loop *loop) {
    struct list unread;
    list_init(&unread);
    list_move_all(&unread, &loop->unread);
    for (struct list *node; (node = list_pop(&unread));)
        conn_proceed(CONTAINER_OF(node, struct net_conn, unread_link));
}

/* That it is active is all it is for. */
static void loop_do_nothing(uv_idle_t *not_idle) {
    (void)not_idle;
}

static void loop_before_poll(uv_prepare_t *before_poll) {
    struct net_loop *loop = CONTAINER_OF(before_poll, struct net_loop, before_poll);
    loop_flush_dirty(loop);
    if (uv_is_closing((uv_handle_t *)&loop->not_idle))
        return;
    if (list_is_empty(&loop->dirty) && list_is_empty(&loop->unread))
        uv_idle_stop(&loop->not_idle);
    else
        uv_idle_start(&loop->not_idle, loop_do_nothing);
    loop->is_now_fresh = false;
}

static void loop_after_poll(uv_check_t *after_poll) {
    struct net_loop *loop = CONTAINER_OF(after_poll, struct net_loop, after_poll);
    net_loop_renew(loop);
    loop_read_unread(loop);
    if (loop->turn_ended)
        loop->turn_ended(loop->user);
    loop_flush_dirty(loop);
}

void net_loop_tick(struct net_loop *loop) {
    loop->is_now_fresh = false;
    net_loop_renew(loop);
    /* A connection leaves the list when it is freed, and none is freed in here. */
    LIST_FOR_EACH (node, &loop->conns) {
        conn_tick(CONTAINER_OF(node, struct net_conn, link));
    }
}

static void loop_on_second(uv_timer_t *second) {
    net_loop_tick(CONTAINER_OF(second, struct net_loop, second));
}

/* None of these can fail on a loop that has been initialised. */
static void loop_start_handles(struct net_loop *loop) {
    uv_check_init(&loop->uv, &loop->after_poll);
    uv_check_start(&loop->after_poll, loop_after_poll);
    uv_prepare_init(&loop->uv, &loop->before_poll);
    uv_prepare_start(&loop->before_poll, loop_before_poll);
    uv_idle_init(&loop->uv, &loop->not_idle);
    uv_timer_init(&loop->uv, &loop->second);
    uv_timer_start(&loop->second, loop_on_second, 1000, 1000);
}

static void loop_free_buffers(struct net_loop *loop) {
    mem_freep(&loop->read_buffer);
    mem_freep(&loop->write_buffer);
    loop->read_buffer = loop->write_buffer = NULL;
}

int net_loop_init(struct net_loop *loop, void (*turn_ended)(void *user), void *user) {
    *loop = (struct net_loop){
        .clock = clock_monotonic_ns,
        .turn_ended = turn_ended,
        .user = user,
        .read_buffer = mem_alloc(NET_READ_SIZE),
        .write_buffer = mem_alloc(NET_PLAIN_WRITE_SIZE),
    };
    int r = loop->read_buffer && loop->write_buffer ? uv_loop_init(&loop->uv) : -ENOMEM;
    if (r) {
        loop_free_buffers(loop);
        return err_trace(r);
    }
    signal(SIGPIPE, SIG_IGN);
    list_init(&loop->conns);
    list_init(&loop->dirty);
    list_init(&loop->unread);
    net_loop_renew(loop);
    ratelimit_init(&loop->refusals, NET_REFUSAL_LOG_BURST, NET_REFUSAL_LOG_PER_S, loop->now_ns);
    loop_start_handles(loop);
    return 0;
}

void net_loop_run(struct net_loop *loop) {
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void net_loop_close(struct net_loop *loop) {
    if (uv_is_closing((uv_handle_t *)&loop->second))
        return;
    LIST_FOR_EACH (node, &loop->conns) {
        conn_close(CONTAINER_OF(node, struct net_conn, link), NULL);
    }
    uv_close((uv_handle_t *)&loop->after_poll, NULL);
    uv_close((uv_handle_t *)&loop->before_poll, NULL);
    uv_close((uv_handle_t *)&loop->not_idle, NULL);
    uv_close((uv_handle_t *)&loop->second, NULL);
}

void net_loop_fini(struct net_loop *loop) {
    int r = uv_loop_close(&loop->uv);
    assert(r == 0); /* a handle that somebody opened is still there */
    (void)r;
    loop_free_buffers(loop);
}

void net_loop_log_refusal(struct net_loop *loop, const char *peer, const char *why) {
    if (ratelimit_take(&loop->refusals, 1, loop->now_ns)) {
        loop->n_refusals_unlogged++;
        return;
    }
    if (loop->n_refusals_unlogged == 0)
        log_warn("%s was turned away: %s", peer, why);
    else
        log_warn("%s was turned away: %s (and %" PRIu64 " more before it)", peer, why,
                 loop->n_refusals_unlogged);
    loop->n_refusals_unlogged = 0;
}
