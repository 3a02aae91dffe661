/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's calls. Callbacks come from all workers at once: what is shared is either fixed
 * (methods) or safe from any thread (series, the tracer, the wall clock).
 *
 * A span's context borrows its tracestate from the request's header fields, which are gone with the
 * stream: so it is forgotten at the end of the call. What is exported has its own copy.
 */
#include "base/mem.h"
#include "grpc/call.h"
#include "otel/instruments.h"
#include "otlp/grpc_observer.h"
#include "otlp/grpc_span.h"

enum {
    /* A path that is no method's, as an attribute: cut. */
    MAX_UNKNOWN_PATH = 256,

    /* Fields of one name that are joined. */
    MAX_JOINED = 8,

    /* What is kept of a connection: a host's name, a port, brackets. */
    MAX_AUTHORITY = 253 + sizeof("[]:65535"),
};

/* A connection's observer state: what the spans of its calls have alike. */
struct observed_connection {
    struct otel_prepared *prepared; /* for this `authority`; NULL: not yet */
    char authority[MAX_AUTHORITY];
    size_t authority_len;
};

struct otlp_grpc_server {
    struct grpc_server_observer observer;
    struct otlp_grpc_options options;
    struct measures measures;
    struct otel_series *open_connections;
    struct measured_method *methods;
    struct wall_clock clock;
};

static_assert(sizeof(struct otel_attached) <= sizeof(struct grpc_observer_scope),
              "an attachment fits into the scope");

static struct observed_call *observed(const struct grpc_call *call) {
    return grpc_call_observer_state(call);
}

/* ---- the caller's context ---- */

/* Not zeroed as a whole: each call would pay for it. */
struct request_fields {
    const struct grpc_call *call;
    char joined[OTEL_MAX_TRACE_STATE_BYTES];
    bool is_joined;
};

/* Several fields count as one list (RFC 9110 section 5.3). One that is too long is not there. */
static struct bytes join(struct request_fields *fields, const struct bytes *values, size_t n) {
    size_t len = 0;
    fields->is_joined = true;
    for (size_t i = 0; i < n; i++) {
        if (len + values[i].len + 1 > sizeof(fields->joined))
            return (struct bytes){0};
        if (i > 0)
            fields->joined[len++] = ',';
        if (values[i].len)
            memcpy(fields->joined + len, values[i].data, values[i].len);
        len += values[i].len;
    }
    return bytes_of(fields->joined, len);
}

static struct bytes get_field(void *user, const char *name) {
    struct request_fields *fields = user;
    struct bytes values[MAX_JOINED];
    size_t n = grpc_call_header_values(fields->call, name, values, MAX_JOINED);
    if (n == 1)
        return values[0];
    return n == 0 || n > MAX_JOINED ? (struct bytes){0} : join(fields, values, n);
}

/* ---- calls ---- */

/* What a span starts with, if it is sampled. Not zeroed as a whole. */
struct description {
    struct otel_span_description base;
    struct otlp_grpc_server *server;
    struct grpc_call *call;
    struct otel_attribute_list attributes;
    const struct otel_prepared *prepared[2];
    size_t n_prepared;
};

static void describe_method(const struct measured_method *method,
                            struct otel_attribute_list *attributes) {
    otel_attribute_list_add(attributes, "rpc.system.name", otel_str("grpc"));
    otel_attribute_list_add(attributes, "rpc.method", otel_str(measured_method_name(method)));
}

static void describe_ends(const struct grpc_call *call, struct bytes authority,
                          struct otel_attribute_list *attributes) {
    span_attributes_add_server(attributes, authority);
    span_attributes_add_peer(attributes, grpc_call_peer(call));
}

static void prepare_ends(struct observed_connection *connection, struct otel_tracer *tracer,
                         const struct grpc_call *call, struct bytes authority) {
    struct otel_attribute_list attributes;
    attributes.n = 0;
    describe_ends(call, authority, &attributes);
    connection->prepared = otel_prepared_new(tracer, attributes.all, attributes.n);
    connection->authority_len = authority.len;
    if (authority.len)
        memcpy(connection->authority, authority.data, authority.len);
}

