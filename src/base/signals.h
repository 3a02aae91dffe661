/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <signal.h>
#include <uv.h>

#include "base/err.h"

/*
 * Signals to the process as events of a loop: from signals_watch() to signals_close() they do
 * nothing else. Other threads come from thread_start(), so none of them takes a signal away.
 */
struct signals {
    uv_poll_t readable;
    int fd;
    sigset_t before; /* the mask, to be put back */
    void (*came)(void *user, int number);
    void *user;
};

/*
 * `came` runs on the loop's thread, which is the caller, once for each signal of `numbers` (ended
 * by 0); signals of one kind that come together may be one. Keeps the loop running until it is
 * closed. 0 or a negated errno.
 */
MUST_USE int signals_watch(struct signals *signals, uv_loop_t *loop, const int *numbers,
                           void (*came)(void *user, int number), void *user);

/* On the loop's thread. From here on the signals do what they did before. */
void signals_close(struct signals *signals);
