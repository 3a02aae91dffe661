/* SPDX-License-Identifier: Apache-2.0 */
/* Spans and metrics of a channel's calls, with the SDK behind them. */
#include <stdio.h>

#include "channel_fixture.h"
#include "observed.h"

static struct observed observed;
static struct otlp_grpc_client *otlp;

static void open_channel(void **state) {
    fixture_setup(state);
    struct fixture *fixture = *state;
    struct net_address address = {.host = "127.0.0.1", .port = fixture->peer.port};
    assert_int_equal(otlp_grpc_client_new(&observed.options, &address, &otlp), 0);
    fixture_channel(fixture,
                    (struct grpc_channel_options){.observer = otlp_grpc_client_observer(otlp)});
}

static int setup(void **state) {
    observed_open(&observed);
    open_channel(state);
    return 0;
}

static int setup_without_spans(void **state) {
    observed_open(&observed);
    observed.options.tracer = NULL;
    open_channel(state);
    return 0;
}

static int teardown(void **state) {
    fixture_teardown(state);
    otlp_grpc_client_free(otlp);
    observed_close(&observed);
    return 0;
}

/* With the port of this run written as `PORT`, as in the spans. */
static const char *metrics_of(const struct fixture *fixture) {
    static char text[OBSERVED_MAX_TEXT];
    char port[16];
    snprintf(port, sizeof(port), "127.0.0.1:%u", fixture->peer.port);
    const char *from = observed_metrics(&observed);
    text[0] = '\0';
    for (const char *at; (at = strstr(from, port)); from = at + strlen(port)) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%.*s127.0.0.1:PORT", (int)(at - from), from);
    }
    size_t len = strlen(text);
    snprintf(text + len, sizeof(text) - len, "%s", from);
    return text;
}

/* ---- spans ---- */

static void test_a_calls_span_follows_the_conventions(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/echo", "20.5");
    assert_status(&told, GRPC_OK, "");
    assert_string_equal(observed_spans(&observed),
                        "CLIENT echo UNSET ''\n"
                        "  rpc.method=echo\n"
                        "  rpc.system.name=grpc\n"
                        "  server.address=127.0.0.1\n"
                        "  server.port=PORT\n"
                        "  network.peer.address=127.0.0.1\n"
                        "  network.peer.port=PORT\n"
                        "  rpc.status_code=OK\n"
                        "  @Outbound message sequence-number=0 message-size=4\n"
                        "  @Inbound message sequence-number=0 message-size=4\n");
}

static void test_the_server_is_told_the_span(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    char trace[33], span[17], field[80];
    told_call(&told, fixture, "/echo", "20.5");
    observed_spans(&observed);
    otel_trace_id_format(&observed.last.trace_id, trace);
    otel_span_id_format(&observed.last.span_id, span);
    snprintf(field, sizeof(field), "traceparent: 00-%s-%s-0", trace, span);
    assert_has(fixture->peer.request, field);
    assert_null(strstr(fixture->peer.request, "tracestate"));
    assert_null(strstr(fixture->peer.request, "baggage"));
}

static const struct otel_context parent = {
    .span = {.trace_id = {{1}},
             .span_id = {{2}},
             .flags = OTEL_FLAG_SAMPLED,
             .trace_state = {(const uint8_t *)"a=1", 3}},
};

static void call_inside(const struct otel_context *context, struct fixture *fixture) {
    struct told told = {0};
    struct otel_attached attached;
    otel_context_attach(&attached, context);
    told_start(&told, fixture, "/echo");
    otel_context_detach(&attached);
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
}

static void test_the_threads_context_is_the_parent(void **state) {
    struct fixture *fixture = *state;
    struct otel_context context = parent;
    struct otel_baggage *baggage = test_calloc(1, sizeof(*baggage));
    assert_int_equal(otel_baggage_set(baggage, bytes_str("site"), bytes_str("cellar")), 0);
    context.baggage = baggage;
    call_inside(&context, fixture);
    observed_spans(&observed);
    assert_memory_equal(&observed.last.trace_id, &parent.span.trace_id, 16);
    assert_memory_equal(&observed.last_parent.span_id, &parent.span.span_id, 8);
    assert_has(fixture->peer.request, "tracestate: a=1\n");
    assert_has(fixture->peer.request, "baggage: site=cellar\n");
    test_free(baggage);
}

