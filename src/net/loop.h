/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
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
    uint64_t now_ns; /* monotonic; read once when the poll returns */
    _Atomic uint32_t n_conns;

    /* private to net/ */
    uv_check_t after_poll;
    uv_prepare_t before_poll;
    uv_timer_t second;
    struct list conns;
    struct list dirty;
    struct ratelimit refusals; /* log lines about peers that were turned away */
    uint8_t *read_buffer;
    void (*turn_ended)(void *user);
    void *user;
};

/* `turn_ended` may be NULL. 0 or a negated errno. */
MUST_USE int net_loop_init(struct net_loop *loop, void (*turn_ended)(void *user), void *user);

/* Runs until net_loop_close() was called and every handle is closed (those that others opened on
 * `uv` too). */
void net_loop_run(struct net_loop *loop);

/* Aborts every connection and closes the loop's own handles. On the loop's thread. */
void net_loop_close(struct net_loop *loop);

/* After net_loop_run() has returned. */
void net_loop_fini(struct net_loop *loop);
