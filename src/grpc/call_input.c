/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of a call, from the bytes of its body to the handler.
 *
 * Bytes are taken in order. When the handler holds the call, or does not take a message, what is
 * left waits in the inbox as wire bytes, the message that was not taken in front, and the same loop
 * goes on with it after the release. The client's window is opened by what was really taken:
 * `n_unconsumed` never exceeds what lies in the inbox, so the inbox is bounded by the window and
 * one message.
 */
#include <stdarg.h>
#include <stdio.h>

#include "grpc/call_observing.h"
#include "grpc/connection.h"
#include "grpc/limits.h"

static bool takes_one_message(const struct grpc_call *call) {
    enum grpc_kind kind = call->route->method->kind;
    return kind == GRPC_UNARY || kind == GRPC_SERVER_STREAM;
}

/* Ends a call whose input cannot be read any further, or lets its handler do it. */
PRINTF(3, 4)
static void break_off(struct grpc_call *call, enum grpc_status status, const char *format, ...) {
    const struct grpc_method *method = call->route->method;
    struct err_text why;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why.text, sizeof(why.text), format, arguments);
    va_end(arguments);
    if (!method->broken) {
        grpc_call_finish(call, status, "%s", why.text);
        return;
    }
    call->is_held = true;
    method->broken(call, status, &why);
}

/* ---- one message ---- */

static const char compressed_without_encoding[] =
    "a message is compressed, but the call has no grpc-encoding";

