/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a call on the server, and its answers.
 *
 * A call is over in one of three ways: the handler finishes it, its deadline passes, or the client
 * or the connection goes. All lead to call_end(): the handler hears `ended`, once, and the stream
 * forgets the call. What is left is memory, which the handler may hold by references; the last one
 * puts it back among the worker's spare calls.
 *
 * The header block of an answer is sent with the first message. Without one, status and headers go
 * out as one block (Trailers-Only), which lets clients retry. A call that ends before the client
 * has said all is reset behind its trailers.
 */
#include "grpc/call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "grpc/call_observing.h"
#include "grpc/connection.h"
#include "grpc/limits.h"
#include "grpc/metadata.h"
#include "grpc/server_impl.h"
#include "http2/limits.h"
#include "proto/message.h"

enum {
    /* Spare calls of a worker: what a few busy connections have open at a time. */
    SPARE_CALLS_MAX = 1024,

    /* The memory for a unary call's message that a spare call keeps: messages of usual size. */
    SPARE_SINGLE_MAX = 4096,
};

#define FIELD(name_text, value_text)                                      \
    {                                                                     \
        .name = {(const uint8_t *)(name_text), sizeof(name_text) - 1},    \
        .value = {(const uint8_t *)(value_text), sizeof(value_text) - 1}, \
    }

/* ---- life ---- */

static size_t call_size(const struct grpc_server *server) {
    size_t observer_size = server->observer ? server->observer->call_state_size : 0;
    return sizeof(struct grpc_call) + server->max_state_size + observer_size;
}

static struct grpc_call *call_alloc(struct grpc_worker *worker) {
    struct list *spare = list_pop(&worker->spare_calls);
    if (spare) {
        worker->n_spare_calls--;
        return CONTAINER_OF(spare, struct grpc_call, link);
    }
    struct grpc_call *call = mem_zalloc(1, call_size(worker->server));
    if (!call)
        return NULL;
    call->worker = worker;
    call_observe_made(call);
    grpc_framing_init(&call->framing);
    buf_init(&call->inbox, H2_STREAM_WINDOW + GRPC_PREFIX_SIZE + GRPC_MAX_MESSAGE);
    buf_init(&call->inflated, GRPC_MAX_MESSAGE);
    buf_init(&call->single, GRPC_MAX_MESSAGE);
    buf_init(&call->staged, GRPC_PREFIX_SIZE + GRPC_MAX_MESSAGE);
    return call;
}

void call_free(struct grpc_call *call) {
    grpc_framing_fini(&call->framing);
    buf_fini(&call->inbox);
    buf_fini(&call->inflated);
    buf_fini(&call->single);
    buf_fini(&call->staged);
    mem_free(call);
}

static void call_recycle(struct grpc_call *call) {
    struct grpc_worker *worker = call->worker;
    if (call->connection)
        call->connection->n_calls--;
    list_unlink(&call->link);
    if (worker->n_spare_calls == SPARE_CALLS_MAX) {
        call_free(call);
        return;
    }
    call_input_reset(call);
    if (call->single.cap > SPARE_SINGLE_MAX)
        buf_release(&call->single);
    buf_release(&call->staged);
    list_append(&worker->spare_calls, &call->link);
    worker->n_spare_calls++;
}

static void call_on_deadline(struct deadline *deadline) {
    struct grpc_call *call = CONTAINER_OF(deadline, struct grpc_call, deadline);
    grpc_call_finish(call, GRPC_DEADLINE_EXCEEDED, "the call's deadline has passed");
}

struct grpc_call *call_new(struct grpc_connection *connection, struct h2_stream *stream,
                           const struct grpc_route *route) {
    struct grpc_call *call = call_alloc(connection->worker);
    if (!call)
        return NULL;
    call->connection = connection;
    call->route = route;
    call->stream = stream;
    call->n_refs = 1;
    call->deadline = (struct deadline){.passed = call_on_deadline};
    call->encoding = GRPC_IDENTITY;
    call->answers_gzip = false;
    call->has_responded = false;
    memset(call->state, 0, route->method->state_size);
    list_init(&call->link);
    list_append(&connection->calls, &call->link);
    connection->n_calls++;
    h2_stream_set_user(stream, call);
    return call;
}

void grpc_call_ref(struct grpc_call *call) {
    call->n_refs++;
}

void grpc_call_unref(struct grpc_call *call) {
    if (--call->n_refs == 0)
        call_recycle(call);
}

static void call_tell_ended(struct grpc_call *call) {
    struct grpc_observer_scope scope;
    if (!call->route->method->ended)
        return;
    call_enter(call, &scope);
    call->route->method->ended(call);
    call_leave(call, &scope);
}

