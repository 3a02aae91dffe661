/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a channel whose connection works: src/grpc/client_call.c, client_answer.c,
 * client_request.c. */
#include <stdio.h>

#include "channel_fixture.h"
#include "grpc/framing.h"
#include "grpc/limits.h"
#include "http2/limits.h"
#include "proto/health.pb-c.h"
#include "unit.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* ---- the four kinds ---- */

static void test_unary_call_brings_answer_and_metadata(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/echo", "20.5");
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(told.n_messages, 1);
    assert_last(&told, "20.5");
    assert_string_equal(told.head, "warm");
    assert_string_equal(told.trail, "cold");
}

static void test_client_stream_is_answered_once(void **state) {
    struct told told = {0};
    told_start(&told, *state, "/count");
    for (int i = 0; i < 50; i++)
        told_send(&told, "reading");
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(told.n_messages, 1);
    assert_last(&told, "50");
}

static void test_server_stream_brings_all_messages_in_order(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/many", "");
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(told.n_messages, 1000);
    assert_last(&told, "message 999");
}

static void say_next(struct told *told) {
    if (told->n_messages < 20)
        told_send(told, "next");
    else
        grpc_client_call_half_close(told->call);
}

static void test_bidi_stream_answers_while_it_is_open(void **state) {
    struct told told = {.on_message = say_next};
    told_start(&told, *state, "/echo");
    told_send(&told, "first");
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(told.n_messages, 20);
}

static void test_many_streams_share_one_connection(void **state) {
    struct fixture *fixture = *state;
    struct told told[100] = {0};
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        char text[32];
        snprintf(text, sizeof(text), "call %zu", i);
        told_start(&told[i], fixture, "/echo");
        told_send(&told[i], text);
        grpc_client_call_half_close(told[i].call);
    }
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        char text[32];
        snprintf(text, sizeof(text), "call %zu", i);
        told_wait(&told[i]);
        assert_status(&told[i], GRPC_OK, "");
        assert_last(&told[i], text);
    }
    assert_int_equal(fixture->peer.n_accepted, 1);
    assert_int_equal(fixture->peer.most_running, 100);
}

static void test_large_message_goes_both_ways(void **state) {
    struct told told = {0};
    uint8_t *room;
    told_start(&told, *state, "/echo");
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE, &room), 0);
    memset(room, 'w', GRPC_MAX_MESSAGE);
    grpc_client_call_commit(told.call);
    assert_true(grpc_client_call_is_busy(told.call));
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(told.n_messages, 1);
    assert_int_equal(told.last[FIXTURE_LAST - 1], 'w');
}

/* ---- the request ---- */

static void test_request_headers_have_the_order_of_the_specification(void **state) {
    struct fixture *fixture = *state;
    const struct grpc_entry metadata[] = {
        {.key = bytes_str("x-site"), .value = bytes_str("cellar")},
        {.key = bytes_str("x-raw-bin"), .value = bytes_of("\0\377", 2)},
    };
    struct told told = {0};
    fixture_channel(fixture,
                    (struct grpc_channel_options){.token = "secret", .user_agent = "tests/1"});
    told_start_with(&told, fixture,
                    &(struct grpc_call_options){.path = "/echo",
                                                .timeout_ns = UINT64_C(3600) * 1000000000,
                                                .compresses = true,
                                                .metadata = metadata,
                                                .n_metadata = 2});
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    char *timeout = strstr(fixture->peer.request, "grpc-timeout: ");
    char *rest = timeout ? strchr(timeout, '\n') : NULL;
    assert_non_null(rest);
    char pseudo[128];
    snprintf(pseudo, sizeof(pseudo),
             ":method: POST\n:scheme: http\n:path: /echo\n:authority: 127.0.0.1:%u\ngrpc-timeout: ",
             fixture->peer.port);
    assert_memory_equal(fixture->peer.request, pseudo, strlen(pseudo));
    assert_string_equal(rest, "\nte: trailers\n"
                              "content-type: application/grpc\n"
                              "grpc-encoding: gzip\n"
                              "grpc-accept-encoding: identity,gzip\n"
                              "user-agent: tests/1 grpc-c-thermograph/" THERMOGRAPH_VERSION "\n"
                              "authorization: Bearer secret\n"
                              "x-site: cellar\n"
                              "x-raw-bin: AP8\n");
}

