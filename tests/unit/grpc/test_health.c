/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/health.h"

#include <pthread.h>
#include <stdio.h>

#include "proto/health.pb-c.h"
#include "server_fixture.h"
#include "unit.h"

#define CHECK "/grpc.health.v1.Health/Check"
#define LIST  "/grpc.health.v1.Health/List"
#define WATCH "/grpc.health.v1.Health/Watch"

#define SERVING         GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

static struct raw_call *ask_on(struct server_fixture *fixture, struct raw_client *client,
                               const char *path, const char *service) {
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    uint8_t bytes[256];
    request.service = (char *)(uintptr_t)service;
    size_t n = grpc__health__v1__health_check_request__pack(&request, bytes);
    struct raw_call *call = server_start_on(fixture, client, path);
    raw_send_message(call, false, bytes_of(bytes, n));
    raw_end(call);
    return call;
}

static struct raw_call *ask(struct server_fixture *fixture, const char *path, const char *service) {
    return ask_on(fixture, &fixture->clients[0], path, service);
}

static serving_status status_of(const struct raw_call *call, size_t n) {
    struct bytes bytes = raw_message(call, n).bytes;
    Grpc__Health__V1__HealthCheckResponse *answer =
        grpc__health__v1__health_check_response__unpack(NULL, bytes.len, bytes.data);
    assert_non_null(answer);
    serving_status status = answer->status;
    grpc__health__v1__health_check_response__free_unpacked(answer, NULL);
    return status;
}

static void *set_serving(void *health) {
    grpc_health_set(health, true);
    return NULL;
}

static void *set_not_serving(void *health) {
    grpc_health_set(health, false);
    return NULL;
}

static void in_another_thread(struct server_fixture *fixture, void *(*job)(void *)) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, job, fixture->health), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void assert_check(struct server_fixture *fixture, const char *service,
                         serving_status status) {
    struct raw_call *call = ask(fixture, CHECK, service);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(status_of(call, 0), status);
}

static void test_check_says_what_was_set(void **state) {
    struct server_fixture *fixture = *state;
    assert_check(fixture, "", NOT_SERVING);
    assert_check(fixture, "test.Probe", NOT_SERVING);
    in_another_thread(fixture, set_serving);
    assert_check(fixture, "", SERVING);
    assert_check(fixture, "test.Probe", SERVING);
    in_another_thread(fixture, set_not_serving);
    assert_check(fixture, "", NOT_SERVING);
}

static void test_check_of_an_unknown_service_is_not_found(void **state) {
    struct server_fixture *fixture = *state;
    static const char *const unknown[] = {"test.probe", "test", "test.Probe ", "x"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        struct raw_call *call = ask(fixture, CHECK, unknown[i]);
        server_expect(fixture, call, GRPC_NOT_FOUND);
        assert_true(raw_has(call, "there are test.Probe, grpc.health.v1.Health, and, "
                                  "without a name, the whole server"));
    }
}

static void test_what_is_no_request_is_internal(void **state) {
    struct server_fixture *fixture = *state;
    static const char *const paths[] = {CHECK, WATCH};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        server_expect(fixture, server_call(fixture, paths[i], bytes_str("\x0a\x05x")),
                      GRPC_INTERNAL);
        server_expect(fixture, server_call(fixture, paths[i], bytes_str("\x0a\x01\xff")),
                      GRPC_INTERNAL); /* no UTF-8 */
    }
}

static void test_list_has_every_service(void **state) {
    struct server_fixture *fixture = *state;
    static const char *const names[] = {"", "test.Probe", "grpc.health.v1.Health"};
    grpc_health_set(fixture->health, true);
    struct raw_call *call = ask(fixture, LIST, "");
    server_expect(fixture, call, GRPC_OK);
    struct bytes bytes = raw_message(call, 0).bytes;
    Grpc__Health__V1__HealthListResponse *answer =
        grpc__health__v1__health_list_response__unpack(NULL, bytes.len, bytes.data);
    assert_non_null(answer);
    assert_int_equal(answer->n_statuses, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(answer->statuses[i]->key, names[i]);
        assert_int_equal(answer->statuses[i]->value->status, SERVING);
    }
    grpc__health__v1__health_list_response__free_unpacked(answer, NULL);
}

