/* SPDX-License-Identifier: Apache-2.0 */
/* The thread and its end. What receivers do to it: tests/e2e/test_otlp.py. */
#include "otlp/telemetry.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "unit.h"

static char lines[4096];
static const char *endpoint;
static const char *exporter;
static const char *protocol;

static void keep_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    size_t n = strlen(lines);
    snprintf(lines + n, sizeof(lines) - n, "%.*s", (int)len, line);
}

static const char *variable(const char *name) {
    if (strcmp(name, "OTEL_EXPORTER_OTLP_ENDPOINT") == 0)
        return endpoint;
    if (strcmp(name, "OTEL_EXPORTER_OTLP_PROTOCOL") == 0)
        return protocol;
    if (strcmp(name, "OTEL_EXPORTER_OTLP_HEADERS") == 0)
        return "x-tenant=cellar,x-empty=";
    if (strcmp(name, "OTEL_EXPORTER_OTLP_CERTIFICATE") == 0)
        return "/nowhere/ca.crt"; /* counts with https */
    bool is_exporter = strstr(name, "_EXPORTER") && strstr(name, "OTEL_EXPORTER") == NULL;
    return is_exporter ? exporter : NULL;
}

/* A resolver that never answers, for one name. */
/* check: parameters: libc's function */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");
    while (host && strcmp(host, "asleep.invalid") == 0)
        pause();
    return real(host, service, hints, found);
}

static int setup(void **state) {
    (void)state;
    lines[0] = '\0';
    log_redirect(keep_line);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    log_redirect(NULL);
    return 0;
}

/* What otlp_telemetry_start() gives. */
static int start(struct otel_settings *settings, struct otlp_telemetry **telemetry) {
    struct otlp_telemetry_options options = {.settings = settings};
    const struct otel_resource_options who = {"test", "1", .variable = variable,
                                              .root = "/nowhere"};
    int r = otel_settings_read(variable, settings);
    if (r)
        return r;
    r = otel_resource_new(&who, &options.resource);
    if (r == 0)
        r = otlp_telemetry_start(&options, telemetry);
    if (r)
        otel_settings_fini(settings);
    return r;
}

static void record(struct otel_sdk *sdk) {
    const struct otel_scope scope = {.name = bytes_str("test")};
    struct otel_span span;
    otel_span_start(otel_sdk_tracer(sdk, &scope),
                    &(struct otel_span_options){.name = bytes_str("work")}, &span);
    otel_logger_emit(otel_sdk_logger(sdk, &scope),
                     &(struct otel_log_record){.body = otel_str("done"), .context = &span.context});
    otel_span_end(&span, 0);
}

/* Starts, records, stops; how long the stop took. */
static uint64_t live(uint64_t limit_ns) {
    static struct otel_settings settings; /* a thread that is left behind may still look at it */
    struct otlp_telemetry *telemetry = NULL;
    assert_int_equal(start(&settings, &telemetry), 0);
    assert_non_null(otlp_telemetry_sdk(telemetry));
    record(otlp_telemetry_sdk(telemetry));
    uint64_t begin_ns = clock_monotonic_ns();
    if (otlp_telemetry_stop(telemetry, limit_ns))
        otel_settings_fini(&settings);
    return clock_monotonic_ns() - begin_ns;
}

/* The first of all: a program that has begun threads is not one to fork. */
static void test_a_name_that_is_being_looked_up_does_not_hold_the_end(void **state) {
    int status;
    (void)state;
    endpoint = "http://asleep.invalid:4317";
    protocol = "grpc";
    exporter = NULL;
    fflush(stdout);
    pid_t program = fork();
    assert_true(program >= 0);
    if (program == 0) {
        live(0);
        exit(7);
    }
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_none_at_all_does_nothing(void **state) {
    (void)state;
    assert_null(otlp_telemetry_sdk(NULL));
    assert_true(otlp_telemetry_stop(NULL, NS_PER_S));
}

static void test_where_nothing_is_exported_there_is_no_wait(void **state) {
    (void)state;
    endpoint = exporter = protocol = NULL;
    live(60 * NS_PER_S);
    assert_string_equal(lines, "");
}

static void test_a_dead_endpoint_holds_the_stop_no_longer_than_its_limit(void **state) {
    (void)state;
    static const char *const protocols[] = {"grpc", "http/protobuf"};
    endpoint = "http://127.0.0.1:1";
    exporter = NULL;
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        protocol = protocols[i];
        lines[0] = '\0';
        uint64_t took_ns = live(200 * NS_PER_MS);
        assert_true(took_ns >= 200 * NS_PER_MS && took_ns < 10 * NS_PER_S);
        assert_non_null(strstr(lines, "exporting spans to http://127.0.0.1:1"));
    }
}

static void test_a_stop_without_any_time_gives_up_at_once(void **state) {
    (void)state;
    endpoint = "http://127.0.0.1:1";
    protocol = "grpc";
    exporter = NULL;
    live(0);
}

static void test_a_certificate_that_is_not_there_is_told_and_the_rest_works_on(void **state) {
    (void)state;
    static const char *const protocols[] = {"grpc", "http/protobuf"};
    endpoint = "https://127.0.0.1:1";
    exporter = NULL;
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        protocol = protocols[i];
        lines[0] = '\0';
        live(60 * NS_PER_S);
        assert_non_null(strstr(lines, "telemetry: no spans are exported: cannot read the CA "
                                      "/nowhere/ca.crt: No such file or directory"));
        assert_non_null(strstr(lines, "telemetry: no metrics are exported: "));
        assert_non_null(strstr(lines, "telemetry: no log records are exported: "));
    }
}

/* A signal that there was no memory for is left out; more is an error. */
static void check_memory(const char *with) {
    endpoint = "http://127.0.0.1:1";
    exporter = NULL;
    protocol = with;
    bool has_succeeded = false;
    for (size_t n = 1; !has_succeeded; n++) {
        struct otel_settings settings;
        struct otlp_telemetry *telemetry = NULL;
        fail_alloc_at(n);
        int r = start(&settings, &telemetry);
        has_succeeded = fail_alloc_count() < n;
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        assert_true(n < 2000);
        if (r)
            continue;
        assert_true(otlp_telemetry_stop(telemetry, 0));
        otel_settings_fini(&settings);
    }
}

static void test_without_memory_a_start_fails_or_leaves_out_what_it_has_to(void **state) {
    (void)state;
    check_memory("grpc");
    check_memory("http/protobuf");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_name_that_is_being_looked_up_does_not_hold_the_end),
        TEST(test_none_at_all_does_nothing),
        TEST(test_where_nothing_is_exported_there_is_no_wait),
        TEST(test_a_dead_endpoint_holds_the_stop_no_longer_than_its_limit),
        TEST(test_a_stop_without_any_time_gives_up_at_once),
        TEST(test_a_certificate_that_is_not_there_is_told_and_the_rest_works_on),
        TEST(test_without_memory_a_start_fails_or_leaves_out_what_it_has_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