static void test_metadata_that_may_not_be_sent_is_refused(void **state) {
    struct fixture *fixture = *state;
    const struct grpc_client_ops none = {0};
    const struct grpc_entry bad = {.key = bytes_str("x-site"), .value = bytes_str("a\nb")};
    struct grpc_client_call *call;
    struct grpc_call_options options = {.path = "/echo", .metadata = &bad, .n_metadata = 1};
    assert_int_equal(grpc_client_call_start(fixture->channel, &options, &none, NULL, &call),
                     -EINVAL);
    char value[GRPC_MAX_METADATA];
    memset(value, 'x', sizeof(value));
    const struct grpc_entry large = {bytes_str("x-site"), bytes_of(value, sizeof(value))};
    options.metadata = &large;
    assert_int_equal(grpc_client_call_start(fixture->channel, &options, &none, NULL, &call),
                     -EINVAL);
    struct grpc_entry many[H2_MAX_HEADER_FIELDS];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct grpc_entry){bytes_str("x-site"), bytes_str("cellar")};
    options.metadata = many;
    options.n_metadata = ARRAY_LEN(many);
    assert_int_equal(grpc_client_call_start(fixture->channel, &options, &none, NULL, &call),
                     -EINVAL);
}

static void test_compressed_message_is_read_by_the_server(void **state) {
    struct told told = {0};
    char warm[1001] = {0};
    memset(warm, 'w', 1000);
    told_start_with(&told, *state,
                    &(struct grpc_call_options){.path = "/unpack", .compresses = true});
    told_send(&told, warm);
    fixture_run(*state, &told.n_messages, 1);
    told_send(&told, warm);
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(told.n_messages, 2);
    assert_int_equal(told.last[FIXTURE_LAST - 1], 'w');
}

static void test_what_gzip_makes_larger_goes_out_plain(void **state) {
    struct told told = {0};
    told_start_with(&told, *state,
                    &(struct grpc_call_options){.path = "/echo", .compresses = true});
    told_send(&told, "xy");
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_last(&told, "xy");
}

/* ---- the answer's status ---- */

static void test_trailers_only_gives_status_text_and_metadata(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/not-found", "");
    assert_status(&told, GRPC_NOT_FOUND, "no \"\xc3\xb6ven\" 100%");
    assert_string_equal(told.trail, "cold");
    assert_string_equal(told.details, "\x08\x05\x12\x04oven");
}

