/* SPDX-License-Identifier: Apache-2.0 */
#include "http2/session.h"

#include "pair.h"
#include "unit.h"

static void finish(struct call *call) {
    assert_int_equal(h2_stream_finish(call->stream, NULL, 0), 0);
}

static void test_call_with_bodies_and_trailers_goes_both_ways(void **state) {
    (void)state;
    struct pair *pair = pair_connected(1);
    pair->server.answer = call_answer;
    struct call *call = pair_request(pair);
    call_send(call, "question");
    finish(call);
    assert_int_equal(pair_run(pair), 0);
    struct call *other = pair_other(pair, call);
    assert_string_equal(other->head, ":method: POST\n:scheme: http\n"
                                     ":path: /SensorService/SendSingleReading\n"
                                     ":authority: localhost\nauthorization: Bearer secret\n");
    assert_true(bytes_equal_str(buf_bytes(&other->body), "question"));
    assert_string_equal(call->head, ":status: 200\ncontent-type: application/grpc\n");
    assert_true(bytes_equal_str(buf_bytes(&call->body), "answer"));
    assert_string_equal(call->trailers, "grpc-status: 0\n");
    assert_int_equal(call->n_ended, 1);
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(call->error, H2_NO_ERROR);
    assert_int_equal(other->n_closed, 1);
    assert_int_equal(other->error, H2_NO_ERROR);
    pair_free(pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_with_bodies_and_trailers_goes_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
