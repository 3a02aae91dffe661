/* SPDX-License-Identifier: Apache-2.0 */
/* Spans and metrics of a whole server's calls, with the SDK behind them. */
#include <stdio.h>

#include "grpc/limits.h"
#include "observed.h"
#include "server_fixture.h"

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"
#define PARENT   "00-" TRACE_ID "-b7ad6b7169203331-01"

static struct observed observed;
static struct otlp_grpc_server *otlp;

/* The observer, and a look at what the thread's context is when a handler has run. */
static struct grpc_server_observer spying;
static atomic_uint n_inside, n_outside;
static atomic_size_t trace_state_len; /* the longest */

static void spy_left(void *user, struct grpc_call *call, struct grpc_observer_scope *scope) {
    bool is_inside = otel_context_current() == &otlp_grpc_call_span(call)->context;
    size_t len = otlp_grpc_call_span(call)->context.span.trace_state.len;
    atomic_fetch_add(is_inside ? &n_inside : &n_outside, 1);
    if (len > atomic_load(&trace_state_len))
        atomic_store(&trace_state_len, len);
    otlp_grpc_server_observer(otlp)->left(user, call, scope);
}

static void open_server(void **state) {
    assert_int_equal(otlp_grpc_server_new(&observed.options, &otlp), 0);
    spying = *otlp_grpc_server_observer(otlp);
    spying.left = spy_left;
    atomic_store(&n_inside, 0);
    atomic_store(&n_outside, 0);
    atomic_store(&trace_state_len, 0);
    server_setup_observed(state, &spying);
}

static int setup(void **state) {
    observed_open(&observed);
    open_server(state);
    return 0;
}

static int setup_without_spans(void **state) {
    observed_open(&observed);
    observed.options.tracer = NULL;
    open_server(state);
    return 0;
}

static int setup_without_metrics(void **state) {
    observed_open(&observed);
    observed.options.meter = NULL;
    open_server(state);
    return 0;
}

static int teardown(void **state) {
    server_teardown(state);
    otlp_grpc_server_free(otlp);
    observed_close(&observed);
    return 0;
}

static struct raw_call *call_with(struct server_fixture *fixture, const char *path,
                                  struct h2_field extra) {
    struct raw_call *call = server_start_with(fixture, path, extra);
    raw_send_message(call, false, bytes_str("20.5"));
    raw_end(call);
    server_until(fixture, call->n_closed);
    return call;
}

/* A call in a trace with a state, in as many fields as there are `states`; not ended. */
static struct raw_call *traced_call(struct server_fixture *fixture, const char *path,
                                    const char *const *states, size_t n) {
    struct h2_field fields[RAW_N_FIELDS + 3];
    struct raw_call *call = server_new_call(fixture);
    assert_true(RAW_N_FIELDS + 1 + n <= ARRAY_LEN(fields));
    raw_fields(fields, path);
    fields[RAW_N_FIELDS] = raw_field("traceparent", PARENT);
    for (size_t i = 0; i < n; i++)
        fields[RAW_N_FIELDS + 1 + i] = raw_field("tracestate", states[i]);
    raw_start_with(call, &fixture->clients[0], fields, RAW_N_FIELDS + 1 + n);
    return call;
}

static void expect_traced_echo(struct server_fixture *fixture, const char *const *states,
                               size_t n) {
    struct raw_call *call = traced_call(fixture, "/test.Probe/Echo", states, n);
    raw_send_message(call, false, bytes_str("x"));
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
}

static void assert_trace_id(const char *wanted) {
    char text[33];
    otel_trace_id_format(&observed.last.trace_id, text);
    assert_string_equal(text, wanted);
}

/* ---- spans ---- */

static void test_a_calls_span_follows_the_conventions(void **state) {
    server_expect(*state, server_call(*state, "/test.Probe/Echo", bytes_str("20.5")), GRPC_OK);
    assert_string_equal(observed_spans(&observed),
                        "SERVER test.Probe/Echo UNSET ''\n"
                        "  rpc.method=test.Probe/Echo\n"
                        "  rpc.system.name=grpc\n"
                        "  network.peer.address=127.0.0.1\n"
                        "  network.peer.port=PORT\n"
                        "  server.address=localhost\n"
                        "  rpc.status_code=OK\n"
                        "  @Inbound message sequence-number=0 message-size=4\n"
                        "  @Outbound message sequence-number=0 message-size=4\n");
}

