/* SPDX-License-Identifier: Apache-2.0 */
#include "http2/limits.h"
#include "raw.h"
#include "unit.h"

enum {
    MIB = 1 << 20
};

/* A call that the server has heard of; neither side has finished. */
static struct call *open_call(struct pair *pair, struct call **other) {
    struct call *call = pair_request(pair);
    assert_int_equal(pair_run(pair), 0);
    *other = pair_other(pair, call);
    return call;
}

static void consume_all(struct call *call, size_t *n_consumed) {
    h2_stream_consume(call->stream, call->body.len - *n_consumed);
    *n_consumed = call->body.len;
}

/* ---- flow control ---- */

static void test_sender_stops_at_the_streams_window_until_bytes_are_consumed(void **state) {
    (void)state;
    struct pair *pair = pair_connected(1);
    pair->server.is_holding = true;
    struct call *other, *call = open_call(pair, &other);
    assert_int_equal(call_send_bytes(call, 3 * MIB), 0);
    call_finish(call);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(other->body.len, H2_STREAM_WINDOW);
    assert_int_equal(h2_stream_queued(call->stream), 3 * MIB - H2_STREAM_WINDOW);
    size_t n_consumed = 0;
    consume_all(other, &n_consumed);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(other->body.len, 2 * H2_STREAM_WINDOW);
    assert_int_equal(other->n_ended, 0);
    consume_all(other, &n_consumed);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(other->body.len, 3 * MIB);
    assert_int_equal(other->n_ended, 1);
    pair_free(pair);
}

static void test_all_streams_together_stop_at_the_connections_window(void **state) {
    (void)state;
    struct pair *pair = pair_connected(2);
    pair->server.is_holding = true;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(call_send_bytes(pair_request(pair), MIB), 0);
    assert_int_equal(pair_run(pair), 0);
    size_t n_received = 0;
    for (size_t i = 0; i < 6; i++)
        n_received += pair->server.calls[i]->body.len;
    assert_int_equal(n_received, H2_CONNECTION_WINDOW);
    pair_free(pair);
}

static void test_bytes_of_reset_streams_do_not_use_up_the_connection(void **state) {
    (void)state;
    for (size_t by_client = 0; by_client < 2; by_client++) {
        struct pair *pair = pair_connected(3);
        pair->server.is_holding = true;
        for (size_t i = 0; i < 20; i++) {
            struct call *other, *call = open_call(pair, &other);
            assert_int_equal(call_send_bytes(call, MIB), 0);
            /* The reset meets bytes that were given, bytes on their way, and bytes queued. */
            for (size_t moves = 0; moves < 60; moves++)
                (void)!pair_move(&pair->client, &pair->server);
            assert_true(other->body.len > 0);
            call_reset(by_client ? call : other, H2_CANCEL);
            assert_int_equal(pair_run(pair), 0);
            assert_int_equal(call->n_closed, 1);
            assert_int_equal(other->n_closed, 1);
            assert_int_equal(other->error, H2_CANCEL);
        }
        struct call *other, *call = open_call(pair, &other);
        assert_int_equal(call_send_bytes(call, MIB), 0);
        assert_int_equal(pair_run(pair), 0);
        assert_int_equal(other->body.len, MIB);
        pair_free(pair);
    }
}

static void test_bytes_never_consumed_are_given_back_when_the_stream_closes(void **state) {
    (void)state;
    struct pair *pair = pair_connected(4);
    pair->server.is_holding = true;
    pair->server.answer = call_answer;
    for (size_t i = 0; i < 20; i++) {
        struct call *call = pair_request(pair);
        assert_int_equal(call_send_bytes(call, MIB - 1), 0);
        call_finish(call);
        assert_int_equal(pair_run(pair), 0);
        assert_int_equal(call->n_closed, 1);
        assert_int_equal(pair_other(pair, call)->body.len, MIB - 1);
    }
    pair_free(pair);
}

