/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a channel tells its observer, and in which order. The observer here writes a line for each
 * callback, all on the test's thread.
 */
#include <stdio.h>

#include "channel_fixture.h"
#include "grpc/limits.h"
#include "grpc/observer.h"
#include "unit.h"

static struct {
    char text[4096];
    unsigned n_ended;
    bool is_quiet;
    struct grpc_entry added[GRPC_MAX_OBSERVER_METADATA + 1];
    size_t n_to_add;
    int results[GRPC_MAX_OBSERVER_METADATA + 1];
} seen;

PRINTF(1, 2)
static void note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t len = strlen(seen.text);
    vsnprintf(seen.text + len, sizeof(seen.text) - len, format, arguments);
    va_end(arguments);
}

static void on_limit_hit(void *user, const char *limit) {
    (void)user;
    note("limit %s\n", limit);
}

static void on_started(void *user, struct grpc_client_call *call) {
    assert_ptr_equal(user, &seen);
    uint64_t *state = grpc_client_call_observer_state(call);
    assert_int_equal(*state, 0);
    *state = 1;
    note("start %.*s\n", BYTES_ARGS(grpc_client_call_path(call)));
    assert_string_equal(grpc_client_call_peer(call), "");
    for (size_t i = 0; i < seen.n_to_add; i++)
        seen.results[i] = grpc_client_call_add(call, seen.added[i].key, seen.added[i].value);
    if (seen.is_quiet)
        grpc_client_call_observe_no_messages(call);
}

static void on_stream(void *user, struct grpc_client_call *call) {
    (void)user;
    assert_memory_equal(grpc_client_call_peer(call), "127.0.0.1:", 10);
    note("stream\n");
}

static void note_message(const char *direction, const struct grpc_observed_message *message) {
    note("%s %u: %zu%s\n", direction, (unsigned)message->number, message->size,
         message->is_compressed ? " packed" : "");
    if (!message->is_compressed)
        assert_int_equal(message->wire_size, message->size);
}

static void on_received(void *user, struct grpc_client_call *call,
                        const struct grpc_observed_message *message) {
    (void)user, (void)call;
    note_message("in", message);
}

static void on_sent(void *user, struct grpc_client_call *call,
                    const struct grpc_observed_message *message) {
    (void)user, (void)call;
    note_message("out", message);
}

static void on_ended(void *user, struct grpc_client_call *call, const struct grpc_call_end *end) {
    (void)user;
    assert_int_equal(*(uint64_t *)grpc_client_call_observer_state(call), 1);
    note("end %s '%.*s' in %u/%u out %u/%u\n", grpc_status_name(end->status), BYTES_ARGS(end->text),
         (unsigned)end->received->n, (unsigned)end->received->bytes, (unsigned)end->sent->n,
         (unsigned)end->sent->bytes);
    seen.n_ended++;
}

static const struct grpc_client_observer observer = {
    .user = &seen,
    .call_state_size = sizeof(uint64_t),
    .limit_hit = on_limit_hit,
    .call_started = on_started,
    .stream_opened = on_stream,
    .message_received = on_received,
    .message_sent = on_sent,
    .call_ended = on_ended,
};

