/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nghttp2 tells us, turned into what the owner of the session is told.
 *
 * A header block arrives as: its beginning, each field, its frame. Only when the frame is complete
 * and nghttp2 has found it well-formed is the owner told; a request that is malformed is reset by
 * nghttp2, and its stream never becomes known to the owner. Informational responses (1xx) are
 * skipped.
 *
 * Callbacks fail in two ways only. A stream for which there is no memory is reset
 * (TEMPORAL_CALLBACK_FAILURE) and the others go on; everything else is fatal for the session.
 *
 * nghttp2 never runs on_stream_close inside another of these, which is what makes `closed` never
 * come inside another callback of the owner.
 */
#include "http2/limits.h"
#include "http2/private.h"

static struct h2_stream *stream_find(nghttp2_session *ng, int32_t id) {
    return nghttp2_session_get_stream_user_data(ng, id);
}

/* ---- header blocks ---- */

/*
 * By default nghttp2 serves one stream's DATA to its end before the next; `inc` makes them take
 * turns. Peers cannot change that.
 */
static int stream_take_turns(nghttp2_session *ng, int32_t id) {
    const nghttp2_extpri turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    return nghttp2_session_change_extpri_stream_priority(ng, id, &turns, 1);
}

static int on_request(nghttp2_session *ng, int32_t id, struct h2_session *session) {
    struct h2_stream *stream = stream_new(session, id);
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (nghttp2_session_set_stream_user_data(ng, id, stream) || stream_take_turns(ng, id)) {
        stream_release(stream);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    session->collecting = stream;
    return 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user) {
    struct h2_session *session = user;
    session->collecting = NULL;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        int r = on_request(ng, frame->hd.stream_id, session);
        if (r)
            return r;
    } else {
        session->collecting = stream_find(ng, frame->hd.stream_id);
    }
    if (session->collecting)
        session->collecting->list = (struct field_list){0};
    return 0;
}

static struct bytes bytes_of_rcbuf(nghttp2_rcbuf *rcbuf) {
    nghttp2_vec vec = nghttp2_rcbuf_get_buf(rcbuf);
    return bytes_of(vec.base, vec.len);
}

/* check: parameters: nghttp2's callback */
static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *user) {
    (void)ng, (void)frame;
    struct h2_stream *stream = ((struct h2_session *)user)->collecting;
    if (!stream)
        return 0;
    struct h2_field field = {
        .name = bytes_of_rcbuf(name),
        .value = bytes_of_rcbuf(value),
        .is_secret = flags & NGHTTP2_NV_FLAG_NO_INDEX,
    };
    int r = field_list_add(&stream->list, &stream->arena, &field);
    return r ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

static enum h2_block stream_block(const struct h2_stream *stream) {
    if (stream->get != GET_HEAD)
        return H2_TRAILERS;
    return stream->session->side == H2_SERVER ? H2_REQUEST : H2_RESPONSE;
}

static void on_headers(struct h2_stream *stream, bool ends_stream) {
    struct h2_session *session = stream->session;
    session->collecting = NULL;
    if (stream->list.is_informational)
        return;
    struct h2_headers headers = {
        .block = stream_block(stream),
        .fields = stream->list.fields,
        .n_fields = stream->list.n_fields,
        .is_too_long = stream->list.is_too_long,
        .ends_stream = ends_stream,
    };
    if (headers.is_too_long)
        session_hit_limit(session, "http2.header_list");
    stream->get = GET_BODY;
    if (stream->life == STREAM_NEW) {
        stream->life = STREAM_OPEN;
        session->n_streams++;
    }
    if (stream->life == STREAM_OPEN)
        session->ops->headers(session->user, stream, &headers);
}

/* ---- other frames ---- */

static void on_ended(struct h2_stream *stream) {
    stream->get = GET_ENDED;
    if (stream->life == STREAM_OPEN)
        stream->session->ops->ended(stream->session->user, stream);
}

/* check: parameters: nghttp2's callback */
static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user) {
    (void)flags;
    struct h2_session *session = user;
    struct h2_stream *stream = stream_find(ng, id);
    if (!stream || stream->life != STREAM_OPEN) {
        session_check(session, nghttp2_session_consume_connection(ng, len));
        return 0;
    }
    stream->n_unconsumed += len;
    session->ops->data(session->user, stream, bytes_of(data, len));
    return 0;
}

