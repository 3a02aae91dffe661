/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/ratelimit.h"
#include "http2/fields.h"
#include "http2/session.h"

/*
 * What session.c, stream.c and callbacks.c share: the two structs and the calls between them.
 */

/*
 * The session:
 *
 *     OPEN --drain--> NOTICED --PING answered, or a tick--> GOING_AWAY     (server)
 *     OPEN --drain--> GOING_AWAY                                           (client)
 *     any  --terminate, timeout--> ENDING: nothing is taken in, a last GOAWAY is filled
 *     any  --violation, its GOAWAY is filled--> ENDED: nothing more is taken in or filled
 *     any  --bytes that are not HTTP/2, no memory--> DEAD: the same, at once
 */
enum session_state {
    SESSION_OPEN,
    SESSION_NOTICED,
    SESSION_GOING_AWAY,
    SESSION_ENDING,
    SESSION_ENDED,
    SESSION_DEAD,
};

struct h2_session {
    nghttp2_session *ng;
    const struct h2_ops *ops;
    void *user;
    enum h2_side side;
    enum session_state state;
    bool has_peer_settings;
    bool is_acknowledged; /* our SETTINGS */
    bool has_goaway;      /* from the peer */
    bool has_opened;      /* a stream since the last tick */
    bool has_failed;      /* nghttp2 ran out of memory */
    uint64_t now_ns;      /* the latest that was handed in */
    uint64_t created_at_ns;
    uint64_t noticed_at_ns;

    struct list streams; /* of all lives */
    struct list spare;
    size_t n_spare;
    size_t n_streams;             /* those that the owner has heard of */
    size_t n_queued;              /* bytes, over all streams */
    struct h2_stream *collecting; /* whose header block is arriving; NULL: nobody's */

    struct bytes rest; /* of nghttp2's last frame, not filled yet */
    struct ratelimit resets;
    uint8_t first[8]; /* what the peer began with: tells HTTP/1.1 and TLS from garbage */
    size_t n_first;
    struct err_text why;
};

/*
 * Three things are known of a stream: how far our side is, how far the peer's is, and whether its
 * owner still wants to hear of it.
 *
 *     we send:  HEAD --respond--> BODY --finish--> FINISHING --queue empty, trailers given to
 *               nghttp2--> ENDING --END_STREAM is sent--> DONE
 *               HEAD --respond(is_last)--> ENDING; without trailers FINISHING --> DONE
 *               a client's stream starts in BODY
 *     we get:   HEAD --request or response--> BODY --END_STREAM--> ENDED
 *     life:     NEW --request complete--> OPEN --reset--> RESET (RST_STREAM is on its way)
 *               OPEN --reset(NO_ERROR) while FINISHING or ENDING--> RESET_LATER --DONE--> RESET
 *               a client's stream starts OPEN; NEW is unknown to the owner
 */
enum send_state {
    SEND_HEAD,
    SEND_BODY,
    SEND_FINISHING,
    SEND_ENDING,
    SEND_DONE,
};

enum get_state {
    GET_HEAD,
    GET_BODY,
    GET_ENDED,
};

enum stream_life {
    STREAM_NEW,
    STREAM_OPEN,
    STREAM_RESET_LATER,
    STREAM_RESET,
};

struct h2_stream {
    struct list link; /* in streams or spare of its session */
    struct h2_session *session;
    void *user;
    int32_t id;
    enum send_state send;
    enum get_state get;
    enum stream_life life;
    bool is_deferred; /* nghttp2 has found the queue empty and waits to be told of more */
    struct buf queue;
    size_t n_unconsumed;  /* bytes the owner was given and has not consumed */
    nghttp2_nv *trailers; /* in the arena */
    size_t n_trailers;
    struct field_list list; /* of the block that is arriving */
    struct arena arena;
};

/* ---- session.c ---- */

/* Takes note of a fatal nghttp2 error: the session is dead. Returns -ENOMEM or H2_E_BROKEN. */
MUST_USE int session_fail(struct h2_session *session, int ng_error);

/* For calls that cannot return an error: nghttp2's result, fatal or not. */
void session_check(struct h2_session *session, int ng_result);

/* Ends the session with words about the peer. Returns H2_E_BROKEN. */
MUST_USE int session_break(struct h2_session *session, enum h2_error error, const char *why);

/* nghttp2 has sent GOAWAY for a violation, with its reason. */
void session_note_violation(struct h2_session *session, const nghttp2_goaway *goaway);

/* Tells the owner. */
void session_hit_limit(struct h2_session *session, const char *limit);

/* The drain's second GOAWAY. */
void session_go_away(struct h2_session *session);

/* The payload of the drain's PING. */
extern const uint8_t session_drain_ping[8];

/* ---- callbacks.c ---- */

/* 0 or NGHTTP2_ERR_NOMEM. */
MUST_USE int callbacks_new(nghttp2_session_callbacks **callbacks);

/* ---- stream.c ---- */

/* A stream in the session's list, NEW, with both sides at HEAD. NULL when memory runs out. */
struct h2_stream *stream_new(struct h2_session *session, int32_t id);

/* Puts it among the spare ones, or frees it. The owner hears nothing. */
void stream_release(struct h2_stream *stream);

/* nghttp2 is done with it, or the session ends: tells the owner and releases it. */
void stream_close(struct h2_stream *stream, uint32_t error);

/* A frame with END_STREAM was sent on it. */
void stream_note_sent_end(struct h2_stream *stream);

/* Frees all spare streams. */
void stream_free_spare(struct h2_session *session);
