/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frozen watermark, seen by clients: while the store keeps nothing, nobody is told that a
 * reading is kept, and everything else goes on; when it does, exactly those who wait are told.
 */
#include <stdio.h>

#include "base/clock.h"
#include "collector/limits.h"
#include "collector_fixture.h"
#include "http2/limits.h"
#include "store/limits.h"
#include "unit.h"

/* Readings that a worker takes at the most while nothing is committed: the batches on their way and
 * the open one. */
enum {
    MOST_TAKEN = (STORE_RING_SLOTS + 1) * STORE_BATCH_MAX_READINGS
};

/* What was sent has arrived, and the writer thread stands at the gate with some of it. */
static void wait_until_frozen(struct bench *bench) {
    bench_check_health(bench);
    (void)gate_backend_wait_until_held(bench->commits);
}

/* Whatever does not have to wait is done; what the others have got so far stays as it is. */
static void assert_the_rest_goes_on(struct bench *bench) {
    for (int i = 0; i < 3; i++) {
        bench_check_health(bench);
        assert_int_equal(bench_count(bench, "frozen*"), 0);
    }
}

static void test_no_answer_passes_the_frozen_watermark(void **state) {
    struct bench *bench = *state;
    gate_backend_close(bench->commits);
    struct raw_call *unary = bench_write(bench, "frozen-1");
    struct raw_call *stream = bench_start(bench, "/SensorService/StreamSensorReadings");
    struct raw_call *chat = bench_start(bench, "/SensorService/SensorChat");
    for (int i = 0; i < 3; i++)
        bench_send_reading(bench, stream, "frozen-2");
    raw_end(stream);
    bench_send_reading(bench, chat, "frozen-3");
    bench_send_reading(bench, chat, "frozen-3");
    raw_end(chat);
    wait_until_frozen(bench);
    assert_the_rest_goes_on(bench);
    assert_int_equal(unary->n_closed + stream->n_closed + chat->n_closed, 0);
    assert_int_equal(buf_len(&unary->body) + buf_len(&stream->body) + buf_len(&chat->body), 0);
    gate_backend_open(bench->commits);
    bench_expect(bench, unary, GRPC_OK);
    bench_expect(bench, stream, GRPC_OK);
    bench_expect(bench, chat, GRPC_OK);
    assert_ack(unary, "Reading received.", 1);
    assert_ack(stream, "All readings stored.", 3);
    assert_answer(chat, 0, "Received 5.0", 1);
    assert_answer(chat, 1, "Received 6.0", 2);
    assert_int_equal(raw_n_messages(chat), 2);
    assert_int_equal(bench_count(bench, "frozen*"), 6);
}

static void test_readings_are_not_seen_before_they_are_kept(void **state) {
    struct bench *bench = *state;
    SensorRequest request = SENSOR_REQUEST__INIT;
    request.sensor_id = (char *)"frozen";
    gate_backend_close(bench->commits);
    struct raw_call *unary = bench_write(bench, "frozen");
    wait_until_frozen(bench);
    struct raw_call *get = bench_call(bench, "/SensorService/GetSensorReadings", &request.base);
    assert_int_equal(raw_status(get), GRPC_OK);
    assert_int_equal(raw_n_messages(get), 0);
    gate_backend_open(bench->commits);
    bench_expect(bench, unary, GRPC_OK);
    get = bench_call(bench, "/SensorService/GetSensorReadings", &request.base);
    assert_int_equal(raw_n_messages(get), 1);
}

static void test_exactly_those_that_wait_are_answered_when_it_moves(void **state) {
    struct bench *bench = *state;
    struct raw_call *chat = bench_start(bench, "/SensorService/SensorChat");
    for (size_t round = 0; round < 20; round++) {
        char text[32];
        gate_backend_close(bench->commits);
        struct raw_call *unary = bench_write(bench, "frozen");
        bench_send_reading(bench, chat, "frozen-chat");
        wait_until_frozen(bench);
        bench_check_health(bench);
        assert_int_equal(unary->n_closed, 0);
        assert_int_equal(raw_n_messages(chat), round);
        gate_backend_open(bench->commits);
        bench_expect(bench, unary, GRPC_OK);
        bench_until(bench, raw_n_messages(chat) == round + 1);
        snprintf(text, sizeof(text), "Received %zu.0", 2 * round + 2);
        assert_answer(chat, round, text, round + 1);
    }
    raw_end(chat);
    bench_expect(bench, chat, GRPC_OK);
    assert_int_equal(raw_n_messages(chat), 20);
}

