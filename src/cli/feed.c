/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A feed reads in one of two ways: a terminal or a pipe is polled, a regular file is read a piece
 * at a time from an idle handle. Either way lines are handed out from the idle handle, a share of
 * them in each turn of the loop, so that what they cause leaves in between.
 *
 * libuv makes what it polls non-blocking. That would hold for everybody who shares the terminal or
 * the pipe, our own standard error among them, so it is undone: a read after poll() has said yes
 * does not block.
 */
#include "cli/feed.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Lines in one turn: enough to fill a few frames. */
enum {
    FEED_LINES_PER_TURN = 1000,
    FEED_READ_SIZE = 65536,
};

static void feed_end(struct feed *feed, const char *why) {
    const struct feed_ops *ops = feed->ops;
    feed_close(feed);
    ops->ended(feed->user, why);
}

static void feed_end_at_line(struct feed *feed, const char *what) {
    struct err_text why;
    err_say(&why, "line %llu: %s", (unsigned long long)feed->n_lines + 1, what);
    feed_end(feed, why.text);
}

static void feed_wait(struct feed *feed);

/* Takes in what there is; false when it is over. */
static bool feed_read(struct feed *feed) {
    uint8_t *at;
    int r = buf_reserve(&feed->held, FEED_READ_SIZE, &at);
    ssize_t n = 0;
    if (r == 0) {
        n = read(feed->fd, at, FEED_READ_SIZE);
        r = n < 0 ? -errno : 0;
    }
    if (r == -EINTR || r == -EAGAIN)
        return true;
    if (r) {
        feed_end(feed, strerror(r < 0 ? -r : ENOMEM));
        return false;
    }
    buf_commit(&feed->held, (size_t)n);
    feed->is_at_end = n == 0;
    return true;
}

/* Hands out the first `len` bytes as a line and drops `n`, its line break too. */
static void feed_give(struct feed *feed, size_t len, size_t n) {
    char line[FEED_MAX_LINE + 1];
    memcpy(line, buf_bytes(&feed->held).data, len);
    line[len] = '\0';
    buf_consume(&feed->held, n);
    feed->n_lines++;
    if (strlen(line) != len) {
        feed->n_lines--;
        feed_end_at_line(feed, "a NUL byte: this is no text");
        return;
    }
    feed->ops->line(feed->user, line);
}

/* Hands out one line; false when there is no whole one. */
static bool feed_take_line(struct feed *feed) {
    struct bytes held = buf_bytes(&feed->held);
    const uint8_t *end = held.len ? memchr(held.data, '\n', held.len) : NULL;
    size_t len = end ? (size_t)(end - held.data) : held.len;
    if (!end && !(feed->is_at_end && held.len > 0) && len <= FEED_MAX_LINE)
        return false;
    if (len > FEED_MAX_LINE)
        feed_end_at_line(feed, "longer than 65536 bytes");
    else
        feed_give(feed, len, end ? len + 1 : len);
    return true;
}

static void feed_turn(struct feed *feed) {
    for (int i = 0; i < FEED_LINES_PER_TURN; i++) {
        if (feed->is_closed || feed->is_paused)
            return;
        if (feed_take_line(feed))
            continue;
        if (feed->is_at_end) {
            feed_end(feed, NULL);
            return;
        }
        if (feed->can_poll) {
            feed_wait(feed);
            return;
        }
        if (!feed_read(feed))
            return;
    }
}

static void on_more(uv_idle_t *more) {
    feed_turn(more->data);
}

static void feed_go_on(struct feed *feed) {
    uv_poll_stop(&feed->readable);
    uv_idle_start(&feed->more, on_more);
}

static void on_readable(uv_poll_t *readable, int status, int events) {
    struct feed *feed = readable->data;
    (void)status; /* trouble shows when reading */
    (void)events;
    if (feed_read(feed))
        feed_go_on(feed);
}

/* Until there is something to read. */
static void feed_wait(struct feed *feed) {
    uv_idle_stop(&feed->more);
    uv_poll_start(&feed->readable, UV_READABLE | UV_DISCONNECT, on_readable);
}

int feed_open(struct feed *feed, uv_loop_t *loop, int fd, const struct feed_ops *ops, void *user) {
    *feed = (struct feed){.ops = ops, .user = user, .fd = fd};
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    int r = uv_poll_init(loop, &feed->readable, fd);
    feed->can_poll = r == 0;
    if (r != 0 && r != UV_EPERM)
        return r;
    if (feed->can_poll && fcntl(fd, F_SETFL, flags) < 0)
        return -errno;
    buf_init(&feed->held, FEED_MAX_LINE + 2 * FEED_READ_SIZE);
    uv_idle_init(loop, &feed->more);
    feed->more.data = feed->readable.data = feed;
    uv_idle_start(&feed->more, on_more);
    return 0;
}

void feed_pause(struct feed *feed) {
    if (feed->is_closed || feed->is_paused)
        return;
    feed->is_paused = true;
    uv_idle_stop(&feed->more);
    if (feed->can_poll)
        uv_poll_stop(&feed->readable);
}

void feed_resume(struct feed *feed) {
    if (feed->is_closed || !feed->is_paused)
        return;
    feed->is_paused = false;
    uv_idle_start(&feed->more, on_more);
}

void feed_close(struct feed *feed) {
    if (feed->is_closed)
        return;
    feed->is_closed = true;
    uv_close((uv_handle_t *)&feed->more, NULL);
    if (feed->can_poll)
        uv_close((uv_handle_t *)&feed->readable, NULL);
}

void feed_fini(struct feed *feed) {
    buf_fini(&feed->held);
    if (feed->fd > STDERR_FILENO)
        close(feed->fd);
}