static void test_a_parent_that_is_not_sampled_is_handed_on(void **state) {
    struct fixture *fixture = *state;
    struct otel_context context = parent;
    context.span.flags = 0;
    call_inside(&context, fixture);
    assert_string_equal(observed_spans(&observed), "");
    assert_has(fixture->peer.request, "traceparent: 00-01000000000000000000000000000000-");
    assert_has(fixture->peer.request, "-00\n");
}

static void test_every_status_but_ok_is_an_error(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/not-found", "x");
    const char *spans = observed_spans(&observed);
    assert_has(spans, "CLIENT not-found ERROR 'NOT_FOUND, ");
    assert_has(spans, "  rpc.status_code=NOT_FOUND\n  error.type=NOT_FOUND\n");
    assert_has(metrics_of(*state),
               "rpc.client.call.duration{error.type=NOT_FOUND,rpc.method=not-found,rpc.status_code="
               "NOT_FOUND,rpc.system.name=grpc,server.address=127.0.0.1,server.port=PORT} count=1");
}

static void test_a_call_without_a_connection_has_no_peer(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    peer_stop_listening(&fixture->peer);
    told_start(&told, fixture, "/echo");
    told_wait(&told);
    const char *spans = observed_spans(&observed);
    assert_has(spans, "ERROR 'UNAVAILABLE, cannot connect");
    assert_null(strstr(spans, "network.peer"));
}

static void test_a_token_never_becomes_an_attribute(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    fixture_channel(fixture,
                    (struct grpc_channel_options){.observer = otlp_grpc_client_observer(otlp),
                                                  .token = "tg_secret"});
    told_call(&told, fixture, "/echo", "20.5");
    assert_has(fixture->peer.request, "tg_secret");
    assert_null(strstr(observed_spans(&observed), "secret"));
    assert_null(strstr(observed_metrics(&observed), "secret"));
}

static void test_a_stream_has_its_first_messages(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/many", "");
    const char *spans = observed_spans(&observed);
    assert_int_equal(observed.n_spans, 1);
    assert_has(spans, "  @Inbound message sequence-number=6 message-size=9\n");
    assert_null(strstr(spans, "sequence-number=7"));
}

/* ---- metrics ---- */

static void test_metrics_follow_a66_and_the_conventions(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/echo", "20.5");
    const char *metrics = metrics_of(*state);
    assert_has(metrics, "grpc.client.attempt.started{grpc.method=echo,"
                        "grpc.target=dns:///127.0.0.1:PORT} 1\n");
    static const char *const durations[] = {"grpc.client.call.duration",
                                            "grpc.client.attempt.duration"};
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        char line[128];
        snprintf(line, sizeof(line),
                 "%s{grpc.method=echo,grpc.status=OK,grpc.target=dns:///127.0.0.1:PORT} count=1 "
                 "exemplars=1\n",
                 durations[i]);
        assert_has(metrics, line);
    }
    assert_has(metrics, "grpc.client.attempt.sent_total_compressed_message_size{grpc.method=echo,"
                        "grpc.status=OK,grpc.target=dns:///127.0.0.1:PORT} count=1 sum=4 ");
    assert_has(metrics, "grpc.client.attempt.rcvd_total_compressed_message_size{grpc.method=echo,"
                        "grpc.status=OK,grpc.target=dns:///127.0.0.1:PORT} count=1 sum=4 ");
    assert_has(metrics, "rpc.client.call.duration{rpc.method=echo,rpc.status_code=OK,"
                        "rpc.system.name=grpc,server.address=127.0.0.1,server.port=PORT} count=1");
}

static void test_methods_without_end_are_counted_as_other(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 70; i++) {
        char path[32];
        struct told told = {0};
        snprintf(path, sizeof(path), "/made/Up%d", i);
        told_start(&told, fixture, path);
        grpc_client_call_cancel(told.call);
        told_wait(&told);
    }
    const char *metrics = metrics_of(fixture);
    assert_has(metrics, "grpc.client.attempt.started{grpc.method=made/Up63,");
    assert_null(strstr(metrics, "made/Up64"));
    assert_has(metrics, "grpc.client.attempt.started{grpc.method=other,"
                        "grpc.target=dns:///127.0.0.1:PORT} 6\n");
}

