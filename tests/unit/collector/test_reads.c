/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that read in the worker pool, and end while the read goes on: cancelled, past their
 * deadline, with their connection, with their server. What they own must live as long as the read.
 */
#include "base/clock.h"
#include "collector_fixture.h"
#include "unit.h"

static const char *const paths[] = {
    "/SensorService/GetSensorReadings",
    "/thermograph.v1.Thermograph/GetStatistics",
    "/thermograph.v1.Thermograph/ListSensors",
};

/* `boiler` as the sensor of all three requests: the first field of each. */
static const char request[] = "\012\006boiler";

static struct raw_call *start_read(struct bench *bench, size_t i) {
    struct raw_call *call = bench_start(bench, paths[i]);
    raw_send_message(call, false, bytes_of(request, sizeof(request) - 1));
    raw_end(call);
    return call;
}

/* The read is in the pool and stands at the gate. */
static struct raw_call *start_held_read(struct bench *bench, size_t i) {
    read_gate_close(bench->reads);
    struct raw_call *call = start_read(bench, i);
    bench_check_health(bench);
    read_gate_wait_until_held(bench->reads);
    return call;
}

static void fill(struct bench *bench) {
    struct raw_call *stream = bench_start(bench, "/SensorService/StreamSensorReadings");
    for (int i = 0; i < 3000; i++) /* some pages */
        bench_send_reading(bench, stream, "boiler");
    raw_end(stream);
    bench_expect(bench, stream, GRPC_OK);
}

static void test_reads_answer_when_the_gate_opens(void **state) {
    struct bench *bench = *state;
    fill(bench);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct raw_call *call = start_held_read(bench, i);
        bench_check_health(bench);
        assert_int_equal(call->n_closed, 0);
        read_gate_open(bench->reads);
        bench_expect(bench, call, GRPC_OK);
        assert_int_equal(raw_n_messages(call), i == 0 ? 3000 : 1);
    }
}

static void test_a_cancelled_read_lives_until_the_pool_is_done(void **state) {
    struct bench *bench = *state;
    fill(bench);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct raw_call *call = start_held_read(bench, i);
        raw_reset(call, H2_CANCEL);
        bench_check_health(bench); /* the server knows */
        read_gate_open(bench->reads);
        bench_expect(bench, start_read(bench, i), GRPC_OK);
    }
}

static void test_a_deadline_passes_while_the_pool_reads(void **state) {
    struct bench *bench = *state;
    fill(bench);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct raw_call *call = &bench->calls[bench->n_calls++];
        read_gate_close(bench->reads);
        raw_start(call, &bench->clients[0], paths[i], raw_field("grpc-timeout", "20m"));
        raw_send_message(call, false, bytes_of(request, sizeof(request) - 1));
        raw_end(call);
        bench_expect(bench, call, GRPC_DEADLINE_EXCEEDED);
        read_gate_open(bench->reads);
        bench_expect(bench, start_read(bench, i), GRPC_OK);
    }
}

static void test_a_lost_connection_while_the_pool_reads(void **state) {
    struct bench *bench = *state;
    fill(bench);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        start_held_read(bench, i);
        raw_abort(&bench->clients[0]);
        bench_until(bench, bench->clients[0].n_closed);
        bench_connect(bench, 0);
        bench_check_health(bench);
        read_gate_open(bench->reads);
        bench_expect(bench, start_read(bench, i), GRPC_OK);
    }
}

static void stop_while_reading(struct bench *bench, size_t i) {
    fill(bench);
    struct raw_call *call = start_held_read(bench, i);
    bench_order_stop(bench, 0);
    bench_until(bench, call->n_closed);
    assert_int_equal(bench->n_stopped, 0);
    read_gate_open(bench->reads);
    bench_until(bench, bench->n_stopped);
}

static void test_the_server_stops_while_the_pool_reads_a_page(void **state) {
    stop_while_reading(*state, 0);
}

static void test_the_server_stops_while_the_pool_reads_statistics(void **state) {
    stop_while_reading(*state, 1);
}

static void test_the_server_stops_while_the_pool_reads_a_list(void **state) {
    stop_while_reading(*state, 2);
}

static void test_a_slow_client_holds_a_page_and_can_go(void **state) {
    struct bench *bench = *state;
    struct raw_call *call;
    for (int i = 0; i < 20; i++)
        fill(bench); /* more than a window */
    call = start_read(bench, 0);
    call->is_holding = true;
    bench_until(bench, buf_len(&call->body) == 1 << 20);
    bench_check_health(bench);
    assert_int_equal(buf_len(&call->body), 1 << 20);
    raw_reset(call, H2_CANCEL);
    bench_check_health(bench);
    assert_int_equal(call->n_closed, 1);
    call = start_read(bench, 0);
    bench_expect(bench, call, GRPC_OK);
    assert_int_equal(raw_n_messages(call), 60000);
}

static void test_what_a_failed_read_is_called_tells_whether_to_try_again(void **state) {
    static const struct {
        int r, status;
    } failures[] = {
        {-ENOMEM, GRPC_RESOURCE_EXHAUSTED},
        {-ENOBUFS, GRPC_RESOURCE_EXHAUSTED},
        {-EIO, GRPC_INTERNAL},
    };
    struct bench *bench = *state;
    fill(bench);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        for (size_t k = 0; k < ARRAY_LEN(failures); k++) {
            read_gate_fail(bench->reads, failures[k].r);
            bench_expect(bench, start_read(bench, i), (enum grpc_status)failures[k].status);
        }
        read_gate_fail(bench->reads, 0);
        bench_expect(bench, start_read(bench, i), GRPC_OK);
    }
}

static void test_pages_at_hand_are_read_without_the_pool(void **state) {
    struct bench *bench = *state;
    fill(bench);
    read_gate_close(bench->reads);
    read_gate_have_pages_at_hand(bench->reads);
    struct raw_call *call = start_read(bench, 0);
    bench_expect(bench, call, GRPC_OK);
    assert_int_equal(raw_n_messages(call), 3000);
    read_gate_open(bench->reads);
}

/* It cannot be seen from outside how much is read ahead; but that it stops, and goes on. */
static void test_a_slow_client_of_pages_at_hand_can_go_and_the_next_gets_all(void **state) {
    struct bench *bench = *state;
    read_gate_have_pages_at_hand(bench->reads);
    for (int i = 0; i < 20; i++)
        fill(bench); /* more than a window */
    struct raw_call *slow = start_read(bench, 0);
    slow->is_holding = true;
    bench_until(bench, buf_len(&slow->body) == 1 << 20);
    struct raw_call *call = start_read(bench, 0);
    bench_expect(bench, call, GRPC_OK);
    assert_int_equal(raw_n_messages(call), 60000);
    assert_int_equal(buf_len(&slow->body), 1 << 20);
    raw_reset(slow, H2_CANCEL);
    bench_check_health(bench);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_reads_answer_when_the_gate_opens),
        TEST(test_a_cancelled_read_lives_until_the_pool_is_done),
        TEST(test_a_deadline_passes_while_the_pool_reads),
        TEST(test_a_lost_connection_while_the_pool_reads),
        TEST(test_the_server_stops_while_the_pool_reads_a_page),
        TEST(test_the_server_stops_while_the_pool_reads_statistics),
        TEST(test_the_server_stops_while_the_pool_reads_a_list),
        TEST(test_a_slow_client_holds_a_page_and_can_go),
        TEST(test_what_a_failed_read_is_called_tells_whether_to_try_again),
        TEST(test_pages_at_hand_are_read_without_the_pool),
        TEST(test_a_slow_client_of_pages_at_hand_can_go_and_the_next_gets_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
