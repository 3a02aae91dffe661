/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream: its life, the queue of what it has to send, and what its owner has consumed.
 *
 * Sending is pulled. Body bytes wait in the stream's queue, where the layer above wrote them in
 * place, until nghttp2 has room for a DATA frame and reads them (stream_read). Many small messages
 * become one frame that way. When the queue runs empty, nghttp2 puts the stream aside until
 * h2_stream_commit() or _finish() wakes it. Trailers are handed over when the queue has run empty,
 * by h2_stream_finish() or by the read that empties it: they follow the last DATA, and wait for no
 * window. (A client's do: nghttp2 would send them before the request.)
 *
 * RST_STREAM is different: nghttp2 sends it before any DATA. The reset of a server that finishes
 * early must come behind its trailers, so it is kept (RESET_LATER) until those were sent.
 *
 * Streams are used again, with their arena and a small queue: a unary call on a busy connection
 * allocates nothing here. Their diagram is in private.h.
 */
#include <assert.h>

#include "base/mem.h"
#include "http2/limits.h"
#include "http2/private.h"

/* A block received has its text and its list, which grows 16, 32, 64, 128; trailers that wait have
 * theirs. */
enum {
    GROWN_LIST = 16 + 32 + 64 + H2_MAX_HEADER_FIELDS,
    BLOCK_SIZE = H2_MAX_HEADER_LIST + GROWN_LIST * sizeof(struct h2_field),
    TRAILERS_SIZE = H2_MAX_SEND_HEADER_LIST + H2_MAX_HEADER_FIELDS * sizeof(nghttp2_nv),
};
static_assert(2 * BLOCK_SIZE + TRAILERS_SIZE <= H2_MAX_STREAM_ARENA, "a stream's fields fit");

/* ---- life ---- */

static struct h2_stream *stream_alloc(struct h2_session *session) {
    struct h2_stream *stream = mem_new(struct h2_stream);
    if (!stream)
        return NULL;
    stream->session = session;
    buf_init(&stream->queue, H2_MAX_STREAM_QUEUE);
    arena_init(&stream->arena, H2_MAX_STREAM_ARENA);
    return stream;
}

static void stream_free(struct h2_stream *stream) {
    buf_fini(&stream->queue);
    arena_fini(&stream->arena);
    mem_free(stream);
}

static struct h2_stream *stream_take_spare(struct h2_session *session) {
    struct list *link = list_pop(&session->spare);
    if (!link)
        return NULL;
    session->n_spare--;
    return CONTAINER_OF(link, struct h2_stream, link);
}

struct h2_stream *stream_new(struct h2_session *session, int32_t id) {
    struct h2_stream *stream = stream_take_spare(session);
    if (!stream)
        stream = stream_alloc(session);
    if (!stream)
        return NULL;
    stream->id = id;
    stream->user = NULL;
    stream->send = SEND_HEAD;
    stream->get = GET_HEAD;
    stream->life = STREAM_NEW;
    stream->is_deferred = false;
    stream->n_unconsumed = 0;
    stream->n_trailers = 0;
    list_append(&session->streams, &stream->link);
    session->has_opened = true;
    return stream;
}

void stream_release(struct h2_stream *stream) {
    struct h2_session *session = stream->session;
    list_unlink(&stream->link);
    session->n_queued -= buf_len(&stream->queue);
    if (session->n_spare == H2_MAX_STREAMS) {
        stream_free(stream);
        return;
    }
    if (stream->queue.cap > H2_SPARE_QUEUE)
        buf_release(&stream->queue);
    buf_reset(&stream->queue);
    arena_reset(&stream->arena);
    /* In front: the one used last is taken first, its memory is still in the cache. */
    list_append(session->spare.next, &stream->link);
    session->n_spare++;
}

void stream_free_spare(struct h2_session *session) {
    for (struct h2_stream *stream; (stream = stream_take_spare(session));)
        stream_free(stream);
}

void stream_close(struct h2_stream *stream, uint32_t error) {
    struct h2_session *session = stream->session;
    bool is_known = stream->life != STREAM_NEW;
    bool is_unprocessed = session->side == H2_CLIENT && error == NGHTTP2_REFUSED_STREAM;
    if (session->collecting == stream)
        session->collecting = NULL;
    stream->life = STREAM_RESET;
    if (is_known) {
        session->n_streams--;
        session->ops->closed(session->user, stream, error, is_unprocessed);
    }
    h2_stream_consume(stream, stream->n_unconsumed);
    stream_release(stream);
}

/* ---- sending ---- */

/* Everything before them has been taken by nghttp2. 0 or -ENOMEM. */
static int stream_submit_trailers(struct h2_stream *stream, const nghttp2_nv *nv, size_t n) {
    if (nghttp2_submit_trailer(stream->session->ng, stream->id, nv, n))
        return -ENOMEM;
    stream->send = SEND_ENDING;
    return 0;
}

/* After a read of `n` bytes that left nothing: the end of our side, or no more for now. */
static ssize_t stream_read_end(struct h2_stream *stream, size_t n, uint32_t *flags) {
    if (stream->send != SEND_FINISHING) {
        stream->is_deferred = n == 0;
        return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->n_trailers == 0)
        return (ssize_t)n;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    int r = stream_submit_trailers(stream, stream->trailers, stream->n_trailers);
    return r ? NGHTTP2_ERR_CALLBACK_FAILURE : (ssize_t)n;
}

/* check: parameters: nghttp2's callback */
static ssize_t stream_read(nghttp2_session *ng, int32_t id, uint8_t *out, size_t cap,
                           uint32_t *flags, nghttp2_data_source *source, void *user) {
    (void)ng, (void)id;
    struct h2_session *session = user;
    struct h2_stream *stream = source->ptr;
    struct bytes queued = buf_bytes(&stream->queue);
    size_t n = queued.len < cap ? queued.len : cap;
    if (n)
        memcpy(out, queued.data, n);
    buf_consume(&stream->queue, n);
    session->n_queued -= n;
    bool is_low = queued.len > H2_STREAM_QUEUE_LOW && queued.len - n <= H2_STREAM_QUEUE_LOW;
    if (is_low && stream->life == STREAM_OPEN && stream->send == SEND_BODY)
        session->ops->writable(session->user, stream);
    if (buf_len(&stream->queue))
        return (ssize_t)n;
    return stream_read_end(stream, n, flags);
}

static void stream_wake(struct h2_stream *stream) {
    if (!stream->is_deferred)
        return;
    stream->is_deferred = false;
    session_check(stream->session, nghttp2_session_resume_data(stream->session->ng, stream->id));
}

void stream_note_sent_end(struct h2_stream *stream) {
    stream->send = SEND_DONE;
    if (stream->life != STREAM_RESET_LATER)
        return;
    stream->life = STREAM_OPEN;
    h2_stream_reset(stream, H2_NO_ERROR);
}

/* ---- for the owner ---- */

static bool session_takes_stream(const struct h2_session *session) {
    if (session->side != H2_CLIENT || session->state != SESSION_OPEN)
        return false;
    if (!session->has_peer_settings || session->has_goaway)
        return false;
    uint32_t allowed =
        nghttp2_session_get_remote_settings(session->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return session->n_streams < allowed && session->n_streams < H2_MAX_STREAMS;
}

static int stream_submit_request(struct h2_stream *stream, const struct h2_field *fields,
                                 size_t n) {
    nghttp2_nv nv[H2_MAX_HEADER_FIELDS];
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = stream_read};
    fields_to_nv(fields, n, nv);
    int32_t id = nghttp2_submit_request(stream->session->ng, NULL, nv, n, &body, stream);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
        return H2_E_NO_STREAM;
    if (id < 0)
        return -ENOMEM;
    stream->id = id;
    return 0;
}

int h2_stream_open(struct h2_session *session, const struct h2_field *fields, size_t n, void *user,
                   struct h2_stream **stream) {
    if (!session_takes_stream(session))
        return H2_E_NO_STREAM;
    int r = fields_check(fields, n);
    if (r)
        return r;
    struct h2_stream *opened = stream_new(session, 0);
    if (!opened)
        return -ENOMEM;
    r = stream_submit_request(opened, fields, n);
    if (r) {
        stream_release(opened);
        return r;
    }
    opened->user = user;
    opened->send = SEND_BODY;
    opened->life = STREAM_OPEN;
    session->n_streams++;
    *stream = opened;
    return 0;
}

void *h2_stream_user(const struct h2_stream *stream) {
    return stream->user;
}

void h2_stream_set_user(struct h2_stream *stream, void *user) {
    stream->user = user;
}

uint32_t h2_stream_id(const struct h2_stream *stream) {
    return (uint32_t)stream->id;
}

int h2_stream_respond(struct h2_stream *stream, const struct h2_field *fields, size_t n,
                      bool is_last) {
    nghttp2_nv nv[H2_MAX_HEADER_FIELDS];
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = stream_read};
    assert(stream->send == SEND_HEAD && stream->session->side == H2_SERVER);
    int r = fields_check(fields, n);
    if (r)
        return r;
    fields_to_nv(fields, n, nv);
    if (stream->life == STREAM_OPEN)
        r = nghttp2_submit_response(stream->session->ng, stream->id, nv, n, is_last ? NULL : &body);
    if (r)
        return -ENOMEM;
    stream->send = is_last ? SEND_ENDING : SEND_BODY;
    return 0;
}

