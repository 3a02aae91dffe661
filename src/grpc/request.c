/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a request, in the order of what the client can still understand: that it is gRPC at
 * all (if not, it gets an HTTP status), then the rest by a gRPC status without any message
 * (Trailers-Only), then the token.
 */
#include "grpc/request.h"

#include "grpc/call_observing.h"
#include "grpc/metadata.h"
#include "grpc/server_impl.h"
#include "grpc/timeout.h"
#include "http2/limits.h"

/* The value of a macro as a text. */
#define TEXT_OF(macro)     TEXT_OF_BARE(macro)
#define TEXT_OF_BARE(text) #text

#define FIELD(name_text, value_text)                                      \
    {                                                                     \
        .name = {(const uint8_t *)(name_text), sizeof(name_text) - 1},    \
        .value = {(const uint8_t *)(value_text), sizeof(value_text) - 1}, \
    }

/* Not gRPC: an HTTP status and nothing else. */
static void refuse_http(struct grpc_connection *connection, struct h2_stream *stream,
                        const char *status) {
    struct h2_field field = {.name = bytes_str(":status"), .value = bytes_str(status)};
    if (h2_stream_respond(stream, &field, 1, true) == 0)
        h2_stream_reset(stream, H2_NO_ERROR);
    else
        h2_stream_reset(stream, H2_INTERNAL_ERROR);
    connection_wake(connection);
}

/* gRPC, but no call comes of it: a status, with words that are printable ASCII. */
static void refuse_grpc(struct grpc_connection *connection, struct h2_stream *stream,
                        const char *status, const char *words) {
    struct h2_field fields[] = {
        FIELD(":status", "200"),
        FIELD("content-type", "application/grpc"),
        {.name = bytes_str("grpc-status"), .value = bytes_str(status)},
        {.name = bytes_str("grpc-message"), .value = bytes_str(words)},
        FIELD("grpc-accept-encoding", "identity,gzip"),
    };
    if (h2_stream_respond(stream, fields, ARRAY_LEN(fields), true) == 0)
        h2_stream_reset(stream, H2_NO_ERROR);
    else
        h2_stream_reset(stream, H2_INTERNAL_ERROR);
    connection_wake(connection);
}

static struct bytes find(const struct h2_headers *headers, const char *name) {
    return grpc_fields_find(headers->fields, headers->n_fields, name);
}

/* `application/grpc`, `application/grpc+proto`, `application/grpc; ...`; not
 * `application/grpc-web`, which has other trailers. */
static bool is_grpc(struct bytes type) {
    static const char grpc[] = "application/grpc";
    if (!bytes_start_with(type, grpc))
        return false;
    struct bytes rest = bytes_from(type, sizeof(grpc) - 1);
    return rest.len == 0 || rest.data[0] == '+' || rest.data[0] == ';';
}

/* NULL, or the HTTP status for a request that is not gRPC's. */
static const char *wrong_http(const struct h2_headers *headers) {
    if (!bytes_equal_str(find(headers, ":method"), "POST"))
        return "405";
    return is_grpc(find(headers, "content-type")) ? NULL : "415";
}

static void say_unknown_method(struct grpc_call *call) {
    grpc_call_finish(call, GRPC_UNIMPLEMENTED, "unknown method %.*s",
                     BYTES_ARGS(grpc_call_header(call, ":path")));
}

/* Reads deadline and encodings. False: the call has been finished. */
static bool read_settings(struct grpc_call *call) {
    uint64_t timeout_ns = GRPC_TIMEOUT_NONE;
    struct bytes timeout = grpc_call_header(call, "grpc-timeout");
    if (timeout.data && grpc_timeout_parse(timeout, &timeout_ns)) {
        grpc_call_finish(call, GRPC_INTERNAL, "grpc-timeout '%.*s' is not 1 to 8 digits and a unit",
                         BYTES_ARGS(timeout));
        return false;
    }
    struct bytes encoding = grpc_call_header(call, "grpc-encoding");
    call->encoding = grpc_encoding_parse(encoding);
    if (call->encoding == GRPC_ENCODING_UNKNOWN) {
        grpc_call_finish(call, GRPC_UNIMPLEMENTED,
                         "grpc-encoding '%.*s' is not known here; identity and gzip are",
                         BYTES_ARGS(encoding));
        return false;
    }
    call->answers_gzip = call->encoding == GRPC_GZIP &&
                         grpc_encoding_accepts_gzip(grpc_call_header(call, "grpc-accept-encoding"));
    if (timeout_ns == GRPC_TIMEOUT_NONE)
        return true;
    uint64_t now_ns = call->worker->loop.now_ns;
    call->deadline.at_ns =
        timeout_ns > UINT64_MAX - 1 - now_ns ? UINT64_MAX - 1 : now_ns + timeout_ns;
    if (deadlines_add(&call->worker->deadlines, &call->deadline)) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
        return false;
    }
    worker_set_deadline_timer(call->worker);
    return true;
}

static bool admit(struct grpc_call *call) {
    const struct grpc_server_hooks *hooks = &call->worker->server->hooks;
    if (call->route->service->needs_no_token || !hooks->admit)
        return true;
    return hooks->admit(hooks->user, call);
}

/* The call may be over before it has begun. */
static void begin(struct grpc_call *call) {
    struct grpc_observer_scope scope;
    call_observe_start(call);
    call_enter(call, &scope);
    if (call->route == &call->worker->server->unknown)
        say_unknown_method(call);
    else if (read_settings(call) && admit(call) && call->route->method->started)
        call->route->method->started(call);
    call_leave(call, &scope);
}

void request_open_call(struct grpc_connection *connection, struct h2_stream *stream,
                       const struct h2_headers *headers) {
    if (headers->is_too_long) {
        refuse_grpc(connection, stream, "8",
                    "the header list is longer than " TEXT_OF(H2_MAX_HEADER_LIST) " bytes");
        return;
    }
    const char *http_status = wrong_http(headers);
    if (http_status) {
        refuse_http(connection, stream, http_status);
        return;
    }
    const struct grpc_route *route =
        server_find_route(connection->worker->server, find(headers, ":path"));
    struct grpc_call *call = call_new(connection, stream, route);
    if (!call) {
        refuse_grpc(connection, stream, "8", "the server is out of memory");
        return;
    }
    grpc_call_ref(call);
    call->request = *headers;
    begin(call);
    grpc_call_unref(call);
}
