/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server tells its observer, and in which order. The observer here writes a line for each
 * callback; a test compares them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "certs.h"
#include "grpc/limits.h"
#include "http2/limits.h"
#include "net/tls.h"
#include "server_fixture.h"
#include "unit.h"

/* ---- the observer ---- */

enum {
    CONNECTION_MARK = 17,
};

struct call_notes {
    uint64_t before; /* zero when the call starts */
    unsigned depth;  /* of scopes */
};

/* Written by the worker, read by the test. */
static struct {
    pthread_mutex_t lock;
    char text[16384];
    _Atomic(struct server_fixture *) fixture;
    unsigned n_methods;
    atomic_bool is_quiet; /* asks not to be told of messages */
    bool fails;           /* to make what it keeps of a method */
    atomic_uint n_ended;
    atomic_uint n_opened, n_closed, n_handshaken;
    atomic_uint n_entered, n_left;
    atomic_uint n_faults;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char known, unknown; /* what the observer keeps of methods */

PRINTF(1, 2)
static void note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&seen.lock);
    size_t len = strlen(seen.text);
    vsnprintf(seen.text + len, sizeof(seen.text) - len, format, arguments);
    pthread_mutex_unlock(&seen.lock);
    va_end(arguments);
}

static void fault_unless(bool is_right) {
    if (!is_right)
        atomic_fetch_add(&seen.n_faults, 1);
}

static void wake(void) {
    struct server_fixture *fixture = atomic_load(&seen.fixture);
    if (fixture)
        uv_async_send(&fixture->wakeup);
}

static int on_method(void *user, const char *path, void **method) {
    fault_unless(user == &seen);
    seen.n_methods++;
    *method = path ? &known : &unknown;
    return seen.fails && !path ? -ENOMEM : 0;
}

static void on_opened(void *user, void *state) {
    (void)user;
    fault_unless(*(unsigned *)state == 0);
    *(unsigned *)state = CONNECTION_MARK;
    atomic_fetch_add(&seen.n_opened, 1);
    wake();
}

static void on_closed(void *user, void *state) {
    (void)user;
    fault_unless(*(unsigned *)state == CONNECTION_MARK);
    atomic_fetch_add(&seen.n_closed, 1);
    wake();
}

static void on_handshaken(void *user, const struct net_handshake *handshake) {
    (void)user;
    note("handshake %s\n", handshake->result);
    atomic_fetch_add(&seen.n_handshaken, 1);
    wake();
}

static void on_limit_hit(void *user, const char *limit) {
    (void)user;
    note("limit %s\n", limit);
}

static void on_started(void *user, struct grpc_call *call) {
    (void)user;
    struct call_notes *notes = grpc_call_observer_state(call);
    fault_unless(notes->before == 0 && notes->depth == 0);
    notes->before = 1;
    struct bytes path = grpc_call_header(call, ":path");
    fault_unless(*(unsigned *)grpc_call_observer_connection(call) == CONNECTION_MARK);
    bool is_known = grpc_call_observer_method(call) == &known;
    note("start %.*s%s\n", BYTES_ARGS(path), is_known ? "" : " unknown");
    if (atomic_load(&seen.is_quiet))
        grpc_call_observe_no_messages(call);
}

static void note_message(const char *direction, const struct grpc_observed_message *message) {
    note("%s %u: %zu%s\n", direction, (unsigned)message->number, message->size,
         message->is_compressed ? " packed" : "");
    fault_unless(message->is_compressed ? message->wire_size < message->size
                                        : message->wire_size == message->size);
}

static void on_received(void *user, struct grpc_call *call,
                        const struct grpc_observed_message *message) {
    (void)user, (void)call;
    note_message("in", message);
}

static void on_sent(void *user, struct grpc_call *call,
                    const struct grpc_observed_message *message) {
    (void)user, (void)call;
    note_message("out", message);
}

static void on_entered(void *user, struct grpc_call *call, struct grpc_observer_scope *scope) {
    (void)user;
    ((struct call_notes *)grpc_call_observer_state(call))->depth++;
    scope->room[0] = call;
    atomic_fetch_add(&seen.n_entered, 1);
}

static void on_left(void *user, struct grpc_call *call, struct grpc_observer_scope *scope) {
    (void)user;
    ((struct call_notes *)grpc_call_observer_state(call))->depth--;
    fault_unless(scope->room[0] == call);
    atomic_fetch_add(&seen.n_left, 1);
}

