/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel's calls; all on the channel's thread.
 *
 * Methods are found by path, in the order in which they were called first: a program calls a few.
 * A program that makes them up is stopped at MAX_METHODS, what is beyond counts as unknown.
 *
 * A span's context borrows tracestate and baggage from its parent, which may end before the call:
 * once they are in the metadata both are forgotten.
 */
#include <stdio.h>

#include "base/mem.h"
#include "grpc/channel.h"
#include "otlp/grpc_observer.h"
#include "otlp/grpc_span.h"

enum {
    MAX_METHODS = 64,
};

struct otlp_grpc_client {
    struct grpc_client_observer observer;
    struct otlp_grpc_options options;
    struct measures measures;
    struct net_address address;
    char target[sizeof("dns:///[]:65535") + sizeof(((struct net_address *)0)->host)];
    struct measured_method *methods; /* the last in the list is that of all unknown ones */
    size_t n_methods;
    struct wall_clock clock;
};

static struct observed_call *observed(const struct grpc_client_call *call) {
    return grpc_client_call_observer_state(call);
}

/* ---- methods ---- */

/* What all calls of a method have alike: a channel has one address. */
static void describe_method(const struct otlp_grpc_client *client,
                            const struct measured_method *method,
                            struct otel_attribute_list *attributes) {
    otel_attribute_list_add(attributes, "rpc.system.name", otel_str("grpc"));
    otel_attribute_list_add(attributes, "rpc.method", otel_str(measured_method_name(method)));
    otel_attribute_list_add(attributes, "server.address", otel_str(client->address.host));
    otel_attribute_list_add(attributes, "server.port", otel_integer(client->address.port));
}

static void prepare_method(const struct otlp_grpc_client *client, struct measured_method *method) {
    struct otel_attribute_list attributes;
    attributes.n = 0;
    describe_method(client, method, &attributes);
    method->prepared = otel_prepared_new(client->options.tracer, attributes.all, attributes.n);
}

static struct measured_method *add_method(struct otlp_grpc_client *client, struct bytes path) {
    struct measured_method *method = measured_method_new(&client->measures, path);
    if (!method)
        return NULL;
    prepare_method(client, method);
    method->next = client->methods;
    client->methods = method;
    client->n_methods++;
    return method;
}

/* The method of a path; without memory, or where there are too many, that of unknown ones. */
static struct measured_method *method_of(struct otlp_grpc_client *client, struct bytes path) {
    struct bytes name = measured_path_name(path);
    struct measured_method *method = client->methods;
    for (; method->name; method = method->next)
        if (bytes_equal_str(name, method->name))
            return method;
    struct measured_method *added = NULL;
    if (name.len > 0 && client->n_methods <= MAX_METHODS)
        added = add_method(client, path);
    return added ? added : method;
}

/* ---- calls ---- */

static void set_field(void *user, const char *name, struct bytes value) {
    struct grpc_client_call *call = user;
    (void)!grpc_client_call_add(call, bytes_str(name), value); /* the call goes on without it */
}

/* But for what is prepared. */
static void describe(const struct otlp_grpc_client *client, const struct measured_method *method,
                     struct bytes path, struct otel_attribute_list *attributes) {
    if (!method->prepared)
        describe_method(client, method, attributes);
    if (!method->name)
        otel_attribute_list_add(attributes, "rpc.method_original",
                                otel_text(measured_path_name(path)));
}

static void start_span(struct otlp_grpc_client *client, struct grpc_client_call *call) {
    struct observed_call *state = observed(call);
    struct otel_context *context = &state->span.context;
    const struct otel_carrier carrier = {.user = call, .set = set_field};
    const struct otel_prepared *prepared = state->method->prepared;
    struct otel_attribute_list attributes;
    attributes.n = 0;
    describe(client, state->method, grpc_client_call_path(call), &attributes);
    const struct otel_span_options options = {
        .name = bytes_str(state->method->name ? state->method->name : "grpc"),
        .kind = OTEL_KIND_CLIENT,
        .start_ns = state->start_wall_ns,
        .attributes = attributes.all,
        .n_attributes = attributes.n,
        .prepared = &prepared,
        .n_prepared = prepared ? 1 : 0,
    };
    otel_span_start(client->options.tracer, &options, &state->span);
    otel_propagation_inject(&client->options.propagators, context, &carrier);
    context->span.trace_state = (struct bytes){0};
    context->baggage = NULL;
}

