/* SPDX-License-Identifier: Apache-2.0 */
#include "http2/session.h"

#include "base/clock.h"
#include "http2/limits.h"
#include "raw.h"
#include "unit.h"

static struct call *whole_call(struct pair *pair) {
    struct call *call = pair_request(pair);
    call_send(call, "question");
    call_finish(call);
    return call;
}

static void assert_answered(const struct call *call) {
    assert_true(call_has_body(call, "answer"));
    assert_string_equal(call->trailers, "grpc-status: 0\n");
    assert_int_equal(call->n_ended, 1);
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(call->error, H2_NO_ERROR);
}

/* ---- calls ---- */

static void test_call_with_bodies_and_trailers_goes_both_ways(void **state) {
    (void)state;
    struct pair *pair = pair_connected(1);
    pair->server.answer = call_answer;
    struct call *call = whole_call(pair);
    assert_int_equal(pair_run(pair), 0);
    struct call *other = pair_other(pair, call);
    assert_string_equal(other->head, ":method: POST\n:scheme: http\n"
                                     ":path: /SensorService/SendSingleReading\n"
                                     ":authority: localhost\nauthorization: Bearer secret\n");
    assert_true(call_has_body(other, "question"));
    assert_int_equal(other->n_ended, 1);
    assert_int_equal(other->n_closed, 1);
    assert_int_equal(other->error, H2_NO_ERROR);
    assert_string_equal(call->head, ":status: 200\ncontent-type: application/grpc\n");
    assert_answered(call);
    pair_free(pair);
}

static void test_call_works_one_byte_at_a_time(void **state) {
    (void)state;
    struct pair *pair = pair_new(2);
    pair->max_cut = pair->max_fill = 1;
    assert_int_equal(pair_run(pair), 0);
    pair->server.answer = call_answer;
    struct call *call = whole_call(pair);
    assert_int_equal(pair_run(pair), 0);
    assert_answered(call);
    pair_free(pair);
}

static void test_trailers_of_a_request_reach_the_server(void **state) {
    (void)state;
    struct pair *pair = pair_connected(3);
    struct call *call = pair_request(pair);
    call_send(call, "body");
    call_finish_with_trailers(call);
    assert_int_equal(pair_run(pair), 0);
    struct call *other = pair_other(pair, call);
    assert_true(call_has_body(other, "body"));
    assert_string_equal(other->trailers, "grpc-status: 0\n");
    assert_int_equal(other->n_ended, 1);
    pair_free(pair);
}

static void test_many_calls_at_once_are_all_answered(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct pair *pair = pair_connected(seed);
        pair->max_cut = 1 + seed * 50;
        pair->server.answer = call_answer;
        for (size_t round = 0; round < 2; round++) {
            for (size_t i = 0; i < 100; i++)
                whole_call(pair);
            assert_int_equal(pair_run(pair), 0);
        }
        for (size_t i = 0; i < 200; i++)
            assert_answered(pair->client.calls[i]);
        assert_int_equal(h2_session_n_streams(pair->client.session), 0);
        assert_int_equal(h2_session_n_streams(pair->server.session), 0);
        pair_free(pair);
    }
}

static void test_streams_are_to_be_had_from_ready_on(void **state) {
    (void)state;
    struct pair *pair = pair_new(4);
    struct h2_stream *stream;
    assert_int_equal(h2_stream_open(pair->client.session, pair_request_fields, 5, NULL, &stream),
                     H2_E_NO_STREAM);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(pair->client.n_ready, 1);
    assert_int_equal(pair->server.n_ready, 1);
    pair_request(pair);
    pair_free(pair);
}

static void settings_allow_streams(struct pair *pair, uint8_t n) {
    struct record raw = {0};
    const uint8_t max_concurrent_streams[] = {0, 3, 0, 0, 0, n};
    raw_frame(&raw, RAW_SETTINGS, 0, 0,
              bytes_of(max_concurrent_streams, sizeof(max_concurrent_streams)));
    assert_int_equal(raw_send(&raw, &pair->client), 0);
}

