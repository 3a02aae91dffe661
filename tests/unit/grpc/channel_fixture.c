/* SPDX-License-Identifier: Apache-2.0 */
#include "channel_fixture.h"

#include <stdio.h>

#include "unit.h"

/* ---- what the peer does on each path ---- */

static void respond(struct peer_call *call) {
    peer_respond(call);
}

static void send_back(struct peer_call *call, const struct grpc_message *message) {
    peer_send(call, message->bytes);
}

static void finish_ok(struct peer_call *call) {
    peer_finish(call, "0");
}

static void finish_with_count(struct peer_call *call) {
    char text[32];
    snprintf(text, sizeof(text), "%u", call->n_messages);
    peer_send(call, bytes_str(text));
    peer_finish(call, "0");
}

static void finish_with_many(struct peer_call *call) {
    for (unsigned i = 0; i < 1000; i++) {
        char text[32];
        snprintf(text, sizeof(text), "message %u", i);
        peer_send(call, bytes_str(text));
    }
    peer_finish(call, "0");
}

static void finish_with_flood(struct peer_call *call) {
    static const uint8_t message[60000];
    for (unsigned i = 0; i < 100; i++)
        peer_send(call, bytes_of(message, sizeof(message)));
    peer_finish(call, "0");
}

static void say_not_found(struct peer_call *call) {
    const struct h2_field fields[] = {
        peer_field(":status", "200"),   peer_field("content-type", "application/grpc"),
        peer_field("grpc-status", "5"), peer_field("grpc-message", "no %22\xc3\xb6ven%22 100%"),
        peer_field("x-trail", "cold"),  peer_field("grpc-status-details-bin", "CAUSBG92ZW4"),
    };
    peer_answer_only(call, fields, ARRAY_LEN(fields));
}

static void say_cancelled(struct peer_call *call) {
    peer_respond(call);
    peer_finish(call, "1");
}

static void respond_at_length(struct peer_call *call) {
    char value[9000] = {0};
    memset(value, 'x', sizeof(value) - 1);
    const struct h2_field fields[] = {
        peer_field(":status", "200"),
        peer_field("content-type", "application/grpc"),
        peer_field("x-long", value),
    };
    assert_int_equal(h2_stream_respond(call->stream, fields, ARRAY_LEN(fields), false), 0);
    net_conn_wake(call->conn->net);
}

static void answer_http(struct peer_call *call, const char *status, bool is_last) {
    const struct h2_field fields[] = {peer_field(":status", status),
                                      peer_field("content-type", "text/html")};
    assert_int_equal(h2_stream_respond(call->stream, fields, ARRAY_LEN(fields), is_last), 0);
    net_conn_wake(call->conn->net);
}

static void answer_404(struct peer_call *call) {
    answer_http(call, "404", true);
}

static void answer_503_with_page(struct peer_call *call) {
    answer_http(call, "503", false);
    peer_send_raw(call, bytes_str("<html>"));
}

static void answer_web_page(struct peer_call *call) {
    answer_http(call, "200", false);
    peer_send_raw(call, bytes_str("<html>"));
}

static void end_without_status(struct peer_call *call) {
    peer_respond(call);
    assert_int_equal(h2_stream_finish(call->stream, NULL, 0), 0);
}

static void reset_with_code(struct peer_call *call) {
    const struct h2_headers *headers = call->headers;
    struct bytes code = grpc_fields_find(headers->fields, headers->n_fields, "x-code");
    h2_stream_reset(call->stream, (enum h2_error)(code.data[0] - 'a'));
    net_conn_wake(call->conn->net);
}

static void send_part(struct peer_call *call) {
    peer_respond(call);
    peer_send_raw(call, bytes_of("\0\0\0\0\10only", 9));
    peer_finish(call, "0");
}

static void send_bad_flag(struct peer_call *call) {
    peer_respond(call);
    peer_send_raw(call, bytes_of("\7\0\0\0\0", 5));
}

static void send_too_large(struct peer_call *call) {
    peer_respond(call);
    peer_send_raw(call, bytes_of("\0\0\100\0\1", 5)); /* 4 MiB and one */
}

static void send_no_gzip(struct peer_call *call) {
    peer_respond(call);
    peer_send_raw(call, bytes_of("\1\0\0\0\4junk", 9));
}

static void send_gzip(struct peer_call *call) {
    struct buf packed;
    buf_init(&packed, 1000);
    if (grpc_gzip(bytes_str("unpacked warmth"), &packed)) {
        peer_give_up(call);
        return;
    }
    uint8_t prefix[GRPC_PREFIX_SIZE];
    grpc_framing_write_prefix(prefix, true, buf_len(&packed));
    peer_respond(call);
    peer_send_raw(call, bytes_of(prefix, sizeof(prefix)));
    peer_send_raw(call, buf_bytes(&packed));
    peer_finish(call, "0");
    buf_fini(&packed);
}