/* The stream forgets the call, handler and observer hear of it, and the stream's reference goes. */
static void call_end(struct grpc_call *call, enum grpc_status status, struct bytes text) {
    h2_stream_set_user(call->stream, NULL);
    call->stream = NULL;
    deadlines_remove(&call->worker->deadlines, &call->deadline);
    call_tell_ended(call);
    call_observe_end(call, status, text);
    grpc_call_unref(call);
}

void call_cancel(struct grpc_call *call, const char *why) {
    call_end(call, GRPC_CANCELLED, bytes_str(why));
}

bool grpc_call_is_over(const struct grpc_call *call) {
    return !call->stream;
}

/* ---- what a handler asks ---- */

void *grpc_call_state(const struct grpc_call *call) {
    return (void *)(uintptr_t)call->state;
}

struct grpc_call *grpc_call_of_state(const void *state) {
    return CONTAINER_OF((uintptr_t)state, struct grpc_call, state);
}

void *grpc_call_user(const struct grpc_call *call) {
    return call->route->service->user;
}

void *grpc_call_worker_state(const struct grpc_call *call) {
    return call->worker->state;
}

void *grpc_call_connection_state(const struct grpc_call *call) {
    return call->connection->state;
}

struct bytes grpc_call_header(const struct grpc_call *call, const char *name) {
    if (!call->stream)
        return (struct bytes){0};
    return grpc_fields_find(call->request.fields, call->request.n_fields, name);
}

const char *grpc_call_peer(const struct grpc_call *call) {
    return call->connection ? net_conn_peer(call->connection->conn) : "";
}

struct bytes grpc_call_path(const struct grpc_call *call) {
    return bytes_str(call->route->path);
}

/* ---- messages out ---- */

/* Sends the header block of an answer that has messages. 0 or a negated errno. */
static int call_respond(struct grpc_call *call) {
    static const struct h2_field plain[] = {
        FIELD(":status", "200"),
        FIELD("content-type", "application/grpc"),
    };
    static const struct h2_field gzip[] = {
        FIELD(":status", "200"),
        FIELD("content-type", "application/grpc"),
        FIELD("grpc-encoding", "gzip"),
    };
    if (call->has_responded)
        return 0;
    int r = call->answers_gzip ? h2_stream_respond(call->stream, gzip, ARRAY_LEN(gzip), false)
                               : h2_stream_respond(call->stream, plain, ARRAY_LEN(plain), false);
    if (r)
        return err_trace(r);
    call->has_responded = true;
    return 0;
}

static int call_reserve_staged(struct grpc_call *call, size_t size, uint8_t **out) {
    buf_reset(&call->staged);
    int r = buf_reserve(&call->staged, size, out);
    return r == BUF_E_FULL ? -ENOBUFS : r;
}

static int call_reserve_queued(struct grpc_call *call, size_t size, uint8_t **out) {
    int r = h2_stream_reserve(call->stream, size, out);
    return r == H2_E_QUEUE_FULL ? -ENOBUFS : r;
}

int grpc_call_reserve_framed(struct grpc_call *call, size_t size, uint8_t **out) {
    if (grpc_call_is_over(call))
        return call_reserve_staged(call, size, out);
    int r = call_respond(call);
    if (!r)
        r = call_reserve_queued(call, size, out);
    if (!r && call->answers_gzip)
        r = call_reserve_staged(call, size, out);
    if (!r)
        call->room = *out;
    return r;
}

/*
 * A message that does not become smaller, or for which there is no memory, goes out as it is. So it
 * always fits into the room that was reserved, and commit cannot fail.
 */
static void call_commit_gzip(struct grpc_call *call, struct bytes body) {
    uint8_t *frame;
    size_t size = body.len;
    struct buf packed;
    buf_init(&packed, 2 * GRPC_MAX_MESSAGE);
    bool is_packed = grpc_gzip(body, &packed) == 0 && buf_len(&packed) < body.len;
    if (is_packed)
        body = buf_bytes(&packed);
    int r = call_reserve_queued(call, GRPC_PREFIX_SIZE + body.len, &frame);
    assert(r == 0);
    (void)r;
    grpc_framing_write_prefix(frame, is_packed, body.len);
    if (body.len)
        memcpy(frame + GRPC_PREFIX_SIZE, body.data, body.len);
    h2_stream_commit(call->stream, GRPC_PREFIX_SIZE + body.len);
    call_observe_sent(call, &(struct grpc_message){is_packed, body}, size);
    buf_fini(&packed);
}