static void test_answers_that_are_not_grpc_get_a_status_from_http(void **state) {
    static const struct {
        const char *path;
        enum grpc_status status;
        const char *text;
    } cases[] = {
        {"/404", GRPC_UNIMPLEMENTED, "the server answered with HTTP status 404"},
        {"/503", GRPC_UNAVAILABLE, "the server answered with HTTP status 503"},
        {"/page", GRPC_UNKNOWN, "the server answered with content-type 'text/html'"},
        {"/no-status", GRPC_UNKNOWN, "the server ended the call without a status"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct told told = {0};
        told_call(&told, *state, cases[i].path, "");
        assert_status(&told, cases[i].status, cases[i].text);
    }
}

static void test_resets_map_to_statuses(void **state) {
    static const struct {
        enum h2_error error;
        enum grpc_status status;
    } cases[] = {
        {H2_NO_ERROR, GRPC_INTERNAL},
        {H2_PROTOCOL_ERROR, GRPC_INTERNAL},
        {H2_INTERNAL_ERROR, GRPC_INTERNAL},
        {H2_FLOW_CONTROL_ERROR, GRPC_INTERNAL},
        {H2_REFUSED_STREAM, GRPC_UNAVAILABLE},
        {H2_CANCEL, GRPC_CANCELLED},
        {H2_ENHANCE_YOUR_CALM, GRPC_RESOURCE_EXHAUSTED},
        {H2_INADEQUATE_SECURITY, GRPC_PERMISSION_DENIED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct told told = {0};
        char code[2] = {(char)('a' + cases[i].error), '\0'};
        const struct grpc_entry entry = {bytes_str("x-code"), bytes_str(code)};
        told_start_with(
            &told, *state,
            &(struct grpc_call_options){.path = "/reset", .metadata = &entry, .n_metadata = 1});
        told_wait(&told);
        assert_status(&told, cases[i].status, NULL);
    }
}

static void test_bad_messages_end_the_call(void **state) {
    static const struct {
        const char *path;
        enum grpc_status status;
        const char *text;
    } cases[] = {
        {"/part", GRPC_INTERNAL, "the server's answer ends inside a message"},
        {"/bad-flag", GRPC_INTERNAL, "the server's bytes are no gRPC messages"},
        {"/too-large", GRPC_RESOURCE_EXHAUSTED, "the server sent a message over 4194304 bytes"},
        {"/no-gzip", GRPC_INTERNAL, "the server sent a message that is no gzip data"},
        {"/bomb", GRPC_RESOURCE_EXHAUSTED,
         "the server sent a message that decompresses to too much"},
        {"/by-nothing", GRPC_INTERNAL,
         "the server compressed a message with what it did not name or we lack"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct told told = {0};
        told_start(&told, fixture, cases[i].path);
        told_wait(&told);
        assert_status(&told, cases[i].status, cases[i].text);
        fixture_run(fixture, &fixture->peer.n_closed, (unsigned)i + 1);
    }
}

static void test_too_long_headers_end_the_call(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/long-head", "");
    assert_status(&told, GRPC_RESOURCE_EXHAUSTED, "the answer's header list is over 8192 bytes");
}

static void test_request_that_http2_does_not_carry_ends_the_call(void **state) {
    struct told told = {0};
    char path[32400] = {0};
    memset(path, 'x', sizeof(path) - 1);
    told_start(&told, *state, path);
    told_wait(&told);
    assert_status(&told, GRPC_RESOURCE_EXHAUSTED, "the call's headers are over 32768 bytes");
}

static void test_compressed_answer_is_unpacked(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/gzip", "");
    assert_status(&told, GRPC_OK, "");
    assert_last(&told, "unpacked warmth");
}

static void test_server_that_ends_early_ends_the_sending(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    told_start(&told, fixture, "/early");
    told_send(&told, "one too many");
    told_wait(&told);
    assert_status(&told, GRPC_RESOURCE_EXHAUSTED, "");
    fixture_run(fixture, &fixture->peer.n_closed, 1);
    assert_int_equal(fixture->peer.last_error, H2_NO_ERROR);
    assert_int_equal(fixture->channel->state, CHANNEL_READY);
}

static void test_what_a_server_does_not_want_is_not_kept_queued(void **state) {
    struct fixture *fixture = *state;
    struct told first = {0}, told = {0};
    uint8_t *room;
    told_call(&first, fixture, "/echo", "connected");
    told_start(&told, fixture, "/refuse");
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE, &room), 0);
    memset(room, 0, GRPC_MAX_MESSAGE);
    grpc_client_call_commit(told.call);
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_RESOURCE_EXHAUSTED, "");
    fixture_run(fixture, &fixture->peer.n_closed, 2);
    assert_int_equal(fixture->peer.last_error, H2_CANCEL);
}

/* ---- deadlines and cancelling ---- */

