/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol is one datagram to a socket that NOTIFY_SOCKET names, and sd_notify(3) invites to
 * implement it alone. We do: libsystemd would come with five libraries of its own into the
 * container's image and into every process, for what is a sendto() here.
 *
 * A name that begins with @ is an abstract socket's, where the @ stands for a byte of 0.
 *
 * What must hold: a manager that does not read its socket does not stop the service. So a datagram
 * waits a second for room, no more, and what fails is told in the log and not tried again.
 */
#include "cli/service_manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    SEND_TIMEOUT_S = 1,
    MESSAGE_MAX = 2048, /* STATUS= is a line for people; systemd takes no more than 4096 */
};

/* The address that `name` stands for. 0, or -EINVAL with words. */
static int take_address(struct service_manager *manager, const char *name, struct err_text *why) {
    struct sockaddr_un *address = &manager->address;
    size_t len = strlen(name);
    bool is_abstract = name[0] == '@';
    if (!is_abstract && name[0] != '/') {
        err_say(why, "NOTIFY_SOCKET: '%.80s' is neither a path from / on nor an abstract name (@)",
                name);
        return -EINVAL;
    }
    if (len < 2 || len >= sizeof(address->sun_path)) {
        err_say(why, "NOTIFY_SOCKET: '%.80s' has %zu bytes; a socket's name has 2 to %zu", name,
                len, sizeof(address->sun_path) - 1);
        return -EINVAL;
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, name, len);
    if (is_abstract)
        address->sun_path[0] = '\0';
    manager->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

/* A whole number from the environment; `*number` stays when there is none. 0, or -EINVAL with
 * words. */
static int take_number(const char *name, uint64_t *number, struct err_text *why) {
    const char *text = getenv(name);
    char *end;
    if (!text || !*text)
        return 0;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9')
        return 0;
    err_say(why, "%s: '%.80s' is not a whole number, so it is not told that we live", name, text);
    return -EINVAL;
}

/* WATCHDOG_PID says whose the watchdog is: a child may have inherited the variables. */
static int take_watchdog(struct service_manager *manager, struct err_text *why) {
    uint64_t usec = 0, pid = (uint64_t)getpid();
    int r = take_number("WATCHDOG_USEC", &usec, why);
    if (r == 0)
        r = take_number("WATCHDOG_PID", &pid, why);
    if (r == 0 && pid == (uint64_t)getpid() && usec <= UINT64_MAX / NS_PER_US)
        manager->watchdog_ns = usec * NS_PER_US;
    return r;
}

static int open_socket(struct service_manager *manager, struct err_text *why) {
    const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (manager->fd >= 0 &&
        setsockopt(manager->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0)
        return 0;
    int r = -errno;
    err_say(why, "NOTIFY_SOCKET: %s", strerror(-r));
    service_manager_fini(manager);
    return r;
}

int service_manager_init(struct service_manager *manager, struct err_text *why) {
    const char *name = getenv("NOTIFY_SOCKET");
    *manager = (struct service_manager){.fd = -1};
    if (!name || !*name)
        return 0;
    int r = take_address(manager, name, why);
    if (r == 0)
        r = open_socket(manager, why);
    return r ? r : take_watchdog(manager, why);
}

void service_manager_fini(struct service_manager *manager) {
    if (manager->fd >= 0)
        close(manager->fd);
    manager->fd = -1;
}

/* A signal ends a wait for room in the manager's queue, even one that restarts other calls. */
static ssize_t send_message(const struct service_manager *manager, const char *text, size_t len) {
    ssize_t r;
    do
        r = sendto(manager->fd, text, len, MSG_NOSIGNAL, (const struct sockaddr *)&manager->address,
                   manager->address_len);
    while (r < 0 && errno == EINTR);
    return r;
}

void service_manager_tell(const struct service_manager *manager, const char *format, ...) {
    char message[MESSAGE_MAX];
    va_list arguments;
    if (manager->fd < 0)
        return;
    va_start(arguments, format);
    int n = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    size_t len = n < (int)sizeof(message) ? (size_t)n : sizeof(message) - 1;
    if (send_message(manager, message, len) < 0)
        log_warn("the service manager (NOTIFY_SOCKET) cannot be told: %s", strerror(errno));
}

/* The time is what Type=notify-reload of newer systemds tells old news from new by. */
void service_manager_tell_reloading(const struct service_manager *manager) {
    service_manager_tell(manager, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                         clock_monotonic_ns() / NS_PER_US);
}

static void on_timer(uv_timer_t *timer) {
    const struct service_manager *manager = timer->data;
    if (manager->is_alive(manager->user))
        service_manager_tell(manager, "WATCHDOG=1");
}

void service_manager_watch(struct service_manager *manager, uv_loop_t *loop,
                           bool (*is_alive)(void *user), void *user) {
    uint64_t half_ms = manager->watchdog_ns / NS_PER_MS / 2;
    if (manager->fd < 0 || manager->watchdog_ns == 0)
        return;
    manager->is_alive = is_alive;
    manager->user = user;
    uv_timer_init(loop, &manager->timer);
    manager->timer.data = manager;
    uv_timer_start(&manager->timer, on_timer, half_ms, half_ms > 0 ? half_ms : 1);
}

void service_manager_unwatch(struct service_manager *manager) {
    if (!manager->is_alive)
        return;
    manager->is_alive = NULL;
    uv_close((uv_handle_t *)&manager->timer, NULL);
}