static void test_a_raised_limit_on_streams_is_told(void **state) {
    (void)state;
    struct pair *pair = pair_connected(4);
    struct h2_stream *stream;
    settings_allow_streams(pair, 0);
    assert_int_equal(h2_stream_open(pair->client.session, pair_request_fields, 5, NULL, &stream),
                     H2_E_NO_STREAM);
    size_t n_ready = pair->client.n_ready;
    settings_allow_streams(pair, 1);
    assert_int_equal(pair->client.n_ready, n_ready + 1);
    pair_request(pair);
    pair_free(pair);
}

static void test_stream_beyond_the_peers_limit_is_refused_at_once(void **state) {
    (void)state;
    struct pair *pair = pair_connected(5);
    struct h2_stream *stream;
    for (size_t i = 0; i < H2_MAX_STREAMS; i++)
        pair_request(pair);
    assert_int_equal(h2_stream_open(pair->client.session, pair_request_fields, 5, NULL, &stream),
                     H2_E_NO_STREAM);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(h2_session_n_streams(pair->server.session), H2_MAX_STREAMS);
    call_reset(pair->client.calls[7], H2_CANCEL);
    assert_int_equal(pair_run(pair), 0);
    pair_request(pair);
    pair_free(pair);
}

static void test_free_closes_what_is_left_as_lost(void **state) {
    (void)state;
    struct pair *pair = pair_connected(6);
    struct call *call = pair_request(pair);
    assert_int_equal(pair_run(pair), 0);
    h2_session_free(pair->client.session);
    pair->client.session = NULL;
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(call->error, H2_CONNECTION_LOST);
    assert_false(call->is_unprocessed);
    pair_free(pair);
}

/* ---- the orderly end ---- */

static void test_drain_finishes_calls_and_lets_those_on_their_way_in(void **state) {
    (void)state;
    struct pair *pair = pair_connected(7);
    struct call *running = pair_request(pair);
    assert_int_equal(pair_run(pair), 0);
    h2_session_drain(pair->server.session);
    struct call *on_its_way = pair_request(pair);
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(pair->client.n_goaways, 2);
    assert_false(h2_session_is_over(pair->server.session));
    struct h2_stream *stream;
    assert_int_equal(h2_stream_open(pair->client.session, pair_request_fields, 5, NULL, &stream),
                     H2_E_NO_STREAM);
    pair->server.answer = call_answer;
    call_finish(running);
    call_finish(on_its_way);
    assert_int_equal(pair_run(pair), 0);
    assert_answered(running);
    assert_answered(on_its_way);
    assert_true(h2_session_is_over(pair->server.session));
    assert_true(h2_session_is_over(pair->client.session));
    assert_string_equal(h2_session_why(pair->server.session), "");
    pair_free(pair);
}

static void test_drain_sends_the_largest_id_first_and_then_the_last(void **state) {
    (void)state;
    struct pair *pair = pair_connected(8);
    struct call *call = pair_request(pair);
    assert_int_equal(pair_run(pair), 0);
    h2_session_drain(pair->server.session);
    h2_session_drain(pair->server.session);
    assert_int_equal(pair_run(pair), 0);
    const struct tap *sent = &pair->server.sent;
    size_t first = tap_find(sent, RAW_GOAWAY, 0, 0);
    size_t second = tap_find(sent, RAW_GOAWAY, 0, first + 1);
    assert_int_equal(sent->frames[first].last_id, 0x7fffffff);
    assert_int_equal(sent->frames[second].last_id, call->id);
    assert_int_equal(tap_find(sent, RAW_GOAWAY, 0, second + 1), PAIR_MAX_FRAMES);
    pair_free(pair);
}