static void on_ended(void *user, struct grpc_call *call, const struct grpc_call_end *end) {
    (void)user;
    struct call_notes *notes = grpc_call_observer_state(call);
    fault_unless(notes->before == 1);
    note("end %s '%.*s' in %u/%u out %u/%u\n", grpc_status_name(end->status), BYTES_ARGS(end->text),
         (unsigned)end->received->n, (unsigned)end->received->bytes, (unsigned)end->sent->n,
         (unsigned)end->sent->bytes);
    atomic_fetch_add(&seen.n_ended, 1);
    wake();
}

static const struct grpc_server_observer observer = {
    .user = &seen,
    .call_state_size = sizeof(struct call_notes),
    .connection_state_size = sizeof(unsigned),
    .method = on_method,
    .connection_opened = on_opened,
    .connection_closed = on_closed,
    .handshaken = on_handshaken,
    .limit_hit = on_limit_hit,
    .call_started = on_started,
    .message_received = on_received,
    .message_sent = on_sent,
    .entered = on_entered,
    .left = on_left,
    .call_ended = on_ended,
};

static void forget(void) {
    atomic_store(&seen.fixture, NULL);
    seen.text[0] = '\0';
    seen.n_methods = 0;
    atomic_store(&seen.n_handshaken, 0);
    seen.fails = false;
    atomic_store(&seen.is_quiet, false);
    atomic_uint *const counts[] = {&seen.n_ended,   &seen.n_opened, &seen.n_closed,
                                   &seen.n_entered, &seen.n_left,   &seen.n_faults};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        atomic_store(counts[i], 0);
}

static int setup(void **state) {
    forget();
    server_setup_observed(state, &observer);
    atomic_store(&seen.fixture, *state);
    return 0;
}

static int teardown(void **state) {
    atomic_store(&seen.fixture, NULL);
    server_teardown(state);
    assert_int_equal(atomic_load(&seen.n_entered), atomic_load(&seen.n_left));
    assert_int_equal(atomic_load(&seen.n_opened), atomic_load(&seen.n_closed));
    assert_int_equal(atomic_load(&seen.n_faults), 0);
    return 0;
}

/* Once so many calls have ended, this was told so far. */
static void expect_seen(struct server_fixture *fixture, unsigned n_ended, const char *lines) {
    server_until(fixture, atomic_load(&seen.n_ended) >= n_ended);
    pthread_mutex_lock(&seen.lock);
    char text[sizeof(seen.text)];
    memcpy(text, seen.text, sizeof(text));
    pthread_mutex_unlock(&seen.lock);
    assert_string_equal(text, lines);
}

/* ---- the four kinds ---- */

static void test_a_unary_call_has_one_message_each_way(void **state) {
    server_expect(*state, server_call(*state, "/test.Probe/Echo", bytes_str("20.5")), GRPC_OK);
    expect_seen(*state, 1, "start /test.Probe/Echo\nin 0: 4\nout 0: 4\nend OK '' in 1/4 out 1/4\n");
}

static void test_a_client_stream_is_counted_message_by_message(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Count");
    raw_send_message(call, false, bytes_str("one"));
    raw_send_message(call, false, bytes_str(""));
    raw_send_message(call, false, bytes_str("three"));
    raw_end(call);
    server_expect(*state, call, GRPC_OK);
    expect_seen(*state, 1,
                "start /test.Probe/Count\nin 0: 3\nin 1: 0\nin 2: 5\nout 0: 1\n"
                "end OK '' in 3/8 out 1/1\n");
}

static void test_a_server_stream_is_counted_message_by_message(void **state) {
    server_expect(*state, server_call(*state, "/test.Probe/Many", bytes_str("3")), GRPC_OK);
    expect_seen(*state, 1,
                "start /test.Probe/Many\nin 0: 1\nout 0: 1000\nout 1: 1000\nout 2: 1000\n"
                "end OK '' in 1/1 out 3/3000\n");
}

static void test_a_chat_is_told_as_it_goes(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Chat");
    raw_send_message(call, false, bytes_str("one"));
    raw_send_message(call, false, bytes_str("two"));
    raw_end(call);
    server_expect(*state, call, GRPC_OK);
    expect_seen(*state, 1,
                "start /test.Probe/Chat\nin 0: 3\nout 0: 3\nin 1: 3\nout 1: 3\n"
                "end OK '' in 2/6 out 2/6\n");
}