static void send_bomb(struct peer_call *call) {
    static const uint8_t zeros[1 << 20];
    struct buf packed;
    buf_init(&packed, 2 * sizeof(zeros));
    assert_int_equal(grpc_gzip(bytes_of(zeros, sizeof(zeros)), &packed), 0);
    uint8_t prefix[GRPC_PREFIX_SIZE];
    grpc_framing_write_prefix(prefix, true, buf_len(&packed));
    peer_respond(call);
    peer_send_raw(call, bytes_of(prefix, sizeof(prefix)));
    peer_send_raw(call, buf_bytes(&packed));
    buf_fini(&packed);
}

static void send_compressed_by_nothing(struct peer_call *call) {
    const struct h2_field fields[] = {peer_field(":status", "200"),
                                      peer_field("content-type", "application/grpc")};
    assert_int_equal(h2_stream_respond(call->stream, fields, ARRAY_LEN(fields), false), 0);
    peer_send_raw(call, bytes_of("\1\0\0\0\4junk", 9));
}

static void refuse(struct peer_call *call) {
    peer_respond(call);
    peer_finish(call, "8");
}

static void send_unpacked(struct peer_call *call, const struct grpc_message *message) {
    struct buf plain;
    buf_init(&plain, 1 << 20);
    assert_true(message->is_compressed);
    assert_int_equal(grpc_gunzip(message->bytes, &plain), 0);
    peer_send(call, buf_bytes(&plain));
    buf_fini(&plain);
}

static void finish_early(struct peer_call *call, const struct grpc_message *message) {
    (void)message;
    peer_finish(call, "8");
    h2_stream_reset(call->stream, H2_NO_ERROR);
}

static const struct peer_behaviour behaviours[] = {
    {.path = "/echo", .request = respond, .message = send_back, .ended = finish_ok},
    {.path = "/count", .request = respond, .ended = finish_with_count},
    {.path = "/many", .request = respond, .ended = finish_with_many},
    {.path = "/flood", .request = respond, .ended = finish_with_flood},
    {.path = "/long-head", .request = respond_at_length},
    {.path = "/silent"},
    {.path = "/not-found", .request = say_not_found},
    {.path = "/cancelled", .request = say_cancelled},
    {.path = "/404", .request = answer_404},
    {.path = "/503", .request = answer_503_with_page},
    {.path = "/page", .request = answer_web_page},
    {.path = "/no-status", .request = end_without_status},
    {.path = "/reset", .request = reset_with_code},
    {.path = "/part", .request = send_part},
    {.path = "/bad-flag", .request = send_bad_flag},
    {.path = "/too-large", .request = send_too_large},
    {.path = "/no-gzip", .request = send_no_gzip},
    {.path = "/bomb", .request = send_bomb},
    {.path = "/by-nothing", .request = send_compressed_by_nothing},
    {.path = "/refuse", .request = refuse},
    {.path = "/gzip", .request = send_gzip},
    {.path = "/unpack", .request = respond, .message = send_unpacked, .ended = finish_ok},
    {.path = "/early", .request = respond, .message = finish_early},
    {.path = NULL},
};

/* ---- the loop ---- */

static void on_watchdog(uv_timer_t *watchdog) {
    struct fixture *fixture = watchdog->data;
    fixture->was_in_time = false;
}

static void turn(struct fixture *fixture) {
    uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    if (!fixture->was_in_time)
        fail_msg("nothing happened for too long");
}

void fixture_run(struct fixture *fixture, const unsigned *count, unsigned n) {
    while (*count < n)
        turn(fixture);
}

void fixture_run_to(struct fixture *fixture, enum channel_state state) {
    while (fixture->channel->state != state)
        turn(fixture);
}

void fixture_turn(struct fixture *fixture) {
    uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
}

void fixture_end_backoff(struct fixture *fixture) {
    uv_timer_t *timer = &fixture->channel->state_timer;
    assert_int_equal(fixture->channel->state, CHANNEL_BACKING_OFF);
    timer->timer_cb(timer);
}

void fixture_channel(struct fixture *fixture, struct grpc_channel_options options) {
    grpc_channel_close(fixture->channel);
    if (!options.address.host[0])
        snprintf(options.address.host, sizeof(options.address.host), "127.0.0.1");
    if (!options.address.port)
        options.address.port = fixture->peer.port;
    assert_int_equal(grpc_channel_new(&fixture->loop, &options, &fixture->channel), 0);
}