static int setup(void **state) {
    memset(&seen, 0, sizeof(seen));
    fixture_setup(state);
    fixture_channel(*state, (struct grpc_channel_options){.observer = &observer});
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* ---- the four kinds ---- */

static void test_a_unary_call_has_one_message_each_way(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/echo", "20.5");
    assert_string_equal(seen.text, "start /echo\nout 0: 4\nstream\nin 0: 4\n"
                                   "end OK '' in 1/4 out 1/4\n");
}

static void test_a_client_stream_is_counted_message_by_message(void **state) {
    struct told told = {0};
    told_start(&told, *state, "/count");
    told_send(&told, "one");
    told_send(&told, "");
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_string_equal(seen.text, "start /count\nout 0: 3\nout 1: 0\nstream\nin 0: 1\n"
                                   "end OK '' in 1/1 out 2/3\n");
}

static void test_a_server_stream_need_not_be_told_by_message(void **state) {
    struct told told = {0};
    seen.is_quiet = true;
    told_call(&told, *state, "/many", "");
    assert_string_equal(seen.text, "start /many\nstream\nend OK '' in 1000/10890 out 1/0\n");
}

static void stop(struct told *told) {
    if (told->n_messages < 2)
        told_send(told, "three");
    else
        grpc_client_call_half_close(told->call);
}

static void test_a_chat_is_told_as_it_goes(void **state) {
    struct told told = {.on_message = stop};
    told_start(&told, *state, "/echo");
    told_send(&told, "one");
    told_wait(&told);
    assert_string_equal(seen.text, "start /echo\nout 0: 3\nstream\nin 0: 3\nout 1: 5\nin 1: 5\n"
                                   "end OK '' in 2/8 out 2/8\n");
}

static void test_compressed_messages_have_both_sizes(void **state) {
    struct told told = {0};
    told_start_with(&told, *state,
                    &(struct grpc_call_options){.path = "/silent", .compresses = true});
    uint8_t *room;
    assert_int_equal(grpc_client_call_reserve(told.call, 5000, &room), 0);
    memset(room, 'w', 5000);
    grpc_client_call_commit(told.call);
    assert_int_equal(grpc_client_call_reserve(told.call, 1, &room), 0);
    *room = 'x'; /* gzip would make it larger */
    grpc_client_call_commit(told.call);
    grpc_client_call_cancel(told.call);
    told_wait(&told);
    assert_string_equal(seen.text, "start /silent\nout 0: 5000 packed\nout 1: 1\n"
                                   "end CANCELLED 'cancelled by the caller' in 0/0 out 2/5001\n");
    memset(&seen, 0, sizeof(seen));
    struct told other = {0};
    told_call(&other, *state, "/gzip", "");
    assert_non_null(strstr(seen.text, "in 0: 15 packed\n"));
}

static void test_messages_sent_together_are_told_one_by_one(void **state) {
    struct told told = {0};
    uint8_t *room;
    told_start(&told, *state, "/count");
    assert_int_equal(grpc_client_call_reserve_framed(told.call, 100, &room), 0);
    grpc_framing_write_prefix(room, false, 2);
    grpc_framing_write_prefix(room + GRPC_PREFIX_SIZE + 2, false, 0);
    grpc_client_call_commit_framed(told.call, 2 * GRPC_PREFIX_SIZE + 2, 2);
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_string_equal(seen.text, "start /count\nout 0: 2\nout 1: 0\nstream\nin 0: 1\n"
                                   "end OK '' in 1/1 out 2/2\n");
}

/* ---- other ends ---- */

static void test_a_call_that_is_refused_ends_with_the_servers_words(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/not-found", "x");
    assert_non_null(strstr(seen.text, "end NOT_FOUND '"));
    assert_int_equal(seen.n_ended, 1);
}

static void test_a_call_past_its_deadline_ends_so(void **state) {
    struct told told = {0};
    told_start_with(&told, *state,
                    &(struct grpc_call_options){.path = "/silent", .timeout_ns = 5000000});
    told_wait(&told);
    assert_non_null(strstr(seen.text, "end DEADLINE_EXCEEDED 'the deadline has passed"));
}

static void test_a_lost_connection_ends_its_calls(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    told_start(&told, fixture, "/silent");
    fixture_run(fixture, &fixture->peer.n_running, 1);
    peer_drop(&fixture->peer);
    told_wait(&told);
    assert_non_null(strstr(seen.text, "start /silent\nstream\nend UNAVAILABLE '"));
}

static void test_a_call_without_a_connection_has_no_stream(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    peer_stop_listening(&fixture->peer);
    told_start(&told, fixture, "/echo");
    told_wait(&told);
    assert_memory_equal(seen.text, "start /echo\nend UNAVAILABLE 'cannot connect", 43);
}

static void test_a_message_over_the_limit_is_told_as_a_limit(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/too-large", "");
    assert_non_null(strstr(seen.text, "limit grpc.message\nend RESOURCE_EXHAUSTED '"));
    memset(&seen, 0, sizeof(seen));
    struct told other = {0};
    told_call(&other, *state, "/bomb", "");
    assert_non_null(strstr(seen.text, "limit grpc.inflated_message\nend RESOURCE_EXHAUSTED '"));
}

static void test_closing_the_channel_ends_its_calls(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    told_start(&told, fixture, "/silent");
    grpc_channel_close(fixture->channel);
    fixture->channel = NULL;
    assert_int_equal(seen.n_ended, 1);
    assert_non_null(strstr(seen.text, "end CANCELLED 'the channel was closed'"));
}

/* ---- metadata ---- */

static void add(size_t i, const char *key, const char *value) {
    seen.added[i] = (struct grpc_entry){bytes_str(key), bytes_str(value)};
    seen.n_to_add = i + 1;
}

static void test_its_metadata_goes_out_behind_the_callers(void **state) {
    struct fixture *fixture = *state;
    const struct grpc_entry metadata = {bytes_str("x-site"), bytes_str("cellar")};
    struct told told = {0};
    add(0, "traceparent", "00-1");
    add(1, "tracestate", "a=b");
    told_start_with(
        &told, fixture,
        &(struct grpc_call_options){.path = "/echo", .metadata = &metadata, .n_metadata = 1});
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_non_null(
        strstr(fixture->peer.request, "x-site: cellar\ntraceparent: 00-1\ntracestate: a=b\n"));
    assert_int_equal(seen.results[0], 0);
}

static void test_metadata_that_may_not_be_sent_is_left_out(void **state) {
    static char long_value[GRPC_MAX_METADATA + 1];
    memset(long_value, 'x', GRPC_MAX_METADATA);
    struct told told = {0};
    add(0, "tracestate", long_value);
    add(1, "tracestate", "a\nb");
    add(2, "a", "1");
    told_call(&told, *state, "/echo", "");
    assert_status(&told, GRPC_OK, "");
    assert_int_equal(seen.results[0], -ENOBUFS);
    assert_int_equal(seen.results[1], -EINVAL);
    assert_int_equal(seen.results[2], 0);
}

static void test_it_has_room_for_so_many_fields(void **state) {
    struct told told = {0};
    for (size_t i = 0; i <= GRPC_MAX_OBSERVER_METADATA; i++)
        add(i, "a", "1");
    told_call(&told, *state, "/echo", "");
    for (size_t i = 0; i < GRPC_MAX_OBSERVER_METADATA; i++)
        assert_int_equal(seen.results[i], 0);
    assert_int_equal(seen.results[GRPC_MAX_OBSERVER_METADATA], -ENOBUFS);
}

static void test_a_call_that_cannot_start_is_not_told(void **state) {
    const struct grpc_entry bad = {.key = bytes_str("x-site"), .value = bytes_str("a\nb")};
    struct told told = {0};
    assert_int_equal(told_try_start(&told, *state,
                                    &(struct grpc_call_options){
                                        .path = "/echo", .metadata = &bad, .n_metadata = 1}),
                     -EINVAL);
    assert_string_equal(seen.text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_unary_call_has_one_message_each_way),
        TEST(test_a_client_stream_is_counted_message_by_message),
        TEST(test_a_server_stream_need_not_be_told_by_message),
        TEST(test_a_chat_is_told_as_it_goes),
        TEST(test_compressed_messages_have_both_sizes),
        TEST(test_messages_sent_together_are_told_one_by_one),
        TEST(test_a_call_that_is_refused_ends_with_the_servers_words),
        TEST(test_a_call_past_its_deadline_ends_so),
        TEST(test_a_lost_connection_ends_its_calls),
        TEST(test_a_call_without_a_connection_has_no_stream),
        TEST(test_a_message_over_the_limit_is_told_as_a_limit),
        TEST(test_closing_the_channel_ends_its_calls),
        TEST(test_its_metadata_goes_out_behind_the_callers),
        TEST(test_metadata_that_may_not_be_sent_is_left_out),
        TEST(test_it_has_room_for_so_many_fields),
        TEST(test_a_call_that_cannot_start_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