static void test_a_compressed_message_has_both_sizes(void **state) {
    static const uint8_t zeros[5000];
    struct server_fixture *fixture = *state;
    struct h2_field fields[RAW_N_FIELDS + 2];
    struct raw_call *call = server_new_call(fixture);
    raw_fields(fields, "/test.Probe/Echo");
    fields[RAW_N_FIELDS] = raw_field("grpc-encoding", "gzip");
    fields[RAW_N_FIELDS + 1] = raw_field("grpc-accept-encoding", "gzip");
    raw_start_with(call, &fixture->clients[0], fields, ARRAY_LEN(fields));
    CLEANUP(buf_fini) struct buf packed;
    buf_init(&packed, GRPC_MAX_MESSAGE);
    assert_int_equal(grpc_gzip(bytes_of(zeros, sizeof(zeros)), &packed), 0);
    raw_send_message(call, true, buf_bytes(&packed));
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
    expect_seen(fixture, 1,
                "start /test.Probe/Echo\nin 0: 5000 packed\nout 0: 5000 packed\n"
                "end OK '' in 1/5000 out 1/5000\n");
}

/* ---- messages ---- */

static void test_messages_need_not_be_told(void **state) {
    atomic_store(&seen.is_quiet, true);
    struct raw_call *call = server_start(*state, "/test.Probe/Chat");
    raw_send_message(call, false, bytes_str("one"));
    raw_send_message(call, false, bytes_str("two"));
    raw_end(call);
    server_expect(*state, call, GRPC_OK);
    expect_seen(*state, 1, "start /test.Probe/Chat\nend OK '' in 2/6 out 2/6\n");
}

static void test_a_message_that_is_offered_again_counts_once(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Picky");
    raw_send_message(call, false, bytes_str("one"));
    raw_send_message(call, false, bytes_str("three"));
    raw_end(call);
    struct record *record = server_record(fixture, 0);
    for (unsigned n = 0; n < 2; n++) {
        server_until(fixture, atomic_load(&record->n_offered) == 2 * n + 1);
        server_do(fixture, record, grpc_call_release);
    }
    server_expect(fixture, call, GRPC_OK);
    expect_seen(fixture, 1,
                "start /test.Probe/Picky\nin 0: 3\nout 0: 3\nin 1: 5\nout 1: 5\n"
                "end OK '' in 2/8 out 2/8\n");
}

/* Two messages at once. */
static void send_framed(struct grpc_call *call) {
    uint8_t *out;
    if (grpc_call_reserve_framed(call, 100, &out))
        abort();
    grpc_framing_write_prefix(out, false, 2);
    grpc_framing_write_prefix(out + GRPC_PREFIX_SIZE + 2, false, 3);
    grpc_call_commit_framed(call, 2 * GRPC_PREFIX_SIZE + 5, 2);
    grpc_call_finish(call, GRPC_OK, "%s", "");
}

static void send_two_framed(struct server_fixture *fixture) {
    struct raw_call *call = server_start(fixture, "/test.Probe/Silent");
    server_do(fixture, server_record(fixture, 0), send_framed);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(raw_n_messages(call), 2);
}

static void test_messages_sent_together_are_told_one_by_one(void **state) {
    send_two_framed(*state);
    expect_seen(*state, 1,
                "start /test.Probe/Silent\nout 0: 2\nout 1: 3\nend OK '' in 0/0 out 2/5\n");
}

static void test_messages_sent_together_are_counted_together(void **state) {
    atomic_store(&seen.is_quiet, true);
    send_two_framed(*state);
    expect_seen(*state, 1, "start /test.Probe/Silent\nend OK '' in 0/0 out 2/5\n");
}

/* ---- other ends ---- */

static void test_a_cancelled_call_ends_so(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Chat");
    server_record(*state, 0);
    raw_reset(call, H2_CANCEL);
    expect_seen(*state, 1,
                "start /test.Probe/Chat\nend CANCELLED 'the stream was reset' in 0/0 out 0/0\n");
}

static void test_calls_of_a_lost_connection_end_before_it(void **state) {
    struct server_fixture *fixture = *state;
    server_start(fixture, "/test.Probe/Chat");
    server_record(fixture, 0);
    raw_abort(&fixture->clients[0]);
    server_until(fixture, atomic_load(&seen.n_closed) == 1);
    expect_seen(fixture, 1,
                "start /test.Probe/Chat\nend CANCELLED 'the connection was lost' in 0/0 out 0/0\n");
}

