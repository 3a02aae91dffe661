/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

/* Fields of a static table cannot call bytes_str(). */
#define TEXT(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

const struct h2_field pair_request_fields[5] = {
    {TEXT(":method"), TEXT("POST"), false},
    {TEXT(":scheme"), TEXT("http"), false},
    {TEXT(":path"), TEXT("/SensorService/SendSingleReading"), false},
    {TEXT(":authority"), TEXT("localhost"), false},
    {TEXT("authorization"), TEXT("Bearer secret"), true},
};

static const struct h2_field response_fields[] = {
    {TEXT(":status"), TEXT("200"), false},
    {TEXT("content-type"), TEXT("application/grpc"), false},
};

const struct h2_field pair_trailers[1] = {{TEXT("grpc-status"), TEXT("0"), false}};

struct h2_field field(const char *name, const char *value) {
    return (struct h2_field){bytes_str(name), bytes_str(value), false};
}

/* ---- the recorder ---- */

void record_append(struct record *record, struct bytes bytes) {
    if (record->len + bytes.len > record->cap) {
        record->cap = 2 * (record->len + bytes.len);
        record->data = test_realloc(record->data, record->cap);
    }
    if (bytes.len)
        memcpy(record->data + record->len, bytes.data, bytes.len);
    record->len += bytes.len;
}

static void record_drop(struct record *record, size_t n) {
    record->len -= n;
    memmove(record->data, record->data + n, record->len);
}

void record_fini(struct record *record) {
    if (record->data)
        test_free(record->data);
}

bool call_has_body(const struct call *call, const char *text) {
    return bytes_equal_str(bytes_of(call->body.data, call->body.len), text);
}

static struct call *call_new(struct end *end, struct h2_stream *stream) {
    if (end->n_calls == end->calls_cap) {
        end->calls_cap = end->calls_cap ? 2 * end->calls_cap : 16;
        end->calls = test_realloc(end->calls, end->calls_cap * sizeof(struct call *));
    }
    struct call *call = test_calloc(1, sizeof(*call));
    call->end = end;
    call->stream = stream;
    end->calls[end->n_calls++] = call;
    return call;
}

static void write_fields(char *out, size_t cap, const struct h2_headers *headers) {
    size_t used = 0;
    for (size_t i = 0; i < headers->n_fields && used < cap; i++) {
        const struct h2_field *f = &headers->fields[i];
        used += (size_t)snprintf(out + used, cap - used, "%.*s: %.*s\n", BYTES_ARGS(f->name),
                                 BYTES_ARGS(f->value));
    }
}

static void enter(struct end *end) {
    end->depth++;
}

static void leave(struct end *end) {
    end->depth--;
}

static struct call *heard(struct h2_stream *stream) {
    struct call *call = h2_stream_user(stream);
    assert_non_null(call);
    assert_int_equal(call->n_closed, 0);
    assert_int_equal(call->n_ended, 0);
    assert_false(call->is_reset);
    return call;
}

static void on_headers(void *user, struct h2_stream *stream, const struct h2_headers *headers) {
    struct end *end = user;
    enter(end);
    if (headers->block == H2_REQUEST) {
        struct call *call = call_new(end, stream);
        h2_stream_set_user(stream, call);
    }
    struct call *call = heard(stream);
    call->id = h2_stream_id(stream);
    if (headers->block == H2_TRAILERS) {
        assert_true(call->has_head);
        write_fields(call->trailers, sizeof(call->trailers), headers);
    } else {
        assert_false(call->has_head);
        call->has_head = true;
        write_fields(call->head, sizeof(call->head), headers);
    }
    call->n_fields = headers->n_fields;
    call->is_too_long = headers->is_too_long;
    leave(end);
}

static void on_data(void *user, struct h2_stream *stream, struct bytes piece) {
    struct end *end = user;
    enter(end);
    struct call *call = heard(stream);
    assert_true(call->has_head);
    assert_true(piece.len > 0);
    record_append(&call->body, piece);
    if (!end->is_holding)
        h2_stream_consume(stream, piece.len);
    leave(end);
}

static void on_ended(void *user, struct h2_stream *stream) {
    struct end *end = user;
    enter(end);
    struct call *call = heard(stream);
    call->n_ended++;
    if (end->answer)
        end->answer(call);
    leave(end);
}

