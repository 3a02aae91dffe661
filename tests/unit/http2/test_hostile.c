/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that break the rules, by intent or by accident: floods end the connection with words, and
 * no bytes whatever crash it. The last two tests are small fuzzers with a fixed seed.
 */
#include "base/clock.h"
#include "http2/limits.h"
#include "raw.h"
#include "unit.h"

static struct pair *server_with_preface(void) {
    struct pair *pair = pair_new(1);
    struct record raw = {0};
    raw_preface(&raw);
    raw_frame(&raw, RAW_SETTINGS, RAW_ACK, 0, bytes_of(NULL, 0));
    pair_listen(&pair->server);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    return pair;
}

static void assert_ended(const struct end *end, const char *words) {
    assert_true(h2_session_is_over(end->session));
    assert_string_equal(h2_session_why(end->session), words);
}

static uint32_t goaway_code(const struct end *end) {
    size_t at = tap_find(&end->sent, RAW_GOAWAY, 0, 0);
    assert_true(at < PAIR_MAX_FRAMES);
    return end->sent.frames[at].code;
}

/* ---- floods ---- */

/* Requests that are reset at once; how many got through before the connection was ended. */
static size_t reset_requests(struct pair *pair, size_t n, uint64_t gap_ns) {
    struct record raw = {0};
    for (size_t i = 0; i < n; i++) {
        pair->now_ns += gap_ns;
        raw_request(&raw, (uint32_t)(2 * i + 1), 0);
        raw_number(&raw, RAW_RST_STREAM, (uint32_t)(2 * i + 1), H2_CANCEL);
        if (raw_send(&raw, &pair->server))
            return i;
        pair_listen(&pair->server);
        if (h2_session_is_over(pair->server.session))
            return i;
    }
    return n;
}

static void test_rapid_reset_ends_the_connection(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    assert_int_equal(reset_requests(pair, 1500, 0), H2_RESET_BURST);
    assert_ended(&pair->server, "too many of its streams are reset");
    assert_int_equal(goaway_code(&pair->server), H2_ENHANCE_YOUR_CALM);
    assert_limit_hit(&pair->server, "http2.resets", 1);
    pair_free(pair);
}

static void test_resets_at_a_tolerable_rate_go_on(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    assert_int_equal(reset_requests(pair, 1500, NS_PER_S / 30), 1500);
    assert_false(h2_session_is_over(pair->server.session));
    assert_int_equal(pair->server.n_limits_hit, 0);
    pair_free(pair);
}

/* A WINDOW_UPDATE that makes a window overflow: the server has to reset the stream. */
static void test_resets_that_the_peer_provokes_count_too(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    size_t n = 0;
    for (; n < 1500 && !h2_session_is_over(pair->server.session); n++) {
        raw_request(&raw, (uint32_t)(2 * n + 1), 0);
        raw_number(&raw, RAW_WINDOW_UPDATE, (uint32_t)(2 * n + 1), 0x7fffffff);
        (void)!raw_send(&raw, &pair->server);
        pair_listen(&pair->server);
    }
    assert_int_equal(n, H2_RESET_BURST + 1);
    assert_ended(&pair->server, "too many of its streams are reset");
    assert_limit_hit(&pair->server, "http2.resets", 1);
    pair_free(pair);
}

static void test_our_own_resets_do_not_count(void **state) {
    (void)state;
    struct pair *pair = pair_connected(2);
    for (size_t i = 0; i < 1200; i++) {
        struct call *call = pair_request(pair);
        assert_int_equal(pair_run(pair), 0);
        call_reset(pair_other(pair, call), H2_CANCEL);
        assert_int_equal(pair_run(pair), 0);
    }
    assert_false(h2_session_is_over(pair->server.session));
    pair_free(pair);
}

static void test_flood_of_pings_that_nobody_reads_ends_the_connection(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    size_t n = 0;
    do {
        raw_frame(&raw, RAW_PING, 0, 0, bytes_of("12345678", 8));
        n++;
    } while (raw_send(&raw, &pair->server) == 0);
    assert_in_range(n, H2_MAX_OUTBOUND_ACKS, H2_MAX_OUTBOUND_ACKS + 2);
    assert_true(h2_session_is_over(pair->server.session));
    assert_string_not_equal(h2_session_why(pair->server.session), "");
    assert_limit_hit(&pair->server, "http2.outbound_acks", 1);
    pair_free(pair);
}