/* For the first authority that a connection's calls name, which is the only one but behind a proxy.
 * NULL: for another one, or without memory. */
static const struct otel_prepared *
prepared_ends(struct otel_tracer *tracer, const struct grpc_call *call, struct bytes authority) {
    struct observed_connection *connection = grpc_call_observer_connection(call);
    if (!tracer || !connection || authority.len > MAX_AUTHORITY)
        return NULL;
    if (!connection->prepared)
        prepare_ends(connection, tracer, call, authority);
    struct bytes known = bytes_of(connection->authority, connection->authority_len);
    return bytes_equal_short(known, authority) ? connection->prepared : NULL;
}

static void describe_call(struct otel_tracer *tracer, const struct grpc_call *call,
                          struct description *description) {
    const struct measured_method *method = observed(call)->method;
    struct otel_attribute_list *attributes = &description->attributes;
    struct bytes authority = grpc_call_header(call, ":authority");
    const struct otel_prepared *of_ends = prepared_ends(tracer, call, authority);
    attributes->n = description->n_prepared = 0;
    if (method->prepared)
        description->prepared[description->n_prepared++] = method->prepared;
    else
        describe_method(method, attributes);
    if (!method->name) {
        struct bytes path = measured_path_name(grpc_call_header(call, ":path"));
        path.len = path.len < MAX_UNKNOWN_PATH ? path.len : MAX_UNKNOWN_PATH;
        otel_attribute_list_add(attributes, "rpc.method_original", otel_text(path));
    }
    if (of_ends)
        description->prepared[description->n_prepared++] = of_ends;
    else
        describe_ends(call, authority, attributes);
}

static void describe(struct otel_span_description *base, struct otel_span_options *options) {
    struct description *description = CONTAINER_OF(base, struct description, base);
    struct otlp_grpc_server *server = description->server;
    struct observed_call *state = observed(description->call);
    describe_call(server->options.tracer, description->call, description);
    state->start_wall_ns = wall_clock_of(&server->clock, state->start_ns);
    options->name = bytes_str(state->method->name ? state->method->name : "grpc");
    options->start_ns = state->start_wall_ns;
    options->attributes = description->attributes.all;
    options->n_attributes = description->attributes.n;
    options->prepared = description->prepared;
    options->n_prepared = description->n_prepared;
}

static void start_span(struct otlp_grpc_server *server, struct grpc_call *call) {
    struct observed_call *state = observed(call);
    struct request_fields fields;
    fields.call = call;
    fields.is_joined = false;
    const struct otel_carrier carrier = {.user = &fields, .get = get_field};
    struct otel_context caller;
    struct description description;
    description.base.say = describe;
    description.server = server;
    description.call = call;
    otel_propagation_extract(&server->options.propagators, &carrier, &caller, NULL);
    const struct otel_span_options options = {
        .parent = &caller, .description = &description.base, .kind = OTEL_KIND_SERVER};
    otel_span_start(server->options.tracer, &options, &state->span);
    if (fields.is_joined)
        state->span.context.span.trace_state = (struct bytes){0};
}

static void on_call_started(void *user, struct grpc_call *call) {
    struct otlp_grpc_server *server = user;
    struct observed_call *state = observed(call);
    state->method = grpc_call_observer_method(call);
    state->start_ns = grpc_call_now_ns(call);
    state->n_events_left = server->options.max_events;
    measured_method_started(state->method);
    start_span(server, call);
    if (!otel_span_is_recorded(&state->span) || state->n_events_left == 0)
        grpc_call_observe_no_messages(call);
}

static void tell_message(struct grpc_call *call, const char *name,
                         const struct grpc_observed_message *message) {
    if (!observed_call_message(observed(call), name, message, grpc_call_now_ns(call)))
        grpc_call_observe_no_messages(call);
}

static void on_message_received(void *user, struct grpc_call *call,
                                const struct grpc_observed_message *message) {
    (void)user;
    tell_message(call, "Inbound message", message);
}

static void on_message_sent(void *user, struct grpc_call *call,
                            const struct grpc_observed_message *message) {
    (void)user;
    tell_message(call, "Outbound message", message);
}

