/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include <sys/stat.h>
#include <uv.h>

/*
 * Whether a file has changed since somebody meant to read it. It is looked at again and again, by
 * name: a file that is moved into its place, that comes or that goes has changed, too.
 *
 *     file_watch_look(&watch, path);   before it is read
 *     ... it is read ...
 *     file_watch_start(&watch, loop, every_ms, changed, user);
 */
struct file_watch {
    uv_timer_t timer;
    const char *path; /* borrowed */
    struct stat seen; /* zeroed: it was not there */
    void (*changed)(void *user);
    void *user;
};

void file_watch_look(struct file_watch *watch, const char *path);

/* `changed` runs on the loop's thread, which is the caller. Keeps the loop running until it is
 * closed. */
void file_watch_start(struct file_watch *watch, uv_loop_t *loop, uint64_t every_ms,
                      void (*changed)(void *user), void *user);

/* On the loop's thread; `watch` stays until the loop has closed the timer. */
void file_watch_close(struct file_watch *watch);