/* The plain bytes of a message. False: there are none, and the call has been broken off. */
static bool plain_message(struct grpc_call *call, const struct grpc_message *message,
                          struct bytes *plain) {
    *plain = message->bytes;
    if (!message->is_compressed)
        return true;
    if (call->encoding != GRPC_GZIP) {
        break_off(call, GRPC_INTERNAL, "%s", compressed_without_encoding);
        return false;
    }
    buf_reset(&call->inflated);
    int r = grpc_gunzip(message->bytes, &call->inflated);
    if (r == GRPC_COMPRESSION_E_TOO_LARGE)
        server_hit_limit(call->worker->server, "grpc.inflated_message");
    if (r == GRPC_COMPRESSION_E_TOO_LARGE)
        break_off(call, GRPC_RESOURCE_EXHAUSTED,
                  "a message is larger than %d bytes, or %d times its size, when decompressed",
                  GRPC_MAX_MESSAGE, GRPC_MAX_INFLATE_RATIO);
    else if (r == GRPC_COMPRESSION_E_CORRUPT)
        break_off(call, GRPC_INTERNAL, "a compressed message is not gzip or is damaged");
    else if (r)
        break_off(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
    *plain = buf_bytes(&call->inflated);
    return r == 0;
}

/* Keeps the one message of a call until the client has finished its side. */
static int keep_single(struct grpc_call *call, struct bytes message) {
    if (call->has_single)
        grpc_call_finish(call, GRPC_UNIMPLEMENTED, "%.*s takes exactly one message",
                         BYTES_ARGS(grpc_call_path(call)));
    else if (buf_append(&call->single, message))
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
    call->has_single = true;
    return 0;
}

/* 0 or GRPC_E_HOLD. The call may be over afterwards. */
static int deliver(struct grpc_call *call, const struct grpc_message *message) {
    struct bytes plain;
    if (!plain_message(call, message, &plain))
        return 0;
    call_observe_received(call, message, plain.len);
    if (takes_one_message(call))
        return keep_single(call, plain);
    return call->route->method->message(call, plain);
}

/* ---- the loop ---- */

static void say_bad_framing(struct grpc_call *call, int r) {
    if (r == GRPC_FRAMING_E_TOO_LARGE)
        server_hit_limit(call->worker->server, "grpc.message");
    if (r == GRPC_FRAMING_E_TOO_LARGE)
        break_off(call, GRPC_RESOURCE_EXHAUSTED, "a message is larger than %d bytes",
                  GRPC_MAX_MESSAGE);
    else if (r == GRPC_FRAMING_E_BAD_FLAG)
        break_off(call, GRPC_INTERNAL,
                  "a message does not start with 0 or 1: the body is not gRPC's");
    else
        break_off(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
}

/*
 * Keeps `rest`, the end of the piece, in the inbox. Where it lies there already nothing is copied:
 * a call that is held after every few messages would otherwise move its whole inbox each time. 0 or
 * -ENOMEM.
 */
static int keep_rest(struct grpc_call *call, struct bytes rest) {
    size_t waiting = buf_len(&call->inbox);
    if (waiting == 0) /* the piece came from the stream */
        return buf_append(&call->inbox, rest) ? -ENOMEM : 0;
    buf_consume(&call->inbox, waiting - rest.len);
    return 0;
}

/* Keeps a message that was not taken, and `rest` behind it, as wire bytes. 0 or -ENOMEM. */
static int put_back(struct grpc_call *call, const struct grpc_message *message, struct bytes rest) {
    uint8_t prefix[GRPC_PREFIX_SIZE];
    size_t size = GRPC_PREFIX_SIZE + message->bytes.len;
    if (!call->framing.is_given) /* it lies whole in front of the rest */
        return keep_rest(call, bytes_of(message->bytes.data - GRPC_PREFIX_SIZE, size + rest.len));
    struct buf inbox;
    buf_init(&inbox, call->inbox.max);
    grpc_framing_write_prefix(prefix, message->is_compressed, message->bytes.len);
    if (buf_append(&inbox, bytes_of(prefix, sizeof(prefix))) ||
        buf_append(&inbox, message->bytes) || buf_append(&inbox, rest)) {
        buf_fini(&inbox);
        return -ENOMEM;
    }
    buf_fini(&call->inbox);
    call->inbox = inbox;
    return 0;
}

/* Gives the messages of `piece` to the handler, up to a hold; what is left then is put into the
 * inbox. 0 or -ENOMEM. */
static int take_messages(struct grpc_call *call, struct bytes piece) {
    struct grpc_message message;
    while (!call->is_held) {
        int r = grpc_framing_next(&call->framing, &piece, &message);
        if (r == GRPC_FRAMING_E_MORE) {
            buf_reset(&call->inbox);
            return 0;
        }
        if (r) {
            say_bad_framing(call, r);
            return 0;
        }
        r = deliver(call, &message);
        if (grpc_call_is_over(call))
            return 0;
        if (r == GRPC_E_HOLD) {
            call->is_held = true;
            call->observing.was_counted = true;
            return put_back(call, &message, piece);
        }
    }
    return keep_rest(call, piece);
}

/* Opens the window by what no longer waits. */
static void open_window(struct grpc_call *call) {
    size_t waiting = buf_len(&call->inbox);
    if (call->n_unconsumed <= waiting)
        return;
    h2_stream_consume(call->stream, call->n_unconsumed - waiting);
    call->n_unconsumed = waiting;
    connection_wake(call->connection);
}

/* ---- the end ---- */

static void tell_end_of_single(struct grpc_call *call) {
    if (!call->has_single) {
        grpc_call_finish(call, GRPC_UNIMPLEMENTED, "%.*s takes exactly one message, none came",
                         BYTES_ARGS(grpc_call_path(call)));
        return;
    }
    if (call->route->method->message(call, buf_bytes(&call->single)) == GRPC_E_HOLD) {
        call->is_held = true;
        call->end_was_told = false;
    }
}

static void tell_end(struct grpc_call *call) {
    call->end_was_told = true;
    if (grpc_framing_is_inside(&call->framing))
        break_off(call, GRPC_INTERNAL, "the call ends in the middle of a message");
    else if (takes_one_message(call))
        tell_end_of_single(call);
    else if (call->route->method->half_closed)
        call->route->method->half_closed(call);
}

/* ---- what the others call ---- */

static void run_with(struct grpc_call *call, struct bytes piece) {
    struct grpc_observer_scope scope;
    grpc_call_ref(call);
    call_enter(call, &scope);
    call->is_delivering = true;
    int r = take_messages(call, piece);
    if (r)
        say_bad_framing(call, r);
    if (!grpc_call_is_over(call))
        open_window(call);
    if (!grpc_call_is_over(call) && call->has_ended && !call->is_held && !call->end_was_told)
        tell_end(call);
    call->is_delivering = false;
    call_leave(call, &scope);
    grpc_call_unref(call);
}

void call_input_run(struct grpc_call *call) {
    if (!call->is_delivering && !call->is_held && !grpc_call_is_over(call))
        run_with(call, buf_bytes(&call->inbox));
}

void call_input_data(struct grpc_call *call, struct bytes piece) {
    call->n_unconsumed += piece.len;
    if (!call->is_held)
        run_with(call, piece);
    else if (buf_append(&call->inbox, piece))
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
}

void call_input_ended(struct grpc_call *call) {
    call->has_ended = true;
    call_input_run(call);
}

void call_input_reset(struct grpc_call *call) {
    grpc_framing_fini(&call->framing);
    grpc_framing_init(&call->framing);
    buf_release(&call->inbox);
    buf_release(&call->inflated);
    buf_reset(&call->single);
    call->n_unconsumed = 0;
    call->has_single = false;
    call->is_held = false;
    call->has_ended = false;
    call->end_was_told = false;
}
