/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/answers.h"
#include "collector/handlers.h"
#include "collector/writing.h"
#include "proto/sensor.pb-c.h"

static void stream_complete(struct writing *writing) {
    Ack ack = ACK__INIT;
    ack.message = (char *)ANSWER_STREAM;
    ack.accepted = writing->accepted;
    ack.duplicates = writing->duplicates;
    grpc_call_answer(writing->call, &ack.base);
}

static const struct writing_ops stream_ops = {.complete = stream_complete};

static void stream_started(struct grpc_call *call) {
    writing_init(grpc_call_state(call), call, &stream_ops, true);
}

static int stream_message(struct grpc_call *call, struct bytes message) {
    return writing_take(grpc_call_state(call), message, NULL);
}

static void stream_half_closed(struct grpc_call *call) {
    writing_half_close(grpc_call_state(call));
}

static void stream_broken(struct grpc_call *call, enum grpc_status status,
                          const struct err_text *why) {
    writing_break(grpc_call_state(call), status, why);
}

static void stream_ended(struct grpc_call *call) {
    writing_fini(grpc_call_state(call));
}

const struct grpc_method method_stream_sensor_readings = {
    .name = "StreamSensorReadings",
    .kind = GRPC_CLIENT_STREAM,
    .state_size = sizeof(struct writing),
    .started = stream_started,
    .message = stream_message,
    .half_closed = stream_half_closed,
    .broken = stream_broken,
    .ended = stream_ended,
};
