/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * An HTTP/2 session (RFC 9113), server's or client's side: bytes in, bytes out, time as a
 * parameter. It owns its streams, holds them to the limits of http2/limits.h, and tells its owner
 * what arrives. It does no I/O and knows no gRPC.
 *
 * Frames and HPACK are nghttp2's; what is ours is the life of a stream, the limits, the queue of
 * what a stream has to send, and flow control that follows what the owner has consumed.
 */
struct h2_session;
struct h2_stream;

/* A header field. Names are lower case. */
struct h2_field {
    struct bytes name;
    struct bytes value;
    bool is_secret; /* never put into a compression table (RFC 7541 section 7.1) */
};

enum h2_block {
    H2_REQUEST,
    H2_RESPONSE, /* not the informational ones: those are skipped */
    H2_TRAILERS,
};

struct h2_headers {
    enum h2_block block;
    const struct h2_field *fields; /* live as long as the stream */
    size_t n_fields;
    bool is_too_long; /* the list passed the limit; `fields` has what came before */
    bool ends_stream; /* the peer sends no more on this stream */
};

/*
 * What the owner of a session is told. Inside these it may call any function of this header but
 * h2_session_receive(), _fill(), _tick() and _free().
 *
 * Each stream that the owner has heard of (by `headers` or h2_stream_open()) gets `closed` exactly
 * once, whatever ends it. It comes only out of h2_session_receive(), _fill() and _free(), and never
 * inside another callback of the session.
 */
struct h2_ops {
    void (*headers)(void *user, struct h2_stream *stream, const struct h2_headers *headers);

    /* A piece of the body, never empty. The window opens again only by h2_stream_consume(). */
    void (*data)(void *user, struct h2_stream *stream, struct bytes piece);

    /* The peer has finished its side, after the last data or trailers. */
    void (*ended)(void *user, struct h2_stream *stream);

    /*
     * What was queued has gone down from above H2_STREAM_QUEUE_LOW to it or below. A stream that
     * never had more queued is not told.
     */
    void (*writable)(void *user, struct h2_stream *stream);

    /*
     * The stream is over and about to be freed; the last callback for it. `error` is the HTTP/2
     * error code of a reset by either side, 0 when both sides finished, or H2_CONNECTION_LOST.
     * `is_unprocessed` (client): the peer never acted on it (REFUSED_STREAM, or above the last id
     * of GOAWAY). What `data` gave and nobody consumed counts as consumed from here on.
     */
    void (*closed)(void *user, struct h2_stream *stream, uint32_t error, bool is_unprocessed);

    /*
     * The peer's SETTINGS have arrived: the session is up. Told again when others follow, for they
     * may allow more streams. May be NULL.
     */
    void (*ready)(void *user);

    /* The peer will take no new streams. May be NULL. */
    void (*goaway)(void *user, uint32_t error, struct bytes debug);

    /*
     * A limit of http2/limits.h was hit; `limit` is its name, a constant. May be NULL. Other than
     * the rest this may come from inside any function below, and must call none of them.
     */
    void (*limit_hit)(void *user, const char *limit);
};

#define H2_CONNECTION_LOST UINT32_MAX

/* HTTP/2 error codes, RFC 9113 section 7. */
enum h2_error {
    H2_NO_ERROR = 0x0,
    H2_PROTOCOL_ERROR = 0x1,
    H2_INTERNAL_ERROR = 0x2,
    H2_FLOW_CONTROL_ERROR = 0x3,
    H2_SETTINGS_TIMEOUT = 0x4,
    H2_STREAM_CLOSED = 0x5,
    H2_FRAME_SIZE_ERROR = 0x6,
    H2_REFUSED_STREAM = 0x7,
    H2_CANCEL = 0x8,
    H2_COMPRESSION_ERROR = 0x9,
    H2_CONNECT_ERROR = 0xa,
    H2_ENHANCE_YOUR_CALM = 0xb,
    H2_INADEQUATE_SECURITY = 0xc,
    H2_HTTP_1_1_REQUIRED = 0xd,
};

/* ---- session ---- */

enum h2_side {
    H2_SERVER,
    H2_CLIENT,
};

/* Borrows `ops`. Its SETTINGS wait to be filled. 0 or a negated errno. */
MUST_USE int h2_session_new(enum h2_side side, const struct h2_ops *ops, void *user,
                            uint64_t now_ns, struct h2_session **session);

