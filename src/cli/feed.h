/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Lines of a file, a pipe or a terminal, read by the event loop: only as fast as they are taken, so
 * a large file never fills memory.
 */

/* A longer line is an error: no reading needs a hundredth of it. */
#define FEED_MAX_LINE 65536

struct feed_ops {
    /* A line without its line break; it may be changed. Inside, feed_pause() is allowed. */
    void (*line)(void *user, char *line);

    /* Nothing more comes. `why` is NULL at the end of the file. */
    void (*ended)(void *user, const char *why);
};

struct feed {
    const struct feed_ops *ops;
    void *user;
    int fd;
    bool can_poll; /* a regular file is always readable and cannot be polled */
    bool is_paused;
    bool is_at_end; /* of the file; there may still be lines in `held` */
    bool is_closed;
    uint64_t n_lines;
    struct buf held;
    uv_poll_t readable;
    uv_idle_t more; /* active while there may be a line without waiting */
};

/* Borrows `ops`, takes `fd`. 0 or a negated errno; on failure `fd` is still the caller's. */
MUST_USE int feed_open(struct feed *feed, uv_loop_t *loop, int fd, const struct feed_ops *ops,
                       void *user);

/* No line comes until feed_resume(). Both may be repeated. */
void feed_pause(struct feed *feed);
void feed_resume(struct feed *feed);

/* Stops it for good; its handles are closed when the loop has run on. May be repeated. */
void feed_close(struct feed *feed);

/* After the loop has closed its handles. */
void feed_fini(struct feed *feed);