static void test_frames_that_nobody_reads_are_bounded(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    size_t n = 0;
    do {
        raw_request(&raw, (uint32_t)(2 * n + 1), 0);
        raw_number(&raw, RAW_WINDOW_UPDATE, (uint32_t)(2 * n + 1), 0x7fffffff);
        raw_number(&raw, RAW_RST_STREAM, (uint32_t)(2 * n + 1), H2_CANCEL);
        pair->now_ns += NS_PER_S;
        n++;
        assert_true(n <= H2_MAX_OUTBOUND_FRAMES + 1);
    } while (raw_send(&raw, &pair->server) == 0 && n < 6000);
    assert_string_equal(h2_session_why(pair->server.session),
                        "it makes us answer and reads nothing");
    assert_limit_hit(&pair->server, "http2.outbound_frames", 1);
    pair_free(pair);
}

static void test_flood_of_continuation_frames_ends_the_connection(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0}, block = {0};
    raw_request_block(&block);
    raw_frame(&raw, RAW_HEADERS, 0, 1, bytes_of(block.data, block.len));
    record_fini(&block);
    for (size_t i = 0; i <= H2_MAX_CONTINUATIONS; i++)
        raw_frame(&raw, RAW_CONTINUATION, 0, 1, bytes_of(NULL, 0));
    assert_int_equal(raw_send(&raw, &pair->server), H2_E_BROKEN);
    assert_true(h2_session_is_over(pair->server.session));
    assert_int_equal(pair->server.n_calls, 0);
    assert_limit_hit(&pair->server, "http2.continuations", 1);
    pair_free(pair);
}

static void test_settings_with_too_many_entries_end_the_connection(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    uint8_t entries[6 * (H2_MAX_SETTINGS + 1)] = {0};
    for (size_t i = 0; i <= H2_MAX_SETTINGS; i++)
        entries[6 * i + 1] = 3;
    raw_frame(&raw, RAW_SETTINGS, 0, 0, bytes_of(entries, sizeof(entries)));
    (void)!raw_send(&raw, &pair->server);
    pair_listen(&pair->server);
    assert_true(h2_session_is_over(pair->server.session));
    assert_limit_hit(&pair->server, "http2.settings", 1);
    pair_free(pair);
}

static void test_stream_beyond_the_limit_ends_the_connection(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    for (uint32_t i = 0; i <= H2_MAX_STREAMS; i++)
        raw_request(&raw, 2 * i + 1, 0);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    assert_int_equal(pair->server.n_calls, H2_MAX_STREAMS);
    pair_listen(&pair->server);
    assert_ended(&pair->server,
                 "it broke HTTP/2: request HEADERS: max concurrent streams exceeded");
    assert_limit_hit(&pair->server, "http2.streams", 1);
    pair_free(pair);
}

/* ---- odd frames ---- */

static void test_empty_data_frames_are_not_told_and_end_a_stream(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    raw_request(&raw, 1, 0);
    for (size_t i = 0; i < 1000; i++)
        raw_frame(&raw, RAW_DATA, 0, 1, bytes_of(NULL, 0));
    raw_frame(&raw, RAW_DATA, RAW_END_STREAM, 1, bytes_of(NULL, 0));
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    assert_int_equal(pair->server.calls[0]->body.len, 0);
    assert_int_equal(pair->server.calls[0]->n_ended, 1);
    pair_free(pair);
}

/* Sends `n_frames` full DATA frames on stream 1, with padding or without. */
static void send_data(struct pair *pair, size_t n_frames, uint8_t pad) {
    static uint8_t payload[16384];
    struct record raw = {0};
    payload[0] = pad;
    for (size_t i = 0; i < n_frames; i++)
        raw_frame(&raw, RAW_DATA, pad ? RAW_PADDED : 0, 1, bytes_of(payload, sizeof(payload)));
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    payload[0] = 0;
}

static void test_data_for_a_closed_stream_is_given_back_to_the_connection(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    raw_request(&raw, 1, 0);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    call_reset(pair->server.calls[0], H2_CANCEL);
    pair_listen(&pair->server);
    /* More than the connection's window in all. */
    for (size_t i = 0; i < 10; i++) {
        send_data(pair, 60, 0);
        pair_listen(&pair->server);
    }
    assert_false(h2_session_is_over(pair->server.session));
    assert_true(tap_find(&pair->server.sent, RAW_WINDOW_UPDATE, 0, 5) < PAIR_MAX_FRAMES);
    pair_free(pair);
}