static void on_entered(void *user, struct grpc_call *call, struct grpc_observer_scope *scope) {
    (void)user;
    otel_context_attach((struct otel_attached *)scope->room, &observed(call)->span.context);
}

static void on_left(void *user, struct grpc_call *call, struct grpc_observer_scope *scope) {
    (void)user, (void)call;
    otel_context_detach((struct otel_attached *)scope->room);
}

static void on_call_ended(void *user, struct grpc_call *call, const struct grpc_call_end *end) {
    (void)user;
    struct observed_call *state = observed(call);
    observed_call_end(state, end, grpc_call_now_ns(call));
    state->span.context.span.trace_state = (struct bytes){0};
}

struct otel_span *otlp_grpc_call_span(const struct grpc_call *call) {
    struct observed_call *state = observed(call);
    return state ? &state->span : NULL;
}

/* ---- connections and limits ---- */

static void on_connection_opened(void *user, void *state) {
    struct otlp_grpc_server *server = user;
    (void)state;
    otel_series_add(server->open_connections, 1);
}

static void on_connection_closed(void *user, void *state) {
    struct otlp_grpc_server *server = user;
    struct observed_connection *connection = state;
    otel_prepared_free(connection->prepared);
    otel_series_add(server->open_connections, -1);
}

static void on_handshaken(void *user, const struct net_handshake *handshake) {
    struct otlp_grpc_server *server = user;
    measures_handshake(&server->measures, handshake);
}

static void on_limit_hit(void *user, const char *limit) {
    struct otlp_grpc_server *server = user;
    measures_limit(&server->measures, limit);
}

/* ---- life ---- */

static void prepare_method(const struct otlp_grpc_server *server, struct measured_method *method) {
    struct otel_attribute_list attributes;
    attributes.n = 0;
    describe_method(method, &attributes);
    method->prepared = otel_prepared_new(server->options.tracer, attributes.all, attributes.n);
}

static int on_method(void *user, const char *path, void **out) {
    struct otlp_grpc_server *server = user;
    struct measured_method *method =
        measured_method_new(&server->measures, path ? bytes_str(path) : bytes_of(NULL, 0));
    if (!method)
        return -ENOMEM;
    prepare_method(server, method);
    method->next = server->methods;
    server->methods = method;
    *out = method;
    return 0;
}

static const struct grpc_server_observer callbacks = {
    .call_state_size = sizeof(struct observed_call),
    .connection_state_size = sizeof(struct observed_connection),
    .method = on_method,
    .connection_opened = on_connection_opened,
    .connection_closed = on_connection_closed,
    .handshaken = on_handshaken,
    .limit_hit = on_limit_hit,
    .call_started = on_call_started,
    .message_received = on_message_received,
    .message_sent = on_message_sent,
    .entered = on_entered,
    .left = on_left,
    .call_ended = on_call_ended,
};

static int make_open_connections(struct otlp_grpc_server *server) {
    struct otel_instrument *instrument = NULL;
    const struct otel_instrument_row row = {
        &instrument, OTEL_MEASURES_INTEGERS(
                         OTEL_UP_DOWN_COUNTER, "grpc.server.open_connections", "{connection}",
                         "Connections that are open and have their TLS handshake behind them.")};
    int r = otel_instruments_new(server->options.meter, &row, 1);
    server->open_connections = otel_series_of(instrument, NULL, 0);
    return r;
}

int otlp_grpc_server_new(const struct otlp_grpc_options *options, struct otlp_grpc_server **out) {
    CLEANUP(mem_freep) struct otlp_grpc_server *server = mem_new(struct otlp_grpc_server);
    if (!server)
        return -ENOMEM;
    server->options = *options;
    server->observer = callbacks;
    server->observer.user = server;
    int r = measures_init(&server->measures, &measures_server, options->meter);
    if (!r)
        r = make_open_connections(server);
    if (r)
        return err_trace(r);
    *out = STEAL(server);
    return 0;
}

void otlp_grpc_server_free(struct otlp_grpc_server *server) {
    if (!server)
        return;
    measured_methods_free(server->methods);
    mem_free(server);
}

const struct grpc_server_observer *
otlp_grpc_server_observer(const struct otlp_grpc_server *server) {
    return &server->observer;
}