static void test_the_parent_is_in_the_metadata(void **state) {
    char parent[17];
    call_with(*state, "/test.Probe/Echo", raw_field("traceparent", PARENT));
    observed_spans(&observed);
    assert_int_equal(observed.n_spans, 1);
    assert_trace_id(TRACE_ID);
    otel_span_id_format(&observed.last_parent.span_id, parent);
    assert_string_equal(parent, "b7ad6b7169203331");
}

static void test_a_parent_that_is_not_sampled_is_followed(void **state) {
    call_with(*state, "/test.Probe/Echo",
              raw_field("traceparent", "00-" TRACE_ID "-b7ad6b7169203331-00"));
    assert_string_equal(observed_spans(&observed), "");
    assert_has(observed_metrics(&observed),
               "grpc.server.call.started{grpc.method=test.Probe/Echo} 1");
}

static void test_a_malformed_parent_starts_a_new_trace(void **state) {
    struct raw_call *call =
        call_with(*state, "/test.Probe/Echo", raw_field("traceparent", "00-zz-1-01"));
    server_expect(*state, call, GRPC_OK);
    observed_spans(&observed);
    assert_int_equal(observed.n_spans, 1);
    assert_true(otel_span_context_is_valid(&observed.last));
}

static void test_a_handlers_context_has_the_trace_state(void **state) {
    expect_traced_echo(*state, (const char *const[]){"a=1"}, 1);
    assert_int_equal(atomic_load(&trace_state_len), 3);
}

/* It is put together for the start of the span, and is not there any more when a handler runs. */
static void test_a_trace_state_in_several_fields_is_one(void **state) {
    expect_traced_echo(*state, (const char *const[]){"a=1", "b=2"}, 2);
    observed_spans(&observed);
    assert_string_equal(observed.last_trace_state, "a=1,b=2");
    assert_int_equal(atomic_load(&trace_state_len), 0);
}

static void test_an_unknown_method_is_an_error_under_a_common_name(void **state) {
    call_with(*state, "/test.Probe/Nothing", (struct h2_field){0});
    const char *spans = observed_spans(&observed);
    assert_has(spans, "SERVER grpc ERROR 'UNIMPLEMENTED, unknown method /test.Probe/Nothing'\n"
                      "  rpc.method=_OTHER\n  rpc.system.name=grpc\n");
    assert_has(spans, "  rpc.method_original=test.Probe/Nothing\n"
                      "  rpc.status_code=UNIMPLEMENTED\n  error.type=UNIMPLEMENTED\n");
    const char *metrics = observed_metrics(&observed);
    assert_has(metrics, "grpc.server.call.started{grpc.method=other} 1\n");
    assert_has(metrics, "grpc.server.call.duration{grpc.method=other,grpc.status=UNIMPLEMENTED} "
                        "count=1 exemplars=1\n");
    assert_has(metrics,
               "rpc.server.call.duration{error.type=UNIMPLEMENTED,rpc.method=_OTHER,"
               "rpc.status_code=UNIMPLEMENTED,rpc.system.name=grpc} count=1 exemplars=1\n");
}

static void test_an_unknown_path_is_cut(void **state) {
    char path[400] = "/", wanted[300];
    memset(path + 1, 'p', sizeof(path) - 2);
    call_with(*state, path, (struct h2_field){0});
    snprintf(wanted, sizeof(wanted), "  rpc.method_original=%.256s\n", path + 1);
    assert_has(observed_spans(&observed), wanted);
}

static void test_what_the_caller_did_wrong_is_no_error(void **state) {
    call_with(*state, "/test.Probe/Echo", raw_field("x-refuse", "1"));
    const char *spans = observed_spans(&observed);
    assert_has(spans, "SERVER test.Probe/Echo UNSET ''\n");
    assert_has(spans, "  rpc.status_code=UNAUTHENTICATED\n");
    assert_null(strstr(spans, "error.type"));
}

static void test_metadata_never_becomes_an_attribute(void **state) {
    call_with(*state, "/test.Probe/Echo", raw_field("authorization", "Bearer tg_secret"));
    const char *spans = observed_spans(&observed);
    assert_null(strstr(spans, "secret"));
    assert_null(strstr(spans, "authorization"));
    assert_null(strstr(observed_metrics(&observed), "secret"));
}

static void test_a_stream_is_one_span_with_its_first_messages(void **state) {
    server_expect(*state, server_call(*state, "/test.Probe/Many", bytes_str("100")), GRPC_OK);
    const char *spans = observed_spans(&observed);
    assert_int_equal(observed.n_spans, 1);
    assert_has(spans, "  @Inbound message sequence-number=0 message-size=3\n");
    assert_has(spans, "  @Outbound message sequence-number=6 message-size=1000\n");
    assert_null(strstr(spans, "sequence-number=7"));
    assert_has(observed_metrics(&observed),
               "grpc.server.call.sent_total_compressed_message_size{grpc.method=test.Probe/Many,"
               "grpc.status=OK} count=1 sum=100000 exemplars=1\n");
}