int h2_stream_reserve(struct h2_stream *stream, size_t n, uint8_t **out) {
    assert(stream->send == SEND_BODY);
    if (n > H2_MAX_CONNECTION_QUEUE - stream->session->n_queued) {
        session_hit_limit(stream->session, "http2.connection_queue");
        return H2_E_QUEUE_FULL;
    }
    int r = buf_reserve(&stream->queue, n, out);
    if (r != BUF_E_FULL)
        return r;
    session_hit_limit(stream->session, "http2.stream_queue");
    return H2_E_QUEUE_FULL;
}

void h2_stream_commit(struct h2_stream *stream, size_t n) {
    if (stream->life != STREAM_OPEN)
        return;
    buf_commit(&stream->queue, n);
    stream->session->n_queued += n;
    stream_wake(stream);
}

size_t h2_stream_queued(const struct h2_stream *stream) {
    return buf_len(&stream->queue);
}

static int stream_send_trailers_now(struct h2_stream *stream, const struct h2_field *trailers,
                                    size_t n) {
    nghttp2_nv nv[H2_MAX_HEADER_FIELDS];
    fields_to_nv(trailers, n, nv);
    return stream_submit_trailers(stream, nv, n);
}

int h2_stream_finish(struct h2_stream *stream, const struct h2_field *trailers, size_t n) {
    assert(stream->send == SEND_BODY);
    int r = fields_check(trailers, n);
    if (r || stream->life != STREAM_OPEN)
        return r;
    if (n && buf_len(&stream->queue) == 0 && stream->session->side == H2_SERVER)
        return stream_send_trailers_now(stream, trailers, n);
    r = n ? fields_copy_to_nv(trailers, n, &stream->arena, &stream->trailers) : 0;
    if (r)
        return r;
    stream->n_trailers = n;
    stream->send = SEND_FINISHING;
    stream_wake(stream);
    return 0;
}

