/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libuv's own uv_fs_poll_t takes its first look on another thread some time after it was started: a
 * change that comes between the reading of a file and that look is never told. Here the first look
 * comes before the reading, so that what is told twice is possible, and what is missed is not.
 *
 * A look is one stat(2) of a small file on the loop's thread. What has the same inode, size and
 * times is the same: who writes it within one tick of the filesystem's clock, twice and at the same
 * length, may go unseen.
 */
#include "base/file_watch.h"

#include <stdbool.h>
#include <string.h>

static bool is_same_time(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && is_same_time(a->st_mtim, b->st_mtim) &&
           is_same_time(a->st_ctim, b->st_ctim);
}

static struct stat look_at(const char *path) {
    struct stat now;
    if (stat(path, &now))
        memset(&now, 0, sizeof(now));
    return now;
}

void file_watch_look(struct file_watch *watch, const char *path) {
    watch->path = path;
    watch->seen = look_at(path);
}

static void on_time(uv_timer_t *timer) {
    struct file_watch *watch = timer->data;
    struct stat now = look_at(watch->path);
    if (is_same(&now, &watch->seen))
        return;
    watch->seen = now;
    watch->changed(watch->user);
}

void file_watch_start(struct file_watch *watch, uv_loop_t *loop, uint64_t every_ms,
                      void (*changed)(void *user), void *user) {
    watch->changed = changed;
    watch->user = user;
    watch->timer.data = watch;
    uv_timer_init(loop, &watch->timer);
    uv_timer_start(&watch->timer, on_time, every_ms, every_ms);
}

void file_watch_close(struct file_watch *watch) {
    uv_close((uv_handle_t *)&watch->timer, NULL);
}
