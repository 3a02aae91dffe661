/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why none is lost: `is_sent` is only ever exchanged, so a sender that finds it true comes before
 * the exchange with which the woken thread begins to look, and is seen by it. One that comes later
 * writes again.
 */
#include "base/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

static void wakeup_on_poll(uv_poll_t *poll, int status, int events) {
    struct wakeup *wakeup = CONTAINER_OF(poll, struct wakeup, poll);
    eventfd_t count;
    (void)status, (void)events;
    (void)!eventfd_read(wakeup->fd, &count);
    wakeup_look(wakeup);
    wakeup->woken(wakeup);
}

void wakeup_promise_look(struct wakeup *wakeup) {
    atomic_exchange(&wakeup->is_sent, true);
}

void wakeup_look(struct wakeup *wakeup) {
    atomic_exchange(&wakeup->is_sent, false);
}

int wakeup_init(struct wakeup *wakeup, uv_loop_t *loop, void (*woken)(struct wakeup *wakeup)) {
    wakeup->woken = woken;
    atomic_init(&wakeup->is_sent, false);
    wakeup->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wakeup->fd < 0)
        return err_trace(-errno);
    int r = uv_poll_init(loop, &wakeup->poll, wakeup->fd);
    if (r == 0)
        r = uv_poll_start(&wakeup->poll, UV_READABLE, wakeup_on_poll);
    if (r)
        close(wakeup->fd);
    return err_trace(r);
}

void wakeup_send(struct wakeup *wakeup) {
    if (!atomic_exchange(&wakeup->is_sent, true))
        (void)!eventfd_write(wakeup->fd, 1);
}

static void wakeup_on_closed(uv_handle_t *handle) {
    struct wakeup *wakeup = CONTAINER_OF(handle, struct wakeup, poll);
    close(wakeup->fd);
}

void wakeup_close(struct wakeup *wakeup) {
    uv_close((uv_handle_t *)&wakeup->poll, wakeup_on_closed);
}
