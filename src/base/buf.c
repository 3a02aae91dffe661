/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>

#include "base/mem.h"

enum {
    BUF_FIRST_CAP = 256
};

void buf_init(struct buf *buf, size_t max) {
    *buf = (struct buf){.max = max};
}

void buf_fini(struct buf *buf) {
    buf_release(buf);
}

static void buf_move_to_front(struct buf *buf) {
    if (buf->start == 0)
        return;
    memmove(buf->data, buf->data + buf->start, buf_len(buf));
    buf->end -= buf->start;
    buf->start = 0;
}

static int buf_grow(struct buf *buf, size_t wanted) {
    size_t cap = wanted > BUF_FIRST_CAP ? wanted : BUF_FIRST_CAP;
    if (cap > buf->max)
        cap = buf->max;
    uint8_t *data = mem_resize(buf->data, cap, 1);
    if (!data)
        return -ENOMEM;
    buf->data = data;
    buf->cap = cap;
    return 0;
}

int buf_reserve(struct buf *buf, size_t n, uint8_t **out) {
    size_t len = buf_len(buf);
    if (n > buf->max - len)
        return BUF_E_FULL;
    if (buf->end + n > buf->cap) {
        buf_move_to_front(buf);
        /* Growing before it is quite full keeps a nearly full buffer from moving at every append.
         */
        int r = len + n > buf->cap / 2 && buf->cap < buf->max ? buf_grow(buf, 2 * (len + n)) : 0;
        if (r)
            return r;
    }
    *out = buf->data ? buf->data + buf->end : NULL;
    return 0;
}

void buf_commit(struct buf *buf, size_t n) {
    assert(buf->end + n <= buf->cap);
    buf->end += n;
}

int buf_append(struct buf *buf, struct bytes bytes) {
    uint8_t *out;
    if (bytes.len == 0)
        return 0;
    int r = buf_reserve(buf, bytes.len, &out);
    if (r)
        return r;
    memcpy(out, bytes.data, bytes.len);
    buf_commit(buf, bytes.len);
    return 0;
}

void buf_consume(struct buf *buf, size_t n) {
    assert(n <= buf_len(buf));
    buf->start += n;
    if (buf->start == buf->end)
        buf_reset(buf);
}

void buf_reset(struct buf *buf) {
    buf->start = buf->end = 0;
}

void buf_release(struct buf *buf) {
    mem_free(buf->data);
    *buf = (struct buf){.max = buf->max};
}
