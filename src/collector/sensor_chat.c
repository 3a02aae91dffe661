/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chat: each reading is answered, in order, as soon as it is kept. Between the two its
 * temperature waits in a queue, since the answer repeats it. The queue has a bound, and a client
 * that does not read its answers is not read from either.
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/decimal.h"
#include "collector/answers.h"
#include "collector/handlers.h"
#include "collector/worker.h"
#include "collector/writing.h"
#include "proto/sensor.pb-c.h"

struct chat {
    struct writing writing; /* first: writing_* get the call's state */
    struct buf unanswered;  /* temperatures, as doubles */
    uint64_t n_answered;
};

static struct chat *chat_of_writing(struct writing *writing) {
    return CONTAINER_OF(writing, struct chat, writing);
}

static double chat_next_temperature(struct chat *chat) {
    double temperature;
    memcpy(&temperature, buf_bytes(&chat->unanswered).data, sizeof(temperature));
    buf_consume(&chat->unanswered, sizeof(temperature));
    return temperature;
}

static int chat_answer(struct chat *chat, int64_t now_s) {
    char text[64];
    ServerMessage answer = SERVER_MESSAGE__INIT;
    snprintf(text, sizeof(text), ANSWER_CHAT "%s",
             decimal_format(chat_next_temperature(chat)).text);
    answer.message = text;
    answer.server_time = now_s;
    answer.accepted = ++chat->n_answered;
    return grpc_call_send(chat->writing.call, &answer.base);
}

static void chat_progress(struct writing *writing, uint64_t n) {
    struct chat *chat = chat_of_writing(writing);
    struct collector_worker *worker = grpc_call_worker_state(writing->call);
    int64_t now_s = worker_now_s(worker);
    for (uint64_t i = 0; i < n; i++) {
        if (chat_answer(chat, now_s)) {
            grpc_call_finish(writing->call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
            return;
        }
    }
    if (writing->verdict == GRPC_OK && !grpc_call_is_busy(writing->call))
        grpc_call_release(writing->call);
}

static void chat_complete(struct writing *writing) {
    grpc_call_finish(writing->call, GRPC_OK, "%s", "");
}

static const struct writing_ops chat_ops = {chat_progress, chat_complete};

static void chat_started(struct grpc_call *call) {
    struct chat *chat = grpc_call_state(call);
    buf_init(&chat->unanswered, COLLECTOR_MAX_UNANSWERED * sizeof(double));
    writing_init(&chat->writing, call, &chat_ops, true);
}

static bool chat_owes_too_much(const struct chat *chat) {
    size_t n = buf_len(&chat->unanswered) / sizeof(double);
    return n == COLLECTOR_MAX_UNANSWERED || grpc_call_is_busy(chat->writing.call);
}

static int chat_message(struct grpc_call *call, struct bytes message) {
    struct chat *chat = grpc_call_state(call);
    double temperature;
    uint8_t *room;
    if (chat_owes_too_much(chat))
        return GRPC_E_HOLD;
    if (buf_reserve(&chat->unanswered, sizeof(temperature), &room)) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
        return 0;
    }
    uint64_t n_taken = chat->writing.n_taken;
    int r = writing_take(&chat->writing, message, &temperature);
    if (chat->writing.n_taken > n_taken) {
        memcpy(room, &temperature, sizeof(temperature));
        buf_commit(&chat->unanswered, sizeof(temperature));
    }
    return r;
}

static void chat_half_closed(struct grpc_call *call) {
    struct chat *chat = grpc_call_state(call);
    writing_half_close(&chat->writing);
}

static void chat_broken(struct grpc_call *call, enum grpc_status status,
                        const struct err_text *why) {
    struct chat *chat = grpc_call_state(call);
    writing_break(&chat->writing, status, why);
}

/*
 * This comes while answers are written, so after the turn's batch was handed over: what the release
 * lets in is handed over here, or it would lie until something else wakes the loop.
 */
static void chat_writable(struct grpc_call *call) {
    struct chat *chat = grpc_call_state(call);
    struct collector_worker *worker = grpc_call_worker_state(call);
    if (chat->writing.verdict != GRPC_OK || !list_is_empty(&chat->writing.held))
        return;
    grpc_call_release(call);
    store_port_flush(worker->port);
}

static void chat_ended(struct grpc_call *call) {
    struct chat *chat = grpc_call_state(call);
    writing_fini(&chat->writing);
    buf_fini(&chat->unanswered);
}

const struct grpc_method method_sensor_chat = {
    .name = "SensorChat",
    .kind = GRPC_BIDI_STREAM,
    .state_size = sizeof(struct chat),
    .started = chat_started,
    .message = chat_message,
    .half_closed = chat_half_closed,
    .broken = chat_broken,
    .writable = chat_writable,
    .ended = chat_ended,
};
