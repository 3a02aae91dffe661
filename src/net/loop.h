/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/list.h"
#include "base/ratelimit.h"

/*
 * The event loop of one thread and what its connections share.
 *
 * A turn of the loop reads from every socket that has something, then calls `turn_ended` (a worker
 * hands its batch of readings to the store there), then lets every connection that has something to
 * say write once. So what one turn causes leaves in as few writes as can be.
 */
struct net_loop {
    uv_loop_t uv;
    uint64_t now_ns; /* monotonic; fresh in every callback of net, see net_loop_renew() */
    _Atomic uint32_t n_conns;

    /* private to net/ */
    uv_check_t after_poll;
    uv_prepare_t before_poll;
    uv_idle_t not_idle; /* active while a connection has work left: the poll must not wait */
    uv_timer_t second;
    uint64_t (*clock)(void); /* a test puts its own in */
    bool is_now_fresh;       /* in this turn */
    struct list conns;
    struct list dirty;         /* have something to write */
    struct list unread;        /* may have more to read, of which the poll will not tell */
    struct ratelimit refusals; /* log lines about peers that were turned away */
    uint64_t n_refusals_unlogged;
    uint8_t *read_buffer;
    uint8_t *write_buffer;
    void (*turn_ended)(void *user);
    void *user;
};

/* `turn_ended` may be NULL. Makes the process ignore SIGPIPE. 0 or a negated errno. */
MUST_USE int net_loop_init(struct net_loop *loop, void (*turn_ended)(void *user), void *user);

/*
 * Runs until net_loop_close() was called and every handle is closed (those that others opened on
 * `uv` too).
 */
void net_loop_run(struct net_loop *loop);

/* Aborts every connection and closes the loop's own handles. On the loop's thread; may be repeated.
 */
void net_loop_close(struct net_loop *loop);

/* After net_loop_run() has returned. */
void net_loop_fini(struct net_loop *loop);

/*
 * Brings `now_ns` up to date, at most once a turn. Who opens handles of its own on `uv` and needs
 * the time in their callbacks calls this first.
 */
void net_loop_renew(struct net_loop *loop);

/* What happens once a second: timeouts, `ticked`. The loop's timer calls it, and tests do. */
void net_loop_tick(struct net_loop *loop);

/* Tells a server's log whom it turned away, but not more often than somebody can read. */
void net_loop_log_refusal(struct net_loop *loop, const char *peer, const char *why);