static void on_writable(void *user, struct h2_stream *stream) {
    struct end *end = user;
    enter(end);
    ((struct call *)h2_stream_user(stream))->n_writable++;
    leave(end);
}

static void on_closed(void *user, struct h2_stream *stream, uint32_t error, bool is_unprocessed) {
    struct end *end = user;
    assert_int_equal(end->depth, 0);
    struct call *call = h2_stream_user(stream);
    assert_int_equal(call->n_closed, 0);
    call->n_closed++;
    call->error = error;
    call->is_unprocessed = is_unprocessed;
    call->stream = NULL;
}

static void on_ready(void *user) {
    ((struct end *)user)->n_ready++;
}

static void on_goaway(void *user, uint32_t error, struct bytes debug) {
    (void)debug;
    struct end *end = user;
    end->n_goaways++;
    end->goaway_error = error;
}

static void on_limit_hit(void *user, const char *limit) {
    struct end *end = user;
    end->n_limits_hit++;
    end->limit = limit;
}

static const struct h2_ops ops = {
    .headers = on_headers,
    .data = on_data,
    .ended = on_ended,
    .writable = on_writable,
    .closed = on_closed,
    .ready = on_ready,
    .goaway = on_goaway,
    .limit_hit = on_limit_hit,
};

void assert_limit_hit(const struct end *end, const char *limit, size_t n) {
    assert_int_equal(end->n_limits_hit, n);
    assert_string_equal(end->limit, limit);
}

/* ---- the tap ---- */

static uint32_t read_u32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void tap_take_frame(struct tap *tap, const uint8_t *head, size_t len) {
    assert_true(tap->n_frames < PAIR_MAX_FRAMES);
    if (tap->n_frames == tap->frames_cap) {
        tap->frames_cap = tap->frames_cap ? 2 * tap->frames_cap : 16;
        tap->frames = test_realloc(tap->frames, tap->frames_cap * sizeof(*tap->frames));
    }
    struct frame *frame = &tap->frames[tap->n_frames++];
    *frame = (struct frame){
        .type = head[3], .flags = head[4], .id = read_u32(head + 5) & 0x7fffffff, .len = len};
    if (frame->type == 3)
        frame->code = read_u32(head + 9);
    if (frame->type == 7) {
        frame->last_id = read_u32(head + 9);
        frame->code = read_u32(head + 13);
    }
}

static void tap_feed(struct tap *tap, struct bytes bytes) {
    record_append(&tap->bytes, bytes);
    if (!tap->is_past_preface && tap->bytes.len >= 24) {
        tap->is_past_preface = true;
        record_drop(&tap->bytes, 24);
    }
    while (tap->is_past_preface && tap->bytes.len >= 9) {
        const uint8_t *head = tap->bytes.data;
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (tap->bytes.len < 9 + len)
            return;
        tap_take_frame(tap, head, len);
        record_drop(&tap->bytes, 9 + len);
    }
}

size_t tap_find(const struct tap *tap, uint8_t type, uint32_t id, size_t from) {
    for (size_t i = from; i < tap->n_frames; i++) {
        if (tap->frames[i].type == type && tap->frames[i].id == id)
            return i;
    }
    return PAIR_MAX_FRAMES;
}

/* ---- the pair ---- */

static int end_init(struct end *end, struct pair *pair, enum h2_side side) {
    end->pair = pair;
    end->sent.is_past_preface = side == H2_SERVER;
    return h2_session_new(side, &ops, end, pair->now_ns, &end->session);
}

static void end_fini(struct end *end) {
    h2_session_free(end->session);
    for (size_t i = 0; i < end->n_calls; i++) {
        assert_int_equal(end->calls[i]->n_closed, 1);
        record_fini(&end->calls[i]->body);
        test_free(end->calls[i]);
    }
    if (end->calls)
        test_free(end->calls);
    record_fini(&end->sent.bytes);
    if (end->sent.frames)
        test_free(end->sent.frames);
}

struct pair *pair_new(uint64_t seed) {
    struct pair *pair = test_calloc(1, sizeof(*pair));
    pair->now_ns = 1000;
    pair->max_cut = 4096;
    pair->max_fill = 20000;
    random_init(&pair->random, seed);
    if (end_init(&pair->client, pair, H2_CLIENT) || end_init(&pair->server, pair, H2_SERVER)) {
        pair_free(pair);
        return NULL;
    }
    return pair;
}

