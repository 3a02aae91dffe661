/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a stream's header blocks and bytes to the owner's messages and status.
 *
 *     headers -> data ... -> trailers -> ended -> (closed)
 *     trailers alone (Trailers-Only) -> ended -> (closed)
 *
 * A status that we decide ourselves (a message that cannot be read, an answer that is not gRPC's)
 * resets the stream with CANCEL; from then on the stream is no longer this call's.
 *
 * While the owner holds the call, pieces lie in `held` and are not consumed, so the server's window
 * closes: `held` never has more than one window. When the stream ends meanwhile, the call stays in
 * ANSWERED until the owner has taken them.
 *
 * Every function that calls the owner keeps the call in memory meanwhile: the owner may cancel it
 * or close the channel inside.
 */
#include "grpc/client_answer.h"

#include "grpc/channel_conn.h"
#include "grpc/client_call.h"
#include "grpc/client_observing.h"
#include "grpc/limits.h"
#include "http2/limits.h"

void client_answer_init(struct client_answer *answer) {
    *answer = (struct client_answer){.encoding = GRPC_IDENTITY};
    grpc_framing_init(&answer->framing);
    buf_init(&answer->held, H2_STREAM_WINDOW);
    buf_init(&answer->inflated, GRPC_MAX_MESSAGE);
}

void client_answer_fini(struct client_answer *answer) {
    grpc_framing_fini(&answer->framing);
    buf_fini(&answer->held);
    buf_fini(&answer->inflated);
}

static void end_for_memory(struct grpc_client_call *call) {
    client_call_end(call, GRPC_RESOURCE_EXHAUSTED, "memory ran out");
}

/* ---- header blocks ---- */

static void keep_http_status(struct client_answer *answer, const struct h2_headers *headers) {
    struct bytes status = grpc_fields_find(headers->fields, headers->n_fields, ":status");
    if (status.len == sizeof(answer->http_status) - 1)
        memcpy(answer->http_status, status.data, status.len);
}

static void end_for_http_status(struct grpc_client_call *call) {
    const char *http_status = call->answer.http_status;
    client_call_end(call, grpc_status_of_http(bytes_str(http_status)),
                    "the server answered with HTTP status %s", http_status);
}

/* A proxy or a web server answered, not a gRPC server: its trailers, if any, are not waited for. */
static bool is_grpc_answer(struct grpc_client_call *call, const struct h2_headers *headers) {
    struct bytes type = grpc_fields_find(headers->fields, headers->n_fields, "content-type");
    if (strcmp(call->answer.http_status, "200") != 0)
        end_for_http_status(call);
    else if (!bytes_start_with(type, "application/grpc"))
        client_call_end(call, GRPC_UNKNOWN, "the server answered with content-type '%.*s'",
                        BYTES_ARGS(type));
    return call->state != CLIENT_CALL_DONE;
}

/* The fields live no longer than the stream, and the status may be told later: all is copied. */
static int keep_metadata(struct grpc_client_call *call, const struct h2_headers *headers,
                         struct grpc_entry **entries, size_t *n) {
    size_t n_found;
    int r = grpc_metadata_of_fields(headers->fields, headers->n_fields, &call->arena, entries,
                                    &n_found);
    for (size_t i = 0; r == 0 && i < n_found; i++) {
        struct grpc_entry *entry = &(*entries)[i];
        r = arena_copy(&call->arena, entry->key, &entry->key);
        if (r == 0)
            r = arena_copy(&call->arena, entry->value, &entry->value);
    }
    *n = r == 0 ? n_found : 0;
    return r;
}

static void take_response(struct grpc_client_call *call, const struct h2_headers *headers) {
    struct client_answer *answer = &call->answer;
    if (!is_grpc_answer(call, headers))
        return;
    answer->encoding =
        grpc_encoding_parse(grpc_fields_find(headers->fields, headers->n_fields, "grpc-encoding"));
    if (keep_metadata(call, headers, &answer->headers, &answer->n_headers))
        end_for_memory(call);
}

/* 0 or -ENOMEM. */
static int keep_text(struct grpc_client_call *call, struct bytes coded) {
    CLEANUP(buf_fini) struct buf text;
    buf_init(&text, H2_MAX_HEADER_LIST);
    int r = grpc_status_message_decode(coded, &text);
    if (r == 0)
        r = buf_append(&text, bytes_of("", 1));
    struct bytes kept;
    if (r == 0)
        r = arena_copy(&call->arena, buf_bytes(&text), &kept);
    if (r)
        return -ENOMEM;
    call->answer.text = (const char *)kept.data;
    return 0;
}

/* 0 or -ENOMEM. */
static int take_trailers(struct grpc_client_call *call, const struct h2_headers *headers) {
    struct client_answer *answer = &call->answer;
    struct bytes status = grpc_fields_find(headers->fields, headers->n_fields, "grpc-status");
    struct bytes text = grpc_fields_find(headers->fields, headers->n_fields, "grpc-message");
    int r = 0;
    if (status.data)
        r = arena_copy(&call->arena, status, &answer->status);
    if (r == 0 && text.data)
        r = keep_text(call, text);
    if (r == 0)
        r = grpc_fields_find_binary(headers->fields, headers->n_fields, "grpc-status-details-bin",
                                    &call->arena, &answer->details);
    if (r == 0)
        r = keep_metadata(call, headers, &answer->trailers, &answer->n_trailers);
    return r;
}

void client_answer_headers(struct grpc_client_call *call, const struct h2_headers *headers) {
    if (headers->is_too_long) {
        client_call_end(call, GRPC_RESOURCE_EXHAUSTED, "the answer's header list is over %d bytes",
                        H2_MAX_HEADER_LIST);
        return;
    }
    if (headers->block == H2_RESPONSE)
        keep_http_status(&call->answer, headers);
    if (headers->block == H2_RESPONSE && !headers->ends_stream)
        take_response(call, headers);
    else if (take_trailers(call, headers))
        end_for_memory(call);
}

/* ---- messages ---- */

static void end_for_framing(struct grpc_client_call *call, int r) {
    if (r == GRPC_FRAMING_E_TOO_LARGE)
        channel_hit_limit(call->channel, "grpc.message");
    if (r == GRPC_FRAMING_E_TOO_LARGE)
        client_call_end(call, GRPC_RESOURCE_EXHAUSTED, "the server sent a message over %d bytes",
                        GRPC_MAX_MESSAGE);
    else if (r == GRPC_FRAMING_E_BAD_FLAG)
        client_call_end(call, GRPC_INTERNAL, "the server's bytes are no gRPC messages");
    else
        end_for_memory(call);
}

static void end_for_compression(struct grpc_client_call *call, int r) {
    if (r == GRPC_COMPRESSION_E_TOO_LARGE)
        channel_hit_limit(call->channel, "grpc.inflated_message");
    if (r == GRPC_COMPRESSION_E_TOO_LARGE)
        client_call_end(call, GRPC_RESOURCE_EXHAUSTED,
                        "the server sent a message that decompresses to too much");
    else if (r == GRPC_COMPRESSION_E_CORRUPT)
        client_call_end(call, GRPC_INTERNAL, "the server sent a message that is no gzip data");
    else
        end_for_memory(call);
}

/* The message's plain bytes, or false: the call has ended. */
static bool unpack(struct grpc_client_call *call, const struct grpc_message *message,
                   struct bytes *plain) {
    struct client_answer *answer = &call->answer;
    *plain = message->bytes;
    if (!message->is_compressed)
        return true;
    if (answer->encoding != GRPC_GZIP) {
        client_call_end(call, GRPC_INTERNAL,
                        "the server compressed a message with what it did not name or we lack");
        return false;
    }
    buf_reset(&answer->inflated);
    int r = grpc_gunzip(message->bytes, &answer->inflated);
    if (r) {
        end_for_compression(call, r);
        return false;
    }
    *plain = buf_bytes(&answer->inflated);
    return true;
}

static void give(struct grpc_client_call *call, const struct grpc_message *message,
                 struct bytes plain) {
    client_observe_received(call, message, plain.len);
    if (call->ops->message)
        call->ops->message(call, plain);
}

static bool may_give(const struct grpc_client_call *call) {
    return !call->answer.is_held &&
           (call->state == CLIENT_CALL_OPEN || call->state == CLIENT_CALL_ANSWERED);
}

/* Gives the messages of a piece until it is used up, held or over. Returns how much was used. */
static size_t give_messages(struct grpc_client_call *call, struct bytes piece) {
    struct bytes rest = piece;
    while (may_give(call)) {
        struct grpc_message message;
        struct bytes plain;
        int r = grpc_framing_next(&call->answer.framing, &rest, &message);
        if (r == GRPC_FRAMING_E_MORE)
            break;
        if (r)
            end_for_framing(call, r);
        else if (unpack(call, &message, &plain))
            give(call, &message, plain);
    }
    return piece.len - rest.len;
}

/* The window keeps the server from sending more than `held` takes. */
static void hold_back(struct grpc_client_call *call, struct bytes rest) {
    if (buf_append(&call->answer.held, rest))
        end_for_memory(call);
}

void client_answer_data(struct grpc_client_call *call, struct h2_stream *stream,
                        struct bytes piece) {
    client_call_ref(call);
    /* After a release the older bytes go first: what comes before the next turn waits too. */
    size_t n_used = buf_len(&call->answer.held) ? 0 : give_messages(call, piece);
    bool is_over = call->state == CLIENT_CALL_DONE;
    if (!is_over && n_used < piece.len)
        hold_back(call, bytes_from(piece, n_used));
    h2_stream_consume(stream, is_over ? piece.len : n_used);
    client_call_unref(call);
}

static void finish_when_all_is_given(struct grpc_client_call *call);

void client_answer_resume(struct grpc_client_call *call) {
    struct buf *held = &call->answer.held;
    if (call->answer.is_held)
        return;
    if (buf_len(held)) {
        size_t n_used = give_messages(call, buf_bytes(held));
        buf_consume(held, n_used);
        if (call->state == CLIENT_CALL_OPEN) {
            h2_stream_consume(call->stream, n_used);
            net_conn_wake(call->conn->net);
        }
    }
    if (call->state == CLIENT_CALL_ANSWERED)
        finish_when_all_is_given(call);
}

/* ---- the end ---- */

static bool has_deadline_passed(const struct grpc_client_call *call) {
    return call->channel->loop->now_ns >= call->deadline.at_ns;
}

static void end_without_status(struct grpc_client_call *call) {
    const char *http_status = call->answer.http_status;
    if (strcmp(http_status, "200") == 0)
        client_call_end(call, GRPC_UNKNOWN, "the server ended the call without a status");
    else
        end_for_http_status(call);
}

static void finish_when_all_is_given(struct grpc_client_call *call) {
    struct client_answer *answer = &call->answer;
    if (buf_len(&answer->held))
        return;
    enum grpc_status status = grpc_status_parse(answer->status);
    if (!answer->status.data)
        end_without_status(call);
    else if (status == GRPC_OK && grpc_framing_is_inside(&answer->framing))
        client_call_end(call, GRPC_INTERNAL, "the server's answer ends inside a message");
    else if (status == GRPC_CANCELLED && has_deadline_passed(call))
        client_call_end(call, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
    else
        client_call_conclude(call, status, answer->text ? answer->text : "");
}

void client_answer_ended(struct grpc_client_call *call) {
    client_call_answered(call);
    finish_when_all_is_given(call);
}

void client_answer_stream_closed(struct grpc_client_call *call, uint32_t error,
                                 bool is_unprocessed) {
    struct channel_conn *conn = call->conn;
    client_call_forget_stream(call);
    if (error == H2_CONNECTION_LOST || conn->state == CONN_ENDING)
        client_call_end(call, GRPC_UNAVAILABLE, "%s", conn->why.text);
    else if (is_unprocessed)
        client_call_end(call, GRPC_UNAVAILABLE, "%s did not take the call",
                        call->channel->authority);
    else if (grpc_status_of_h2_error(error) == GRPC_CANCELLED && has_deadline_passed(call))
        client_call_end(call, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
    else
        client_call_end(call, grpc_status_of_h2_error(error),
                        "the server reset the call with HTTP/2 error %u", error);
}