static bool stream_has_to_send(const struct h2_stream *stream) {
    return stream->send == SEND_FINISHING || stream->send == SEND_ENDING;
}

/* When both sides have ended, nghttp2 closes the stream by itself. */
void h2_stream_reset(struct h2_stream *stream, enum h2_error error) {
    if (stream->life == STREAM_RESET)
        return;
    if (error == H2_NO_ERROR && stream_has_to_send(stream)) {
        stream->life = STREAM_RESET_LATER;
        return;
    }
    stream->life = STREAM_RESET;
    if (stream->send == SEND_DONE && stream->get == GET_ENDED)
        return;
    session_check(stream->session, nghttp2_submit_rst_stream(stream->session->ng, NGHTTP2_FLAG_NONE,
                                                             stream->id, error));
}

/* A stream that is being reset gets no more room; its bytes still count for the connection. */
void h2_stream_consume(struct h2_stream *stream, size_t n) {
    struct h2_session *session = stream->session;
    assert(n <= stream->n_unconsumed);
    if (n == 0)
        return;
    stream->n_unconsumed -= n;
    session_check(session, nghttp2_session_consume_connection(session->ng, n));
    if (stream->life == STREAM_OPEN)
        session_check(session, nghttp2_session_consume_stream(session->ng, stream->id, n));
}