/* Each of the messages in `frames`, which are whole: so the framing keeps nothing. */
static void call_commit_each_gzip(struct grpc_call *call, struct bytes frames) {
    struct grpc_framing framing;
    struct grpc_message message;
    grpc_framing_init(&framing);
    while (grpc_framing_next(&framing, &frames, &message) == 0)
        call_commit_gzip(call, message.bytes);
    grpc_framing_fini(&framing);
}

void grpc_call_commit_framed(struct grpc_call *call, size_t used, size_t n) {
    if (grpc_call_is_over(call))
        return;
    struct bytes frames = bytes_of(call->room, used);
    if (call->answers_gzip) {
        call_commit_each_gzip(call, frames);
    } else {
        h2_stream_commit(call->stream, used);
        call_observe_sent_framed(call, frames, n);
    }
    connection_wake(call->connection);
}

int grpc_call_reserve(struct grpc_call *call, size_t size, uint8_t **out) {
    uint8_t *frame;
    call->reserved = GRPC_PREFIX_SIZE + size;
    int r = grpc_call_reserve_framed(call, call->reserved, &frame);
    if (r)
        return r;
    grpc_framing_write_prefix(frame, false, size);
    *out = frame + GRPC_PREFIX_SIZE;
    return 0;
}

void grpc_call_commit(struct grpc_call *call) {
    grpc_call_commit_framed(call, call->reserved, 1);
}

int grpc_call_send(struct grpc_call *call, const ProtobufCMessage *message) {
    uint8_t *out;
    int r = grpc_call_reserve(call, protobuf_c_message_get_packed_size(message), &out);
    if (r)
        return r;
    protobuf_c_message_pack(message, out);
    grpc_call_commit(call);
    return 0;
}

bool grpc_call_is_busy(const struct grpc_call *call) {
    return call->stream && h2_stream_queued(call->stream) > GRPC_SEND_MARK;
}

void grpc_call_answer(struct grpc_call *call, const ProtobufCMessage *message) {
    if (grpc_call_send(call, message))
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
    else
        grpc_call_finish(call, GRPC_OK, "%s", "");
}

/* ---- the status ---- */

/* Puts the words, percent-coded, into the worker's buffer; empty when there is no memory for them.
 */
static struct bytes code_words(struct grpc_worker *worker, struct bytes text) {
    buf_reset(&worker->words);
    if (grpc_status_message_encode(text, &worker->words))
        return (struct bytes){0};
    return buf_bytes(&worker->words);
}

/* Sends status and words: as trailers, or with the header block when nothing was sent yet. 0 or a
 * negated errno. */
static int call_send_status(struct grpc_call *call, enum grpc_status status, struct bytes words) {
    char number[4];
    snprintf(number, sizeof(number), "%d", status);
    struct h2_field fields[5] = {
        FIELD(":status", "200"),
        FIELD("content-type", "application/grpc"),
        {.name = bytes_str("grpc-status"), .value = bytes_str(number)},
    };
    size_t n = 3;
    if (words.len)
        fields[n++] = (struct h2_field){.name = bytes_str("grpc-message"), .value = words};
    if (call->encoding == GRPC_ENCODING_UNKNOWN)
        fields[n++] = (struct h2_field)FIELD("grpc-accept-encoding", "identity,gzip");
    if (call->has_responded)
        return h2_stream_finish(call->stream, fields + 2, n - 2);
    return h2_stream_respond(call->stream, fields, n, true);
}

/* A client that does not read its answers gets no trailers either: it is cut off. */
static bool is_stuck(const struct grpc_call *call, enum grpc_status status) {
    return status == GRPC_DEADLINE_EXCEEDED && h2_stream_queued(call->stream) > 0;
}

void grpc_call_finish(struct grpc_call *call, enum grpc_status status, const char *format, ...) {
    va_list args;
    char text[GRPC_MAX_STATUS_MESSAGE + 4];
    if (grpc_call_is_over(call))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct bytes plain = bytes_of(text, utf8_cut(text, GRPC_MAX_STATUS_MESSAGE));
    struct bytes words = code_words(call->worker, plain);
    if (is_stuck(call, status))
        h2_stream_reset(call->stream, H2_CANCEL);
    else if (call_send_status(call, status, words))
        h2_stream_reset(call->stream, H2_INTERNAL_ERROR);
    else if (!call->has_ended)
        h2_stream_reset(call->stream, H2_NO_ERROR);
    connection_wake(call->connection);
    call_end(call, status, plain);
}

/* ---- holding ---- */

void grpc_call_hold(struct grpc_call *call) {
    call->is_held = true;
}

void grpc_call_release(struct grpc_call *call) {
    if (!call->is_held)
        return;
    call->is_held = false;
    if (!grpc_call_is_over(call))
        call_input_run(call);
}
