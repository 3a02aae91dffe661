/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The observer's bytes of a call lie behind the handler's, in one piece of memory with the call.
 * They are zeroed at its start, for spare calls are used again.
 *
 * What must hold: a call that has started ends, once. So each of the two is told in one place:
 * begin() of request.c, through which every call comes, and call_end() of call.c. Messages are
 * counted where nobody is told of them, too: the end tells the sums.
 */
#include "grpc/call_observing.h"

#include "grpc/connection.h"
#include "grpc/server_impl.h"

/* ---- what an observer asks ---- */

void *grpc_call_observer_state(const struct grpc_call *call) {
    return call->observed;
}

uint64_t grpc_call_now_ns(const struct grpc_call *call) {
    net_loop_renew(&call->worker->loop);
    return call->worker->loop.now_ns;
}

size_t grpc_call_header_values(const struct grpc_call *call, const char *name, struct bytes *values,
                               size_t max) {
    const struct bytes wanted = bytes_str(name);
    size_t n = 0;
    for (size_t i = 0; call->stream && i < call->request.n_fields; i++) {
        const struct h2_field *field = &call->request.fields[i];
        if (!bytes_equal(field->name, wanted))
            continue;
        if (n < max)
            values[n] = field->value;
        n++;
    }
    return n;
}

void *grpc_call_observer_method(const struct grpc_call *call) {
    return call->route->observed;
}

void *grpc_call_observer_connection(const struct grpc_call *call) {
    if (!call->observer || !call->connection)
        return NULL;
    return connection_observer_state(call->connection);
}

void grpc_call_observe_no_messages(struct grpc_call *call) {
    call->observing.tells_messages = false;
}

/* ---- what it is told ---- */

void call_observe_made(struct grpc_call *call) {
    const struct grpc_server *server = call->worker->server;
    call->observer = server->observer;
    if (server->observer)
        call->observed = call->state + server->max_state_size;
}

void call_observe_start(struct grpc_call *call) {
    const struct grpc_server_observer *observer = call->observer;
    if (!observer)
        return;
    observing_start(&call->observing, observer->message_received || observer->message_sent);
    memset(call->observed, 0, observer->call_state_size);
    if (observer->call_started)
        observer->call_started(observer->user, call);
}

void call_enter(struct grpc_call *call, struct grpc_observer_scope *scope) {
    const struct grpc_server_observer *observer = call->observer;
    if (observer && observer->entered)
        observer->entered(observer->user, call, scope);
}

void call_leave(struct grpc_call *call, struct grpc_observer_scope *scope) {
    const struct grpc_server_observer *observer = call->observer;
    if (observer && observer->left)
        observer->left(observer->user, call, scope);
}

void call_observe_received(struct grpc_call *call, const struct grpc_message *message,
                           size_t size) {
    struct observing *observing = &call->observing;
    if (observing->was_counted) {
        observing->was_counted = false;
        return;
    }
    if (!observing_count(observing, &observing->received, size, message->bytes.len))
        return;
    const struct grpc_server_observer *observer = call->observer;
    const struct grpc_observed_message told =
        observing_message(&observing->received, size, message);
    if (observer->message_received)
        observer->message_received(observer->user, call, &told);
}

void call_observe_sent(struct grpc_call *call, const struct grpc_message *message, size_t size) {
    struct observing *observing = &call->observing;
    if (!observing_count(observing, &observing->sent, size, message->bytes.len))
        return;
    const struct grpc_server_observer *observer = call->observer;
    const struct grpc_observed_message told = observing_message(&observing->sent, size, message);
    if (observer->message_sent)
        observer->message_sent(observer->user, call, &told);
}

void call_observe_sent_framed(struct grpc_call *call, struct bytes frames, size_t n) {
    struct grpc_message message;
    if (observing_count_framed(&call->observing, n, frames.len))
        return;
    while (observing_next_framed(&frames, &message))
        call_observe_sent(call, &message, message.bytes.len);
}

void call_observe_end(struct grpc_call *call, enum grpc_status status, struct bytes text) {
    const struct grpc_server_observer *observer = call->observer;
    if (!observer || !observer->call_ended)
        return;
    const struct grpc_call_end end = observing_end(&call->observing, status, text);
    observer->call_ended(observer->user, call, &end);
}

void server_hit_limit(const struct grpc_server *server, const char *limit) {
    const struct grpc_server_observer *observer = server->observer;
    if (observer && observer->limit_hit)
        observer->limit_hit(observer->user, limit);
}
