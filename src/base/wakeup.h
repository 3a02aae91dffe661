/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"

/*
 * Wakes the thread of an event loop, from another one, some thousand times a second. However often
 * it is sent before that thread comes to look, it costs one write and calls `woken` once; what was
 * done before it was sent is seen there.
 *
 * uv_async_t does the same, but the thread that it wakes spins until the sender has left
 * uv_async_send(). Where both share a core that is until the sender's next turn on it: some tens of
 * microseconds for each wake.
 */
struct wakeup {
    uv_poll_t poll;
    int fd; /* an eventfd */
    _Atomic bool is_sent;
    void (*woken)(struct wakeup *wakeup); /* on the loop's thread */
};

/* 0 or a negated errno. Keeps the loop running until it is closed. */
MUST_USE int wakeup_init(struct wakeup *wakeup, uv_loop_t *loop,
                         void (*woken)(struct wakeup *wakeup));

/*
 * The loop's thread promises to look once more at what others have done; until wakeup_look(),
 * behind which it does, sending costs nothing.
 */
void wakeup_promise_look(struct wakeup *wakeup);
void wakeup_look(struct wakeup *wakeup);

/* Any thread, before wakeup_close(). */
void wakeup_send(struct wakeup *wakeup);

/* The loop's thread. It has to stay where it is until the loop has closed its handles. */
void wakeup_close(struct wakeup *wakeup);