void pair_free(struct pair *pair) {
    end_fini(&pair->client);
    end_fini(&pair->server);
    test_free(pair);
}

int pair_deliver(struct end *to, struct bytes bytes) {
    struct pair *pair = to->pair;
    while (bytes.len) {
        size_t cut = 1 + (size_t)random_below(&pair->random, pair->max_cut);
        struct bytes piece = bytes_of(bytes.data, cut < bytes.len ? cut : bytes.len);
        int r = h2_session_receive(to->session, piece, pair->now_ns);
        if (r)
            return r;
        bytes = bytes_from(bytes, piece.len);
    }
    return 0;
}

static size_t fill(struct end *from, uint8_t *out) {
    size_t cap = 1 + (size_t)random_below(&from->pair->random, from->pair->max_fill);
    size_t n = h2_session_fill(from->session, out, cap);
    assert_true(n <= cap);
    tap_feed(&from->sent, bytes_of(out, n));
    return n;
}

void pair_listen(struct end *from) {
    uint8_t out[20000];
    while (fill(from, out))
        continue;
}

int pair_move(struct end *from, struct end *to) {
    uint8_t out[20000];
    size_t n = fill(from, out);
    if (n == 0)
        return -1;
    return pair_deliver(to, bytes_of(out, n));
}

int pair_run(struct pair *pair) {
    for (int forth = 0, back = 0; forth >= 0 || back >= 0;) {
        forth = pair_move(&pair->client, &pair->server);
        back = pair_move(&pair->server, &pair->client);
        if (forth < -1 || forth > 0)
            return forth;
        if (back < -1 || back > 0)
            return back;
    }
    return 0;
}

struct pair *pair_connected(uint64_t seed) {
    struct pair *pair = pair_new(seed);
    assert_non_null(pair);
    assert_int_equal(pair_run(pair), 0);
    return pair;
}

struct call *pair_try_request(struct pair *pair) {
    struct call *call = call_new(&pair->client, NULL);
    if (h2_stream_open(pair->client.session, pair_request_fields, ARRAY_LEN(pair_request_fields),
                       call, &call->stream)) {
        pair->client.n_calls--;
        test_free(call);
        return NULL;
    }
    call->id = h2_stream_id(call->stream);
    return call;
}

struct call *pair_request(struct pair *pair) {
    struct call *call = pair_try_request(pair);
    assert_non_null(call);
    return call;
}

struct call *pair_other(struct pair *pair, const struct call *call) {
    for (size_t i = 0; i < pair->server.n_calls; i++) {
        if (pair->server.calls[i]->id == call->id)
            return pair->server.calls[i];
    }
    fail_msg("the server has not seen stream %u", call->id);
    return NULL;
}

void call_send(struct call *call, const char *text) {
    uint8_t *out;
    size_t len = strlen(text);
    assert_int_equal(h2_stream_reserve(call->stream, len, &out), 0);
    memcpy(out, text, len);
    h2_stream_commit(call->stream, len);
}

int call_send_bytes(struct call *call, size_t n) {
    uint8_t *out;
    int r = h2_stream_reserve(call->stream, n, &out);
    if (r)
        return r;
    memset(out, 0, n);
    h2_stream_commit(call->stream, n);
    return 0;
}

void call_respond(struct call *call) {
    assert_int_equal(
        h2_stream_respond(call->stream, response_fields, ARRAY_LEN(response_fields), false), 0);
}

void call_finish(struct call *call) {
    assert_int_equal(h2_stream_finish(call->stream, NULL, 0), 0);
}

void call_finish_with_trailers(struct call *call) {
    assert_int_equal(h2_stream_finish(call->stream, pair_trailers, 1), 0);
}

void call_answer(struct call *call) {
    call_respond(call);
    call_send(call, "answer");
    call_finish_with_trailers(call);
}

void call_try_answer(struct call *call) {
    if (h2_stream_respond(call->stream, response_fields, ARRAY_LEN(response_fields), false) ||
        call_send_bytes(call, 40000) || h2_stream_finish(call->stream, pair_trailers, 1))
        call_reset(call, H2_INTERNAL_ERROR);
}

void call_reset(struct call *call, enum h2_error error) {
    call->is_reset = true;
    h2_stream_reset(call->stream, error);
}