static void test_trailers_wait_for_no_window(void **state) {
    (void)state;
    struct pair *pair = pair_connected(5);
    pair->client.is_holding = true;
    struct call *other, *call = open_call(pair, &other);
    call_respond(other);
    assert_int_equal(call_send_bytes(other, H2_STREAM_WINDOW), 0);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(call->body.len, H2_STREAM_WINDOW);
    call_finish_with_trailers(other);
    assert_int_equal(pair_run(pair), 0);
    assert_string_equal(call->trailers, "grpc-status: 0\n");
    assert_int_equal(call->n_ended, 1);
    pair_free(pair);
}

/* ---- the queue ---- */

static void test_writable_is_told_once_when_the_queue_goes_down(void **state) {
    (void)state;
    struct pair *pair = pair_connected(6);
    struct call *other, *call = open_call(pair, &other);
    assert_int_equal(call_send_bytes(call, H2_STREAM_QUEUE_LOW), 0);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(call->n_writable, 0);
    assert_int_equal(call_send_bytes(call, 10 * H2_STREAM_QUEUE_LOW), 0);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(call->n_writable, 1);
    assert_int_equal(call_send_bytes(call, H2_STREAM_QUEUE_LOW + 1), 0);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(call->n_writable, 2);
    assert_int_equal(other->body.len, 12 * H2_STREAM_QUEUE_LOW + 1);
    pair_free(pair);
}

static void test_full_queue_refuses_and_keeps_what_it_has(void **state) {
    (void)state;
    struct pair *pair = pair_connected(7);
    struct call *other, *call = open_call(pair, &other);
    assert_int_equal(call_send_bytes(call, H2_MAX_STREAM_QUEUE - 1), 0);
    assert_int_equal(call_send_bytes(call, 2), H2_E_QUEUE_FULL);
    assert_int_equal(call_send_bytes(call, 1), 0);
    assert_int_equal(call_send_bytes(call, 1), H2_E_QUEUE_FULL);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(other->body.len, H2_MAX_STREAM_QUEUE);
    assert_int_equal(h2_stream_queued(call->stream), 0);
    assert_limit_hit(&pair->client, "http2.stream_queue", 2);
    pair_free(pair);
}

static void test_queues_of_one_connection_are_bounded_together(void **state) {
    (void)state;
    struct pair *pair = pair_connected(8);
    size_t n_full = H2_MAX_CONNECTION_QUEUE / H2_MAX_STREAM_QUEUE;
    for (size_t i = 0; i < n_full; i++)
        assert_int_equal(call_send_bytes(pair_request(pair), H2_MAX_STREAM_QUEUE), 0);
    struct call *one_more = pair_request(pair);
    assert_int_equal(call_send_bytes(one_more, 1), H2_E_QUEUE_FULL);
    call_reset(pair->client.calls[0], H2_CANCEL);
    pair_listen(&pair->client);
    assert_int_equal(call_send_bytes(one_more, H2_MAX_STREAM_QUEUE), 0);
    assert_limit_hit(&pair->client, "http2.connection_queue", 1);
    pair_free(pair);
}

static void test_streams_with_much_to_send_take_turns(void **state) {
    (void)state;
    struct pair *pair = pair_connected(9);
    struct call *others[2];
    for (size_t i = 0; i < 2; i++)
        open_call(pair, &others[i]);
    for (size_t i = 0; i < 2; i++) {
        call_respond(others[i]);
        assert_int_equal(call_send_bytes(others[i], 500000), 0);
    }
    size_t from = pair->server.sent.n_frames;
    assert_int_equal(pair_run(pair), 0);
    const struct tap *sent = &pair->server.sent;
    uint32_t last_id = 0;
    size_t n_turns = 0;
    for (size_t i = from; i < sent->n_frames; i++) {
        if (sent->frames[i].type != RAW_DATA)
            continue;
        n_turns += sent->frames[i].id != last_id;
        last_id = sent->frames[i].id;
    }
    assert_in_range(n_turns, 50, 70);
    pair_free(pair);
}

/* ---- ends ---- */

