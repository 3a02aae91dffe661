/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/grpc_span.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "net/address.h"

enum {
    /* What a client may put into attributes of ours: a DNS name is no longer (RFC 1035). */
    MAX_HOST = 253,

    /* A status' description: the code, and as much of the text as a person reads. */
    MAX_DESCRIPTION = 256,
};

/* ---- time ---- */

uint64_t wall_clock_of(struct wall_clock *clock, uint64_t monotonic_ns) {
    uint64_t known_at_ns = atomic_load_explicit(&clock->known_at_ns, memory_order_acquire);
    /* An earlier moment wraps: it is looked up, too. Who sees that it is known sees what is. */
    if (known_at_ns == 0 || monotonic_ns - known_at_ns > NS_PER_S) {
        atomic_store_explicit(&clock->offset_ns, clock_wall_ns() - clock_monotonic_ns(),
                              memory_order_relaxed);
        atomic_store_explicit(&clock->known_at_ns, monotonic_ns, memory_order_release);
    }
    return monotonic_ns + atomic_load_explicit(&clock->offset_ns, memory_order_relaxed);
}

/* ---- attributes ---- */

/* False: the text is no address. */
static bool split(struct bytes text, struct bytes *host, uint16_t *port) {
    return net_address_split(text, host, port) == 0 && host->len > 0 && host->len <= MAX_HOST;
}

void span_attributes_add_server(struct otel_attribute_list *attributes, struct bytes text) {
    struct bytes host;
    uint16_t port;
    if (!split(text, &host, &port))
        return;
    otel_attribute_list_add(attributes, "server.address", otel_text(host));
    if (port)
        otel_attribute_list_add(attributes, "server.port", otel_integer(port));
}

void span_attributes_add_peer(struct otel_attribute_list *attributes, const char *text) {
    struct bytes host;
    uint16_t port;
    if (!split(bytes_str(text), &host, &port))
        return;
    otel_attribute_list_add(attributes, "network.peer.address", otel_text(host));
    otel_attribute_list_add(attributes, "network.peer.port", otel_integer(port));
}

/* ---- events ---- */

bool observed_call_message(struct observed_call *call, const char *name,
                           const struct grpc_observed_message *message, uint64_t now_ns) {
    const struct otel_attribute attributes[] = {
        otel_attribute("sequence-number", otel_integer((int64_t)message->number)),
        otel_attribute("message-size", otel_integer((int64_t)message->size)),
        otel_attribute("message-size-compressed", otel_integer((int64_t)message->wire_size)),
    };
    size_t n = message->is_compressed ? 3 : 2;
    otel_span_event(&call->span, name, observed_call_wall(call, now_ns), attributes, n);
    return --call->n_events_left > 0;
}

/* ---- the end ---- */

uint64_t observed_call_wall(const struct observed_call *call, uint64_t now_ns) {
    return call->start_wall_ns + (now_ns > call->start_ns ? now_ns - call->start_ns : 0);
}

/* gRFC A72: `NOT_FOUND, no sensor of that name`. */
static void say_error(struct otel_span *span, const char *status, struct bytes text) {
    char description[MAX_DESCRIPTION + 4];
    otel_span_set(span, "error.type", otel_str(status));
    snprintf(description, sizeof(description), text.len ? "%s, %.*s" : "%s", status,
             BYTES_ARGS(text));
    size_t len = utf8_cut(description, MAX_DESCRIPTION);
    otel_span_status(span, OTEL_STATUS_ERROR, bytes_of(description, len));
}

static void end_span(struct observed_call *call, const struct grpc_call_end *end, uint64_t now_ns) {
    const char *status = grpc_status_name(end->status);
    otel_span_set(&call->span, "rpc.status_code", otel_str(status));
    if (call->method->measures->side->is_error(end->status))
        say_error(&call->span, status, end->text);
    otel_span_end(&call->span, observed_call_wall(call, now_ns));
}

/*
 * A call that ends in the turn of the loop in which it began has taken no time by the loop's clock:
 * only for those it is worth while to look at the real one.
 */
void observed_call_end(struct observed_call *call, const struct grpc_call_end *end,
                       uint64_t now_ns) {
    if (now_ns <= call->start_ns)
        now_ns = clock_monotonic_ns();
    if (otel_span_is_recorded(&call->span))
        end_span(call, end, now_ns);
    const struct measured_end measured = {
        .status = end->status,
        .seconds = (double)(int64_t)(now_ns - call->start_ns) / (double)NS_PER_S,
        .sent_bytes = end->sent->wire_bytes,
        .received_bytes = end->received->wire_bytes,
        .context = &call->span.context,
    };
    measured_method_ended(call->method, &measured);
}