static void test_a_chat_is_answered_in_order(void **state) {
    struct bench *bench = *state;
    enum {
        N = 300
    };
    gate_backend_close(bench->commits);
    struct raw_call *chat = bench_start(bench, "/SensorService/SensorChat");
    for (int i = 0; i < N; i++) {
        bench_send_reading(bench, chat, "frozen");
        if (i % 100 == 0)
            bench_check_health(bench); /* so that they come in several batches */
    }
    raw_end(chat);
    gate_backend_open(bench->commits);
    bench_expect(bench, chat, GRPC_OK);
    for (size_t i = 0; i < N; i++) {
        char text[32];
        snprintf(text, sizeof(text), "Received %zu.0", i + 1);
        assert_answer(chat, i, text, i + 1);
    }
}

static void test_a_broken_rule_waits_for_what_came_before_it(void **state) {
    struct bench *bench = *state;
    gate_backend_close(bench->commits);
    struct raw_call *stream = bench_start(bench, "/SensorService/StreamSensorReadings");
    for (int i = 0; i < 3; i++)
        bench_send_reading(bench, stream, "frozen");
    bench_send_reading(bench, stream, "");
    bench_send_reading(bench, stream, "frozen");
    raw_end(stream);
    wait_until_frozen(bench);
    assert_the_rest_goes_on(bench);
    assert_int_equal(stream->n_closed, 0);
    gate_backend_open(bench->commits);
    bench_expect(bench, stream, GRPC_INVALID_ARGUMENT);
    assert_true(raw_has(stream, "reading 3 (counted from 0)"));
    assert_true(raw_has(stream, "3 readings before it are stored"));
    assert_int_equal(bench_count(bench, "frozen"), 3);
}

/* ---- a store that is full ---- */

/* What the client cannot send, since its window is closed: it stays when others get through. */
static size_t held_back(struct bench *bench, const struct raw_call *call) {
    size_t before;
    do {
        before = h2_stream_queued(call->stream);
        bench_check_health(bench);
        bench_check_health(bench);
    } while (h2_stream_queued(call->stream) != before);
    return before;
}

/* Writes single readings, one turn after the other, until one is refused; the others wait. */
static unsigned write_until_refused(struct bench *bench) {
    for (unsigned n = 0;; n++) {
        struct raw_call *call = bench_write(bench, "frozen-unary");
        bench_check_health(bench);
        if (call->n_closed) {
            assert_int_equal(raw_status(call), GRPC_RESOURCE_EXHAUSTED);
            return n;
        }
    }
}

static void test_a_full_store_holds_streams_back_and_refuses_single_readings(void **state) {
    struct bench *bench = *state;
    enum {
        N = 2 * MOST_TAKEN
    };
    gate_backend_close(bench->commits);
    struct raw_call *stream = bench_start(bench, "/SensorService/StreamSensorReadings");
    for (unsigned i = 0; i < N; i++)
        bench_send_reading(bench, stream, "frozen-stream");
    raw_end(stream);
    size_t total = h2_stream_queued(stream->stream);
    unsigned n_waiting = write_until_refused(bench);
    size_t queued = held_back(bench, stream);
    assert_the_rest_goes_on(bench);
    struct raw_call *refused = bench_write(bench, "frozen-unary");
    bench_expect(bench, refused, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(h2_stream_queued(stream->stream), queued);
    assert_true(queued > total / 4);
    assert_int_equal(stream->n_closed, 0);
    gate_backend_open(bench->commits);
    bench_expect(bench, stream, GRPC_OK);
    assert_ack(stream, "All readings stored.", N);
    for (unsigned i = 0; i < bench->n_calls; i++)
        bench_until(bench, bench->calls[i].n_closed);
    assert_int_equal(bench_count(bench, "frozen-stream"), N);
    assert_int_equal(bench_count(bench, "frozen-unary"), n_waiting);
    bench_expect(bench, bench_write(bench, "frozen-unary"), GRPC_OK);
}

static void test_a_chat_owes_a_bounded_number_of_answers(void **state) {
    struct bench *bench = *state;
    enum {
        N = 100000
    };
    gate_backend_close(bench->commits);
    struct raw_call *chat = bench_start(bench, "/SensorService/SensorChat");
    for (unsigned i = 0; i < N; i++)
        bench_send_reading(bench, chat, "frozen");
    raw_end(chat);
    size_t total = h2_stream_queued(chat->stream);
    size_t most = COLLECTOR_MAX_UNANSWERED * (total / N + 1) + H2_STREAM_WINDOW;
    assert_true(held_back(bench, chat) >= total - most);
    struct raw_call *unary = bench_write(bench, "frozen-unary"); /* others are not in its way */
    bench_check_health(bench);
    assert_int_equal(unary->n_closed, 0);
    gate_backend_open(bench->commits);
    bench_expect(bench, chat, GRPC_OK);
    assert_int_equal(raw_n_messages(chat), N);
    bench_expect(bench, unary, GRPC_OK);
}

/* ---- calls that do not wait ---- */

static void test_cancelled_calls_leave_their_readings_stored(void **state) {
    struct bench *bench = *state;
    static const char *const paths[] = {"/SensorService/SendSingleReading",
                                        "/SensorService/StreamSensorReadings",
                                        "/SensorService/SensorChat"};
    struct raw_call *calls[9];
    gate_backend_close(bench->commits);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = bench_start(bench, paths[i % 3]);
        bench_send_reading(bench, calls[i], "frozen");
        if (i % 3 == 0 || i > 5)
            raw_end(calls[i]);
    }
    wait_until_frozen(bench);
    bench_check_health(bench);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        raw_reset(calls[i], H2_CANCEL);
    bench_check_health(bench);
    gate_backend_open(bench->commits);
    bench_expect(bench, bench_write(bench, "after"), GRPC_OK);
    assert_int_equal(bench_count(bench, "frozen"), ARRAY_LEN(calls));
}