static void test_trailers_only_answer_is_one_frame(void **state) {
    (void)state;
    struct pair *pair = pair_connected(10);
    struct call *other, *call = open_call(pair, &other);
    call_finish(call);
    assert_int_equal(pair_run(pair), 0);
    struct h2_field fields[] = {field(":status", "200"), field("grpc-status", "12")};
    assert_int_equal(h2_stream_respond(other->stream, fields, 2, true), 0);
    size_t from = pair->server.sent.n_frames;
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(pair->server.sent.n_frames, from + 1);
    assert_string_equal(call->head, ":status: 200\ngrpc-status: 12\n");
    assert_string_equal(call->trailers, "");
    assert_int_equal(call->n_ended, 1);
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(other->n_closed, 1);
    pair_free(pair);
}

static void test_request_without_body_ends_with_an_empty_frame(void **state) {
    (void)state;
    struct pair *pair = pair_connected(11);
    struct call *other, *call = open_call(pair, &other);
    call_finish(call);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(other->n_ended, 1);
    assert_int_equal(other->body.len, 0);
    pair_free(pair);
}

static size_t index_of(const struct tap *tap, uint8_t type, uint32_t id) {
    size_t found = tap_find(tap, type, id, 0);
    for (size_t i = found; i < PAIR_MAX_FRAMES; i = tap_find(tap, type, id, i + 1))
        found = i;
    return found;
}

static void test_early_finish_resets_behind_its_trailers(void **state) {
    (void)state;
    struct pair *pair = pair_connected(12);
    struct call *other, *call = open_call(pair, &other);
    call_respond(other);
    assert_int_equal(call_send_bytes(other, 100000), 0);
    call_finish_with_trailers(other);
    call_reset(other, H2_NO_ERROR);
    call_send(call, "still talking");
    assert_int_equal(pair_run(pair), 0);
    const struct tap *sent = &pair->server.sent;
    size_t data = index_of(sent, RAW_DATA, call->id);
    size_t trailers = index_of(sent, RAW_HEADERS, call->id);
    size_t reset = index_of(sent, RAW_RST_STREAM, call->id);
    assert_true(data < trailers && trailers < reset && reset < PAIR_MAX_FRAMES);
    assert_int_equal(sent->frames[reset].code, H2_NO_ERROR);
    assert_int_equal(call->body.len, 100000);
    assert_string_equal(call->trailers, "grpc-status: 0\n");
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(call->error, H2_NO_ERROR);
    assert_int_equal(other->body.len, 0);
    assert_int_equal(other->n_closed, 1);
    assert_int_equal(other->error, H2_NO_ERROR);
    pair_free(pair);
}

static void test_early_trailers_only_resets_behind_it(void **state) {
    (void)state;
    struct pair *pair = pair_connected(13);
    struct call *other, *call = open_call(pair, &other);
    struct h2_field fields[] = {field(":status", "200"), field("grpc-status", "16")};
    assert_int_equal(h2_stream_respond(other->stream, fields, 2, true), 0);
    call_reset(other, H2_NO_ERROR);
    assert_int_equal(pair_run(pair), 0);
    const struct tap *sent = &pair->server.sent;
    assert_true(index_of(sent, RAW_HEADERS, call->id) < index_of(sent, RAW_RST_STREAM, call->id));
    assert_int_equal(call->n_ended, 1);
    assert_int_equal(call->error, H2_NO_ERROR);
    assert_int_equal(call->n_closed, 1);
    pair_free(pair);
}

static void test_early_finish_needs_no_reset_when_the_peer_finishes_first(void **state) {
    (void)state;
    struct pair *pair = pair_connected(14);
    struct call *other, *call = open_call(pair, &other);
    call_respond(other);
    call_finish_with_trailers(other);
    call_reset(other, H2_NO_ERROR);
    call_finish(call);
    while (pair_move(&pair->client, &pair->server) == 0)
        continue;
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(tap_find(&pair->server.sent, RAW_RST_STREAM, call->id, 0), PAIR_MAX_FRAMES);
    assert_int_equal(other->n_closed, 1);
    assert_int_equal(call->n_closed, 1);
    pair_free(pair);
}

static void test_reset_with_an_error_does_not_wait_for_the_queue(void **state) {
    (void)state;
    struct pair *pair = pair_connected(15);
    pair->client.is_holding = true;
    struct call *other, *call = open_call(pair, &other);
    call_respond(other);
    assert_int_equal(call_send_bytes(other, 2 * H2_STREAM_WINDOW), 0);
    call_finish_with_trailers(other);
    call_reset(other, H2_NO_ERROR);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(other->n_closed, 0);
    call_reset(other, H2_CANCEL);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(other->n_closed, 1);
    assert_int_equal(call->error, H2_CANCEL);
    pair_free(pair);
}