static void on_call_started(void *user, struct grpc_client_call *call) {
    struct otlp_grpc_client *client = user;
    struct observed_call *state = observed(call);
    state->method = method_of(client, grpc_client_call_path(call));
    state->start_ns = grpc_client_call_now_ns(call);
    state->start_wall_ns = wall_clock_of(&client->clock, state->start_ns);
    state->n_events_left = client->options.max_events;
    measured_method_started(state->method);
    start_span(client, call);
    if (!otel_span_is_recorded(&state->span) || state->n_events_left == 0)
        grpc_client_call_observe_no_messages(call);
}

static void on_stream_opened(void *user, struct grpc_client_call *call) {
    (void)user;
    struct observed_call *state = observed(call);
    struct otel_attribute_list attributes = {.n = 0};
    if (!otel_span_is_recorded(&state->span))
        return;
    span_attributes_add_peer(&attributes, grpc_client_call_peer(call));
    for (size_t i = 0; i < attributes.n; i++)
        otel_span_set(&state->span, (const char *)attributes.all[i].key.data,
                      attributes.all[i].value);
}

static void tell_message(struct grpc_client_call *call, const char *name,
                         const struct grpc_observed_message *message) {
    if (!observed_call_message(observed(call), name, message, grpc_client_call_now_ns(call)))
        grpc_client_call_observe_no_messages(call);
}

static void on_message_received(void *user, struct grpc_client_call *call,
                                const struct grpc_observed_message *message) {
    (void)user;
    tell_message(call, "Inbound message", message);
}

static void on_message_sent(void *user, struct grpc_client_call *call,
                            const struct grpc_observed_message *message) {
    (void)user;
    tell_message(call, "Outbound message", message);
}

static void on_call_ended(void *user, struct grpc_client_call *call,
                          const struct grpc_call_end *end) {
    (void)user;
    observed_call_end(observed(call), end, grpc_client_call_now_ns(call));
}

struct otel_span *otlp_grpc_client_call_span(const struct grpc_client_call *call) {
    struct observed_call *state = observed(call);
    return state ? &state->span : NULL;
}

/* ---- connections and limits ---- */

static void on_handshaken(void *user, const struct net_handshake *handshake) {
    struct otlp_grpc_client *client = user;
    measures_handshake(&client->measures, handshake);
}

static void on_limit_hit(void *user, const char *limit) {
    struct otlp_grpc_client *client = user;
    measures_limit(&client->measures, limit);
}

/* ---- life ---- */

static const struct grpc_client_observer callbacks = {
    .call_state_size = sizeof(struct observed_call),
    .handshaken = on_handshaken,
    .limit_hit = on_limit_hit,
    .call_started = on_call_started,
    .stream_opened = on_stream_opened,
    .message_received = on_message_received,
    .message_sent = on_message_sent,
    .call_ended = on_call_ended,
};

/* gRFC A66: the canonical form, with the resolver that is the default. */
static void say_target(struct otlp_grpc_client *client) {
    const struct net_address *address = &client->address;
    bool is_v6 = strchr(address->host, ':') != NULL;
    snprintf(client->target, sizeof(client->target), is_v6 ? "dns:///[%s]:%u" : "dns:///%s:%u",
             address->host, address->port);
}

int otlp_grpc_client_new(const struct otlp_grpc_options *options, const struct net_address *address,
                         struct otlp_grpc_client **out) {
    CLEANUP(mem_freep) struct otlp_grpc_client *client = mem_new(struct otlp_grpc_client);
    if (!client)
        return -ENOMEM;
    client->options = *options;
    client->address = *address;
    client->observer = callbacks;
    client->observer.user = client;
    say_target(client);
    int r = measures_init(&client->measures, &measures_client, options->meter);
    client->measures.target = client->target;
    client->measures.address = client->address.host;
    client->measures.port = client->address.port;
    if (!r && !add_method(client, bytes_of(NULL, 0)))
        r = -ENOMEM;
    if (r)
        return err_trace(r);
    *out = STEAL(client);
    return 0;
}

void otlp_grpc_client_free(struct otlp_grpc_client *client) {
    if (!client)
        return;
    measured_methods_free(client->methods);
    mem_free(client);
}

const struct grpc_client_observer *
otlp_grpc_client_observer(const struct otlp_grpc_client *client) {
    return &client->observer;
}