static void test_deadline_passes_while_the_server_is_silent(void **state) {
    struct fixture *fixture = *state;
    struct told first = {0}, told = {0};
    told_call(&first, fixture, "/echo", "connected");
    told_start_with(
        &told, fixture,
        &(struct grpc_call_options){.path = "/silent", .timeout_ns = UINT64_C(30) * 1000000});
    told_wait(&told);
    assert_status(&told, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
    fixture_run(fixture, &fixture->peer.n_closed, 2);
    assert_int_equal(fixture->peer.last_error, H2_CANCEL);
}

static struct told *later;

static void assert_later_one_runs(struct told *told) {
    (void)told;
    assert_int_equal(later->n_status, 0);
}

static void test_deadlines_pass_in_their_order(void **state) {
    struct fixture *fixture = *state;
    struct told late = {0}, soon = {.on_status = assert_later_one_runs};
    later = &late;
    told_start_with(
        &late, fixture,
        &(struct grpc_call_options){.path = "/silent", .timeout_ns = UINT64_C(30) * 1000000});
    told_start_with(
        &soon, fixture,
        &(struct grpc_call_options){.path = "/silent", .timeout_ns = UINT64_C(10) * 1000000});
    told_wait(&late);
    assert_status(&soon, GRPC_DEADLINE_EXCEEDED, NULL);
    assert_status(&late, GRPC_DEADLINE_EXCEEDED, NULL);
}

static void test_server_that_says_cancelled_after_the_deadline_is_overruled(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    told_start_with(
        &told, fixture,
        &(struct grpc_call_options){.path = "/cancelled", .timeout_ns = UINT64_C(3600000000000)});
    deadlines_remove(&fixture->channel->deadlines, &told.call->deadline);
    told.call->deadline.at_ns = 1;
    told_wait(&told);
    assert_status(&told, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
}

static void test_reset_after_the_deadline_counts_as_the_deadline(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    const char code[] = {(char)('a' + H2_CANCEL), '\0'};
    const struct grpc_entry entry = {bytes_str("x-code"), bytes_str(code)};
    told_start_with(&told, fixture,
                    &(struct grpc_call_options){.path = "/reset",
                                                .timeout_ns = UINT64_C(3600000000000),
                                                .metadata = &entry,
                                                .n_metadata = 1});
    deadlines_remove(&fixture->channel->deadlines, &told.call->deadline);
    told.call->deadline.at_ns = 1;
    told_wait(&told);
    assert_status(&told, GRPC_DEADLINE_EXCEEDED, "the deadline has passed");
}

static void test_server_that_says_cancelled_before_the_deadline_is_believed(void **state) {
    struct told told = {0};
    told_start_with(
        &told, *state,
        &(struct grpc_call_options){.path = "/cancelled", .timeout_ns = UINT64_C(3600000000000)});
    told_wait(&told);
    assert_status(&told, GRPC_CANCELLED, "");
}

static void cancel(struct told *told) {
    grpc_client_call_cancel(told->call);
    grpc_client_call_cancel(told->call);
    assert_int_equal(told->n_status, 0);
}

static void test_cancel_is_told_from_the_loop_and_reaches_the_server(void **state) {
    struct fixture *fixture = *state;
    struct told told = {.on_message = cancel};
    told_start(&told, fixture, "/echo");
    told_send(&told, "one");
    told_send(&told, "two");
    told_wait(&told);
    assert_status(&told, GRPC_CANCELLED, "cancelled by the caller");
    assert_int_equal(told.n_messages, 1);
    fixture_run(fixture, &fixture->peer.n_closed, 1);
    assert_int_equal(fixture->peer.last_error, H2_CANCEL);
}

static void test_sending_after_the_end_does_nothing(void **state) {
    struct told told = {0};
    told_start(&told, *state, "/echo");
    grpc_client_call_cancel(told.call);
    told_send(&told, "in vain");
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_CANCELLED, NULL);
}

/* ---- flow ---- */

static void hold(struct told *told) {
    grpc_client_call_hold(told->call);
}

static void test_held_call_gets_nothing_until_the_release(void **state) {
    struct fixture *fixture = *state;
    struct told told = {.on_message = hold}, other = {0};
    told_start(&told, fixture, "/many");
    grpc_client_call_half_close(told.call);
    fixture_run(fixture, &told.n_messages, 1);
    told_call(&other, fixture, "/echo", "meanwhile");
    assert_int_equal(told.n_messages, 1);
    assert_int_equal(told.n_status, 0);
    for (unsigned n = 2; n < 10; n++) {
        grpc_client_call_release(told.call);
        fixture_run(fixture, &told.n_messages, n);
        assert_int_equal(told.n_messages, n);
    }
    told.on_message = NULL;
    grpc_client_call_release(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(told.n_messages, 1000);
    assert_last(&told, "message 999");
}

static void test_hold_closes_the_servers_window(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0}, other = {0};
    told_start(&told, fixture, "/flood");
    grpc_client_call_hold(told.call);
    grpc_client_call_half_close(told.call);
    while (buf_len(&told.call->answer.held) < H2_STREAM_WINDOW)
        fixture_turn(fixture);
    told_call(&other, fixture, "/echo", "meanwhile");
    assert_status(&other, GRPC_OK, "");
    assert_int_equal(buf_len(&told.call->answer.held), H2_STREAM_WINDOW);
    grpc_client_call_release(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(told.n_messages, 100);
}

static void test_held_call_can_be_cancelled(void **state) {
    struct told told = {.on_message = hold}, other = {0};
    told_start(&told, *state, "/many");
    grpc_client_call_half_close(told.call);
    fixture_run(*state, &told.n_messages, 1);
    told_call(&other, *state, "/echo", "meanwhile");
    grpc_client_call_cancel(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_CANCELLED, NULL);
    assert_int_equal(told.n_messages, 1);
}

static void test_busy_call_becomes_writable(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    told_start(&told, fixture, "/count");
    fixture_run(fixture, &told.n_writable, 1);
    unsigned n = 0;
    for (; !grpc_client_call_is_busy(told.call); n++)
        told_send(&told, "readings of a long day");
    fixture_run(fixture, &told.n_writable, 2);
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    char text[32];
    snprintf(text, sizeof(text), "%u", n);
    assert_last(&told, text);
}

static void test_protobuf_message_is_packed_in_place(void **state) {
    struct told told = {0};
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)"warm";
    told_start(&told, *state, "/echo");
    assert_int_equal(grpc_client_call_send(told.call, &request.base), 0);
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_last(&told, "\n\4warm");
}

static void test_queue_is_bounded_for_compressed_messages_too(void **state) {
    struct told told = {0};
    uint8_t *room;
    struct random random;
    random_init(&random, 1);
    told_start_with(&told, *state,
                    &(struct grpc_call_options){.path = "/silent", .compresses = true});
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE, &room), 0);
    for (size_t i = 0; i < GRPC_MAX_MESSAGE; i++)
        room[i] = (uint8_t)random_u64(&random); /* so that gzip gains nothing */
    grpc_client_call_commit(told.call);
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE, &room), -ENOBUFS);
    grpc_client_call_cancel(told.call);
    told_wait(&told);
}