static void test_reset_by_the_client_reaches_the_server_once(void **state) {
    (void)state;
    struct pair *pair = pair_connected(16);
    struct call *other, *call = open_call(pair, &other);
    assert_int_equal(call_send_bytes(call, 50000), 0);
    call_reset(call, H2_CANCEL);
    call_reset(call, H2_INTERNAL_ERROR);
    assert_int_equal(call->n_closed, 0);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(call->error, H2_CANCEL);
    assert_int_equal(other->error, H2_CANCEL);
    assert_false(other->is_unprocessed);
    pair_free(pair);
}

static void test_stream_reset_before_its_request_was_sent_never_reaches_the_server(void **state) {
    (void)state;
    struct pair *pair = pair_connected(17);
    struct call *call = pair_request(pair);
    call_reset(call, H2_CANCEL);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(call->error, H2_CANCEL);
    assert_int_equal(pair->server.n_calls, 0);
    pair_free(pair);
}

static void test_calls_on_a_stream_that_is_being_reset_do_nothing(void **state) {
    (void)state;
    struct pair *pair = pair_connected(18);
    struct call *other, *call = open_call(pair, &other);
    call_reset(other, H2_CANCEL);
    call_answer(other);
    assert_int_equal(h2_stream_queued(other->stream), 0);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(call->n_closed, 1);
    assert_false(call->has_head);
    pair_free(pair);
}

/* ---- streams used again ---- */

static void test_stream_used_again_remembers_nothing(void **state) {
    (void)state;
    struct pair *pair = pair_connected(19);
    pair->server.answer = call_answer;
    for (size_t i = 0; i < 10; i++) {
        struct call *call = pair_request(pair);
        if (i % 2)
            call_reset(call, H2_CANCEL);
        else
            call_finish_with_trailers(call);
        assert_int_equal(pair_run(pair), 0);
        assert_int_equal(call->n_closed, 1);
        assert_int_equal(call->error, i % 2 ? H2_CANCEL : H2_NO_ERROR);
        assert_string_equal(call->trailers, i % 2 ? "" : "grpc-status: 0\n");
        assert_int_equal(h2_session_tick(pair->client.session, pair->now_ns), 0);
        assert_int_equal(h2_session_tick(pair->server.session, pair->now_ns), 0);
    }
    pair_free(pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sender_stops_at_the_streams_window_until_bytes_are_consumed),
        cmocka_unit_test(test_all_streams_together_stop_at_the_connections_window),
        cmocka_unit_test(test_bytes_of_reset_streams_do_not_use_up_the_connection),
        cmocka_unit_test(test_bytes_never_consumed_are_given_back_when_the_stream_closes),
        cmocka_unit_test(test_trailers_wait_for_no_window),
        cmocka_unit_test(test_writable_is_told_once_when_the_queue_goes_down),
        cmocka_unit_test(test_full_queue_refuses_and_keeps_what_it_has),
        cmocka_unit_test(test_queues_of_one_connection_are_bounded_together),
        cmocka_unit_test(test_streams_with_much_to_send_take_turns),
        cmocka_unit_test(test_trailers_only_answer_is_one_frame),
        cmocka_unit_test(test_request_without_body_ends_with_an_empty_frame),
        cmocka_unit_test(test_early_finish_resets_behind_its_trailers),
        cmocka_unit_test(test_early_trailers_only_resets_behind_it),
        cmocka_unit_test(test_early_finish_needs_no_reset_when_the_peer_finishes_first),
        cmocka_unit_test(test_reset_with_an_error_does_not_wait_for_the_queue),
        cmocka_unit_test(test_reset_by_the_client_reaches_the_server_once),
        cmocka_unit_test(test_stream_reset_before_its_request_was_sent_never_reaches_the_server),
        cmocka_unit_test(test_calls_on_a_stream_that_is_being_reset_do_nothing),
        cmocka_unit_test(test_stream_used_again_remembers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
