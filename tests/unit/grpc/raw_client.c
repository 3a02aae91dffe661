/* SPDX-License-Identifier: Apache-2.0 */
#include "raw_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "grpc/limits.h"
#include "unit.h"

/* ---- what the session tells ---- */

static void keep_fields(char *text, size_t size, const struct h2_headers *headers) {
    for (size_t i = 0; i < headers->n_fields; i++) {
        size_t len = strlen(text);
        snprintf(text + len, size - len, "%.*s: %.*s\n", BYTES_ARGS(headers->fields[i].name),
                 BYTES_ARGS(headers->fields[i].value));
    }
}

static void on_headers(void *user, struct h2_stream *stream, const struct h2_headers *headers) {
    (void)user;
    struct raw_call *call = h2_stream_user(stream);
    if (headers->block == H2_RESPONSE)
        keep_fields(call->head, sizeof(call->head), headers);
    else
        keep_fields(call->trailers, sizeof(call->trailers), headers);
}

static void on_data(void *user, struct h2_stream *stream, struct bytes piece) {
    (void)user;
    struct raw_call *call = h2_stream_user(stream);
    if (buf_append(&call->body, piece))
        h2_stream_reset(stream, H2_CANCEL);
    else if (!call->is_holding)
        h2_stream_consume(stream, piece.len);
}

static void on_ended(void *user, struct h2_stream *stream) {
    (void)user;
    struct raw_call *call = h2_stream_user(stream);
    call->has_ended = true;
}

static void on_writable(void *user, struct h2_stream *stream) {
    (void)user, (void)stream;
}

static void on_stream_closed(void *user, struct h2_stream *stream, uint32_t error,
                             bool is_unprocessed) {
    (void)user, (void)is_unprocessed;
    struct raw_call *call = h2_stream_user(stream);
    call->stream = NULL;
    call->n_closed++;
    call->error = error;
}

static void on_ready(void *user) {
    struct raw_client *client = user;
    client->is_ready = true;
}

static void on_goaway(void *user, uint32_t error, struct bytes debug) {
    (void)error, (void)debug;
    struct raw_client *client = user;
    client->has_goaway = true;
}

static const struct h2_ops session_ops = {
    .headers = on_headers,
    .data = on_data,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_stream_closed,
    .ready = on_ready,
    .goaway = on_goaway,
};

/* ---- what net tells ---- */

static void conn_opened(void *user) {
    struct raw_client *client = user;
    if (h2_session_new(H2_CLIENT, &session_ops, client, client->loop->now_ns, &client->session))
        net_conn_abort(client->net, "no memory");
    else
        net_conn_wake(client->net);
}

static void conn_received(void *user, struct bytes bytes) {
    struct raw_client *client = user;
    if (h2_session_receive(client->session, bytes, client->loop->now_ns))
        net_conn_finish(client->net);
    net_conn_wake(client->net);
}

static size_t conn_fill(void *user, uint8_t *out, size_t cap) {
    struct raw_client *client = user;
    size_t n = client->session ? h2_session_fill(client->session, out, cap) : 0;
    if (client->session && h2_session_is_over(client->session))
        net_conn_finish(client->net);
    return n;
}

static void conn_ticked(void *user) {
    (void)user;
}

static void conn_closed(void *user, const char *why) {
    (void)why;
    struct raw_client *client = user;
    client->net = NULL;
    h2_session_free(STEAL(client->session));
    client->is_ready = false;
    client->n_closed++;
}

static const struct net_conn_ops net_ops = {
    .opened = conn_opened,
    .received = conn_received,
    .fill = conn_fill,
    .ticked = conn_ticked,
    .closed = conn_closed,
};

void raw_connect(struct raw_client *client, struct net_loop *loop, uint16_t port) {
    struct net_target target = {.address = {.host = "127.0.0.1", .port = port}};
    *client = (struct raw_client){.loop = loop, .port = port};
    assert_int_equal(net_conn_connect(loop, &target, &net_ops, client, &client->net), 0);
}

void raw_abort(struct raw_client *client) {
    if (client->net)
        net_conn_abort(client->net, NULL);
}

/* ---- requests ---- */

struct h2_field raw_field(const char *name, const char *value) {
    return (struct h2_field){.name = bytes_str(name), .value = bytes_str(value)};
}