static void test_padding_is_given_back_to_both_windows(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    raw_request(&raw, 1, 0);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    for (size_t i = 0; i < 20; i++) {
        send_data(pair, 60, 200);
        pair_listen(&pair->server);
    }
    assert_int_equal(pair->server.calls[0]->body.len, 20 * 60 * (16384 - 201));
    assert_false(h2_session_is_over(pair->server.session));
    pair_free(pair);
}

static void test_data_beyond_the_window_resets_the_stream(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    pair->server.is_holding = true;
    raw_request(&raw, 1, 0);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    send_data(pair, H2_STREAM_WINDOW / 16384, 0);
    assert_int_equal(pair->server.calls[0]->n_closed, 0);
    send_data(pair, 1, 0);
    pair_listen(&pair->server);
    assert_in_range(pair->server.calls[0]->body.len, H2_STREAM_WINDOW, H2_STREAM_WINDOW + 16384);
    assert_int_equal(pair->server.calls[0]->n_closed, 1);
    assert_int_equal(pair->server.calls[0]->error, H2_FLOW_CONTROL_ERROR);
    pair_free(pair);
}

static void test_malformed_request_is_reset_and_never_told(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0}, block = {0};
    raw_field(&block, ":method", bytes_str("POST"));
    raw_frame(&raw, RAW_HEADERS, RAW_END_HEADERS, 1, bytes_of(block.data, block.len));
    record_fini(&block);
    raw_request(&raw, 3, RAW_END_STREAM);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    pair_listen(&pair->server);
    size_t at = tap_find(&pair->server.sent, RAW_RST_STREAM, 1, 0);
    assert_true(at < PAIR_MAX_FRAMES);
    assert_int_equal(pair->server.sent.frames[at].code, H2_PROTOCOL_ERROR);
    assert_int_equal(pair->server.n_calls, 1);
    assert_int_equal(pair->server.calls[0]->id, 3);
    assert_int_equal(h2_session_n_streams(pair->server.session), 1);
    pair_free(pair);
}

static void test_new_streams_after_the_last_goaway_are_ignored(void **state) {
    (void)state;
    struct pair *pair = server_with_preface();
    struct record raw = {0};
    raw_request(&raw, 1, 0);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    h2_session_drain(pair->server.session);
    assert_int_equal(h2_session_tick(pair->server.session, pair->now_ns + NS_PER_S), 0);
    pair_listen(&pair->server);
    raw_request(&raw, 3, RAW_END_STREAM);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    assert_int_equal(pair->server.n_calls, 1);
    pair_free(pair);
}

/* ---- small fuzzers ---- */

/* What a real client says, to be damaged. */
static void record_conversation(struct record *raw) {
    raw_preface(raw);
    raw_frame(raw, RAW_SETTINGS, RAW_ACK, 0, bytes_of(NULL, 0));
    raw_request(raw, 1, 0);
    raw_frame(raw, RAW_DATA, 0, 1, bytes_of("\0\0\0\0\5hello", 10));
    raw_frame(raw, RAW_PING, 0, 0, bytes_of("12345678", 8));
    raw_frame(raw, RAW_DATA, RAW_END_STREAM, 1, bytes_of(NULL, 0));
    raw_request(raw, 3, RAW_END_STREAM);
    raw_number(raw, RAW_WINDOW_UPDATE, 0, 1000);
    raw_request(raw, 5, 0);
    raw_number(raw, RAW_RST_STREAM, 5, H2_CANCEL);
    raw_request(raw, 7, 0);
    raw_goaway(raw, 0, H2_NO_ERROR);
}

static void damage(struct record *bytes, size_t from, struct random *random) {
    for (size_t n = 1 + (size_t)random_below(random, 4); n; n--) {
        size_t at = from + (size_t)random_below(random, bytes->len - from);
        if (random_below(random, 2))
            bytes->data[at] = (uint8_t)random_u64(random);
        else
            bytes->data[at] ^= (uint8_t)(1 << random_below(random, 8));
    }
}

