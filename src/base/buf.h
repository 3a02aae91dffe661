/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/*
 * A growing buffer with a bound: bytes are appended at the end and consumed at the start. It is the
 * one type for bytes on their way out and for messages that arrive in pieces.
 *
 * Consuming moves an offset; the memory in front is reused when the buffer runs empty or has to
 * grow.
 */
struct buf {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t cap;
    size_t max;
};

enum {
    BUF_E_FULL = 1, /* the append would pass `max`; nothing was appended */
};

/* Holds at most `max` bytes, allocates nothing yet. */
void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);

static inline size_t buf_len(const struct buf *buf) {
    return buf->end - buf->start;
}

/* What it holds; valid until the buffer is next touched. */
static inline struct bytes buf_bytes(const struct buf *buf) {
    return bytes_of(buf->data ? buf->data + buf->start : NULL, buf_len(buf));
}

/* 0, BUF_E_FULL or -ENOMEM. */
MUST_USE int buf_append(struct buf *buf, struct bytes bytes);

/* Makes room for `n` more bytes and points `*out` at it; buf_commit() takes up to `n` of them in.
 */
MUST_USE int buf_reserve(struct buf *buf, size_t n, uint8_t **out);
void buf_commit(struct buf *buf, size_t n);

/* Drops the first `n` bytes; `n` is at most buf_len(). */
void buf_consume(struct buf *buf, size_t n);

/* Empties it and keeps the memory. */
void buf_reset(struct buf *buf);

/* Empties it and gives the memory back: what an idle connection does. */
void buf_release(struct buf *buf);