void raw_fields(struct h2_field fields[RAW_N_FIELDS], const char *path) {
    fields[RAW_METHOD] = raw_field(":method", "POST");
    fields[RAW_SCHEME] = raw_field(":scheme", "http");
    fields[RAW_PATH] = raw_field(":path", path);
    fields[RAW_AUTHORITY] = raw_field(":authority", "localhost");
    fields[RAW_TE] = raw_field("te", "trailers");
    fields[RAW_TYPE] = raw_field("content-type", "application/grpc");
}

void raw_start_with(struct raw_call *call, struct raw_client *client, const struct h2_field *fields,
                    size_t n) {
    *call = (struct raw_call){.client = client};
    buf_init(&call->body, 64 << 20);
    assert_int_equal(h2_stream_open(client->session, fields, n, call, &call->stream), 0);
    net_conn_wake(client->net);
}

void raw_start(struct raw_call *call, struct raw_client *client, const char *path,
               struct h2_field extra) {
    struct h2_field fields[RAW_N_FIELDS + 1];
    raw_fields(fields, path);
    fields[RAW_N_FIELDS] = extra;
    raw_start_with(call, client, fields, RAW_N_FIELDS + (extra.name.data != NULL));
}

void raw_start_plain(struct raw_call *call, struct raw_client *client, const char *path) {
    raw_start(call, client, path, (struct h2_field){0});
}

void raw_send(struct raw_call *call, struct bytes bytes) {
    uint8_t *room;
    if (!call->stream || bytes.len == 0)
        return;
    assert_int_equal(h2_stream_reserve(call->stream, bytes.len, &room), 0);
    memcpy(room, bytes.data, bytes.len);
    h2_stream_commit(call->stream, bytes.len);
    net_conn_wake(call->client->net);
}

void raw_send_message(struct raw_call *call, bool is_compressed, struct bytes message) {
    uint8_t prefix[GRPC_PREFIX_SIZE];
    grpc_framing_write_prefix(prefix, is_compressed, message.len);
    raw_send(call, bytes_of(prefix, sizeof(prefix)));
    raw_send(call, message);
}

void raw_end(struct raw_call *call) {
    if (!call->stream)
        return;
    assert_int_equal(h2_stream_finish(call->stream, NULL, 0), 0);
    net_conn_wake(call->client->net);
}

void raw_reset(struct raw_call *call, enum h2_error error) {
    h2_stream_reset(call->stream, error);
    net_conn_wake(call->client->net);
}

void raw_fini(struct raw_call *call) {
    assert_null(call->stream);
    buf_fini(&call->body);
}

/* ---- answers ---- */

bool raw_has(const struct raw_call *call, const char *text) {
    return strstr(call->head, text) || strstr(call->trailers, text);
}

int raw_status(const struct raw_call *call) {
    static const char name[] = "grpc-status: ";
    const char *at = strstr(call->trailers, name);
    if (!at)
        at = strstr(call->head, name);
    return at ? (int)strtol(at + sizeof(name) - 1, NULL, 10) : -1;
}

/* The number of whole messages before the n-th, which is given if it is there. */
static size_t find_message(const struct raw_call *call, size_t n, struct grpc_message *message) {
    struct bytes rest = buf_bytes(&call->body);
    size_t i = 0;
    for (;; i++) {
        if (rest.len < GRPC_PREFIX_SIZE)
            return i;
        size_t len = (size_t)rest.data[1] << 24 | (size_t)rest.data[2] << 16 |
                     (size_t)rest.data[3] << 8 | rest.data[4];
        if (rest.len - GRPC_PREFIX_SIZE < len)
            return i;
        *message = (struct grpc_message){rest.data[0], bytes_of(rest.data + GRPC_PREFIX_SIZE, len)};
        if (i == n)
            return i;
        rest = bytes_from(rest, GRPC_PREFIX_SIZE + len);
    }
}

struct grpc_message raw_message(const struct raw_call *call, size_t n) {
    struct grpc_message message = {0};
    size_t i = find_message(call, n, &message);
    assert_true(i == n && message.bytes.data);
    return message;
}

size_t raw_n_messages(const struct raw_call *call) {
    struct grpc_message message;
    return find_message(call, SIZE_MAX, &message);
}
