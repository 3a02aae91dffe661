/* SPDX-License-Identifier: Apache-2.0 */
#include "http2/fields.h"

#include "http2/limits.h"
#include "raw.h"
#include "unit.h"

enum {
    LONGEST = 300000
};

static char text[LONGEST + 1];

static struct bytes filler(size_t len) {
    assert_true(len <= LONGEST);
    memset(text, 'x', len);
    return bytes_of(text, len);
}

/* Pseudo fields and one more whose value has `len` bytes. */
static void request_with_long_value(struct record *raw, size_t len) {
    struct record block = {0};
    raw_request_block(&block);
    raw_field(&block, "long", filler(len));
    raw_frame(raw, RAW_HEADERS, RAW_END_HEADERS, 1, bytes_of(block.data, block.len));
    record_fini(&block);
}

/* What the pseudo fields of raw_request_block() and an empty `long` count. */
static size_t size_of_the_others(void) {
    static const char *const names[] = {
        ":method",    "POST",      ":scheme", "http", ":path", "/SensorService/SendSingleReading",
        ":authority", "localhost", "long"};
    size_t size = 5 * 32;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        size += strlen(names[i]);
    return size;
}

/* ---- what arrives ---- */

static void test_list_at_the_limit_is_taken_and_one_byte_more_is_flagged(void **state) {
    (void)state;
    size_t len = H2_MAX_HEADER_LIST - size_of_the_others();
    for (size_t more = 0; more < 2; more++) {
        struct pair *pair = pair_new(1);
        struct record raw = {0};
        raw_preface(&raw);
        request_with_long_value(&raw, len + more);
        assert_int_equal(raw_send(&raw, &pair->server), 0);
        assert_int_equal(pair->server.n_calls, 1);
        assert_int_equal(pair->server.calls[0]->is_too_long, more);
        assert_int_equal(pair->server.calls[0]->n_fields, 5 - more);
        pair_free(pair);
    }
}

static void test_list_between_our_limit_and_nghttp2s_is_flagged_and_can_be_answered(void **state) {
    (void)state;
    struct pair *pair = pair_new(2);
    struct record raw = {0};
    raw_preface(&raw);
    request_with_long_value(&raw, 16000);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    struct call *call = pair->server.calls[0];
    assert_true(call->is_too_long);
    struct h2_field status = field(":status", "431");
    assert_int_equal(h2_stream_respond(call->stream, &status, 1, true), 0);
    call_reset(call, H2_NO_ERROR);
    pair_listen(&pair->server);
    assert_true(tap_find(&pair->server.sent, RAW_HEADERS, 1, 0) < PAIR_MAX_FRAMES);
    assert_int_equal(call->n_closed, 1);
    raw_request(&raw, 3, RAW_END_STREAM);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    assert_false(pair->server.calls[1]->is_too_long);
    assert_limit_hit(&pair->server, "http2.header_list", 1);
    pair_free(pair);
}

static void test_value_beyond_nghttp2s_limit_ends_the_connection(void **state) {
    (void)state;
    struct pair *pair = pair_new(3);
    struct record raw = {0}, block = {0};
    raw_preface(&raw);
    raw_request_block(&block);
    raw_field(&block, "long", filler(70000));
    struct bytes rest = bytes_of(block.data, block.len);
    for (enum raw_type type = RAW_HEADERS; rest.len; type = RAW_CONTINUATION) {
        size_t n = rest.len < 16384 ? rest.len : 16384;
        raw_frame(&raw, type, n == rest.len ? RAW_END_HEADERS : 0, 1, bytes_of(rest.data, n));
        rest = bytes_from(rest, n);
    }
    record_fini(&block);
    (void)!raw_send(&raw, &pair->server);
    pair_listen(&pair->server);
    assert_int_equal(pair->server.n_calls, 0);
    assert_true(h2_session_is_over(pair->server.session));
    assert_string_not_equal(h2_session_why(pair->server.session), "");
    pair_free(pair);
}

static void test_too_many_fields_are_flagged(void **state) {
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct pair *pair = pair_new(4);
        struct record raw = {0}, block = {0};
        raw_preface(&raw);
        raw_request_block(&block);
        for (size_t i = 4; i < H2_MAX_HEADER_FIELDS + more; i++)
            raw_field(&block, "a", bytes_str(""));
        raw_frame(&raw, RAW_HEADERS, RAW_END_HEADERS, 1, bytes_of(block.data, block.len));
        record_fini(&block);
        assert_int_equal(raw_send(&raw, &pair->server), 0);
        assert_int_equal(pair->server.calls[0]->n_fields, H2_MAX_HEADER_FIELDS);
        assert_int_equal(pair->server.calls[0]->is_too_long, more);
        pair_free(pair);
    }
}

static void test_trailers_have_a_limit_of_their_own(void **state) {
    (void)state;
    struct pair *pair = pair_new(5);
    struct record raw = {0}, block = {0};
    raw_preface(&raw);
    request_with_long_value(&raw, 7000);
    raw_field(&block, "long", filler(7000));
    raw_frame(&raw, RAW_HEADERS, RAW_END_HEADERS | RAW_END_STREAM, 1,
              bytes_of(block.data, block.len));
    record_fini(&block);
    assert_int_equal(raw_send(&raw, &pair->server), 0);
    assert_false(pair->server.calls[0]->is_too_long);
    assert_int_equal(pair->server.calls[0]->n_fields, 1);
    assert_int_equal(pair->server.calls[0]->n_ended, 1);
    pair_free(pair);
}

