/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written goes out in pieces of many messages: the load has one core, and has to outrun a
 * server that takes millions of readings a second.
 */
#include "cli/bench_calls.h"

#include <string.h>

#include "base/plural.h"
#include "grpc/framing.h"
#include "proto/sensor.pb-c.h"

/* Readings written at a time: 26 KB, under the mark at which a call is busy. */
#define PIECE 512

/* 0, or a negated errno: it was told as a failure. */
static int open_call(struct bench_slot *slot, const char *path, const struct grpc_client_ops *ops) {
    const struct grpc_call_options options = {.path = path};
    slot->n_in_call = 0;
    slot->is_cut = false;
    int r = grpc_client_call_start(slot->channel, &options, ops, slot, &slot->call);
    if (r == 0) {
        slot->worker->n_calls++;
        return 0;
    }
    bench_slot_failed(slot, GRPC_INTERNAL, strerror(-r));
    return r;
}

static void close_call(struct bench_slot *slot) {
    slot->call = NULL;
    slot->worker->n_calls--;
}

/* Sends the next `n` readings in the call. What cannot be sent ends it. */
static void write_readings(struct bench_slot *slot, size_t n) {
    uint8_t *out;
    int r = grpc_client_call_reserve_framed(slot->call, n * BENCH_MAX_FRAMED, &out);
    if (r) {
        grpc_client_call_cancel(slot->call);
        return;
    }
    size_t used = (size_t)(bench_source_write(&slot->source, n, out) - out);
    grpc_client_call_commit_framed(slot->call, used, n);
    slot->worker->counts.sent_bytes += used;
}

static void count_received(struct bench_slot *slot, struct bytes message) {
    slot->worker->counts.received_bytes += GRPC_PREFIX_SIZE + message.len;
}

/* `n` readings were acknowledged. */
static void count_kept(struct bench_slot *slot, uint64_t n) {
    slot->worker->counts.readings += n;
    slot->worker->counts.kept += n;
}

/* ---- unary and client stream: one answer at the end ---- */

static void on_ack(struct grpc_client_call *call, struct bytes message) {
    count_received(grpc_client_call_user(call), message);
}

/* Counts a call that has ended; false: it failed, and that is told. */
static bool ended_well(struct bench_slot *slot, enum grpc_status status, const char *text) {
    close_call(slot);
    if (status != GRPC_OK) {
        bench_slot_failed(slot, status, text);
        return false;
    }
    slot->worker->counts.calls++;
    return true;
}

/* A call that was cut is shorter than the others: its readings count, its latency does not. */
static void on_ack_status(struct grpc_client_call *call, enum grpc_status status,
                          const char *text) {
    struct bench_slot *slot = grpc_client_call_user(call);
    if (!ended_well(slot, status, text))
        return;
    count_kept(slot, slot->n_in_call);
    if (!slot->is_cut)
        bench_slot_answered(slot);
    bench_slot_next(slot);
}

static const struct grpc_client_ops unary_ops = {.message = on_ack, .status = on_ack_status};

static void begin_unary(struct bench_slot *slot) {
    if (open_call(slot, "/SensorService/SendSingleReading", &unary_ops))
        return;
    write_readings(slot, 1);
    slot->n_in_call = 1;
    grpc_client_call_half_close(slot->call);
}

static void on_stream_writable(struct grpc_client_call *call) {
    struct bench_slot *slot = grpc_client_call_user(call);
    while (slot->n_in_call < slot->n_for_call && !slot->is_cut && !grpc_client_call_is_busy(call)) {
        uint64_t left = slot->n_for_call - slot->n_in_call;
        size_t n = left < PIECE ? left : PIECE;
        write_readings(slot, n);
        slot->n_in_call += n;
    }
    if (slot->n_in_call == slot->n_for_call)
        grpc_client_call_half_close(call);
}

static const struct grpc_client_ops stream_ops = {
    .message = on_ack, .writable = on_stream_writable, .status = on_ack_status};

static void begin_client_stream(struct bench_slot *slot) {
    const struct bench_phase *phase = &slot->worker->phase;
    bool is_fill = phase->duration_ns == 0;
    slot->n_for_call =
        phase->readings_per_call * (is_fill ? bench_source_n_sensors(&slot->source) : 1);
    if (open_call(slot, "/SensorService/StreamSensorReadings", &stream_ops) == 0)
        on_stream_writable(slot->call);
}