int fixture_setup(void **state) {
    struct fixture *fixture = test_calloc(1, sizeof(*fixture));
    fail_alloc_off();
    assert_int_equal(net_loop_init(&fixture->loop, NULL, NULL), 0);
    fixture->was_in_time = true;
    uv_timer_init(&fixture->loop.uv, &fixture->watchdog);
    fixture->watchdog.data = fixture;
    uv_timer_start(&fixture->watchdog, on_watchdog, 20000, 0);
    fixture->peer.loop = &fixture->loop;
    fixture->peer.behaviours = behaviours;
    peer_start(&fixture->peer, 0);
    fixture_channel(fixture, (struct grpc_channel_options){0});
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    fail_alloc_off();
    grpc_channel_close(fixture->channel);
    peer_stop(&fixture->peer);
    uv_close((uv_handle_t *)&fixture->watchdog, NULL);
    net_loop_close(&fixture->loop);
    net_loop_run(&fixture->loop);
    net_loop_fini(&fixture->loop);
    SSL_CTX_free(fixture->peer.tls);
    test_free(fixture);
    return 0;
}

/* ---- calls ---- */

static void on_message(struct grpc_client_call *call, struct bytes message) {
    struct told *told = grpc_client_call_user(call);
    assert_int_equal(told->n_status, 0);
    told->n_messages++;
    told->last_len = message.len < FIXTURE_LAST ? message.len : FIXTURE_LAST;
    if (told->last_len)
        memcpy(told->last, message.data, told->last_len);
    if (told->on_message)
        told->on_message(told);
}

static void on_writable(struct grpc_client_call *call) {
    struct told *told = grpc_client_call_user(call);
    assert_int_equal(told->n_status, 0);
    assert_false(grpc_client_call_is_busy(call));
    told->n_writable++;
    if (told->on_writable)
        told->on_writable(told);
}

static void keep(const struct grpc_entry *entries, size_t n, const char *key, char value[64]) {
    for (size_t i = 0; i < n; i++) {
        if (bytes_equal_str(entries[i].key, key))
            snprintf(value, 64, "%.*s", BYTES_ARGS(entries[i].value));
    }
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct told *told = grpc_client_call_user(call);
    size_t n;
    told->n_status++;
    told->status = status;
    snprintf(told->text, sizeof(told->text), "%s", text);
    const struct grpc_entry *headers = grpc_client_call_headers(call, &n);
    keep(headers, n, "x-head", told->head);
    const struct grpc_entry *trailers = grpc_client_call_trailers(call, &n);
    keep(trailers, n, "x-trail", told->trail);
    struct bytes details = grpc_client_call_details(call);
    snprintf(told->details, sizeof(told->details), "%.*s", BYTES_ARGS(details));
    if (told->on_status)
        told->on_status(told);
    told->call = NULL;
}

static const struct grpc_client_ops ops = {
    .message = on_message, .writable = on_writable, .status = on_status};

int told_try_start(struct told *told, struct fixture *fixture,
                   const struct grpc_call_options *options) {
    told->fixture = fixture;
    return grpc_client_call_start(fixture->channel, options, &ops, told, &told->call);
}

void told_start_with(struct told *told, struct fixture *fixture,
                     const struct grpc_call_options *options) {
    assert_int_equal(told_try_start(told, fixture, options), 0);
    assert_int_equal(told->n_status, 0);
}

void told_start(struct told *told, struct fixture *fixture, const char *path) {
    told_start_with(told, fixture, &(struct grpc_call_options){.path = path});
}

void told_send(struct told *told, const char *text) {
    uint8_t *room;
    assert_int_equal(grpc_client_call_reserve(told->call, strlen(text), &room), 0);
    memcpy(room, text, strlen(text));
    grpc_client_call_commit(told->call);
}

void told_wait(struct told *told) {
    fixture_run(told->fixture, &told->n_status, 1);
    assert_int_equal(told->n_status, 1);
}

void told_call(struct told *told, struct fixture *fixture, const char *path, const char *text) {
    told_start(told, fixture, path);
    told_send(told, text);
    grpc_client_call_half_close(told->call);
    told_wait(told);
}

void assert_status(const struct told *told, enum grpc_status status, const char *text) {
    assert_int_equal(told->n_status, 1);
    assert_string_equal(grpc_status_name(told->status), grpc_status_name(status));
    if (text)
        assert_string_equal(told->text, text);
}

void assert_last(const struct told *told, const char *text) {
    assert_true(bytes_equal_str(bytes_of(told->last, told->last_len), text));
}