/* A path that is none is the program's error; what is said of it is no better than it is. */
static void test_a_path_without_a_slash_is_said_as_it_is(void **state) {
    static const struct {
        const char *path, *name;
    } cases[] = {{"", "CLIENT grpc ERROR"}, {"echo", "CLIENT echo ERROR"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct told told = {0};
        told_start(&told, *state, cases[i].path);
        grpc_client_call_cancel(told.call);
        told_wait(&told);
        assert_has(observed_spans(&observed), cases[i].name);
    }
}

static void test_limits_and_handshakes_are_counted(void **state) {
    struct told told = {0};
    told_call(&told, *state, "/too-large", "");
    const struct grpc_client_observer *observer = otlp_grpc_client_observer(otlp);
    observer->handshaken(observer->user, &(struct net_handshake){"CERTIFICATE_EXPIRED", false});
    const char *metrics = metrics_of(*state);
    assert_has(metrics, "grpc.client.limits_hit{grpc.limit=grpc.message,"
                        "grpc.target=dns:///127.0.0.1:PORT} 1\n");
    assert_has(metrics, "grpc.client.tls.handshakes{grpc.target=dns:///127.0.0.1:PORT,"
                        "grpc.tls.handshake.result=CERTIFICATE_EXPIRED,"
                        "grpc.tls.handshake.resumed=FULL_HANDSHAKE} 1\n");
}

/* ---- what is not wanted, or cannot be had ---- */

static void test_without_a_tracer_the_callers_context_is_handed_on(void **state) {
    struct fixture *fixture = *state;
    call_inside(&parent, fixture);
    assert_string_equal(observed_spans(&observed), "");
    assert_has(fixture->peer.request,
               "traceparent: 00-01000000000000000000000000000000-0200000000000000-01\n");
    assert_has(metrics_of(fixture), "grpc.client.attempt.started{grpc.method=echo,");
}

static void test_each_failing_allocation_is_an_error(void **state) {
    (void)state;
    const struct net_address address = {.host = "::1", .port = 50051};
    observed_open(&observed);
    int r = -ENOMEM;
    for (unsigned n = 1; r; n++) {
        struct otlp_grpc_client *client = NULL;
        fail_alloc_at(n);
        r = otlp_grpc_client_new(&observed.options, &address, &client);
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(r == 0, client != NULL);
        otlp_grpc_client_free(client);
    }
    observed_close(&observed);
}

/* Starts a call while the n-th allocation of the observer's fails: it goes on, or does not start.
 */
static void test_a_call_goes_on_when_its_span_has_no_memory(void **state) {
    struct fixture *fixture = *state;
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        struct told told = {.fixture = fixture};
        const struct grpc_call_options options = {.path = "/echo"};
        fail_alloc_at(n);
        int r = told_try_start(&told, fixture, &options);
        has_failed = fail_alloc_count() >= n;
        fail_alloc_off();
        if (r) {
            assert_int_equal(r, -ENOMEM);
            continue;
        }
        grpc_client_call_half_close(told.call);
        told_wait(&told);
    }
    struct told told = {0};
    told_call(&told, fixture, "/echo", "20.5");
    assert_status(&told, GRPC_OK, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_calls_span_follows_the_conventions),
        TEST(test_the_server_is_told_the_span),
        TEST(test_the_threads_context_is_the_parent),
        TEST(test_a_parent_that_is_not_sampled_is_handed_on),
        TEST(test_every_status_but_ok_is_an_error),
        TEST(test_a_call_without_a_connection_has_no_peer),
        TEST(test_a_token_never_becomes_an_attribute),
        TEST(test_a_stream_has_its_first_messages),
        TEST(test_metrics_follow_a66_and_the_conventions),
        TEST(test_methods_without_end_are_counted_as_other),
        TEST(test_a_path_without_a_slash_is_said_as_it_is),
        TEST(test_limits_and_handshakes_are_counted),
        cmocka_unit_test_setup_teardown(test_without_a_tracer_the_callers_context_is_handed_on,
                                        setup_without_spans, teardown),
        cmocka_unit_test(test_each_failing_allocation_is_an_error),
        TEST(test_a_call_goes_on_when_its_span_has_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