/* Writes `text` with its prefix; returns where the next byte goes. */
static uint8_t *frame(uint8_t *out, const char *text) {
    grpc_framing_write_prefix(out, false, strlen(text));
    memcpy(out + GRPC_PREFIX_SIZE, text, strlen(text));
    return out + GRPC_PREFIX_SIZE + strlen(text);
}

static void test_framed_messages_go_out_together(void **state) {
    struct told told = {0};
    uint8_t *room;
    told_start(&told, *state, "/count");
    assert_int_equal(grpc_client_call_reserve_framed(told.call, 1000, &room), 0);
    uint8_t *end = frame(frame(frame(room, "one"), ""), "three");
    grpc_client_call_commit_framed(told.call, (size_t)(end - room), 3);
    told_send(&told, "four");
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
    assert_last(&told, "4");
}

static void test_queue_is_bounded(void **state) {
    struct told told = {0};
    uint8_t *room;
    told_start(&told, *state, "/silent");
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE + 1, &room), -EMSGSIZE);
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE, &room), 0);
    grpc_client_call_commit(told.call);
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE, &room), -ENOBUFS);
    assert_true(grpc_client_call_is_busy(told.call));
    grpc_client_call_cancel(told.call);
    told_wait(&told);
}

static void test_messages_on_an_open_call_allocate_nothing(void **state) {
    struct told told = {0};
    told_start(&told, *state, "/echo");
    for (int round = 0; round < 100; round++) {
        if (round == 50)
            fail_alloc_off(); /* counts from here */
        told_send(&told, "a reading");
        fixture_run(*state, &told.n_messages, (unsigned)round + 1);
    }
    assert_int_equal(fail_alloc_count(), 0);
    grpc_client_call_half_close(told.call);
    told_wait(&told);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_unary_call_brings_answer_and_metadata),
        TEST(test_client_stream_is_answered_once),
        TEST(test_server_stream_brings_all_messages_in_order),
        TEST(test_bidi_stream_answers_while_it_is_open),
        TEST(test_many_streams_share_one_connection),
        TEST(test_large_message_goes_both_ways),
        TEST(test_request_headers_have_the_order_of_the_specification),
        TEST(test_metadata_that_may_not_be_sent_is_refused),
        TEST(test_compressed_message_is_read_by_the_server),
        TEST(test_what_gzip_makes_larger_goes_out_plain),
        TEST(test_trailers_only_gives_status_text_and_metadata),
        TEST(test_answers_that_are_not_grpc_get_a_status_from_http),
        TEST(test_resets_map_to_statuses),
        TEST(test_bad_messages_end_the_call),
        TEST(test_too_long_headers_end_the_call),
        TEST(test_request_that_http2_does_not_carry_ends_the_call),
        TEST(test_compressed_answer_is_unpacked),
        TEST(test_server_that_ends_early_ends_the_sending),
        TEST(test_what_a_server_does_not_want_is_not_kept_queued),
        TEST(test_deadline_passes_while_the_server_is_silent),
        TEST(test_deadlines_pass_in_their_order),
        TEST(test_server_that_says_cancelled_after_the_deadline_is_overruled),
        TEST(test_reset_after_the_deadline_counts_as_the_deadline),
        TEST(test_server_that_says_cancelled_before_the_deadline_is_believed),
        TEST(test_cancel_is_told_from_the_loop_and_reaches_the_server),
        TEST(test_sending_after_the_end_does_nothing),
        TEST(test_held_call_gets_nothing_until_the_release),
        TEST(test_hold_closes_the_servers_window),
        TEST(test_held_call_can_be_cancelled),
        TEST(test_busy_call_becomes_writable),
        TEST(test_protobuf_message_is_packed_in_place),
        TEST(test_framed_messages_go_out_together),
        TEST(test_queue_is_bounded),
        TEST(test_queue_is_bounded_for_compressed_messages_too),
        TEST(test_messages_on_an_open_call_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