static void test_a_watch_is_told_at_once_and_of_each_change(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = ask(fixture, WATCH, "test.Probe");
    server_until(fixture, raw_n_messages(call) == 1);
    assert_int_equal(status_of(call, 0), NOT_SERVING);
    for (size_t i = 1; i < 10; i++) {
        in_another_thread(fixture, i % 2 ? set_serving : set_not_serving);
        server_until(fixture, raw_n_messages(call) == i + 1);
        assert_int_equal(status_of(call, i), i % 2 ? SERVING : NOT_SERVING);
    }
    assert_int_equal(call->n_closed, 0);
    raw_reset(call, H2_CANCEL);
    server_round_trip(fixture, &fixture->clients[0]);
    assert_int_equal(call->n_closed, 1);
    in_another_thread(fixture, set_not_serving);
    server_round_trip(fixture, &fixture->clients[0]);
}

static void test_what_does_not_change_is_not_told(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = ask(fixture, WATCH, "");
    server_until(fixture, raw_n_messages(call) == 1);
    for (int i = 0; i < 5; i++) {
        in_another_thread(fixture, set_not_serving);
        server_round_trip(fixture, &fixture->clients[0]);
    }
    assert_int_equal(raw_n_messages(call), 1);
}

static void test_a_watch_of_an_unknown_service_says_so_and_stays(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = ask(fixture, WATCH, "unknown");
    server_until(fixture, raw_n_messages(call) == 1);
    assert_int_equal(status_of(call, 0), SERVICE_UNKNOWN);
    in_another_thread(fixture, set_serving);
    server_round_trip(fixture, &fixture->clients[0]);
    assert_int_equal(raw_n_messages(call), 1);
    assert_int_equal(call->n_closed, 0);
}

static void *set_often(void *health) {
    for (int i = 0; i < 2000; i++)
        grpc_health_set(health, i % 2 == 0);
    grpc_health_set(health, true);
    return NULL;
}

/* Watchers on both workers, and two threads that change the state all the time. */
static void test_every_watcher_gets_the_newest_state(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *calls[24];
    pthread_t threads[2];
    for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
        struct raw_client *client = &fixture->clients[i % 4];
        if (i > 0 && i < 4)
            server_connect(fixture, i);
        calls[i] = ask_on(fixture, client, WATCH, "");
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, set_often, fixture->health), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    in_another_thread(fixture, set_serving);
    for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
        server_until(fixture, raw_n_messages(calls[i]) > 0 &&
                                  status_of(calls[i], raw_n_messages(calls[i]) - 1) == SERVING);
        for (size_t k = 1; k < raw_n_messages(calls[i]); k++) /* each tells a change */
            assert_int_not_equal(status_of(calls[i], k), status_of(calls[i], k - 1));
    }
}

static void test_a_stop_tells_watchers_and_lets_them_go(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = ask(fixture, WATCH, "test.Probe");
    server_until(fixture, raw_n_messages(call) == 1);
    in_another_thread(fixture, set_serving);
    server_until(fixture, raw_n_messages(call) == 2);
    grpc_health_stop(fixture->health);
    server_expect(fixture, call, GRPC_UNAVAILABLE);
    assert_int_equal(raw_n_messages(call), 3);
    assert_int_equal(status_of(call, 2), NOT_SERVING);
    call = ask(fixture, WATCH, "unknown"); /* one that comes late */
    server_expect(fixture, call, GRPC_UNAVAILABLE);
    assert_int_equal(status_of(call, 0), SERVICE_UNKNOWN);
}

static void test_a_change_after_the_server_has_stopped_is_harmless(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = ask(fixture, WATCH, "");
    server_until(fixture, raw_n_messages(call) == 1);
    server_stop(fixture, 0);
    in_another_thread(fixture, set_serving);
    in_another_thread(fixture, set_not_serving);
    server_until(fixture, call->n_closed);
}

static void test_a_new_service_without_memory_is_an_error(void **state) {
    (void)state;
    struct grpc_health *health = NULL;
    fail_alloc_at(1);
    assert_int_equal(grpc_health_new(NULL, 0, &health), -ENOMEM);
    fail_alloc_off();
    assert_null(health);
    grpc_health_free(NULL);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
#define TEST2(name) cmocka_unit_test_setup_teardown(name, server_setup_two_workers, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_check_says_what_was_set),
        TEST(test_check_of_an_unknown_service_is_not_found),
        TEST(test_what_is_no_request_is_internal),
        TEST(test_list_has_every_service),
        TEST(test_a_watch_is_told_at_once_and_of_each_change),
        TEST(test_what_does_not_change_is_not_told),
        TEST(test_a_watch_of_an_unknown_service_says_so_and_stays),
        TEST(test_a_stop_tells_watchers_and_lets_them_go),
        TEST2(test_every_watcher_gets_the_newest_state),
        TEST2(test_a_change_after_the_server_has_stopped_is_harmless),
        cmocka_unit_test(test_a_new_service_without_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