static void test_a_deadline_passes_while_the_store_owes_an_answer(void **state) {
    struct bench *bench = *state;
    struct raw_call *call = &bench->calls[bench->n_calls++];
    gate_backend_close(bench->commits);
    raw_start(call, &bench->clients[0], "/SensorService/SendSingleReading",
              raw_field("grpc-timeout", "20m"));
    bench_send_reading(bench, call, "frozen");
    raw_end(call);
    bench_expect(bench, call, GRPC_DEADLINE_EXCEEDED);
    gate_backend_open(bench->commits);
    bench_expect(bench, bench_write(bench, "after"), GRPC_OK);
    assert_int_equal(bench_count(bench, "frozen"), 1);
}

static void test_a_lost_connection_leaves_its_readings_stored(void **state) {
    struct bench *bench = *state;
    gate_backend_close(bench->commits);
    bench_write(bench, "frozen");
    struct raw_call *chat = bench_start(bench, "/SensorService/SensorChat");
    bench_send_reading(bench, chat, "frozen");
    wait_until_frozen(bench);
    bench_check_health(bench);
    raw_abort(&bench->clients[0]);
    bench_until(bench, bench->clients[0].n_closed);
    bench_connect(bench, 0);
    bench_check_health(bench);
    gate_backend_open(bench->commits);
    bench_expect(bench, bench_write(bench, "after"), GRPC_OK);
    assert_int_equal(bench_count(bench, "frozen"), 2);
}

static void test_the_server_stops_only_after_what_it_took_is_settled(void **state) {
    struct bench *bench = *state;
    gate_backend_close(bench->commits);
    struct raw_call *call = bench_write(bench, "frozen");
    wait_until_frozen(bench);
    bench_order_stop(bench, 0);
    bench_until(bench, call->n_closed);
    bench_until(bench, bench->clients[0].n_closed);
    assert_int_equal(bench->n_stopped, 0);
    assert_int_equal(gate_backend_n_commits(bench->commits), 0);
    gate_backend_open(bench->commits);
    bench_until(bench, bench->n_stopped);
    assert_int_equal(gate_backend_n_commits(bench->commits), 1);
}

static void test_a_drain_lets_waiting_calls_have_their_answers(void **state) {
    struct bench *bench = *state;
    gate_backend_close(bench->commits);
    struct raw_call *call = bench_write(bench, "frozen");
    wait_until_frozen(bench);
    bench_order_stop(bench, 3600 * NS_PER_S);
    bench_until(bench, bench->clients[0].has_goaway);
    assert_int_equal(call->n_closed, 0);
    gate_backend_open(bench->commits);
    bench_expect(bench, call, GRPC_OK);
    assert_ack(call, "Reading received.", 1);
    bench_until(bench, bench->n_stopped);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_no_answer_passes_the_frozen_watermark),
        TEST(test_readings_are_not_seen_before_they_are_kept),
        TEST(test_exactly_those_that_wait_are_answered_when_it_moves),
        TEST(test_a_chat_is_answered_in_order),
        TEST(test_a_broken_rule_waits_for_what_came_before_it),
        TEST(test_a_full_store_holds_streams_back_and_refuses_single_readings),
        TEST(test_a_chat_owes_a_bounded_number_of_answers),
        TEST(test_cancelled_calls_leave_their_readings_stored),
        TEST(test_a_deadline_passes_while_the_store_owes_an_answer),
        TEST(test_a_lost_connection_leaves_its_readings_stored),
        TEST(test_the_server_stops_only_after_what_it_took_is_settled),
        TEST(test_a_drain_lets_waiting_calls_have_their_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
