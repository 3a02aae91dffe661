/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a client's call, and what it sends. What arrives is client_answer.c.
 *
 *     WAITING -> OPEN -> ANSWERED -> DONE -> TOLD
 *        |        |                   ^
 *        '--------'-------------------' (ended by us, reset, connection lost)
 *
 * - A message goes straight into the queue of the call's stream; only while there is none it lies
 * in `unsent`. So a running call allocates nothing for a message (compressed ones have two buffers,
 *   which are used again).
 * - DONE is reached anywhere, also inside the owner's own calls of this interface, so `status` is
 *   told by client_call_turn(), from the loop.
 * - Leaving the stream cuts both ways: the stream's user is set to NULL, and nothing that still
 *   comes on it reaches the call.
 */
#include "grpc/client_call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "grpc/channel_conn.h"
#include "grpc/client_observing.h"
#include "grpc/client_request.h"
#include "grpc/limits.h"

/* ---- states ---- */

static const bool moves[][CLIENT_CALL_TOLD + 1] = {
    [CLIENT_CALL_WAITING] = {[CLIENT_CALL_OPEN] = true, [CLIENT_CALL_DONE] = true},
    [CLIENT_CALL_OPEN] = {[CLIENT_CALL_ANSWERED] = true, [CLIENT_CALL_DONE] = true},
    [CLIENT_CALL_ANSWERED] = {[CLIENT_CALL_DONE] = true},
    [CLIENT_CALL_DONE] = {[CLIENT_CALL_TOLD] = true},
    [CLIENT_CALL_TOLD] = {false},
};

static void call_move(struct grpc_client_call *call, enum client_call_state next) {
    assert(moves[call->state][next]);
    call->state = next;
}

static void call_leave_lists(struct grpc_client_call *call) {
    if (call->state == CLIENT_CALL_WAITING && !list_is_empty(&call->link))
        call->channel->n_waiting--;
    list_unlink(&call->link);
}

void client_call_forget_stream(struct grpc_client_call *call) {
    call->stream = NULL;
    call->conn = NULL;
}

static void call_leave_stream(struct grpc_client_call *call) {
    h2_stream_set_user(call->stream, NULL);
    net_conn_wake(call->conn->net);
    client_call_forget_stream(call);
}

static void call_decide(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    call_leave_lists(call);
    call_move(call, CLIENT_CALL_DONE);
    call->status = status;
    call->text = text;
    deadlines_remove(&call->channel->deadlines, &call->deadline);
    client_observe_end(call);
    channel_schedule(call->channel, call);
}

/* A text that does not fit any more is left out: the status counts. */
static const char *call_print(struct grpc_client_call *call, const char *format, va_list args) {
    struct err_text text;
    vsnprintf(text.text, sizeof(text.text), format, args);
    struct bytes kept;
    if (arena_copy(&call->arena, bytes_of(text.text, strlen(text.text) + 1), &kept))
        return "";
    return (const char *)kept.data;
}

void client_call_end(struct grpc_client_call *call, enum grpc_status status, const char *format,
                     ...) {
    if (call->state >= CLIENT_CALL_DONE)
        return;
    va_list args;
    va_start(args, format);
    const char *text = call_print(call, format, args);
    va_end(args);
    if (call->stream) {
        h2_stream_reset(call->stream, H2_CANCEL);
        call_leave_stream(call);
    }
    call_decide(call, status, text);
}

/*
 * NO_ERROR is what the specification asks for when the server ended first. It would wait for what
 * is still queued behind a half-close, which the server may never let pass: CANCEL does not.
 */
void client_call_answered(struct grpc_client_call *call) {
    if (!call->has_half_closed)
        h2_stream_reset(call->stream, H2_NO_ERROR);
    else if (h2_stream_queued(call->stream) > 0)
        h2_stream_reset(call->stream, H2_CANCEL);
    call_leave_stream(call);
    call_move(call, CLIENT_CALL_ANSWERED);
}

void client_call_conclude(struct grpc_client_call *call, enum grpc_status status,
                          const char *text) {
    call_decide(call, status, text);
}

static void end_for_memory(struct grpc_client_call *call) {
    client_call_end(call, GRPC_RESOURCE_EXHAUSTED, "memory ran out");
}