/* Every stream that is left is closed with H2_CONNECTION_LOST first. NULL is fine. */
void h2_session_free(struct h2_session *session);

enum {
    H2_E_BROKEN = 1, /* the peer broke the protocol: fill what is left (a GOAWAY), then close */
};

/*
 * Takes in bytes from the peer. 0, H2_E_BROKEN (h2_session_why() has words) or -ENOMEM. Most
 * violations are answered with a GOAWAY and show only after it was filled: by h2_session_is_over(),
 * which the owner asks after each fill, and by h2_session_why().
 */
MUST_USE int h2_session_receive(struct h2_session *session, struct bytes bytes, uint64_t now_ns);

/*
 * Writes up to `cap` bytes for the peer at `out`. Less than `cap` means that there is no more now.
 */
size_t h2_session_fill(struct h2_session *session, uint8_t *out, size_t cap);

/* Checks the timeouts, about once a second. 0 or H2_E_BROKEN. */
MUST_USE int h2_session_tick(struct h2_session *session, uint64_t now_ns);

/* Both sides have said all: close the connection once what was filled is written. */
bool h2_session_is_over(const struct h2_session *session);

/* What went wrong, for a log line ("it speaks HTTP/1.1; ..."); empty when nothing. */
const char *h2_session_why(const struct h2_session *session);

/*
 * Server: takes no new streams and finishes those that run. First GOAWAY with the largest id and a
 * PING, so that calls on their way still get in; after the PING's answer (or by a tick,
 * H2_DRAIN_NOTICE_S later) GOAWAY with the last id. Client: opens no new streams.
 */
void h2_session_drain(struct h2_session *session);

/*
 * Ends it now: GOAWAY with `error` is all that is still filled, and nothing more is taken in.
 */
void h2_session_terminate(struct h2_session *session, enum h2_error error);

/* Streams that the owner has heard of and that are not closed. */
size_t h2_session_n_streams(const struct h2_session *session);

/* ---- streams ---- */

enum {
    H2_E_NO_STREAM = 1, /* the peer takes no (more) streams now */
    H2_E_QUEUE_FULL = 2,
};

/*
 * Client: opens a stream. Fields are copied. 0, H2_E_NO_STREAM, -EMSGSIZE (more or longer fields
 * than http2/limits.h allows to send) or -ENOMEM. Streams are to be had from `ready` on.
 */
MUST_USE int h2_stream_open(struct h2_session *session, const struct h2_field *fields, size_t n,
                            void *user, struct h2_stream **stream);

/* The owner's own pointer for this stream. */
void *h2_stream_user(const struct h2_stream *stream);
void h2_stream_set_user(struct h2_stream *stream, void *user);

uint32_t h2_stream_id(const struct h2_stream *stream);

/*
 * Server: sends the response's header block, once; `is_last` ends our side with it (gRPC's
 * Trailers-Only). Fields are copied. 0, -EMSGSIZE or -ENOMEM.
 */
MUST_USE int h2_stream_respond(struct h2_stream *stream, const struct h2_field *fields, size_t n,
                               bool is_last);

/*
 * Queues body bytes: makes room for `n` at `*out`, of which h2_stream_commit() sends the first so
 * many. A server sends its response first. 0, H2_E_QUEUE_FULL or -ENOMEM.
 */
MUST_USE int h2_stream_reserve(struct h2_stream *stream, size_t n, uint8_t **out);
void h2_stream_commit(struct h2_stream *stream, size_t n);

/* Bytes queued and not yet filled. */
size_t h2_stream_queued(const struct h2_stream *stream);

/*
 * Ends our side after what is queued, with trailers unless `n` is 0. Fields are copied. Nothing may
 * be queued after it. 0, -EMSGSIZE or -ENOMEM.
 */
MUST_USE int h2_stream_finish(struct h2_stream *stream, const struct h2_field *trailers, size_t n);

/*
 * RST_STREAM: nothing is told of the stream any more but `closed`. With H2_NO_ERROR, after our side
 * was finished, it comes behind what is queued (a server that answers before the request has
 * ended); with any other error it is sent at once.
 */
void h2_stream_reset(struct h2_stream *stream, enum h2_error error);

/* The owner is done with `n` bytes that `data` gave: the windows open by as much. */
void h2_stream_consume(struct h2_stream *stream, size_t n);
