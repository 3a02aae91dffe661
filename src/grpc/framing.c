/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that lies whole in the piece at hand is given as it lies there. Only one that began in
 * an earlier piece is gathered in `partial`, from its prefix on.
 */
#include "grpc/framing.h"

#include <assert.h>

#include "grpc/limits.h"

void grpc_framing_init(struct grpc_framing *framing) {
    buf_init(&framing->partial, GRPC_PREFIX_SIZE + GRPC_MAX_MESSAGE);
    framing->is_given = false;
}

void grpc_framing_fini(struct grpc_framing *framing) {
    buf_fini(&framing->partial);
}

static size_t prefix_length(const uint8_t *prefix) {
    return (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];
}

/* Reads the prefix at the start of `bytes`, which has it whole. 0, BAD_FLAG or TOO_LARGE. */
static int check_prefix(struct bytes bytes) {
    if (bytes.data[0] > 1)
        return GRPC_FRAMING_E_BAD_FLAG;
    if (prefix_length(bytes.data) > GRPC_MAX_MESSAGE)
        return GRPC_FRAMING_E_TOO_LARGE;
    return 0;
}

/* The message at the start of `bytes`, if it is there whole: 0, MORE, or what is wrong with its
 * prefix. */
static int whole_message(struct bytes bytes, struct grpc_message *message) {
    if (bytes.len < GRPC_PREFIX_SIZE)
        return GRPC_FRAMING_E_MORE;
    int r = check_prefix(bytes);
    if (r)
        return r;
    size_t len = prefix_length(bytes.data);
    if (bytes.len - GRPC_PREFIX_SIZE < len)
        return GRPC_FRAMING_E_MORE;
    message->is_compressed = bytes.data[0] == 1;
    message->bytes = bytes_of(bytes.data + GRPC_PREFIX_SIZE, len);
    return 0;
}

/* How many bytes `partial` lacks to its prefix, or to its whole message once the prefix is there.
 */
static size_t missing(const struct buf *partial) {
    size_t have = buf_len(partial);
    if (have < GRPC_PREFIX_SIZE)
        return GRPC_PREFIX_SIZE - have;
    return GRPC_PREFIX_SIZE + prefix_length(buf_bytes(partial).data) - have;
}

static int gather(struct buf *partial, struct bytes *piece) {
    size_t n = missing(partial) < piece->len ? missing(partial) : piece->len;
    int r = buf_append(partial, bytes_of(piece->data, n));
    assert(r <= 0); /* the prefix was checked, so it fits */
    *piece = bytes_from(*piece, n);
    return r;
}

static int next_gathered(struct grpc_framing *framing, struct bytes *piece,
                         struct grpc_message *message) {
    struct buf *partial = &framing->partial;
    while (piece->len > 0) {
        int r = gather(partial, piece);
        if (r)
            return r;
        r = whole_message(buf_bytes(partial), message);
        framing->is_given = r == 0;
        if (r != GRPC_FRAMING_E_MORE)
            return r;
    }
    return GRPC_FRAMING_E_MORE;
}

int grpc_framing_next(struct grpc_framing *framing, struct bytes *piece,
                      struct grpc_message *message) {
    if (framing->is_given) {
        buf_reset(&framing->partial);
        framing->is_given = false;
    }
    if (buf_len(&framing->partial) > 0)
        return next_gathered(framing, piece, message);
    int r = whole_message(*piece, message);
    if (r == GRPC_FRAMING_E_MORE)
        return next_gathered(framing, piece, message);
    if (r == 0)
        *piece = bytes_from(*piece, GRPC_PREFIX_SIZE + message->bytes.len);
    return r;
}

bool grpc_framing_is_inside(const struct grpc_framing *framing) {
    return !framing->is_given && buf_len(&framing->partial) > 0;
}

void grpc_framing_write_prefix(uint8_t prefix[GRPC_PREFIX_SIZE], bool is_compressed, size_t len) {
    prefix[0] = is_compressed;
    prefix[1] = (uint8_t)(len >> 24);
    prefix[2] = (uint8_t)(len >> 16);
    prefix[3] = (uint8_t)(len >> 8);
    prefix[4] = (uint8_t)len;
}