static void on_deadline(struct deadline *deadline) {
    struct grpc_client_call *call = CONTAINER_OF(deadline, struct grpc_client_call, deadline);
    const struct grpc_channel *channel = call->channel;
    if (call->state == CLIENT_CALL_WAITING)
        client_call_end(call, GRPC_DEADLINE_EXCEEDED,
                        "the deadline has passed while the call waited for %s%s%s",
                        channel->authority, channel->last_error.text[0] ? "; last error: " : "",
                        channel->last_error.text);
    else
        client_call_end(call, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
}

/* ---- start and end ---- */

static void call_free(struct grpc_client_call *call) {
    deadlines_remove(&call->channel->deadlines, &call->deadline);
    client_answer_fini(&call->answer);
    buf_fini(&call->unsent);
    buf_fini(&call->plain);
    buf_fini(&call->packed);
    arena_fini(&call->arena);
    mem_free(call);
}

static void call_freep(struct grpc_client_call **call) {
    if (*call)
        call_free(*call);
}

void client_call_ref(struct grpc_client_call *call) {
    call->n_users++;
}

void client_call_unref(struct grpc_client_call *call) {
    if (--call->n_users == 0)
        call_free(call);
}

static bool is_too_long(const struct grpc_call_options *options) {
    size_t size = 0;
    for (size_t i = 0; i < options->n_metadata; i++)
        size += options->metadata[i].key.len + options->metadata[i].value.len;
    return size > GRPC_MAX_METADATA;
}

/* 0, -EINVAL or -ENOMEM. */
static int call_copy_metadata(struct grpc_client_call *call,
                              const struct grpc_call_options *options) {
    const size_t most = H2_MAX_HEADER_FIELDS - CLIENT_REQUEST_FIXED;
    if (options->n_metadata > most || is_too_long(options))
        return -EINVAL;
    size_t n = options->n_metadata + (call->channel->observer ? GRPC_MAX_OBSERVER_METADATA : 0);
    if (n == 0)
        return 0;
    call->max_metadata = n < most ? n : most;
    call->metadata = arena_alloc(&call->arena, call->max_metadata * sizeof(*call->metadata));
    if (!call->metadata)
        return -ENOMEM;
    for (size_t i = 0; i < options->n_metadata; i++) {
        struct h2_field *field = &call->metadata[call->n_metadata++];
        int r = grpc_metadata_to_field(&options->metadata[i], &call->arena, field);
        if (r)
            return r == GRPC_METADATA_E_INVALID ? -EINVAL : r;
    }
    return 0;
}

static int call_set_deadline(struct grpc_client_call *call, uint64_t timeout_ns) {
    if (timeout_ns == 0)
        return 0;
    net_loop_renew(call->channel->loop);
    uint64_t now_ns = call->channel->loop->now_ns;
    bool is_endless = timeout_ns > UINT64_MAX - now_ns;
    call->deadline.at_ns = is_endless ? UINT64_MAX : now_ns + timeout_ns;
    return is_endless ? 0 : deadlines_add(&call->channel->deadlines, &call->deadline);
}

static struct grpc_client_call *call_new(struct grpc_channel *channel,
                                         const struct grpc_call_options *options) {
    size_t state_size = channel->observer ? channel->observer->call_state_size : 0;
    struct grpc_client_call *call = mem_zalloc(1, sizeof(struct grpc_client_call) + state_size);
    if (!call)
        return NULL;
    call->channel = channel;
    call->n_users = 1;
    call->state = CLIENT_CALL_WAITING;
    call->waits_for_ready = options->waits_for_ready;
    call->compresses = options->compresses;
    call->deadline = (struct deadline){.at_ns = UINT64_MAX, .passed = on_deadline};
    list_init(&call->link);
    list_init(&call->due);
    arena_init(&call->arena, GRPC_CALL_ARENA);
    buf_init(&call->unsent, H2_MAX_STREAM_QUEUE);
    buf_init(&call->plain, GRPC_MAX_MESSAGE);
    buf_init(&call->packed, GRPC_MAX_MESSAGE);
    client_answer_init(&call->answer);
    return call;
}

int grpc_client_call_start(struct grpc_channel *channel, const struct grpc_call_options *options,
                           const struct grpc_client_ops *ops, void *user,
                           struct grpc_client_call **out) {
    if (channel->state == CHANNEL_CLOSED)
        return -ECANCELED;
    CLEANUP(call_freep) struct grpc_client_call *call = call_new(channel, options);
    if (!call)
        return -ENOMEM;
    call->ops = ops;
    call->user = user;
    int r = arena_copy(&call->arena, bytes_str(options->path), &call->path);
    if (r == 0)
        r = call_copy_metadata(call, options);
    if (r == 0)
        r = call_set_deadline(call, options->timeout_ns);
    if (r)
        return err_trace(r);
    channel_watch_deadlines(channel);
    client_observe_start(call);
    channel_take_call(channel, call);
    *out = STEAL(call);
    return 0;
}

void grpc_client_call_cancel(struct grpc_client_call *call) {
    client_call_end(call, GRPC_CANCELLED, "cancelled by the caller");
}

static void call_tell_writable(struct grpc_client_call *call) {
    if (!call->wants_writable || call->state != CLIENT_CALL_OPEN || call->has_half_closed ||
        grpc_client_call_is_busy(call))
        return;
    call->wants_writable = false;
    call->ops->writable(call);
}

void client_call_turn(struct grpc_client_call *call) {
    client_call_ref(call);
    client_answer_resume(call);
    call_tell_writable(call);
    if (call->state == CLIENT_CALL_DONE) {
        list_unlink(&call->due);
        call_move(call, CLIENT_CALL_TOLD);
        call->ops->status(call, call->status, call->text);
        client_call_unref(call);
    }
    client_call_unref(call);
}

/* ---- opening ---- */

static uint64_t call_time_left(const struct grpc_client_call *call) {
    uint64_t now_ns = call->channel->loop->now_ns;
    if (call->deadline.at_ns == UINT64_MAX)
        return GRPC_TIMEOUT_NONE;
    return call->deadline.at_ns > now_ns ? call->deadline.at_ns - now_ns : 1;
}

static int call_send_unsent(struct grpc_client_call *call) {
    size_t n = buf_len(&call->unsent);
    if (n > 0) {
        uint8_t *room;
        int r = h2_stream_reserve(call->stream, n, &room);
        if (r)
            return r;
        memcpy(room, buf_bytes(&call->unsent).data, n);
        h2_stream_commit(call->stream, n);
    }
    buf_release(&call->unsent);
    return call->has_half_closed ? h2_stream_finish(call->stream, NULL, 0) : 0;
}

/* What http2 refused when the call was to be sent. */
static void call_end_unsendable(struct grpc_client_call *call, int r) {
    if (r == -EMSGSIZE)
        client_call_end(call, GRPC_RESOURCE_EXHAUSTED, "the call's headers are over %d bytes",
                        H2_MAX_SEND_HEADER_LIST);
    else if (r == H2_E_QUEUE_FULL)
        client_call_end(call, GRPC_RESOURCE_EXHAUSTED, "too much is queued for %s",
                        call->channel->authority);
    else
        end_for_memory(call);
}

int client_call_open(struct grpc_client_call *call, struct channel_conn *conn) {
    struct client_request request;
    client_request_write(&request, call, call_time_left(call));
    struct h2_stream *stream;
    int r = h2_stream_open(conn->session, request.fields, request.n, call, &stream);
    if (r == H2_E_NO_STREAM)
        return r;
    if (r) {
        call_end_unsendable(call, r);
        return 0;
    }
    call_leave_lists(call);
    call_move(call, CLIENT_CALL_OPEN);
    list_append(&call->channel->running, &call->link);
    call->stream = stream;
    call->conn = conn;
    conn->n_opened++;
    client_observe_stream(call);
    r = call_send_unsent(call);
    if (r)
        call_end_unsendable(call, r);
    net_conn_wake(conn->net);
    client_call_queue_is_short(call);
    return 0;
}

/* ---- sending ---- */

/* Not told at once: the owner may be inside grpc_client_call_start(). */
void client_call_queue_is_short(struct grpc_client_call *call) {
    if (!call->ops->writable || call->state != CLIENT_CALL_OPEN)
        return;
    call->wants_writable = true;
    channel_schedule(call->channel, call);
}

static size_t call_queued(const struct grpc_client_call *call) {
    return call->stream ? h2_stream_queued(call->stream) : buf_len(&call->unsent);
}

/* 0, -ENOBUFS or -ENOMEM. */
static int call_reserve_queue(struct grpc_client_call *call, size_t n, uint8_t **out) {
    int r =
        call->stream ? h2_stream_reserve(call->stream, n, out) : buf_reserve(&call->unsent, n, out);
    if (r)
        return r > 0 ? -ENOBUFS : r;
    call->room = *out;
    return 0;
}

/* Otherwise what it sends is thrown away. */
static bool may_send(const struct grpc_client_call *call) {
    return call->state <= CLIENT_CALL_OPEN;
}

static void call_commit_queue(struct grpc_client_call *call, size_t n) {
    if (call->stream) {
        h2_stream_commit(call->stream, n);
        net_conn_wake(call->conn->net);
    } else if (call->state == CLIENT_CALL_WAITING) {
        buf_commit(&call->unsent, n);
    }
}

/* The queue must have room for the plain message, whatever its compressed form needs. */
static int call_reserve_plain(struct grpc_client_call *call, size_t size, uint8_t **out) {
    if (call_queued(call) + GRPC_PREFIX_SIZE + size > H2_MAX_STREAM_QUEUE)
        return -ENOBUFS;
    buf_reset(&call->plain);
    return buf_reserve(&call->plain, size, out);
}

/* What gzip makes larger goes out as it is. */
static void call_commit_compressed(struct grpc_client_call *call) {
    buf_commit(&call->plain, call->n_reserved);
    struct bytes message = buf_bytes(&call->plain);
    buf_reset(&call->packed);
    bool is_packed = grpc_gzip(message, &call->packed) == 0 && buf_len(&call->packed) < message.len;
    if (is_packed)
        message = buf_bytes(&call->packed);
    uint8_t *room;
    int r = call_reserve_queue(call, GRPC_PREFIX_SIZE + message.len, &room);
    if (r) {
        call_end_unsendable(call, r);
        return;
    }
    grpc_framing_write_prefix(room, is_packed, message.len);
    if (message.len)
        memcpy(room + GRPC_PREFIX_SIZE, message.data, message.len);
    call_commit_queue(call, GRPC_PREFIX_SIZE + message.len);
    if (may_send(call))
        client_observe_sent(call, &(struct grpc_message){is_packed, message}, call->n_reserved);
}

int grpc_client_call_reserve(struct grpc_client_call *call, size_t size, uint8_t **out) {
    assert(!call->has_half_closed);
    if (size > GRPC_MAX_MESSAGE)
        return -EMSGSIZE;
    call->n_reserved = size;
    if (call->compresses)
        return call_reserve_plain(call, size, out);
    uint8_t *room;
    int r = call_reserve_queue(call, GRPC_PREFIX_SIZE + size, &room);
    if (r)
        return r;
    grpc_framing_write_prefix(room, false, size);
    *out = room + GRPC_PREFIX_SIZE;
    return 0;
}

void grpc_client_call_commit(struct grpc_client_call *call) {
    if (call->compresses)
        call_commit_compressed(call);
    else
        grpc_client_call_commit_framed(call, GRPC_PREFIX_SIZE + call->n_reserved, 1);
}

int grpc_client_call_send(struct grpc_client_call *call, const ProtobufCMessage *message) {
    uint8_t *room;
    int r = grpc_client_call_reserve(call, protobuf_c_message_get_packed_size(message), &room);
    if (r)
        return r;
    protobuf_c_message_pack(message, room);
    grpc_client_call_commit(call);
    return 0;
}

int grpc_client_call_reserve_framed(struct grpc_client_call *call, size_t size, uint8_t **out) {
    assert(!call->has_half_closed && !call->compresses);
    return call_reserve_queue(call, size, out);
}

void grpc_client_call_commit_framed(struct grpc_client_call *call, size_t used, size_t n) {
    call_commit_queue(call, used);
    if (may_send(call))
        client_observe_sent_framed(call, bytes_of(call->room, used), n);
}

bool grpc_client_call_is_busy(const struct grpc_client_call *call) {
    return call_queued(call) >= GRPC_SEND_MARK;
}

void grpc_client_call_half_close(struct grpc_client_call *call) {
    if (call->has_half_closed)
        return;
    call->has_half_closed = true;
    if (!call->stream)
        return;
    if (h2_stream_finish(call->stream, NULL, 0))
        end_for_memory(call);
    else
        net_conn_wake(call->conn->net);
}

/* ---- what else the owner may do ---- */

void *grpc_client_call_user(const struct grpc_client_call *call) {
    return call->user;
}

void grpc_client_call_hold(struct grpc_client_call *call) {
    call->answer.is_held = true;
}

void grpc_client_call_release(struct grpc_client_call *call) {
    call->answer.is_held = false;
    if (call->state < CLIENT_CALL_DONE)
        channel_schedule(call->channel, call);
}

const struct grpc_entry *grpc_client_call_headers(const struct grpc_client_call *call, size_t *n) {
    *n = call->answer.n_headers;
    return call->answer.headers;
}

const struct grpc_entry *grpc_client_call_trailers(const struct grpc_client_call *call, size_t *n) {
    *n = call->answer.n_trailers;
    return call->answer.trailers;
}

struct bytes grpc_client_call_details(const struct grpc_client_call *call) {
    return call->answer.details;
}