static void test_drain_goes_on_by_time_when_the_ping_is_not_answered(void **state) {
    (void)state;
    struct pair *pair = pair_connected(9);
    struct tap *sent = &pair->server.sent;
    h2_session_drain(pair->server.session);
    pair_listen(&pair->server);
    size_t first = tap_find(sent, RAW_GOAWAY, 0, 0);
    assert_int_equal(h2_session_tick(pair->server.session, pair->now_ns + NS_PER_S - 1), 0);
    pair_listen(&pair->server);
    assert_int_equal(tap_find(sent, RAW_GOAWAY, 0, first + 1), PAIR_MAX_FRAMES);
    assert_int_equal(h2_session_tick(pair->server.session, pair->now_ns + NS_PER_S), 0);
    pair_listen(&pair->server);
    assert_true(tap_find(sent, RAW_GOAWAY, 0, first + 1) < PAIR_MAX_FRAMES);
    assert_true(h2_session_is_over(pair->server.session));
    pair_free(pair);
}

static void test_client_that_drains_finishes_its_calls(void **state) {
    (void)state;
    struct pair *pair = pair_connected(10);
    struct call *call = pair_request(pair);
    h2_session_drain(pair->client.session);
    struct h2_stream *stream;
    assert_int_equal(h2_stream_open(pair->client.session, pair_request_fields, 5, NULL, &stream),
                     H2_E_NO_STREAM);
    assert_int_equal(pair_run(pair), 0);
    assert_false(h2_session_is_over(pair->client.session));
    pair->server.answer = call_answer;
    call_finish(call);
    assert_int_equal(pair_run(pair), 0);
    assert_answered(call);
    assert_true(h2_session_is_over(pair->client.session));
    assert_true(h2_session_is_over(pair->server.session));
    pair_free(pair);
}

static void test_terminate_sends_goaway_and_takes_nothing_more(void **state) {
    (void)state;
    struct pair *pair = pair_connected(11);
    struct call *call = pair_request(pair);
    assert_int_equal(pair_run(pair), 0);
    h2_session_terminate(pair->server.session, H2_ENHANCE_YOUR_CALM);
    call_send(call, "too late");
    assert_int_equal(pair_run(pair), 0);
    assert_int_equal(pair->client.n_goaways, 1);
    assert_int_equal(pair->client.goaway_error, H2_ENHANCE_YOUR_CALM);
    assert_int_equal(pair_other(pair, call)->body.len, 0);
    assert_true(h2_session_is_over(pair->server.session));
    pair_free(pair);
}

/* ---- GOAWAY and REFUSED_STREAM from a server made by hand ---- */

static struct pair *client_with_two_calls(struct record *raw) {
    struct pair *pair = pair_new(12);
    raw_frame(raw, RAW_SETTINGS, 0, 0, bytes_of(NULL, 0));
    raw_frame(raw, RAW_SETTINGS, RAW_ACK, 0, bytes_of(NULL, 0));
    assert_int_equal(raw_send(raw, &pair->client), 0);
    pair_request(pair);
    pair_request(pair);
    pair_listen(&pair->client);
    return pair;
}

static void test_goaway_closes_streams_above_its_last_id_as_unprocessed(void **state) {
    (void)state;
    struct record raw = {0};
    struct pair *pair = client_with_two_calls(&raw);
    raw_goaway(&raw, pair->client.calls[0]->id, H2_NO_ERROR);
    assert_int_equal(raw_send(&raw, &pair->client), 0);
    assert_int_equal(pair->client.n_goaways, 1);
    assert_int_equal(pair->client.calls[0]->n_closed, 0);
    assert_int_equal(pair->client.calls[1]->n_closed, 1);
    assert_true(pair->client.calls[1]->is_unprocessed);
    assert_false(h2_session_is_over(pair->client.session));
    pair_free(pair);
}

