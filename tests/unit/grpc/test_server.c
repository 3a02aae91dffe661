/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on a server: the four kinds, what is refused, and every way a call can end. Messages that
 * are held back: test_server_holds.c; the end of a server: test_server_stop.c.
 */
#include <stdio.h>

#include "base/clock.h"
#include "grpc/limits.h"
#include "http2/limits.h"
#include "server_fixture.h"
#include "unit.h"

/* ---- the four kinds ---- */

static void assert_message(const struct raw_call *call, size_t n, const char *text) {
    assert_true(bytes_equal_str(raw_message(call, n).bytes, text));
}

static void test_a_unary_call_is_answered(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_call(fixture, "/test.Probe/Echo", bytes_str("warm"));
    server_expect(fixture, call, GRPC_OK);
    assert_message(call, 0, "warm");
    assert_int_equal(raw_n_messages(call), 1);
    assert_true(raw_has(call, ":status: 200\n"));
    assert_true(raw_has(call, "content-type: application/grpc\n"));
    assert_false(raw_has(call, "grpc-message"));
    struct record *record = server_record(fixture, 0);
    assert_int_equal(atomic_load(&record->n_ended), 1);
    assert_int_equal(atomic_load(&record->n_offered), 1);
}

static void test_an_empty_message_is_a_message(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_call(fixture, "/test.Probe/Echo", (struct bytes){0});
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(raw_n_messages(call), 1);
    assert_int_equal(raw_message(call, 0).bytes.len, 0);
}

static void test_a_client_stream_is_counted_to_its_end(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Count");
    for (int i = 0; i < 1000; i++)
        raw_send_message(call, false, bytes_str("reading"));
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
    assert_message(call, 0, "1000");
    assert_int_equal(atomic_load(&server_record(fixture, 0)->n_half_closed), 1);
}

static void test_a_stream_without_a_message_still_ends(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Count");
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
    assert_message(call, 0, "0");
}

static void test_a_server_stream_waits_for_a_client_that_does_not_read(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Many");
    call->is_holding = true;
    raw_send_message(call, false, bytes_str("3000"));
    raw_end(call);
    server_until(fixture, buf_len(&call->body) == H2_STREAM_WINDOW);
    server_round_trip(fixture, call->client); /* the others go on */
    assert_int_equal(call->n_closed, 0);
    assert_int_equal(buf_len(&call->body), H2_STREAM_WINDOW);
    call->is_holding = false;
    h2_stream_consume(call->stream, H2_STREAM_WINDOW);
    net_conn_wake(call->client->net);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(raw_n_messages(call), 3000);
    assert_true(atomic_load(&server_record(fixture, 0)->n_writable) > 0);
}

static void test_a_chat_is_answered_message_by_message(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Chat");
    for (size_t i = 0; i < 20; i++) {
        char text[16];
        snprintf(text, sizeof(text), "message %zu", i);
        raw_send_message(call, false, bytes_str(text));
        server_until(fixture, raw_n_messages(call) == i + 1);
        assert_message(call, i, text);
    }
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
}

static void test_handlers_may_hold_release_and_finish_inside_a_message(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Nested");
    for (int i = 0; i < 5; i++)
        raw_send_message(call, false, bytes_str("x"));
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(raw_n_messages(call), 3);
    assert_int_equal(atomic_load(&server_record(fixture, 0)->n_messages), 3);
    assert_int_equal(atomic_load(&server_record(fixture, 0)->n_half_closed), 0);
    server_round_trip(fixture, call->client);
}

/* ---- refusals ---- */

