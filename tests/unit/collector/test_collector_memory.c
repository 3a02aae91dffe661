/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the services without memory. A program of its own because nghttp2's sessions are not
 * freed after such a failure (http2/session.c says why), which the leak check of AddressSanitizer
 * must be told.
 */
#include "base/log.h"
#include "collector_fixture.h"
#include "unit.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libnghttp2";
}

static void send_readings(struct bench *bench, struct raw_call *call) {
    for (int i = 0; i < 3; i++)
        bench_send_reading(bench, call, "boiler");
}

static void send_one(struct bench *bench, struct raw_call *call) {
    bench_send_reading(bench, call, "boiler");
}

/* `boiler` in the first field: an id, or a pattern. */
static void send_request(struct bench *bench, struct raw_call *call) {
    (void)bench;
    raw_send_message(call, false, bytes_str("\012\006boiler"));
}

/*
 * Server, store and client share the process; whoever has no memory, the call ends, the next one is
 * answered, and a reading that was acknowledged is there.
 */
static void fail_each_allocation(struct bench *bench, const char *path,
                                 void (*send)(struct bench *bench, struct raw_call *call)) {
    uint64_t n_acknowledged = 0;
    bool was_reached = true;
    for (size_t n = 1; was_reached; n++) {
        struct raw_call *call = &bench->calls[1];
        bench_connect(bench, 1);
        raw_start_plain(call, &bench->clients[1], path);
        send(bench, call);
        raw_end(call);
        fail_alloc_at(n);
        bench_until(bench, call->n_closed);
        was_reached = fail_alloc_count() >= n;
        fail_alloc_off();
        n_acknowledged += raw_status(call) == 0;
        raw_fini(call);
        *call = (struct raw_call){0};
        raw_abort(&bench->clients[1]);
        bench_until(bench, bench->clients[1].n_closed);
        bench->n_calls = 2; /* the first two places stay for others */
        if (!bench->clients[0].net)
            bench_connect(bench, 0);
        bench_expect(bench, bench_write(bench, "boiler"), GRPC_OK);
        raw_fini(&bench->calls[2]);
        assert_true(bench_count(bench, "boiler") >= n + n_acknowledged * (send == send_one));
        raw_fini(&bench->calls[3]);
        bench->n_calls = 2;
        assert_true(n < 1000);
    }
    assert_true(n_acknowledged > 0);
}

static void test_single_reading(void **state) {
    fail_each_allocation(*state, "/SensorService/SendSingleReading", send_one);
}

static void test_stream(void **state) {
    fail_each_allocation(*state, "/SensorService/StreamSensorReadings", send_readings);
}

static void test_chat(void **state) {
    fail_each_allocation(*state, "/SensorService/SensorChat", send_readings);
}

static void test_get(void **state) {
    fail_each_allocation(*state, "/SensorService/GetSensorReadings", send_request);
}

static void test_statistics(void **state) {
    fail_each_allocation(*state, "/thermograph.v1.Thermograph/GetStatistics", send_request);
}

static void test_list(void **state) {
    fail_each_allocation(*state, "/thermograph.v1.Thermograph/ListSensors", send_request);
}

static void test_each_failing_allocation_of_a_new_collector_is_an_error(void **state) {
    struct bench *bench = *state;
    const struct collector_options options = {.store = bench->store,
                                              .tokens_file = bench->tokens_file};
    int r = -ENOMEM;
    for (size_t n = 1; r; n++) {
        struct collector *collector = NULL;
        struct err_text why;
        fail_alloc_at(n);
        r = collector_new(&options, &collector, &why);
        fail_alloc_off();
        assert_int_equal(r, collector ? 0 : -ENOMEM);
        collector_free(collector);
        assert_true(n < 1000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_single_reading),
        TEST(test_stream),
        TEST(test_chat),
        TEST(test_get),
        TEST(test_statistics),
        TEST(test_list),
        cmocka_unit_test_setup_teardown(test_each_failing_allocation_of_a_new_collector_is_an_error,
                                        bench_setup_with_tokens, bench_teardown),
    };
    log_configure(LOG_ERROR, LOG_TEXT); /* each failure would be a warning */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
