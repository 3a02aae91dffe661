/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation of a session's life fails once, nghttp2's included. It is a program of its own
 * because nghttp2's sessions are not freed after that (session.c says why), which the leak check of
 * the other tests must not overlook.
 */
#include "pair.h"
#include "unit.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libnghttp2";
}

/* A call on a new connection. Whether all of it worked. */
static bool whole_life(struct pair *pair) {
    pair->server.answer = call_try_answer;
    if (pair_run(pair))
        return false;
    struct call *call = pair_try_request(pair);
    if (!call || pair_run(pair) || !call->stream)
        return false;
    if (call_send_bytes(call, 40000) || h2_stream_finish(call->stream, pair_trailers, 1))
        return false;
    return pair_run(pair) == 0 && call->n_closed && call->error == 0 && call->body.len == 40000;
}

static void test_failing_allocation_anywhere_is_an_error_and_no_more(void **state) {
    (void)state;
    size_t n = 0;
    for (bool works = false; !works;) {
        fail_alloc_at(++n);
        struct pair *pair = pair_new(20);
        works = pair && whole_life(pair);
        fail_alloc_off();
        if (pair)
            pair_free(pair);
    }
    assert_in_range(n, 50, 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failing_allocation_anywhere_is_an_error_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
