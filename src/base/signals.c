/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signalfd(2) on the loop instead of handlers: nothing runs between two instructions of something
 * else, so nothing has to be written to bear it, and a sanitizer that holds handlers back until the
 * thread makes a call cannot lose the signal that was to end the program.
 *
 * A signalfd gives what is blocked and pending; so a signal that came between the blocking and the
 * first turn of the loop is there too.
 */
#include "base/signals.h"

#include <errno.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* check: parameters: libuv's callback */
static void on_readable(uv_poll_t *readable, int status, int events) {
    struct signals *signals = readable->data;
    struct signalfd_siginfo info;
    (void)status; /* the read tells */
    (void)events;
    while (!uv_is_closing((uv_handle_t *)readable) &&
           read(signals->fd, &info, sizeof(info)) == sizeof(info))
        signals->came(signals->user, (int)info.ssi_signo);
}

int signals_watch(struct signals *signals, uv_loop_t *loop, const int *numbers,
                  void (*came)(void *user, int number), void *user) {
    sigset_t watched;
    sigemptyset(&watched);
    for (; *numbers; numbers++)
        sigaddset(&watched, *numbers);
    signals->came = came;
    signals->user = user;
    signals->fd = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd < 0)
        return err_trace(-errno);
    int r = uv_poll_init(loop, &signals->readable, signals->fd);
    if (r) {
        close(signals->fd);
        return err_trace(r);
    }
    signals->readable.data = signals;
    uv_poll_start(&signals->readable, UV_READABLE, on_readable);
    pthread_sigmask(SIG_BLOCK, &watched, &signals->before);
    return 0;
}

static void on_closed(uv_handle_t *readable) {
    struct signals *signals = readable->data;
    close(signals->fd);
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}

void signals_close(struct signals *signals) {
    uv_close((uv_handle_t *)&signals->readable, on_closed);
}