static void cut_client_stream(struct bench_slot *slot) {
    if (slot->n_in_call == slot->n_for_call)
        return;
    slot->is_cut = true;
    grpc_client_call_half_close(slot->call);
}

/* ---- server stream ---- */

static void on_reading(struct grpc_client_call *call, struct bytes message) {
    struct bench_slot *slot = grpc_client_call_user(call);
    slot->n_in_call++;
    count_received(slot, message);
}

static void on_readings_status(struct grpc_client_call *call, enum grpc_status status,
                               const char *text) {
    struct bench_slot *slot = grpc_client_call_user(call);
    struct err_text why;
    close_call(slot);
    if (status == GRPC_OK && slot->n_in_call != slot->n_for_call) {
        err_say(&why, "a sensor of %s was read as %llu",
                counted(slot->n_for_call, "reading", "readings").text,
                (unsigned long long)slot->n_in_call);
        text = why.text;
        status = GRPC_DATA_LOSS;
    }
    if (status != GRPC_OK) {
        bench_slot_failed(slot, status, text);
        return;
    }
    slot->worker->counts.calls++;
    slot->worker->counts.readings += slot->n_in_call;
    bench_slot_answered(slot);
    bench_slot_next(slot);
}

static const struct grpc_client_ops readings_ops = {.message = on_reading,
                                                    .status = on_readings_status};

/* Each call reads one of the stream's sensors, in turn. */
static void begin_server_stream(struct bench_slot *slot) {
    const struct bench_source *source = &slot->source;
    uint64_t own = slot->n_read++ % bench_source_n_sensors(source);
    SensorRequest request = SENSOR_REQUEST__INIT;
    request.sensor_id = source->readings->ids[source->first + own * source->step];
    slot->n_for_call = slot->worker->phase.readings_per_call;
    if (open_call(slot, "/SensorService/GetSensorReadings", &readings_ops))
        return;
    if (grpc_client_call_send(slot->call, &request.base))
        grpc_client_call_cancel(slot->call);
    slot->worker->counts.sent_bytes +=
        GRPC_PREFIX_SIZE + protobuf_c_message_get_packed_size(&request.base);
    grpc_client_call_half_close(slot->call);
}

/* ---- chat ---- */

/* The operation is over with the answer; the slot goes on unless the call has to end first. */
static void on_chat_answer(struct grpc_client_call *call, struct bytes message) {
    struct bench_slot *slot = grpc_client_call_user(call);
    count_received(slot, message);
    count_kept(slot, 1);
    slot->is_answered = true;
    bench_slot_answered(slot);
    if (++slot->n_in_call == slot->n_for_call || slot->is_cut)
        grpc_client_call_half_close(call);
    else
        bench_slot_next(slot);
}

static void on_chat_status(struct grpc_client_call *call, enum grpc_status status,
                           const char *text) {
    struct bench_slot *slot = grpc_client_call_user(call);
    if (ended_well(slot, status, text))
        bench_slot_next(slot);
}

static const struct grpc_client_ops chat_ops = {.message = on_chat_answer,
                                                .status = on_chat_status};

static void begin_chat(struct bench_slot *slot) {
    slot->n_for_call = slot->worker->phase.readings_per_call;
    slot->is_answered = false;
    if (slot->call || open_call(slot, "/SensorService/SensorChat", &chat_ops) == 0)
        write_readings(slot, 1);
}

static void cut_chat(struct bench_slot *slot) {
    slot->is_cut = true;
    if (slot->is_answered)
        grpc_client_call_half_close(slot->call);
}

/* ---- all ---- */

static const struct {
    void (*begin)(struct bench_slot *slot);
    void (*cut)(struct bench_slot *slot); /* NULL: it ends soon by itself */
} kinds[] = {
    [BENCH_UNARY] = {begin_unary, NULL},
    [BENCH_CLIENT_STREAM] = {begin_client_stream, cut_client_stream},
    [BENCH_SERVER_STREAM] = {begin_server_stream, NULL},
    [BENCH_CHAT] = {begin_chat, cut_chat},
};

void bench_slot_begin(struct bench_slot *slot) {
    kinds[slot->worker->phase.kind].begin(slot);
}

void bench_slot_cut(struct bench_slot *slot) {
    if (slot->call && kinds[slot->worker->phase.kind].cut)
        kinds[slot->worker->phase.kind].cut(slot);
}