static void test_a_call_past_its_deadline_ends_so(void **state) {
    struct raw_call *call =
        server_start_with(*state, "/test.Probe/Silent", raw_field("grpc-timeout", "5m"));
    server_expect(*state, call, GRPC_DEADLINE_EXCEEDED);
    expect_seen(*state, 1,
                "start /test.Probe/Silent\n"
                "end DEADLINE_EXCEEDED 'the call's deadline has passed' in 0/0 out 0/0\n");
}

static void test_a_broken_stream_ends_with_what_is_wrong(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Count");
    raw_send_message(call, false, bytes_str("one"));
    raw_send(call, bytes_of("\7\0\0\0\0", 5));
    server_expect(*state, call, GRPC_INTERNAL);
    expect_seen(*state, 1,
                "start /test.Probe/Count\nin 0: 3\nend INTERNAL 'a message does not start with 0 "
                "or 1: the body is not gRPC's' in 1/3 out 0/0\n");
}

static void test_a_message_over_the_limit_is_told_as_a_limit(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Count");
    raw_send(call, bytes_of("\0\1\0\0\0", 5));
    server_expect(*state, call, GRPC_RESOURCE_EXHAUSTED);
    expect_seen(*state, 1,
                "start /test.Probe/Count\nlimit grpc.message\nend RESOURCE_EXHAUSTED "
                "'a message is larger than 4194304 bytes' in 0/0 out 0/0\n");
}

static void test_a_header_list_over_the_limit_is_a_limit_and_no_call(void **state) {
    char value[H2_MAX_HEADER_LIST];
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    struct raw_call *call =
        server_start_with(*state, "/test.Probe/Echo", raw_field("x-long", value));
    server_expect(*state, call, GRPC_RESOURCE_EXHAUSTED);
    server_round_trip(*state, call->client);
    expect_seen(*state, 1,
                "limit http2.header_list\nstart /test.Probe/Echo\nin 0: 4\nout 0: 4\n"
                "end OK '' in 1/4 out 1/4\n");
}

static void test_a_call_that_is_not_admitted_is_told(void **state) {
    struct raw_call *call =
        server_start_with(*state, "/test.Probe/Echo", raw_field("x-refuse", "1"));
    server_expect(*state, call, GRPC_UNAUTHENTICATED);
    expect_seen(*state, 1,
                "start /test.Probe/Echo\nend UNAUTHENTICATED 'not you' in 0/0 out 0/0\n");
}

static void test_unknown_methods_have_a_method_of_their_own(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Nothing");
    server_expect(*state, call, GRPC_UNIMPLEMENTED);
    expect_seen(*state, 1,
                "start /test.Probe/Nothing unknown\n"
                "end UNIMPLEMENTED 'unknown method /test.Probe/Nothing' in 0/0 out 0/0\n");
}

static void test_a_call_that_is_finished_early_ends_once(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Early");
    raw_send_message(call, false, bytes_str("one"));
    raw_send_message(call, false, bytes_str("two"));
    server_expect(*state, call, GRPC_NOT_FOUND);
    server_round_trip(*state, call->client);
    expect_seen(*state, 2,
                "start /test.Probe/Early\nin 0: 3\n"
                "end NOT_FOUND '50% of \xc3\xb6 is enough\n' in 1/3 out 0/0\n"
                "start /test.Probe/Echo\nin 0: 4\nout 0: 4\nend OK '' in 1/4 out 1/4\n");
}

/* ---- the observer's own ---- */

static void drop(struct grpc_call *call) {
    struct call_notes *notes = grpc_call_observer_state(call);
    fault_unless(grpc_call_is_over(call) && notes->before == 1);
    grpc_call_unref(call);
}

static void test_its_bytes_stay_as_long_as_the_call_is_referenced(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Kept");
    struct record *record = server_record(fixture, 0);
    raw_reset(call, H2_CANCEL);
    server_until(fixture, atomic_load(&seen.n_ended) == 1);
    server_round_trip(fixture, call->client);
    server_do(fixture, record, drop);
}

static void drop_without_connection(struct grpc_call *call) {
    fault_unless(!grpc_call_observer_connection(call));
    grpc_call_unref(call);
}

static void test_a_call_that_is_referenced_may_outlive_its_connection(void **state) {
    struct server_fixture *fixture = *state;
    server_start(fixture, "/test.Probe/Kept");
    struct record *record = server_record(fixture, 0);
    raw_abort(&fixture->clients[0]);
    server_until(fixture, atomic_load(&seen.n_closed) == 1);
    server_do(fixture, record, drop_without_connection);
}