static void test_a_cancelled_call_has_its_span(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Chat");
    server_record(*state, 0);
    raw_reset(call, H2_CANCEL);
    server_round_trip(*state, call->client);
    const char *spans = observed_spans(&observed);
    assert_int_equal(observed.n_spans, 2);
    assert_has(spans, "SERVER test.Probe/Chat UNSET ''\n");
    assert_has(spans, "  rpc.status_code=CANCELLED\n");
}

static void call_authority(struct server_fixture *fixture, const char *authority) {
    struct h2_field fields[RAW_N_FIELDS];
    struct raw_call *call = server_new_call(fixture);
    raw_fields(fields, "/test.Probe/Echo");
    fields[RAW_AUTHORITY].value = bytes_str(authority);
    raw_start_with(call, &fixture->clients[0], fields, RAW_N_FIELDS);
    raw_send_message(call, false, bytes_str("x"));
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
}

static void test_a_long_authority_is_left_out(void **state) {
    char authority[300];
    memset(authority, 'a', sizeof(authority) - 1);
    authority[sizeof(authority) - 1] = '\0';
    call_authority(*state, authority);
    assert_null(strstr(observed_spans(&observed), "server.address"));
}

static void test_each_call_of_a_connection_has_its_own_authority(void **state) {
    static const char *const authorities[] = {"one", "other:81", "one"};
    for (size_t i = 0; i < ARRAY_LEN(authorities); i++)
        call_authority(*state, authorities[i]);
    const char *spans = observed_spans(&observed);
    const char *first = strstr(spans, "  server.address=one\n");
    assert_non_null(first);
    assert_has(first, "  server.address=other\n");
    assert_has(strstr(first, "other"), "  server.port=PORT\n");
    assert_has(strstr(first, "port=PORT"), "  server.address=one\n");
}

/* ---- the context ---- */

static void test_handlers_run_in_the_calls_context(void **state) {
    server_expect(*state, server_call(*state, "/test.Probe/Many", bytes_str("100")), GRPC_OK);
    assert_true(atomic_load(&n_inside) >= 3); /* started, message, ended */
    assert_int_equal(atomic_load(&n_outside), 0);
}

static void check_kept(struct grpc_call *call) {
    const struct otel_span *span = otlp_grpc_call_span(call);
    bool is_right =
        otel_span_context_is_valid(&span->context.span) && span->context.span.trace_state.len == 0;
    if (!is_right)
        abort();
    grpc_call_unref(call);
}

static void test_a_span_can_be_linked_to_after_its_call(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        traced_call(fixture, "/test.Probe/Kept", (const char *const[]){"a=1"}, 1);
    struct record *record = server_record(fixture, 0);
    raw_reset(call, H2_CANCEL);
    server_until(fixture, atomic_load(&record->n_ended) == 1);
    server_do(fixture, record, check_kept);
    observed_spans(&observed);
    assert_string_equal(observed.last_trace_state, "a=1");
}

/* ---- metrics ---- */

static void test_metrics_follow_a66_and_the_conventions(void **state) {
    server_expect(*state, server_call(*state, "/test.Probe/Echo", bytes_str("20.5")), GRPC_OK);
    server_expect(*state, server_call(*state, "/test.Probe/Echo", bytes_str("3")), GRPC_OK);
    const char *metrics = observed_metrics(&observed);
    assert_has(metrics, "grpc.server.call.started{grpc.method=test.Probe/Echo} 2\n");
    assert_has(metrics, "grpc.server.call.duration{grpc.method=test.Probe/Echo,grpc.status=OK} "
                        "count=2 exemplars=");
    assert_has(metrics, "grpc.server.call.sent_total_compressed_message_size{grpc.method=test."
                        "Probe/Echo,grpc.status=OK} count=2 sum=5 exemplars=1\n");
    assert_has(metrics, "grpc.server.call.rcvd_total_compressed_message_size{grpc.method=test."
                        "Probe/Echo,grpc.status=OK} count=2 sum=5 exemplars=1\n");
    assert_has(metrics, "rpc.server.call.duration{rpc.method=test.Probe/Echo,rpc.status_code=OK,"
                        "rpc.system.name=grpc} count=2 exemplars=1\n");
    assert_has(metrics, "grpc.server.open_connections{} 1\n");
}

