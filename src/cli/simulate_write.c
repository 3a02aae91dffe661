/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three kinds of simulated sensors that write. A reading that was not acknowledged is sent
 * again, with its time and sequence, so the server knows a repeat when it sees one. (Only the last
 * one: what else a broken stream carried is not kept here.)
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "cli/simulate.h"
#include "cli/unary.h"
#include "proto/message.h"

/* Readings in one call that streams. A chat could go on for ever, but then nothing of it would be
 * seen: a call is a span, and counts, when it ends. */
enum {
    STREAM_MIN = 3,
    STREAM_SPREAD = 8,
};

/* A unary call without an answer for so long counts as failed. */
#define SIMULATE_TIMEOUT_NS (10 * NS_PER_S)

static void print_reading(const struct reading *reading, const char *verb) {
    printf("%s %.*s %s C", verb, BYTES_ARGS(reading->sensor_id),
           decimal_format(reading->temperature).text);
}

static void reading_is_kept(struct simulator *simulator) {
    simulator->has_reading = false;
    simulator->n_done++;
    simulator_succeeded(simulator);
}

/* ---- unary ---- */

static void on_unary_done(struct client *client, void *user, enum grpc_status status,
                          const char *text, const ProtobufCMessage *answer) {
    struct simulator *simulator = user;
    (void)client;
    if (!answer) {
        simulator_failed(simulator, status, text);
        return;
    }
    print_reading(&simulator->reading, "sent");
    printf(": %s\n", ((const Ack *)answer)->message);
    reading_is_kept(simulator);
    simulator_rest(simulator);
}

static const struct unary send_unary = {
    .path = "/SensorService/SendSingleReading",
    .answer_type = &ack__descriptor,
    .done = on_unary_done,
};

void simulate_unary(struct simulator *simulator) {
    if (!options_given(simulator->client.options, OPTION_TIMEOUT))
        simulator->client.timeout_ns = SIMULATE_TIMEOUT_NS;
    unary_start_reading(&simulator->client, &send_unary, simulator_make_reading(simulator),
                        simulator);
}

/* ---- what both streams share ---- */

/* Sends the next reading in the call. What cannot be sent is told by the call's status. */
static void send_next(struct simulator *simulator) {
    int r = client_send_reading(simulator->call, simulator_make_reading(simulator));
    if (r)
        client_fail(&simulator->client, GRPC_INTERNAL, strerror(-r));
    else
        simulator->n_in_call++;
}

static uint64_t choose_call_length(struct simulator *simulator) {
    uint64_t n = STREAM_MIN + random_below(&simulator->random, STREAM_SPREAD);
    uint64_t left = simulator->settings.count - simulator->n_done;
    return simulator->settings.count && left < n ? left : n;
}

/* Starts a call if there is none. 0, or -EINVAL: it was said. */
static int ensure_call(struct simulator *simulator, const char *path,
                       const struct grpc_client_ops *ops) {
    if (simulator->call)
        return 0;
    simulator->n_in_call = 0;
    simulator->n_for_call = choose_call_length(simulator);
    return client_call(&simulator->client, path, ops, simulator, &simulator->call);
}

/* ---- client stream ---- */

static void on_ack(struct grpc_client_call *call, struct bytes message) {
    struct simulator *simulator = grpc_client_call_user(call);
    message_free((ProtobufCMessage *)STEAL(simulator->ack));
    if (message_unpack(&ack__descriptor, message, (ProtobufCMessage **)&simulator->ack))
        simulator->ack = NULL;
}

static void on_stream_status(struct grpc_client_call *call, enum grpc_status status,
                             const char *text) {
    struct simulator *simulator = grpc_client_call_user(call);
    simulator->call = NULL;
    if (simulator->client.is_finished)
        return;
    if (status != GRPC_OK) {
        simulator_failed(simulator, status, text);
        return;
    }
    printf("stream of %s: %s\n", counted(simulator->n_in_call, "reading", "readings").text,
           simulator->ack ? simulator->ack->message : "an answer without words");
    simulator->n_done += simulator->n_in_call;
    simulator_succeeded(simulator);
    simulator_rest(simulator);
}

static const struct grpc_client_ops stream_ops = {.message = on_ack, .status = on_stream_status};

void simulate_client_stream(struct simulator *simulator) {
    if (ensure_call(simulator, "/SensorService/StreamSensorReadings", &stream_ops))
        return;
    send_next(simulator);
    if (simulator->client.is_finished)
        return;
    print_reading(&simulator->reading, "streaming");
    printf(" (%llu of %llu)\n", (unsigned long long)simulator->n_in_call,
           (unsigned long long)simulator->n_for_call);
    simulator->has_reading = false;
    if (simulator->n_in_call < simulator->n_for_call)
        simulator_rest(simulator);
    else
        grpc_client_call_half_close(simulator->call);
}

/* ---- chat ---- */

static void on_answer(struct grpc_client_call *call, struct bytes message) {
    struct simulator *simulator = grpc_client_call_user(call);
    CLEANUP(message_freep) ProtobufCMessage *answer = NULL;
    if (message_unpack(&server_message__descriptor, message, &answer)) {
        client_fail(&simulator->client, GRPC_INTERNAL, "an answer is not the message expected");
        return;
    }
    print_reading(&simulator->reading, "said");
    printf(": %s\n", ((const ServerMessage *)answer)->message);
    reading_is_kept(simulator);
    if (simulator->n_in_call < simulator->n_for_call)
        simulator_rest(simulator);
    else
        grpc_client_call_half_close(call);
}

static void on_chat_status(struct grpc_client_call *call, enum grpc_status status,
                           const char *text) {
    struct simulator *simulator = grpc_client_call_user(call);
    simulator->call = NULL;
    if (status != GRPC_OK)
        simulator_failed(simulator, status, text);
    else
        simulator_rest(simulator);
}

static const struct grpc_client_ops chat_ops = {.message = on_answer, .status = on_chat_status};

/* The next reading goes out after the answer to this one. */
void simulate_chat(struct simulator *simulator) {
    if (ensure_call(simulator, "/SensorService/SensorChat", &chat_ops) == 0)
        send_next(simulator);
}
