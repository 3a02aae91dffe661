/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As call_observing.c, of the other side. The observer's bytes are the end of the call's memory,
 * which serves one call only.
 *
 * An observer adds metadata of its own while the call starts, when nothing may fail any more: its
 * room was set aside with that of the program's, and where either limit is reached the field is
 * left out.
 */
#include "grpc/client_observing.h"

#include "grpc/channel_conn.h"
#include "grpc/limits.h"

static const struct grpc_client_observer *observer_of(const struct grpc_client_call *call) {
    return call->channel->observer;
}

/* ---- what an observer asks ---- */

void *grpc_client_call_observer_state(const struct grpc_client_call *call) {
    return observer_of(call) ? (void *)(uintptr_t)call->observer_state : NULL;
}

uint64_t grpc_client_call_now_ns(const struct grpc_client_call *call) {
    net_loop_renew(call->channel->loop);
    return call->channel->loop->now_ns;
}

void grpc_client_call_observe_no_messages(struct grpc_client_call *call) {
    call->observing.tells_messages = false;
}

struct bytes grpc_client_call_path(const struct grpc_client_call *call) {
    return call->path;
}

const char *grpc_client_call_peer(const struct grpc_client_call *call) {
    return call->conn ? net_conn_peer(call->conn->net) : "";
}

static size_t metadata_size(const struct grpc_client_call *call) {
    size_t size = 0;
    for (size_t i = 0; i < call->n_metadata; i++)
        size += call->metadata[i].name.len + call->metadata[i].value.len;
    return size;
}

int grpc_client_call_add(struct grpc_client_call *call, struct bytes key, struct bytes value) {
    bool is_full = call->n_metadata == call->max_metadata ||
                   metadata_size(call) + key.len + value.len > GRPC_MAX_METADATA;
    if (is_full)
        return -ENOBUFS;
    struct grpc_entry entry = {key, value};
    int r = grpc_metadata_to_field(&entry, &call->arena, &call->metadata[call->n_metadata]);
    if (r)
        return r == GRPC_METADATA_E_INVALID ? -EINVAL : r;
    call->n_metadata++;
    return 0;
}

/* ---- what it is told ---- */

void client_observe_start(struct grpc_client_call *call) {
    const struct grpc_client_observer *observer = observer_of(call);
    if (!observer)
        return;
    observing_start(&call->observing, observer->message_received || observer->message_sent);
    if (observer->call_started)
        observer->call_started(observer->user, call);
}

void client_observe_stream(struct grpc_client_call *call) {
    const struct grpc_client_observer *observer = observer_of(call);
    if (observer && observer->stream_opened)
        observer->stream_opened(observer->user, call);
}

void client_observe_received(struct grpc_client_call *call, const struct grpc_message *message,
                             size_t size) {
    struct observing *observing = &call->observing;
    if (!observing_count(observing, &observing->received, size, message->bytes.len))
        return;
    const struct grpc_client_observer *observer = observer_of(call);
    const struct grpc_observed_message told =
        observing_message(&observing->received, size, message);
    if (observer->message_received)
        observer->message_received(observer->user, call, &told);
}

void client_observe_sent(struct grpc_client_call *call, const struct grpc_message *message,
                         size_t size) {
    struct observing *observing = &call->observing;
    if (!observing_count(observing, &observing->sent, size, message->bytes.len))
        return;
    const struct grpc_client_observer *observer = observer_of(call);
    const struct grpc_observed_message told = observing_message(&observing->sent, size, message);
    if (observer->message_sent)
        observer->message_sent(observer->user, call, &told);
}

void client_observe_sent_framed(struct grpc_client_call *call, struct bytes frames, size_t n) {
    struct grpc_message message;
    if (observing_count_framed(&call->observing, n, frames.len))
        return;
    while (observing_next_framed(&frames, &message))
        client_observe_sent(call, &message, message.bytes.len);
}

void client_observe_end(struct grpc_client_call *call) {
    const struct grpc_client_observer *observer = observer_of(call);
    if (!call->observing.is_on || !observer->call_ended)
        return;
    const struct grpc_call_end end =
        observing_end(&call->observing, call->status, bytes_str(call->text));
    observer->call_ended(observer->user, call, &end);
}

void channel_hit_limit(const struct grpc_channel *channel, const char *limit) {
    const struct grpc_client_observer *observer = channel->observer;
    if (observer && observer->limit_hit)
        observer->limit_hit(observer->user, limit);
}
