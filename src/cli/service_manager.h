/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>
#include <uv.h>

#include "base/err.h"

/*
 * Who started this process and wants to know how it is: systemd for a unit of Type=notify, or
 * another that speaks the same. What it is told are lines `NAME=value` (sd_notify(3)).
 */
struct service_manager {
    int fd; /* -1: nobody wants to know */
    struct sockaddr_un address;
    socklen_t address_len;
    uint64_t watchdog_ns; /* within which it wants to hear that we live; 0: it does not */

    /* the watchdog */
    uv_timer_t timer;
    bool (*is_alive)(void *user);
    void *user;
};

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Without the first all that follows does
 * nothing. -EINVAL with words when one of them is wrong, or a negated errno with words. It can be
 * used all the same: without a socket it does nothing; without a watchdog it tells the rest, for a
 * unit of Type=notify of which READY=1 is not heard is ended.
 */
MUST_USE int service_manager_init(struct service_manager *manager, struct err_text *why);

/* After the watch is closed. */
void service_manager_fini(struct service_manager *manager);

/*
 * Tells one thing or several, a line each, as by printf: "READY=1". What does not arrive is a line
 * in the log: the service goes on. Any thread; waits a second at most.
 */
void service_manager_tell(const struct service_manager *manager, const char *format, ...)
    PRINTF(2, 3);

/* Tells that configuration is being read again; "READY=1" ends that. */
void service_manager_tell_reloading(const struct service_manager *manager);

/*
 * Twice in the time that the manager gave, says WATCHDOG=1 if `is_alive(user)`: on the loop's
 * thread, so also the loop has to turn. Nobody who wants to know: does nothing.
 */
void service_manager_watch(struct service_manager *manager, uv_loop_t *loop,
                           bool (*is_alive)(void *user), void *user);

/* On the loop's thread. Does nothing where there is no watch. */
void service_manager_unwatch(struct service_manager *manager);
