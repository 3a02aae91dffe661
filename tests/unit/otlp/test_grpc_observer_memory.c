/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that runs and is observed, without memory: whatever allocation fails, ours or the
 * client's, which shares the process, the call ends once, the server goes on, and each span is
 * either exported or counted as dropped. A program of its own as test_server_memory.c is.
 */
#include <stdlib.h>

#include "observed.h"
#include "server_fixture.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libnghttp2";
}

static struct observed observed;
static struct otlp_grpc_server *otlp;
static struct grpc_server_observer counting;
static atomic_uint n_started;

static void count_started(void *user, struct grpc_call *call) {
    atomic_fetch_add(&n_started, 1);
    otlp_grpc_server_observer(otlp)->call_started(user, call);
}

static int setup(void **state) {
    observed_open(&observed);
    assert_int_equal(otlp_grpc_server_new(&observed.options, &otlp), 0);
    counting = *otlp_grpc_server_observer(otlp);
    counting.call_started = count_started;
    atomic_store(&n_started, 0);
    return server_setup_observed(state, &counting);
}

static int teardown(void **state) {
    server_teardown(state);
    otlp_grpc_server_free(otlp);
    observed_close(&observed);
    return 0;
}

/* -1: the client had no memory for it, or its connection is gone. */
static void assert_status(const struct raw_call *call) {
    int status = raw_status(call);
    if (status != GRPC_OK && status != GRPC_RESOURCE_EXHAUSTED && status != -1)
        fail_msg("status %d", status);
}

/* True: so many allocations there were. */
static bool fail_one_allocation(struct server_fixture *fixture, const char *path, size_t n) {
    struct raw_client *client = server_connect(fixture, 1);
    struct raw_call *call = server_new_call(fixture);
    raw_start_plain(call, client, path);
    raw_send_message(call, false, bytes_str("20"));
    raw_end(call);
    fail_alloc_at(n);
    server_until(fixture, call->n_closed);
    bool was_reached = fail_alloc_count() >= n;
    fail_alloc_off();
    assert_int_equal(call->n_closed, 1);
    assert_status(call);
    raw_abort(client);
    server_until(fixture, client->n_closed);
    return was_reached;
}

/* Of a counter with that error.type, in the text of all points; 0: it has none. */
static size_t count_of(const char *metrics, const char *counter, const char *error_type) {
    for (const char *at = metrics; (at = strstr(at, counter)); at++) {
        const char *end = strchr(at, '\n'), *type = strstr(at, error_type);
        if (type && type < end)
            return strtoul(strstr(at, "} ") + 2, NULL, 10);
    }
    return 0;
}

/* How many were dropped. */
static size_t account_for_each_span(void) {
    (void)observed_spans(&observed);
    size_t n_dropped = count_of(observed_metrics(&observed), "otel.sdk.processor.span.processed",
                                "error.type=no_memory");
    assert_int_equal(observed.n_spans + n_dropped, atomic_load(&n_started));
    return n_dropped;
}

/* A server of its own for each, whose worker has no room for telemetry yet. */
static bool fail_alone(const char *path, size_t n, size_t *n_dropped) {
    void *state;
    setup(&state);
    struct server_fixture *fixture = state;
    bool was_reached = fail_one_allocation(fixture, path, n);
    if (!fixture->clients[0].net)
        server_connect(fixture, 0);
    server_round_trip(fixture, &fixture->clients[0]);
    *n_dropped += account_for_each_span();
    teardown(&state);
    return was_reached;
}

static void fail_each_allocation(const char *path) {
    size_t n = 1, n_dropped = 0;
    while (fail_alone(path, n, &n_dropped))
        n++;
    assert_in_range(n, 10, 500);
    assert_true(n_dropped > 0);
}

static void test_unary_calls(void **state) {
    (void)state;
    fail_each_allocation("/test.Probe/Echo");
}

static void test_streams(void **state) {
    (void)state;
    fail_each_allocation("/test.Probe/Count");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary_calls),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