static void test_stream_not_sent_yet_is_unprocessed_after_goaway(void **state) {
    (void)state;
    struct record raw = {0};
    struct pair *pair = client_with_two_calls(&raw);
    struct call *unsent = pair_request(pair);
    raw_goaway(&raw, 0x7fffffff, H2_NO_ERROR);
    assert_int_equal(raw_send(&raw, &pair->client), 0);
    pair_listen(&pair->client);
    assert_int_equal(unsent->n_closed, 1);
    assert_true(unsent->is_unprocessed);
    assert_int_equal(h2_session_n_streams(pair->client.session), 2);
    pair_free(pair);
}

static void test_refused_stream_is_unprocessed_and_other_resets_are_not(void **state) {
    (void)state;
    struct record raw = {0};
    struct pair *pair = client_with_two_calls(&raw);
    raw_number(&raw, RAW_RST_STREAM, pair->client.calls[0]->id, H2_REFUSED_STREAM);
    raw_number(&raw, RAW_RST_STREAM, pair->client.calls[1]->id, H2_CANCEL);
    assert_int_equal(raw_send(&raw, &pair->client), 0);
    assert_int_equal(pair->client.calls[0]->error, H2_REFUSED_STREAM);
    assert_true(pair->client.calls[0]->is_unprocessed);
    assert_int_equal(pair->client.calls[1]->error, H2_CANCEL);
    assert_false(pair->client.calls[1]->is_unprocessed);
    pair_free(pair);
}

/* ---- time ---- */

static void test_peer_without_settings_is_ended_after_ten_seconds(void **state) {
    (void)state;
    struct pair *pair = pair_new(13);
    uint64_t limit_ns = H2_SETTINGS_TIMEOUT_S * NS_PER_S;
    struct end *ends[] = {&pair->client, &pair->server};
    for (size_t i = 0; i < 2; i++) {
        struct h2_session *session = ends[i]->session;
        assert_int_equal(h2_session_tick(session, pair->now_ns + limit_ns - 1), 0);
        assert_int_equal(h2_session_tick(session, pair->now_ns + limit_ns), H2_E_BROKEN);
        assert_string_equal(h2_session_why(session), "it sent no HTTP/2 SETTINGS in time");
        pair_listen(ends[i]);
        size_t at = tap_find(&ends[i]->sent, RAW_GOAWAY, 0, 0);
        assert_true(at < PAIR_MAX_FRAMES);
        assert_int_equal(ends[i]->sent.frames[at].code, H2_SETTINGS_TIMEOUT);
        assert_true(h2_session_is_over(session));
    }
    pair_free(pair);
}

static void test_peer_that_does_not_acknowledge_settings_is_ended(void **state) {
    (void)state;
    struct pair *pair = pair_new(14);
    struct record raw = {0};
    raw_preface(&raw);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    uint64_t late_ns = pair->now_ns + H2_SETTINGS_TIMEOUT_S * NS_PER_S;
    assert_int_equal(h2_session_tick(pair->server.session, late_ns), H2_E_BROKEN);
    assert_string_equal(h2_session_why(pair->server.session), "it left our SETTINGS unanswered");
    assert_limit_hit(&pair->server, "http2.settings_time", 1);
    pair_free(pair);
}

static void test_working_connection_has_no_timeout(void **state) {
    (void)state;
    struct pair *pair = pair_connected(15);
    for (uint64_t s = 0; s < 100; s++) {
        assert_int_equal(h2_session_tick(pair->server.session, pair->now_ns + s * NS_PER_S), 0);
        assert_int_equal(h2_session_tick(pair->client.session, pair->now_ns + s * NS_PER_S), 0);
    }
    assert_int_equal(pair_run(pair), 0);
    pair_free(pair);
}

/* ---- peers that speak something else ---- */

static void assert_refused(struct end *end, struct bytes bytes, const char *words) {
    for (size_t i = 0; i < bytes.len && !h2_session_is_over(end->session); i++) {
        (void)!h2_session_receive(end->session, bytes_of(bytes.data + i, 1), 1);
        pair_listen(end);
    }
    assert_true(h2_session_is_over(end->session));
    assert_string_equal(h2_session_why(end->session), words);
    assert_int_equal(h2_session_receive(end->session, bytes, 1), H2_E_BROKEN);
    assert_int_equal(h2_session_tick(end->session, 1), H2_E_BROKEN);
}

