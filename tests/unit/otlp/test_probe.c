/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Against a port where nobody listens, and with settings that are wrong. As test_senders.c it says
 * to the leak check what nghttp2 does not free. Real receivers: tests/e2e/test_doctor.py.
 */
#include "otlp/probe.h"

#include "base/clock.h"
#include "unit.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libnghttp2";
}

static struct otel_resource *resource;
static struct otlp_probe_outcome outcome;

static const char *no_variable(const char *name) {
    (void)name;
    return NULL;
}

static int setup(void **state) {
    (void)state;
    const struct otel_resource_options who = {"test", "1", no_variable, "/nowhere"};
    return otel_resource_new(&who, &resource);
}

static int teardown(void **state) {
    (void)state;
    otel_resource_free(STEAL(resource));
    return 0;
}

static struct otel_otlp_settings settings_of(enum otel_protocol protocol, const char *endpoint) {
    return (struct otel_otlp_settings){.protocol = protocol,
                                       .endpoint = (char *)(uintptr_t)endpoint};
}

static int probe(enum otel_signal signal, const struct otel_otlp_settings *settings) {
    const struct otlp_probe_options options = {
        .signal = signal, .settings = settings, .resource = resource, .timeout_ns = 5 * NS_PER_S};
    return otlp_probe(&options, &outcome);
}

static void check_refused(enum otel_protocol protocol, const char *error_type, const char *words) {
    const struct otel_otlp_settings settings = settings_of(protocol, "http://127.0.0.1:1");
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++) {
        assert_int_equal(probe((enum otel_signal)i, &settings), 0);
        assert_int_equal(outcome.result, OTLP_PROBE_FAILED);
        assert_string_equal(outcome.error_type, error_type);
        if (!strstr(outcome.words.text, words))
            fail_msg("'%s' does not say '%s'", outcome.words.text, words);
        assert_true(outcome.took_ns < 5 * NS_PER_S);
    }
}

static void test_a_refused_connection_is_told_at_once(void **state) {
    (void)state;
    check_refused(OTEL_PROTOCOL_GRPC, "UNAVAILABLE", "connection refused");
    check_refused(OTEL_PROTOCOL_HTTP_PROTOBUF, "no_answer", "Failed to connect");
}

static void check_unusable(const struct otel_otlp_settings *settings, const char *words) {
    assert_int_equal(probe(OTEL_TRACES, settings), 0);
    assert_int_equal(outcome.result, OTLP_PROBE_UNUSABLE);
    assert_null(outcome.error_type);
    if (!strstr(outcome.words.text, words))
        fail_msg("'%s' does not say '%s'", outcome.words.text, words);
}

static void test_wrong_settings_are_told_and_nothing_is_sent(void **state) {
    (void)state;
    struct otel_otlp_settings settings = settings_of(OTEL_PROTOCOL_HTTP_PROTOBUF, "ftp://nowhere");
    check_unusable(&settings, "has to begin with http");
    settings = settings_of(OTEL_PROTOCOL_GRPC, "https://127.0.0.1:1");
    settings.ca_file = (char *)(uintptr_t) "/nowhere/ca.crt";
    check_unusable(&settings, "/nowhere/ca.crt");
}

static void check_memory(enum otel_protocol protocol) {
    const struct otel_otlp_settings settings = settings_of(protocol, "http://127.0.0.1:1");
    bool has_succeeded = false;
    for (size_t n = 1; !has_succeeded; n++) {
        fail_alloc_at(n);
        int r = probe(OTEL_METRICS, &settings);
        has_succeeded = fail_alloc_count() < n;
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        assert_true(n < 1000);
    }
}

static void test_without_memory_it_ends_with_an_answer_or_says_so(void **state) {
    (void)state;
    check_memory(OTEL_PROTOCOL_GRPC);
    check_memory(OTEL_PROTOCOL_HTTP_PROTOBUF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_refused_connection_is_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_settings_are_told_and_nothing_is_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_without_memory_it_ends_with_an_answer_or_says_so,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
