/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call: the check of a token, what a connection remembers of it, and tokens that change
 * while calls run.
 */
#include "collector/caller.h"

#include <stdio.h>

#include "collector_fixture.h"
#include "unit.h"

#define SINGLE "/SensorService/SendSingleReading"

static void write_with(struct bench *bench, const char *token, const char *sensor_id,
                       enum grpc_status status) {
    struct raw_call *call = bench_start_with(bench, SINGLE, token);
    bench_send_reading(bench, call, sensor_id);
    raw_end(call);
    bench_expect(bench, call, status);
}

static void reload(struct bench *bench) {
    struct err_text why;
    assert_int_equal(collector_reload_tokens(bench->collector, bench->server, &why), 0);
}

static void test_a_token_is_asked_for_and_checked(void **state) {
    struct bench *bench = *state;
    bench_expect(bench, bench_start(bench, SINGLE), GRPC_UNAUTHENTICATED);
    bench_check_health(bench); /* needs none */
    static const char *const bad[] = {"", "Bearer", "Bearer a-token", BENCH_TOKEN "x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        write_with(bench, bad[i], "boiler", GRPC_UNAUTHENTICATED);
    write_with(bench, "Bearer " BENCH_TOKEN, "boiler", GRPC_OK);
    write_with(bench, BENCH_TOKEN, "boiler-2", GRPC_OK);
    write_with(bench, BENCH_TOKEN, "cellar", GRPC_PERMISSION_DENIED);
}

static void test_what_a_connection_remembers_is_only_the_last_right_token(void **state) {
    struct bench *bench = *state;
    for (int i = 0; i < 3; i++) {
        write_with(bench, BENCH_TOKEN, "boiler", GRPC_OK);
        write_with(bench, "wrong-token-with-letters-xx", "boiler", GRPC_UNAUTHENTICATED);
        write_with(bench, BENCH_OTHER_TOKEN, "boiler", GRPC_OK);
        write_with(bench, "a-token-with-enough-letterz", "boiler", GRPC_UNAUTHENTICATED);
    }
}

/* Sets of tokens come and go, and may come to lie where a former one was. */
static void test_a_revoked_token_is_refused_however_often_the_file_is_read(void **state) {
    struct bench *bench = *state;
    for (int n_reloads = 1; n_reloads < 6; n_reloads++) {
        bench_save_tokens(bench, true);
        reload(bench);
        write_with(bench, BENCH_TOKEN, "boiler", GRPC_OK);
        bench_save_tokens(bench, false);
        for (int i = 0; i < n_reloads; i++) {
            reload(bench);
            bench_check_health(bench); /* the worker has it */
        }
        write_with(bench, BENCH_TOKEN, "boiler", GRPC_UNAUTHENTICATED);
        write_with(bench, BENCH_OTHER_TOKEN, "boiler", GRPC_OK);
    }
}

static void test_a_running_call_keeps_the_rights_it_began_with(void **state) {
    struct bench *bench = *state;
    struct raw_call *chat = bench_start_with(bench, "/SensorService/SensorChat", BENCH_TOKEN);
    bench_send_reading(bench, chat, "boiler-1");
    bench_until(bench, raw_n_messages(chat) == 1);
    bench_save_tokens(bench, false);
    for (int i = 0; i < 3; i++) {
        reload(bench);
        bench_check_health(bench);
    }
    bench_send_reading(bench, chat, "boiler-2"); /* another id: the rights are looked at */
    bench_until(bench, raw_n_messages(chat) == 2);
    bench_send_reading(bench, chat, "cellar");
    bench_expect(bench, chat, GRPC_PERMISSION_DENIED);
}

static void test_tokens_change_while_the_pool_reads_with_their_rights(void **state) {
    struct bench *bench = *state;
    static const char request[] = "\012\001*";
    write_with(bench, BENCH_TOKEN, "boiler", GRPC_OK);
    read_gate_close(bench->reads);
    struct raw_call *call =
        bench_start_with(bench, "/thermograph.v1.Thermograph/GetStatistics", BENCH_TOKEN);
    raw_send_message(call, false, bytes_of(request, sizeof(request) - 1));
    raw_end(call);
    bench_check_health(bench);
    read_gate_wait_until_held(bench->reads);
    bench_save_tokens(bench, false);
    reload(bench);
    bench_check_health(bench);
    raw_reset(call, H2_CANCEL);
    bench_check_health(bench);
    read_gate_open(bench->reads);
    write_with(bench, BENCH_OTHER_TOKEN, "boiler", GRPC_OK);
}

static void test_a_file_that_cannot_be_read_leaves_the_tokens_as_they_were(void **state) {
    struct bench *bench = *state;
    struct err_text why;
    assert_int_equal(remove(bench->tokens_file), 0);
    assert_int_equal(collector_reload_tokens(bench->collector, bench->server, &why), -ENOENT);
    write_with(bench, BENCH_TOKEN, "boiler", GRPC_OK);
}

static void test_each_failing_allocation_of_a_reload_is_an_error(void **state) {
    struct bench *bench = *state;
    int r = -ENOMEM;
    for (size_t n = 1; r; n++) {
        struct err_text why;
        fail_alloc_at(n);
        r = collector_reload_tokens(bench->collector, bench->server, &why);
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        assert_true(n < 1000);
        write_with(bench, BENCH_TOKEN, "boiler", GRPC_OK);
        if (bench->n_calls > BENCH_MAX_CALLS - 2)
            fail_msg("still failing");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_with_tokens, bench_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_is_asked_for_and_checked),
        TEST(test_what_a_connection_remembers_is_only_the_last_right_token),
        TEST(test_a_revoked_token_is_refused_however_often_the_file_is_read),
        TEST(test_a_running_call_keeps_the_rights_it_began_with),
        TEST(test_tokens_change_while_the_pool_reads_with_their_rights),
        TEST(test_a_file_that_cannot_be_read_leaves_the_tokens_as_they_were),
        TEST(test_each_failing_allocation_of_a_reload_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