static void on_settings(struct h2_session *session, uint8_t flags) {
    if (flags & NGHTTP2_FLAG_ACK) {
        session->is_acknowledged = true;
        return;
    }
    session->has_peer_settings = true;
    if (session->ops->ready)
        session->ops->ready(session->user);
}

static void on_ping(struct h2_session *session, const nghttp2_ping *ping) {
    bool is_drain = memcmp(ping->opaque_data, session_drain_ping, sizeof(session_drain_ping)) == 0;
    if ((ping->hd.flags & NGHTTP2_FLAG_ACK) && is_drain && session->state == SESSION_NOTICED)
        session_go_away(session);
}

static void on_goaway(struct h2_session *session, const nghttp2_goaway *goaway) {
    session->has_goaway = true;
    if (session->ops->goaway)
        session->ops->goaway(session->user, goaway->error_code,
                             bytes_of(goaway->opaque_data, goaway->opaque_data_len));
}

/* Resets that come from the peer, and those that it provokes, are limited together. */
static void session_count_reset(struct h2_session *session) {
    if (session->side == H2_CLIENT || session->state >= SESSION_ENDING)
        return;
    if (ratelimit_take(&session->resets, 1, session->now_ns)) {
        session_hit_limit(session, "http2.resets");
        (void)!session_break(session, H2_ENHANCE_YOUR_CALM, "too many of its streams are reset");
    }
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user) {
    struct h2_session *session = user;
    struct h2_stream *stream = NULL;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        stream = stream_find(ng, frame->hd.stream_id);
        break;
    case NGHTTP2_HEADERS:
        stream = stream_find(ng, frame->hd.stream_id);
        if (stream)
            on_headers(stream, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
        break;
    case NGHTTP2_RST_STREAM:
        session_count_reset(session);
        break;
    case NGHTTP2_SETTINGS:
        on_settings(session, frame->hd.flags);
        break;
    case NGHTTP2_PING:
        on_ping(session, &frame->ping);
        break;
    case NGHTTP2_GOAWAY:
        on_goaway(session, &frame->goaway);
        break;
    default:
        break;
    }
    if (stream && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        on_ended(stream);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *user) {
    (void)user;
    struct h2_stream *stream = stream_find(ng, id);
    if (stream)
        stream_close(stream, error);
    return 0;
}

/* ---- frames on their way out ---- */

/* nghttp2 resets streams whose peer breaks the rules; the owner's own resets do not count. */
static void on_reset_sent(struct h2_session *session, const struct h2_stream *stream) {
    if (!stream || stream->life != STREAM_RESET)
        session_count_reset(session);
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user) {
    struct h2_session *session = user;
    struct h2_stream *stream = NULL;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
            stream = stream_find(ng, frame->hd.stream_id);
        if (stream)
            stream_note_sent_end(stream);
        break;
    case NGHTTP2_RST_STREAM:
        on_reset_sent(session, stream_find(ng, frame->hd.stream_id));
        break;
    case NGHTTP2_GOAWAY:
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR)
            session_note_violation(session, &frame->goaway);
        break;
    default:
        break;
    }
    return 0;
}

int callbacks_new(nghttp2_session_callbacks **callbacks) {
    int r = nghttp2_session_callbacks_new(callbacks);
    if (r)
        return r;
    nghttp2_session_callbacks *set = *callbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(set, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(set, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(set, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(set, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(set, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(set, on_frame_send);
    return 0;
}