/* The owner of a stream does one of the things that it may do at any time. */
static void act(struct call *call, struct random *random) {
    if (!call->stream || call->is_reset)
        return;
    if (random_below(random, 3) == 0)
        call_reset(call, random_below(random, 2) ? H2_NO_ERROR : H2_CANCEL);
    else if (random_below(random, 2))
        h2_session_drain(call->end->session);
}

static void fuzz_round(const struct record *conversation, bool is_client, uint64_t seed) {
    struct pair *pair = pair_new(seed);
    struct end *end = is_client ? &pair->client : &pair->server;
    struct record bytes = {0};
    pair->max_cut = 1 + seed % 200;
    end->is_holding = seed % 2;
    end->answer = is_client ? NULL : call_answer;
    record_append(&bytes, bytes_of(conversation->data, conversation->len));
    damage(&bytes, is_client || seed % 16 == 0 ? 0 : 24, &pair->random);
    size_t half = bytes.len / 2;
    (void)!pair_deliver(end, bytes_of(bytes.data, half));
    if (is_client)
        pair_try_request(pair);
    pair_listen(end);
    for (size_t i = 0; i < end->n_calls; i++)
        act(end->calls[i], &pair->random);
    (void)!pair_deliver(end, bytes_of(bytes.data + half, bytes.len - half));
    pair_listen(end);
    (void)!h2_session_tick(end->session, pair->now_ns + NS_PER_S);
    pair_listen(end);
    record_fini(&bytes);
    pair_free(pair);
}

static void test_damaged_conversations_never_crash_a_server(void **state) {
    (void)state;
    struct record conversation = {0};
    record_conversation(&conversation);
    for (uint64_t seed = 0; seed < 20000; seed++)
        fuzz_round(&conversation, false, seed);
    record_fini(&conversation);
}

static void test_damaged_answers_never_crash_a_client(void **state) {
    (void)state;
    struct record conversation = {0}, block = {0};
    raw_frame(&conversation, RAW_SETTINGS, 0, 0, bytes_of(NULL, 0));
    raw_frame(&conversation, RAW_SETTINGS, RAW_ACK, 0, bytes_of(NULL, 0));
    raw_frame(&conversation, RAW_PING, 0, 0, bytes_of("12345678", 8));
    raw_frame(&conversation, RAW_PING, 0, 0, bytes_of("12345678", 8));
    raw_field(&block, ":status", bytes_str("200"));
    raw_frame(&conversation, RAW_HEADERS, RAW_END_HEADERS, 1, bytes_of(block.data, block.len));
    raw_frame(&conversation, RAW_DATA, 0, 1, bytes_of("\0\0\0\0\5hello", 10));
    raw_goaway(&conversation, 1, H2_NO_ERROR);
    raw_number(&conversation, RAW_RST_STREAM, 1, H2_CANCEL);
    for (uint64_t seed = 0; seed < 20000; seed++)
        fuzz_round(&conversation, true, seed);
    record_fini(&block);
    record_fini(&conversation);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rapid_reset_ends_the_connection),
        cmocka_unit_test(test_resets_at_a_tolerable_rate_go_on),
        cmocka_unit_test(test_resets_that_the_peer_provokes_count_too),
        cmocka_unit_test(test_our_own_resets_do_not_count),
        cmocka_unit_test(test_flood_of_pings_that_nobody_reads_ends_the_connection),
        cmocka_unit_test(test_frames_that_nobody_reads_are_bounded),
        cmocka_unit_test(test_flood_of_continuation_frames_ends_the_connection),
        cmocka_unit_test(test_settings_with_too_many_entries_end_the_connection),
        cmocka_unit_test(test_stream_beyond_the_limit_ends_the_connection),
        cmocka_unit_test(test_empty_data_frames_are_not_told_and_end_a_stream),
        cmocka_unit_test(test_data_for_a_closed_stream_is_given_back_to_the_connection),
        cmocka_unit_test(test_padding_is_given_back_to_both_windows),
        cmocka_unit_test(test_data_beyond_the_window_resets_the_stream),
        cmocka_unit_test(test_malformed_request_is_reset_and_never_told),
        cmocka_unit_test(test_new_streams_after_the_last_goaway_are_ignored),
        cmocka_unit_test(test_damaged_conversations_never_crash_a_server),
        cmocka_unit_test(test_damaged_answers_never_crash_a_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