static void test_limits_are_counted_by_name(void **state) {
    struct raw_call *call = server_start(*state, "/test.Probe/Count");
    raw_send(call, bytes_of("\0\1\0\0\0", 5));
    server_expect(*state, call, GRPC_RESOURCE_EXHAUSTED);
    assert_has(observed_metrics(&observed), "grpc.server.limits_hit{grpc.limit=grpc.message} 1\n");
}

static void test_handshakes_are_counted_by_result(void **state) {
    (void)state;
    const struct grpc_server_observer *observer = otlp_grpc_server_observer(otlp);
    observer->handshaken(observer->user, &(struct net_handshake){"SUCCESS", true});
    observer->handshaken(observer->user, &(struct net_handshake){"HANDSHAKE_TIMEOUT", false});
    const char *metrics = observed_metrics(&observed);
    assert_has(metrics, "grpc.server.tls.handshakes{grpc.tls.handshake.result=SUCCESS,"
                        "grpc.tls.handshake.resumed=RESUMED_HANDSHAKE} 1\n");
    assert_has(metrics, "grpc.server.tls.handshakes{grpc.tls.handshake.result=HANDSHAKE_TIMEOUT,"
                        "grpc.tls.handshake.resumed=FULL_HANDSHAKE} 1\n");
}

static void test_connections_that_are_gone_are_not_open(void **state) {
    struct server_fixture *fixture = *state;
    server_connect(fixture, 1);
    server_round_trip(fixture, &fixture->clients[1]);
    assert_has(observed_metrics(&observed), "grpc.server.open_connections{} 2\n");
    server_stop(fixture, 0);
    assert_has(observed_metrics(&observed), "grpc.server.open_connections{} 0\n");
}

/* ---- what is not wanted ---- */

static void test_without_a_tracer_there_are_metrics(void **state) {
    struct raw_call *call = call_with(*state, "/test.Probe/Echo", raw_field("traceparent", PARENT));
    server_expect(*state, call, GRPC_OK);
    assert_string_equal(observed_spans(&observed), "");
    assert_has(observed_metrics(&observed),
               "grpc.server.call.started{grpc.method=test.Probe/Echo} 1\n");
    assert_true(atomic_load(&n_inside) > 0);
}

static void test_without_a_meter_there_are_spans(void **state) {
    server_expect(*state, server_call(*state, "/test.Probe/Echo", bytes_str("20.5")), GRPC_OK);
    assert_has(observed_spans(&observed), "SERVER test.Probe/Echo UNSET ''\n");
    assert_null(strstr(observed_metrics(&observed), "grpc."));
}

static void test_each_failing_allocation_is_an_error(void **state) {
    (void)state;
    observed_open(&observed);
    int r = -ENOMEM;
    for (unsigned n = 1; r; n++) {
        struct otlp_grpc_server *server = NULL;
        fail_alloc_at(n);
        r = otlp_grpc_server_new(&observed.options, &server);
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(r == 0, server != NULL);
        otlp_grpc_server_free(server);
    }
    observed_close(&observed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_calls_span_follows_the_conventions),
        TEST(test_the_parent_is_in_the_metadata),
        TEST(test_a_parent_that_is_not_sampled_is_followed),
        TEST(test_a_malformed_parent_starts_a_new_trace),
        TEST(test_a_handlers_context_has_the_trace_state),
        TEST(test_a_trace_state_in_several_fields_is_one),
        TEST(test_an_unknown_method_is_an_error_under_a_common_name),
        TEST(test_an_unknown_path_is_cut),
        TEST(test_what_the_caller_did_wrong_is_no_error),
        TEST(test_metadata_never_becomes_an_attribute),
        TEST(test_a_stream_is_one_span_with_its_first_messages),
        TEST(test_a_cancelled_call_has_its_span),
        TEST(test_a_long_authority_is_left_out),
        TEST(test_each_call_of_a_connection_has_its_own_authority),
        TEST(test_handlers_run_in_the_calls_context),
        TEST(test_a_span_can_be_linked_to_after_its_call),
        TEST(test_metrics_follow_a66_and_the_conventions),
        TEST(test_limits_are_counted_by_name),
        TEST(test_handshakes_are_counted_by_result),
        TEST(test_connections_that_are_gone_are_not_open),
        cmocka_unit_test_setup_teardown(test_without_a_tracer_there_are_metrics,
                                        setup_without_spans, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_meter_there_are_spans, setup_without_metrics,
                                        teardown),
        cmocka_unit_test(test_each_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