static void finish_unobserved(struct grpc_call *call) {
    fault_unless(!grpc_call_observer_state(call) && !grpc_call_observer_method(call) &&
                 !grpc_call_observer_connection(call));
    grpc_call_finish(call, GRPC_OK, "%s", "");
}

static void test_without_an_observer_nothing_is_kept_for_one(void **state) {
    forget();
    server_setup(state);
    struct raw_call *call = server_start(*state, "/test.Probe/Silent");
    server_do(*state, server_record(*state, 0), finish_unobserved);
    server_expect(*state, call, GRPC_OK);
    server_teardown(state);
    assert_int_equal(atomic_load(&seen.n_faults), 0);
}

/* The fixture's probe has 12 methods, health and reflection theirs, and there are the unknown. */
/* The client speaks without TLS where the server wants it. */
static void test_a_tls_handshake_that_fails_is_told(void **state) {
    struct server_fixture *fixture = *state;
    const struct net_address address = {.host = "127.0.0.1"};
    struct raw_client *client = &fixture->clients[1];
    struct certs certs;
    struct err_text why;
    SSL_CTX *tls = NULL;
    certs_make(&certs);
    assert_int_equal(net_tls_server_new(certs.cert, certs.key, &tls, NULL, &why), 0);
    certs_remove(&certs);
    assert_int_equal(grpc_server_listen(fixture->server, &address, tls, &why), 0);
    SSL_CTX_free(tls);
    raw_connect(client, &fixture->loop, grpc_server_port(fixture->server, 1));
    server_until(fixture, client->n_closed);
    server_until(fixture, atomic_load(&seen.n_handshaken));
    expect_seen(fixture, 0, "handshake UNEXPECTED_MESSAGE\n");
}

static void test_each_method_is_told_once_and_the_unknown_ones_together(void **state) {
    (void)state;
    assert_int_equal(seen.n_methods, 12 + 3 + 1 + 1 + 1);
}

static void test_an_observer_without_callbacks_only_counts(void **state) {
    static const struct grpc_server_observer silent = {.call_state_size = 8};
    forget();
    server_setup_observed(state, &silent);
    server_round_trip(*state, &((struct server_fixture *)*state)->clients[0]);
    server_teardown(state);
}

static void test_an_observer_without_memory_fails_the_server(void **state) {
    (void)state;
    forget();
    seen.fails = true;
    struct net_loop loop;
    struct grpc_server *server = NULL;
    assert_int_equal(net_loop_init(&loop, NULL, NULL), 0);
    const struct grpc_server_options options = {.n_workers = 1, .observer = &observer};
    assert_int_equal(grpc_server_new(&loop, &options, &server), -ENOMEM);
    assert_null(server);
    net_loop_close(&loop);
    net_loop_run(&loop);
    net_loop_fini(&loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_unary_call_has_one_message_each_way),
        TEST(test_a_client_stream_is_counted_message_by_message),
        TEST(test_a_server_stream_is_counted_message_by_message),
        TEST(test_a_chat_is_told_as_it_goes),
        TEST(test_a_compressed_message_has_both_sizes),
        TEST(test_messages_need_not_be_told),
        TEST(test_a_message_that_is_offered_again_counts_once),
        TEST(test_messages_sent_together_are_told_one_by_one),
        TEST(test_messages_sent_together_are_counted_together),
        TEST(test_a_cancelled_call_ends_so),
        TEST(test_calls_of_a_lost_connection_end_before_it),
        TEST(test_a_call_past_its_deadline_ends_so),
        TEST(test_a_broken_stream_ends_with_what_is_wrong),
        TEST(test_a_message_over_the_limit_is_told_as_a_limit),
        TEST(test_a_header_list_over_the_limit_is_a_limit_and_no_call),
        TEST(test_a_call_that_is_not_admitted_is_told),
        TEST(test_unknown_methods_have_a_method_of_their_own),
        TEST(test_a_call_that_is_finished_early_ends_once),
        TEST(test_its_bytes_stay_as_long_as_the_call_is_referenced),
        TEST(test_a_call_that_is_referenced_may_outlive_its_connection),
        cmocka_unit_test(test_without_an_observer_nothing_is_kept_for_one),
        TEST(test_a_tls_handshake_that_fails_is_told),
        TEST(test_each_method_is_told_once_and_the_unknown_ones_together),
        cmocka_unit_test(test_an_observer_without_callbacks_only_counts),
        cmocka_unit_test(test_an_observer_without_memory_fails_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
