/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both senders against a port where nobody listens: every request gets exactly one answer, with
 * memory and without. A program of its own because nghttp2's sessions are not freed after such a
 * failure (http2/session.c says why), which the leak check must be told. Real receivers:
 * tests/e2e/test_otlp.py.
 */
#include <stdio.h>

#include "base/clock.h"
#include "grpc/limits.h"
#include "otlp/sender_grpc.h"
#include "otlp/sender_http.h"
#include "unit.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libnghttp2";
}

typedef int (*sender_new_fn)(struct net_loop *loop, const struct otel_otlp_settings *settings,
                             enum otel_signal signal, struct otlp_sender **sender,
                             struct err_text *why);

static struct net_loop loop;
static unsigned n_answers;
static struct otlp_answer last;
static char last_text[512];

static void on_answer(void *user, const struct otlp_answer *answer, uint64_t now_ns) {
    (void)user;
    (void)now_ns;
    n_answers++;
    last = *answer;
    snprintf(last_text, sizeof(last_text), "%s", answer->text ? answer->text : "");
}

static struct otel_otlp_settings settings_of(char **headers, size_t n_headers) {
    return (struct otel_otlp_settings){.endpoint = (char *)(uintptr_t) "http://127.0.0.1:1/v1/logs",
                                       .has_gzip = true,
                                       .headers = headers,
                                       .n_headers = n_headers};
}

static void finish(struct otlp_sender *sender) {
    if (sender)
        sender->ops->free(sender);
    net_loop_close(&loop);
    net_loop_run(&loop);
    net_loop_fini(&loop);
}

static void send_one(struct otlp_sender *sender) {
    const struct otlp_request request = {
        .message = bytes_str("hello"), .timeout_ns = 5 * NS_PER_S, .answered = on_answer};
    n_answers = 0;
    sender->ops->send(sender, &request);
}

static void wait_for_answer(void) {
    while (n_answers == 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(n_answers, 1);
}

static struct otlp_sender *open_sender(sender_new_fn sender_new) {
    char *headers[] = {(char *)(uintptr_t) "X-Tenant", (char *)(uintptr_t) "cellar",
                       (char *)(uintptr_t) "x-empty", (char *)(uintptr_t) ""};
    const struct otel_otlp_settings settings = settings_of(headers, 2);
    struct otlp_sender *sender = NULL;
    struct err_text why;
    assert_int_equal(net_loop_init(&loop, NULL, NULL), 0);
    assert_int_equal(sender_new(&loop, &settings, OTEL_LOGS, &sender, &why), 0);
    return sender;
}

static void check_refused(sender_new_fn sender_new, const char *words) {
    struct otlp_sender *sender = open_sender(sender_new);
    for (unsigned i = 0; i < 3; i++) {
        send_one(sender);
        wait_for_answer();
        if (!strstr(last_text, words))
            fail_msg("'%s' does not say '%s'", last_text, words);
    }
    finish(sender);
}

static void test_a_refused_connection_is_tried_for_each_request_and_told(void **state) {
    (void)state;
    check_refused(otlp_sender_grpc_new, "connection refused");
    check_refused(otlp_sender_http_new, "Failed to connect");
}

static void check_cancel(sender_new_fn sender_new) {
    struct otlp_sender *sender = open_sender(sender_new);
    send_one(sender);
    sender->ops->cancel(sender);
    send_one(sender);
    wait_for_answer();
    send_one(sender);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    if (n_answers == 0)
        sender->ops->cancel(sender);
    n_answers = 0;
    finish(sender);
    assert_int_equal(n_answers, 0);
}

static void test_what_is_cancelled_gets_no_answer(void **state) {
    (void)state;
    check_cancel(otlp_sender_grpc_new);
    check_cancel(otlp_sender_http_new);
}

static void check_memory(sender_new_fn sender_new) {
    bool has_succeeded = false;
    for (size_t n = 1; !has_succeeded; n++) {
        struct otlp_sender *sender = open_sender(sender_new);
        fail_alloc_at(n);
        send_one(sender);
        wait_for_answer();
        has_succeeded = fail_alloc_count() < n;
        fail_alloc_off();
        assert_true(n < 1000);
        send_one(sender); /* it goes on as if nothing had been */
        wait_for_answer();
        finish(sender);
    }
}

static void test_without_memory_a_request_still_gets_its_answer(void **state) {
    (void)state;
    check_memory(otlp_sender_grpc_new);
    check_memory(otlp_sender_http_new);
}

static void check_header(sender_new_fn sender_new, const char *name, const char *value) {
    char *headers[] = {(char *)(uintptr_t)name, (char *)(uintptr_t)value};
    const struct otel_otlp_settings settings = settings_of(headers, 1);
    struct otlp_sender *sender = NULL;
    struct err_text why;
    assert_int_equal(net_loop_init(&loop, NULL, NULL), 0);
    assert_int_equal(sender_new(&loop, &settings, OTEL_LOGS, &sender, &why), -EINVAL);
    assert_non_null(strstr(why.text, "cannot be sent"));
    assert_null(strstr(why.text, "secret"));
    finish(sender);
}

static void test_a_header_that_may_not_be_sent_is_named_without_its_value(void **state) {
    (void)state;
    check_header(otlp_sender_grpc_new, "x y", "secret");
    check_header(otlp_sender_grpc_new, "te", "secret");
    check_header(otlp_sender_grpc_new, "x", "secret\r\ny: z");
    check_header(otlp_sender_http_new, "x y", "secret");
    check_header(otlp_sender_http_new, "", "secret");
    check_header(otlp_sender_http_new, "x", "secret\r\ny: z");
}

static void test_headers_that_no_call_takes_are_an_error_at_once(void **state) {
    (void)state;
    static char value[GRPC_MAX_METADATA];
    memset(value, 'x', sizeof(value) - 1);
    char *headers[] = {(char *)(uintptr_t) "n", value};
    struct otel_otlp_settings settings = settings_of(headers, 1);
    struct otlp_sender *sender = NULL;
    struct err_text why;
    assert_int_equal(net_loop_init(&loop, NULL, NULL), 0);
    assert_int_equal(otlp_sender_grpc_new(&loop, &settings, OTEL_LOGS, &sender, &why), 0);
    sender->ops->free(sender);
    headers[0] = (char *)(uintptr_t) "nn";
    assert_int_equal(otlp_sender_grpc_new(&loop, &settings, OTEL_LOGS, &sender, &why), -EINVAL);
    assert_non_null(strstr(why.text, "OTEL_EXPORTER_OTLP_HEADERS have 16385 bytes"));
    finish(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_connection_is_tried_for_each_request_and_told),
        cmocka_unit_test(test_what_is_cancelled_gets_no_answer),
        cmocka_unit_test(test_without_memory_a_request_still_gets_its_answer),
        cmocka_unit_test(test_a_header_that_may_not_be_sent_is_named_without_its_value),
        cmocka_unit_test(test_headers_that_no_call_takes_are_an_error_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