static void test_informational_responses_are_skipped(void **state) {
    (void)state;
    struct pair *pair = pair_new(6);
    struct record raw = {0};
    raw_frame(&raw, RAW_SETTINGS, 0, 0, bytes_of(NULL, 0));
    assert_int_equal(raw_send(&raw, &pair->client), 0);
    struct call *call = pair_request(pair);
    pair_listen(&pair->client);
    static const char *const statuses[] = {"100", "103", "200"};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct record block = {0};
        raw_field(&block, ":status", bytes_str(statuses[i]));
        raw_field(&block, "number", bytes_str(statuses[i]));
        raw_frame(&raw, RAW_HEADERS, RAW_END_HEADERS, call->id, bytes_of(block.data, block.len));
        record_fini(&block);
    }
    assert_int_equal(raw_send(&raw, &pair->client), 0);
    assert_string_equal(call->head, ":status: 200\nnumber: 200\n");
    pair_free(pair);
}

static void test_list_keeps_secrets_marked_and_copies_the_bytes(void **state) {
    (void)state;
    struct arena arena;
    struct field_list list = {0};
    char value[] = "Bearer x";
    arena_init(&arena, H2_MAX_STREAM_ARENA);
    struct h2_field secret = {bytes_str("authorization"), bytes_str(value), true};
    assert_int_equal(field_list_add(&list, &arena, &secret), 0);
    memset(value, '-', sizeof(value) - 1);
    assert_int_equal(list.n_fields, 1);
    assert_true(list.fields[0].is_secret);
    assert_true(bytes_equal_str(list.fields[0].name, "authorization"));
    assert_true(bytes_equal_str(list.fields[0].value, "Bearer x"));
    arena_fini(&arena);
}

static void test_list_reports_that_memory_ran_out(void **state) {
    (void)state;
    struct arena arena;
    struct field_list list = {0};
    struct h2_field one = field("name", "value");
    arena_init(&arena, H2_MAX_STREAM_ARENA);
    fail_alloc_at(1);
    assert_int_equal(field_list_add(&list, &arena, &one), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(field_list_add(&list, &arena, &one), 0);
    assert_int_equal(list.n_fields, 1);
    arena_fini(&arena);
}

/* ---- what we send ---- */

static void test_too_many_or_too_long_fields_are_not_sent(void **state) {
    (void)state;
    struct pair *pair = pair_connected(7);
    struct h2_field fields[H2_MAX_HEADER_FIELDS + 1];
    memcpy(fields, pair_request_fields, sizeof(pair_request_fields));
    for (size_t i = 5; i <= H2_MAX_HEADER_FIELDS; i++)
        fields[i] = field("a", "b");
    struct h2_stream *stream;
    assert_int_equal(
        h2_stream_open(pair->client.session, fields, H2_MAX_HEADER_FIELDS + 1, NULL, &stream),
        -EMSGSIZE);
    fields[5].value = filler(H2_MAX_SEND_HEADER_LIST);
    assert_int_equal(h2_stream_open(pair->client.session, fields, 6, NULL, &stream), -EMSGSIZE);
    assert_int_equal(h2_session_n_streams(pair->client.session), 0);
    struct call *call = pair_request(pair);
    assert_int_equal(h2_stream_finish(call->stream, &fields[5], 1), -EMSGSIZE);
    call_finish(call);
    pair_free(pair);
}

static void test_longest_list_that_may_be_sent_arrives(void **state) {
    (void)state;
    struct pair *pair = pair_connected(8);
    struct call *call = pair_request(pair);
    call_send(call, "body");
    struct h2_field trailers[2] = {field("a", "b"), field("c", "")};
    trailers[1].value = filler(H2_MAX_SEND_HEADER_LIST - 34 - 33);
    assert_int_equal(h2_stream_finish(call->stream, trailers, 2), 0);
    assert_int_equal(pair_run(pair), 0);
    struct call *other = pair_other(pair, call);
    assert_int_equal(other->n_ended, 1);
    assert_true(other->is_too_long);
    assert_int_equal(other->n_fields, 1);
    pair_free(pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_at_the_limit_is_taken_and_one_byte_more_is_flagged),
        cmocka_unit_test(test_list_between_our_limit_and_nghttp2s_is_flagged_and_can_be_answered),
        cmocka_unit_test(test_value_beyond_nghttp2s_limit_ends_the_connection),
        cmocka_unit_test(test_too_many_fields_are_flagged),
        cmocka_unit_test(test_trailers_have_a_limit_of_their_own),
        cmocka_unit_test(test_informational_responses_are_skipped),
        cmocka_unit_test(test_list_keeps_secrets_marked_and_copies_the_bytes),
        cmocka_unit_test(test_list_reports_that_memory_ran_out),
        cmocka_unit_test(test_too_many_or_too_long_fields_are_not_sent),
        cmocka_unit_test(test_longest_list_that_may_be_sent_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