static void test_other_protocols_get_words_that_name_them(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        const char *words;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "it speaks HTTP/1.1; this port takes HTTP/2 only"},
        {"POST /x HTTP/1.1\r\n\r\n", "it speaks HTTP/1.1; this port takes HTTP/2 only"},
        {"PUT /x HTTP/1.1\r\n\r\n", "it speaks HTTP/1.1; this port takes HTTP/2 only"},
        {"\x16\x03\x01\x02", "it speaks TLS; this port takes HTTP/2 without TLS"},
        {"PRI * HTTP/3.0", "it broke HTTP/2: Received bad client magic byte string"},
        {"\x01\x02\x03", "it broke HTTP/2: Received bad client magic byte string"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pair *pair = pair_new(16);
        assert_refused(&pair->server, bytes_str(cases[i].bytes), cases[i].words);
        pair_free(pair);
    }
}

static void test_whole_http1_request_at_once_is_refused_by_name(void **state) {
    (void)state;
    struct pair *pair = pair_new(17);
    struct bytes request = bytes_str("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(h2_session_receive(pair->server.session, request, 1), H2_E_BROKEN);
    assert_string_equal(h2_session_why(pair->server.session),
                        "it speaks HTTP/1.1; this port takes HTTP/2 only");
    uint8_t out[100];
    assert_int_equal(h2_session_fill(pair->server.session, out, sizeof(out)), 0);
    pair_free(pair);
}

static void test_client_names_what_its_server_speaks(void **state) {
    (void)state;
    struct pair *pair = pair_new(18);
    assert_refused(&pair->client, bytes_str("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"),
                   "it speaks HTTP/1.1; HTTP/2 is needed");
    pair_free(pair);
    pair = pair_new(19);
    assert_refused(&pair->client, bytes_of("\x15\x03\x03\x00\x02\x02\x46\x00\x00\x00\x00", 11),
                   "it speaks TLS; this connection is without TLS");
    pair_free(pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_with_bodies_and_trailers_goes_both_ways),
        cmocka_unit_test(test_call_works_one_byte_at_a_time),
        cmocka_unit_test(test_trailers_of_a_request_reach_the_server),
        cmocka_unit_test(test_many_calls_at_once_are_all_answered),
        cmocka_unit_test(test_streams_are_to_be_had_from_ready_on),
        cmocka_unit_test(test_a_raised_limit_on_streams_is_told),
        cmocka_unit_test(test_stream_beyond_the_peers_limit_is_refused_at_once),
        cmocka_unit_test(test_free_closes_what_is_left_as_lost),
        cmocka_unit_test(test_drain_finishes_calls_and_lets_those_on_their_way_in),
        cmocka_unit_test(test_drain_sends_the_largest_id_first_and_then_the_last),
        cmocka_unit_test(test_drain_goes_on_by_time_when_the_ping_is_not_answered),
        cmocka_unit_test(test_client_that_drains_finishes_its_calls),
        cmocka_unit_test(test_terminate_sends_goaway_and_takes_nothing_more),
        cmocka_unit_test(test_goaway_closes_streams_above_its_last_id_as_unprocessed),
        cmocka_unit_test(test_stream_not_sent_yet_is_unprocessed_after_goaway),
        cmocka_unit_test(test_refused_stream_is_unprocessed_and_other_resets_are_not),
        cmocka_unit_test(test_peer_without_settings_is_ended_after_ten_seconds),
        cmocka_unit_test(test_peer_that_does_not_acknowledge_settings_is_ended),
        cmocka_unit_test(test_working_connection_has_no_timeout),
        cmocka_unit_test(test_other_protocols_get_words_that_name_them),
        cmocka_unit_test(test_whole_http1_request_at_once_is_refused_by_name),
        cmocka_unit_test(test_client_names_what_its_server_speaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
