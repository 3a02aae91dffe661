/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by zlib. Inflating goes on in steps, so that a bomb is recognised after what it may have,
 * not after what it would give.
 */
#include "grpc/compression.h"

#include <zlib.h>

#include "grpc/limits.h"

enum {
    GZIP_WINDOW = 15 + 16, /* zlib's way to say: a 32 KiB window, with gzip's header */
    INFLATE_STEP = 16384,
};

/* The elements of a comma-separated list, without the blanks around them. */
static struct bytes next_element(struct bytes *list) {
    const uint8_t *comma = list->len ? memchr(list->data, ',', list->len) : NULL;
    size_t n = comma ? (size_t)(comma - list->data) : list->len;
    struct bytes element = bytes_of(list->data, n);
    *list = bytes_from(*list, comma ? n + 1 : n);
    while (element.len && element.data[0] == ' ')
        element = bytes_from(element, 1);
    while (element.len && element.data[element.len - 1] == ' ')
        element.len--;
    return element;
}

enum grpc_encoding grpc_encoding_parse(struct bytes value) {
    if (!value.data || bytes_equal_str(value, "identity"))
        return GRPC_IDENTITY;
    return bytes_equal_str(value, "gzip") ? GRPC_GZIP : GRPC_ENCODING_UNKNOWN;
}

bool grpc_encoding_accepts_gzip(struct bytes list) {
    while (list.len > 0)
        if (bytes_equal_str(next_element(&list), "gzip"))
            return true;
    return false;
}

static size_t inflate_limit(size_t packed_len) {
    size_t by_ratio = packed_len * GRPC_MAX_INFLATE_RATIO;
    if (by_ratio < GRPC_INFLATE_FREE)
        return GRPC_INFLATE_FREE;
    return by_ratio < GRPC_MAX_MESSAGE ? by_ratio : GRPC_MAX_MESSAGE;
}

static void inflate_endp(z_stream *stream) {
    inflateEnd(stream);
}

static void deflate_endp(z_stream *stream) {
    deflateEnd(stream);
}

/* One step of at most INFLATE_STEP bytes. 0, an outcome of grpc_gunzip(), or -ENOMEM. */
static int inflate_step(z_stream *stream, struct buf *out, bool *has_ended) {
    size_t left = out->max - buf_len(out);
    size_t room = left < INFLATE_STEP ? left : INFLATE_STEP;
    uint8_t *at;
    int r = buf_reserve(out, room, &at);
    if (r)
        return r;
    stream->next_out = at;
    stream->avail_out = (unsigned)room;
    int z = inflate(stream, Z_NO_FLUSH);
    buf_commit(out, room - stream->avail_out);
    *has_ended = z == Z_STREAM_END;
    if (z == Z_OK || z == Z_STREAM_END)
        return 0;
    if (z == Z_MEM_ERROR)
        return -ENOMEM;
    return z == Z_BUF_ERROR && left == 0 ? GRPC_COMPRESSION_E_TOO_LARGE
                                         : GRPC_COMPRESSION_E_CORRUPT;
}

int grpc_gunzip(struct bytes packed, struct buf *out) {
    size_t limit = buf_len(out) + inflate_limit(packed.len);
    CLEANUP(inflate_endp) z_stream stream = {0};
    bool has_ended = false;
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return -ENOMEM;
    stream.next_in = (uint8_t *)(uintptr_t)packed.data;
    stream.avail_in = (unsigned)packed.len;
    while (!has_ended) {
        int r = inflate_step(&stream, out, &has_ended);
        if (r)
            return r;
        if (buf_len(out) > limit)
            return GRPC_COMPRESSION_E_TOO_LARGE;
    }
    return stream.avail_in == 0 ? 0 : GRPC_COMPRESSION_E_CORRUPT;
}

int grpc_gzip(struct bytes plain, struct buf *out) {
    CLEANUP(deflate_endp) z_stream stream = {0};
    uint8_t *at;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    size_t bound = deflateBound(&stream, plain.len);
    int r = buf_reserve(out, bound, &at);
    if (r)
        return r;
    stream.next_in = (uint8_t *)(uintptr_t)plain.data;
    stream.avail_in = (unsigned)plain.len;
    stream.next_out = at;
    stream.avail_out = (unsigned)bound;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        return -ENOMEM;
    buf_commit(out, bound - stream.avail_out);
    return 0;
}