static void test_what_is_not_grpc_gets_an_http_status(void **state) {
    struct server_fixture *fixture = *state;
    static const struct {
        int index;
        const char *name, *value;
        const char *status;
    } rows[] = {
        {RAW_METHOD, ":method", "GET", ":status: 405\n"},
        {RAW_METHOD, ":method", "PUT", ":status: 405\n"},
        {RAW_TYPE, "content-type", "text/html", ":status: 415\n"},
        {RAW_TYPE, "content-type", "", ":status: 415\n"},
        {RAW_TYPE, "content-type", "application/grpc-web+proto", ":status: 415\n"},
        {RAW_TYPE, "content-type", "application/grpcx", ":status: 415\n"},
        {RAW_TYPE, "x-no-type", "application/grpc", ":status: 415\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h2_field fields[RAW_N_FIELDS];
        struct raw_call *call = server_new_call(fixture);
        raw_fields(fields, "/test.Probe/Echo");
        fields[rows[i].index] = raw_field(rows[i].name, rows[i].value);
        raw_start_with(call, &fixture->clients[0], fields, RAW_N_FIELDS);
        server_expect(fixture, call, (enum grpc_status) - 1);
        assert_true(raw_has(call, rows[i].status));
        assert_int_equal(call->error, H2_NO_ERROR);
    }
    assert_int_equal(atomic_load(&fixture->n_records), 0);
}

static void test_subtypes_and_parameters_of_the_content_type_are_fine(void **state) {
    struct server_fixture *fixture = *state;
    static const char *const types[] = {"application/grpc", "application/grpc+proto",
                                        "application/grpc; charset=utf-8"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct h2_field fields[RAW_N_FIELDS];
        struct raw_call *call = server_new_call(fixture);
        raw_fields(fields, "/test.Probe/Echo");
        fields[RAW_TYPE] = raw_field("content-type", types[i]);
        raw_start_with(call, &fixture->clients[0], fields, RAW_N_FIELDS);
        raw_send_message(call, false, bytes_str("x"));
        raw_end(call);
        server_expect(fixture, call, GRPC_OK);
    }
}

static void test_an_unknown_method_is_unimplemented(void **state) {
    struct server_fixture *fixture = *state;
    static const char *const paths[] = {"/test.Probe/echo",  "/test.Probe",         "/", "/x/Echo",
                                        "/test.Probe/Echo/", "/test.Probe/Echo?x=1"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct raw_call *call = server_call(fixture, paths[i], bytes_str("x"));
        server_expect(fixture, call, GRPC_UNIMPLEMENTED);
        assert_true(raw_has(call, "grpc-message: unknown method "));
        assert_string_equal(call->trailers, ""); /* Trailers-Only */
    }
    assert_int_equal(atomic_load(&fixture->n_records), 0);
}

static void test_long_words_are_cut_where_a_character_ends(void **state) {
    struct server_fixture *fixture = *state;
    static const char words[] = "grpc-timeout '";
    enum {
        KEPT = GRPC_MAX_STATUS_MESSAGE - (sizeof(words) - 1)
    };
    char value[KEPT + 2] = {0}, sent[KEPT + 1] = {0};
    memset(value, 'x', KEPT - 1);
    memcpy(value + KEPT - 1, "\xC3\xB6", 2); /* its first byte would be the last that fits */
    memset(sent, 'x', KEPT - 1);
    sent[KEPT - 1] = '\n';
    struct h2_field timeout = raw_field("grpc-timeout", "");
    timeout.value = bytes_of(value, sizeof(value) - 1);
    struct raw_call *call = server_start_with(fixture, "/test.Probe/Echo", timeout);
    server_expect(fixture, call, GRPC_INTERNAL);
    assert_true(raw_has(call, sent));
}

static void test_a_malformed_timeout_is_named(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Echo", raw_field("grpc-timeout", "10 s"));
    server_expect(fixture, call, GRPC_INTERNAL);
    assert_true(raw_has(call, "grpc-message: grpc-timeout '10 s' is not 1 to 8 digits"));
    assert_int_equal(atomic_load(&fixture->n_ended_unstarted), 1);
}

static void test_an_unknown_encoding_is_refused_with_those_that_are_known(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Echo", raw_field("grpc-encoding", "zstd"));
    server_expect(fixture, call, GRPC_UNIMPLEMENTED);
    assert_true(raw_has(call, "grpc-accept-encoding: identity,gzip\n"));
    assert_true(raw_has(call, "'zstd'"));
}

static void test_a_too_long_header_list_is_resource_exhausted(void **state) {
    struct server_fixture *fixture = *state;
    char value[H2_MAX_HEADER_LIST + 1] = {0};
    memset(value, 'x', H2_MAX_HEADER_LIST);
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Echo", raw_field("x-long", value));
    server_expect(fixture, call, GRPC_RESOURCE_EXHAUSTED);
    server_round_trip(fixture, call->client);
}

static void test_a_call_that_is_not_admitted_never_starts(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Echo", raw_field("x-refuse", "1"));
    server_expect(fixture, call, GRPC_UNAUTHENTICATED);
    assert_int_equal(atomic_load(&fixture->n_records), 0);
    assert_int_equal(atomic_load(&fixture->n_ended_unstarted), 1);
    struct raw_call *health =
        server_start_with(fixture, "/grpc.health.v1.Health/Check", raw_field("x-refuse", "1"));
    raw_send_message(health, false, (struct bytes){0});
    raw_end(health);
    server_expect(fixture, health, GRPC_OK); /* it needs no token */
}

/* ---- messages that cannot be ---- */

static void test_a_unary_call_takes_exactly_one_message(void **state) {
    struct server_fixture *fixture = *state;
    for (int n = 0; n <= 3; n++) {
        struct raw_call *call = server_start(fixture, "/test.Probe/Echo");
        for (int i = 0; i < n; i++)
            raw_send_message(call, false, bytes_str("x"));
        raw_end(call);
        server_expect(fixture, call, n == 1 ? GRPC_OK : GRPC_UNIMPLEMENTED);
    }
    struct raw_call *call = server_start(fixture, "/test.Probe/Many");
    raw_end(call);
    server_expect(fixture, call, GRPC_UNIMPLEMENTED);
}

static void test_a_request_that_stops_inside_a_message_is_internal(void **state) {
    struct server_fixture *fixture = *state;
    static const char *const paths[] = {"/test.Probe/Echo", "/test.Probe/Chat"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct raw_call *call = server_start(fixture, paths[i]);
        raw_send(call, bytes_of("\0\0\0\0\5part", 9));
        raw_end(call);
        server_expect(fixture, call, GRPC_INTERNAL);
        assert_true(raw_has(call, "the call ends in the middle of a message"));
    }
}

static void test_bad_prefixes_end_the_call(void **state) {
    struct server_fixture *fixture = *state;
    static const struct {
        const char *prefix;
        enum grpc_status status;
    } rows[] = {
        {"\2\0\0\0\1", GRPC_INTERNAL},
        {"\0\0\100\0\1", GRPC_RESOURCE_EXHAUSTED}, /* 4 MiB and one */
        {"\1\0\0\0\0", GRPC_INTERNAL},             /* compressed, but the call has no encoding */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct raw_call *call = server_start(fixture, "/test.Probe/Chat");
        raw_send(call, bytes_of(rows[i].prefix, GRPC_PREFIX_SIZE));
        server_expect(fixture, call, rows[i].status);
    }
}

static void test_exactly_the_largest_message_passes(void **state) {
    struct server_fixture *fixture = *state;
    uint8_t *large = test_calloc(1, GRPC_MAX_MESSAGE);
    large[GRPC_MAX_MESSAGE - 1] = 9;
    struct raw_call *call =
        server_call(fixture, "/test.Probe/Echo", bytes_of(large, GRPC_MAX_MESSAGE));
    server_expect(fixture, call, GRPC_OK);
    assert_true(bytes_equal(raw_message(call, 0).bytes, bytes_of(large, GRPC_MAX_MESSAGE)));
    test_free(large);
}

static void test_no_spare_call_keeps_a_large_message(void **state) {
    struct server_fixture *fixture = *state;
    test_exactly_the_largest_message_passes(state);
    struct raw_call *call = server_start(fixture, "/test.Probe/Kept"); /* the same memory again */
    struct record *record = server_record(fixture, 1);
    assert_ptr_equal(atomic_load(&record->call), atomic_load(&server_record(fixture, 0)->call));
    assert_true(atomic_load(&record->call)->single.cap <= 4096);
    raw_reset(call, H2_CANCEL);
    server_until(fixture, atomic_load(&record->n_ended));
    server_do(fixture, record, grpc_call_unref);
}

/* ---- compression ---- */

static void send_packed(struct raw_call *call, struct bytes plain) {
    struct buf packed;
    buf_init(&packed, 2 * GRPC_MAX_MESSAGE);
    assert_int_equal(grpc_gzip(plain, &packed), 0);
    raw_send_message(call, true, buf_bytes(&packed));
    buf_fini(&packed);
}

static struct raw_call *start_gzip(struct server_fixture *fixture, const char *path,
                                   const char *accepts) {
    struct h2_field fields[RAW_N_FIELDS + 2];
    struct raw_call *call = server_new_call(fixture);
    raw_fields(fields, path);
    fields[RAW_N_FIELDS] = raw_field("grpc-encoding", "gzip");
    fields[RAW_N_FIELDS + 1] = raw_field("grpc-accept-encoding", accepts);
    raw_start_with(call, &fixture->clients[0], fields, RAW_N_FIELDS + 2);
    return call;
}

static void test_answers_are_compressed_when_the_call_asks_and_it_helps(void **state) {
    struct server_fixture *fixture = *state;
    static const uint8_t zeros[5000];
    struct raw_call *call = start_gzip(fixture, "/test.Probe/Chat", "identity, gzip");
    struct buf plain;
    raw_send_message(call, false, bytes_of(zeros, sizeof(zeros)));
    send_packed(call, bytes_str("short"));
    raw_send_message(call, false, (struct bytes){0});
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
    assert_true(raw_has(call, "grpc-encoding: gzip\n"));
    struct grpc_message first = raw_message(call, 0);
    assert_true(first.is_compressed && first.bytes.len < 200);
    buf_init(&plain, GRPC_MAX_MESSAGE);
    assert_int_equal(grpc_gunzip(first.bytes, &plain), 0);
    assert_true(bytes_equal(buf_bytes(&plain), bytes_of(zeros, sizeof(zeros))));
    buf_fini(&plain);
    assert_false(raw_message(call, 1).is_compressed); /* it would have become longer */
    assert_message(call, 1, "short");
    assert_int_equal(raw_message(call, 2).bytes.len, 0);
}

static void test_answers_stay_plain_for_a_client_that_takes_no_gzip(void **state) {
    struct server_fixture *fixture = *state;
    static const uint8_t zeros[5000];
    struct raw_call *call = start_gzip(fixture, "/test.Probe/Echo", "identity,deflate");
    raw_send_message(call, false, bytes_of(zeros, sizeof(zeros)));
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
    assert_false(raw_has(call, "grpc-encoding"));
    assert_false(raw_message(call, 0).is_compressed);
}

static void test_bombs_and_junk_end_the_call(void **state) {
    struct server_fixture *fixture = *state;
    uint8_t *zeros = test_calloc(1, 1 << 20);
    struct raw_call *bomb = start_gzip(fixture, "/test.Probe/Count", "gzip");
    send_packed(bomb, bytes_of(zeros, 1 << 20));
    server_expect(fixture, bomb, GRPC_RESOURCE_EXHAUSTED);
    struct raw_call *junk = start_gzip(fixture, "/test.Probe/Count", "gzip");
    raw_send_message(junk, true, bytes_str("no gzip"));
    server_expect(fixture, junk, GRPC_INTERNAL);
    test_free(zeros);
}

/* ---- how calls end ---- */

static void test_an_early_end_sends_trailers_and_then_a_reset_without_error(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Early");
    raw_send_message(call, false, bytes_str("x"));
    server_expect(fixture, call, GRPC_NOT_FOUND);
    assert_true(call->has_ended);
    assert_int_equal(call->error, H2_NO_ERROR); /* our side never ended: a reset closed it */
    assert_true(raw_has(call, "grpc-message: 50%25 of %C3%B6 is enough%0A\n"));
    assert_int_equal(atomic_load(&server_record(fixture, 0)->n_ended), 1);
}

static void test_a_deadline_ends_a_call_that_nobody_answers(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Silent", raw_field("grpc-timeout", "5m"));
    raw_send_message(call, false, bytes_str("x"));
    raw_end(call);
    server_expect(fixture, call, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(atomic_load(&server_record(fixture, 0)->n_ended), 1);
}

static void test_deadlines_of_many_calls_all_pass_and_far_ones_do_not(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *far =
        server_start_with(fixture, "/test.Probe/Count", raw_field("grpc-timeout", "99999999H"));
    struct raw_call *calls[60];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        char text[16];
        snprintf(text, sizeof(text), "%zum", (i * 7) % 30);
        calls[i] = server_start_with(fixture, "/test.Probe/Count", raw_field("grpc-timeout", text));
    }
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        server_expect(fixture, calls[i], GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(far->n_closed, 0);
    raw_end(far);
    server_expect(fixture, far, GRPC_OK);
}

static void test_a_deadline_cuts_off_a_client_that_does_not_read(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Many", raw_field("grpc-timeout", "60m"));
    call->is_holding = true;
    raw_send_message(call, false, bytes_str("5000"));
    raw_end(call);
    server_expect(fixture, call, (enum grpc_status) - 1);
    assert_int_equal(call->error, H2_CANCEL);
    assert_int_equal(atomic_load(&server_record(fixture, 0)->n_ended), 1);
}

static void send_to_call_that_is_over(struct grpc_call *call) {
    uint8_t *out;
    assert_true(grpc_call_is_over(call));
    assert_null(grpc_call_header(call, ":path").data);
    assert_true(bytes_equal_str(grpc_call_path(call), "/test.Probe/Kept"));
    assert_false(grpc_call_is_busy(call));
    assert_int_equal(grpc_call_reserve(call, 10, &out), 0);
    memset(out, 1, 10);
    grpc_call_commit(call);
    grpc_call_hold(call);
    grpc_call_release(call);
    grpc_call_finish(call, GRPC_OK, "%s", "");
}

/* The call is over, and its handler still has it. */
static void assert_over_but_kept(struct server_fixture *fixture, struct record *record) {
    server_until(fixture, atomic_load(&record->n_ended));
    server_do(fixture, record, send_to_call_that_is_over);
    server_do(fixture, record, grpc_call_unref);
    assert_int_equal(atomic_load(&record->n_ended), 1);
}

static void test_a_cancelled_call_is_told_once_and_stays_in_memory_while_it_is_held(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Kept");
    struct record *record = server_record(fixture, 0);
    raw_send_message(call, false, bytes_str("x"));
    raw_reset(call, H2_CANCEL);
    assert_over_but_kept(fixture, record);
    server_round_trip(fixture, &fixture->clients[0]);
}

static void test_a_lost_connection_ends_its_calls_once(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_client *client = server_connect(fixture, 1);
    for (unsigned i = 0; i < 20; i++)
        raw_send_message(server_start_on(fixture, client, "/test.Probe/Kept"), false,
                         bytes_str("x"));
    for (unsigned i = 0; i < 20; i++)
        server_record(fixture, i);
    raw_abort(client);
    for (unsigned i = 0; i < 20; i++)
        assert_over_but_kept(fixture, server_record(fixture, i));
    server_until(fixture, client->n_closed);
}

static void assert_no_connection(struct grpc_call *call) {
    assert_null(call->connection);
    assert_string_equal(grpc_call_peer(call), "");
}

static void test_a_call_outlives_its_connection(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_client *client = server_connect(fixture, 1);
    server_start_on(fixture, client, "/test.Probe/Kept");
    struct record *record = server_record(fixture, 0);
    raw_abort(client);
    server_until(fixture, atomic_load(&record->n_ended));
    server_do(fixture, record, assert_no_connection);
    assert_over_but_kept(fixture, record);
}

static void test_calls_that_are_gone_but_held_count_against_the_streams(void **state) {
    struct server_fixture *fixture = *state;
    for (unsigned i = 0; i < H2_MAX_STREAMS; i++) {
        struct raw_call *call = server_start(fixture, "/test.Probe/Kept");
        server_record(fixture, i);
        raw_reset(call, H2_CANCEL);
        server_until(fixture, atomic_load(&fixture->records[i].n_ended));
    }
    struct raw_call *refused = server_start(fixture, "/test.Probe/Echo");
    server_until(fixture, refused->n_closed);
    assert_int_equal(refused->error, H2_REFUSED_STREAM);
    server_round_trip(fixture, server_connect(fixture, 1)); /* other connections go on */
    server_do(fixture, &fixture->records[7], grpc_call_unref);
    server_round_trip(fixture, &fixture->clients[0]);
    for (unsigned i = 0; i < H2_MAX_STREAMS; i++)
        if (i != 7)
            server_do(fixture, &fixture->records[i], grpc_call_unref);
}

static void test_a_call_that_is_used_again_starts_afresh(void **state) {
    struct server_fixture *fixture = *state;
    for (int round = 0; round < 3; round++) {
        struct raw_call *held = server_start(fixture, "/test.Probe/Held");
        raw_send_message(held, false, bytes_str("never taken"));
        raw_send(held, bytes_of("\0\0", 2));
        server_round_trip(fixture, held->client);
        raw_reset(held, H2_CANCEL);
        server_until(fixture, atomic_load(&server_record(fixture, (unsigned)round * 4)->n_ended));
        struct raw_call *part = server_start(fixture, "/test.Probe/Chat");
        raw_send(part, bytes_of("\0\0\0", 3));
        raw_end(part);
        server_expect(fixture, part, GRPC_INTERNAL);
        struct raw_call *call = server_call(fixture, "/test.Probe/Chat", bytes_str("fresh"));
        server_expect(fixture, call, GRPC_OK);
        assert_message(call, 0, "fresh");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_unary_call_is_answered),
        TEST(test_an_empty_message_is_a_message),
        TEST(test_a_client_stream_is_counted_to_its_end),
        TEST(test_a_stream_without_a_message_still_ends),
        TEST(test_a_server_stream_waits_for_a_client_that_does_not_read),
        TEST(test_a_chat_is_answered_message_by_message),
        TEST(test_handlers_may_hold_release_and_finish_inside_a_message),
        TEST(test_what_is_not_grpc_gets_an_http_status),
        TEST(test_subtypes_and_parameters_of_the_content_type_are_fine),
        TEST(test_an_unknown_method_is_unimplemented),
        TEST(test_long_words_are_cut_where_a_character_ends),
        TEST(test_a_malformed_timeout_is_named),
        TEST(test_an_unknown_encoding_is_refused_with_those_that_are_known),
        TEST(test_a_too_long_header_list_is_resource_exhausted),
        TEST(test_a_call_that_is_not_admitted_never_starts),
        TEST(test_a_unary_call_takes_exactly_one_message),
        TEST(test_a_request_that_stops_inside_a_message_is_internal),
        TEST(test_bad_prefixes_end_the_call),
        TEST(test_exactly_the_largest_message_passes),
        TEST(test_no_spare_call_keeps_a_large_message),
        TEST(test_answers_are_compressed_when_the_call_asks_and_it_helps),
        TEST(test_answers_stay_plain_for_a_client_that_takes_no_gzip),
        TEST(test_bombs_and_junk_end_the_call),
        TEST(test_an_early_end_sends_trailers_and_then_a_reset_without_error),
        TEST(test_a_deadline_ends_a_call_that_nobody_answers),
        TEST(test_deadlines_of_many_calls_all_pass_and_far_ones_do_not),
        TEST(test_a_deadline_cuts_off_a_client_that_does_not_read),
        TEST(test_a_cancelled_call_is_told_once_and_stays_in_memory_while_it_is_held),
        TEST(test_a_lost_connection_ends_its_calls_once),
        TEST(test_a_call_outlives_its_connection),
        TEST(test_calls_that_are_gone_but_held_count_against_the_streams),
        TEST(test_a_call_that_is_used_again_starts_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
