/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/answers.h"
#include "collector/handlers.h"
#include "collector/writing.h"
#include "proto/sensor.pb-c.h"

static void single_complete(struct writing *writing) {
    Ack ack = ACK__INIT;
    ack.message = (char *)ANSWER_SINGLE;
    ack.accepted = writing->accepted;
    ack.duplicates = writing->duplicates;
    grpc_call_answer(writing->call, &ack.base);
}

static const struct writing_ops single_ops = {.complete = single_complete};

static void single_started(struct grpc_call *call) {
    writing_init(grpc_call_state(call), call, &single_ops, false);
}

static int single_message(struct grpc_call *call, struct bytes message) {
    struct writing *writing = grpc_call_state(call);
    writing->has_all = true;
    if (writing_take(writing, message, NULL))
        writing_refuse_full(writing);
    return 0;
}

static void single_ended(struct grpc_call *call) {
    writing_fini(grpc_call_state(call));
}

const struct grpc_method method_send_single_reading = {
    .name = "SendSingleReading",
    .kind = GRPC_UNARY,
    .state_size = sizeof(struct writing),
    .started = single_started,
    .message = single_message,
    .ended = single_ended,
};
