/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of a server, how connections are spread over its workers, and its end: what runs may
 * finish, nothing new comes in, and no call and no connection can keep it from ending.
 */
#include <semaphore.h>

#include "base/clock.h"
#include "grpc/limits.h"
#include "grpc/server_impl.h"
#include "grpc/worker.h"
#include "http2/limits.h"
#include "server_fixture.h"
#include "unit.h"

/* ---- stopping ---- */

static void test_a_running_call_finishes_and_then_the_server_has_stopped(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_client *client = &fixture->clients[0];
    struct raw_call *call = server_start(fixture, "/test.Probe/Chat");
    raw_send_message(call, false, bytes_str("before"));
    server_until(fixture, raw_n_messages(call) == 1);
    server_order_stop(fixture, 3600 * NS_PER_S);
    server_until(fixture, client->has_goaway);
    raw_send_message(call, false, bytes_str("after"));
    server_until(fixture, raw_n_messages(call) == 2);
    assert_int_equal(fixture->n_stopped, 0);
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
    server_until(fixture, fixture->n_stopped == 1);
    server_until(fixture, client->n_closed);
    assert_int_equal(atomic_load(&server_record(fixture, 0)->n_ended), 1);
}

static void test_new_connections_are_refused_while_it_drains(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_client *late = &fixture->clients[1];
    struct raw_call *call = server_start(fixture, "/test.Probe/Chat");
    server_record(fixture, 0);
    server_order_stop(fixture, 3600 * NS_PER_S);
    raw_connect(late, &fixture->loop, fixture->clients[0].port);
    server_until(fixture, late->n_closed);
    assert_false(late->is_ready);
    assert_int_equal(fixture->n_stopped, 0);
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
    server_until(fixture, fixture->n_stopped == 1);
}

static void test_a_stuck_call_is_cancelled_at_the_limit(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Silent");
    struct record *record = server_record(fixture, 0);
    raw_send_message(call, false, bytes_str("x"));
    raw_end(call);
    server_until(fixture, atomic_load(&record->n_messages) == 1);
    server_stop(fixture, 0);
    server_expect_none(fixture, call);
    assert_int_equal(atomic_load(&record->n_ended), 1);
}

static void test_a_second_order_hurries_the_first(void **state) {
    struct server_fixture *fixture = *state;
    server_start(fixture, "/test.Probe/Silent");
    server_record(fixture, 0);
    server_order_stop(fixture, 3600 * NS_PER_S);
    server_until(fixture, fixture->clients[0].has_goaway);
    assert_int_equal(fixture->n_stopped, 0);
    server_order_stop(fixture, 0);
    server_until(fixture, fixture->n_stopped == 1);
}

static void test_a_second_order_does_not_prolong_the_first(void **state) {
    struct server_fixture *fixture = *state;
    server_start(fixture, "/test.Probe/Silent");
    server_record(fixture, 0);
    server_order_stop(fixture, 20 * NS_PER_MS);
    server_order_stop(fixture, UINT64_MAX);
    server_until(fixture, fixture->n_stopped == 1);
}

static void test_stopping_needs_no_memory(void **state) {
    struct server_fixture *fixture = *state;
    server_start(fixture, "/test.Probe/Silent");
    struct record *record = server_record(fixture, 0);
    raw_abort(&fixture->clients[0]); /* a GOAWAY would need some */
    server_until(fixture, atomic_load(&record->n_ended));
    fail_alloc_at(1);
    server_order_stop(fixture, 0);
    server_until(fixture, fixture->n_stopped == 1);
    fail_alloc_off();
}

static void test_a_call_that_is_kept_does_not_keep_the_server(void **state) {
    struct server_fixture *fixture = *state;
    server_start(fixture, "/test.Probe/Kept");
    struct record *record = server_record(fixture, 0);
    server_order_stop(fixture, 0);
    server_until(fixture, fixture->n_stopped == 1);
    assert_int_equal(atomic_load(&record->n_ended), 1);
    grpc_call_unref(atomic_load(&record->call)); /* the worker's thread is over */
}

static void test_deadlines_pass_while_it_drains(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Silent", raw_field("grpc-timeout", "50m"));
    server_record(fixture, 0);
    server_order_stop(fixture, 3600 * NS_PER_S);
    server_expect(fixture, call, GRPC_DEADLINE_EXCEEDED);
    server_until(fixture, fixture->n_stopped == 1);
}

/* Keeps a worker busy until `go`. */
struct obstacle {
    struct letter letter;
    sem_t go;
};

static void obstacle_deliver(struct letter *letter) {
    struct obstacle *obstacle = CONTAINER_OF(letter, struct obstacle, letter);
    while (sem_wait(&obstacle->go))
        continue;
}

/* check: parameters: OpenSSL's callback */
static void count_freed(void *tls, void *count, CRYPTO_EX_DATA *data, int index, long number,
                        void *argument) {
    (void)tls, (void)data, (void)index, (void)number, (void)argument;
    unsigned *n_freed = count;
    if (n_freed)
        ++*n_freed;
}

/* TLS settings that only the server holds; `*n_freed` counts their end. */
static void listen_with_tls(struct server_fixture *fixture, unsigned *n_freed) {
    struct net_address address = {.host = "127.0.0.1"};
    struct err_text why;
    int index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, count_freed);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    assert_non_null(tls);
    assert_int_equal(SSL_CTX_set_ex_data(tls, index, n_freed), 1);
    assert_int_equal(grpc_server_listen(fixture->server, &address, tls, &why), 0);
    SSL_CTX_free(tls);
}

static void test_tls_settings_outlive_a_socket_on_its_way_to_a_worker(void **state) {
    struct server_fixture *fixture = *state;
    struct grpc_worker *worker = &fixture->server->workers[0];
    struct obstacle obstacle = {.letter.deliver = obstacle_deliver};
    unsigned n_freed = 0;
    sem_init(&obstacle.go, 0, 0);
    listen_with_tls(fixture, &n_freed);
    assert_int_equal(grpc_server_post(fixture->server, 0, &obstacle.letter), 0);
    raw_connect(&fixture->clients[1], &fixture->loop, grpc_server_port(fixture->server, 1));
    server_until(fixture, atomic_load(&worker->n_coming) == 1);
    server_order_stop(fixture, 0);
    unsigned n_freed_too_soon = n_freed;
    sem_post(&obstacle.go);
    server_until(fixture, fixture->n_stopped == 1);
    sem_destroy(&obstacle.go);
    assert_int_equal(n_freed_too_soon, 0);
    grpc_server_free(STEAL(fixture->server));
    assert_int_equal(n_freed, 1);
}

/* ---- several workers ---- */

static void test_connections_are_spread_over_the_workers(void **state) {
    struct server_fixture *fixture = *state;
    unsigned n_of_worker[2] = {0};
    for (unsigned i = 0; i < 20; i++) {
        struct raw_client *client = i ? server_connect(fixture, i) : &fixture->clients[0];
        server_start_on(fixture, client, "/test.Probe/Chat");
        n_of_worker[atomic_load(&server_record(fixture, i)->worker)]++;
    }
    assert_int_equal(n_of_worker[0], 10);
    assert_int_equal(n_of_worker[1], 10);
    server_stop(fixture, 0);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(atomic_load(&fixture->records[i].n_ended), 1);
}

static void test_connections_over_the_limit_are_closed(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_client *late = &fixture->clients[1];
    _Atomic uint32_t *n_coming = &fixture->server->workers[1].n_coming;
    server_until(fixture, fixture->clients[0].is_ready);
    atomic_fetch_add(n_coming, GRPC_MAX_CONNECTIONS - 1); /* as if so many had come */
    raw_connect(late, &fixture->loop, fixture->clients[0].port);
    server_until(fixture, late->n_closed);
    assert_false(late->is_ready);
    atomic_fetch_sub(n_coming, 1);
    server_round_trip(fixture, server_connect(fixture, 2));
    atomic_fetch_sub(n_coming, GRPC_MAX_CONNECTIONS - 2);
}

static void test_connections_that_come_and_go_while_it_stops_do_not_keep_it(void **state) {
    struct server_fixture *fixture = *state;
    for (unsigned i = 1; i < SERVER_MAX_CLIENTS; i++) {
        raw_connect(&fixture->clients[i], &fixture->loop, fixture->clients[0].port);
        if (i % 3 == 0)
            uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
        if (i % 4 == 0)
            raw_abort(&fixture->clients[i - 1]);
    }
    server_stop(fixture, 0);
    for (unsigned i = 0; i < SERVER_MAX_CLIENTS; i++)
        server_until(fixture, fixture->clients[i].n_closed);
}

/* ---- starting ---- */

/* A program whose part on the second worker cannot be set up. */
struct program {
    unsigned n_closed;
};

static int fail_second_worker(void *user, unsigned worker, struct net_loop *loop, void **state) {
    (void)loop;
    *state = user;
    return worker == 1 ? -EMFILE : 0;
}

static void count_closing(void *state) {
    struct program *program = state;
    program->n_closed++;
}

static struct grpc_server_options bare_options(struct program *program) {
    return (struct grpc_server_options){
        .n_workers = 2,
        .hooks = {.user = program,
                  .worker_init = fail_second_worker,
                  .worker_closing = count_closing},
    };
}

static void test_a_start_that_fails_leaves_nothing_behind(void **state) {
    (void)state;
    struct program program = {0};
    struct grpc_server_options options = bare_options(&program);
    struct net_address address = {.host = "127.0.0.1"};
    struct grpc_server *server;
    struct net_loop loop;
    struct err_text why;
    assert_int_equal(net_loop_init(&loop, NULL, NULL), 0);
    assert_int_equal(grpc_server_new(&loop, &options, &server), 0);
    assert_int_equal(grpc_server_listen(server, &address, NULL, &why), 0);
    assert_int_equal(grpc_server_start(server), -EMFILE);
    grpc_server_free(server);
    assert_int_equal(program.n_closed, 1);
    net_loop_close(&loop);
    net_loop_run(&loop);
    net_loop_fini(&loop);
}

static void test_a_server_that_never_started_can_be_freed(void **state) {
    (void)state;
    struct grpc_server_options options = {.n_workers = 3};
    struct net_address address = {.host = "127.0.0.1"}, taken;
    struct grpc_server *server;
    struct net_loop loop;
    struct err_text why;
    assert_int_equal(net_loop_init(&loop, NULL, NULL), 0);
    assert_int_equal(grpc_server_new(&loop, &options, &server), 0);
    assert_int_equal(grpc_server_listen(server, &address, NULL, &why), 0);
    taken = address;
    taken.port = grpc_server_port(server, 0);
    assert_int_equal(grpc_server_listen(server, &taken, NULL, &why), -EADDRINUSE);
    assert_non_null(strstr(why.text, "in use"));
    grpc_server_free(server);
    grpc_server_free(NULL);
    net_loop_close(&loop);
    net_loop_run(&loop);
    net_loop_fini(&loop);
}

static void test_each_failing_allocation_of_a_new_server_is_an_error(void **state) {
    (void)state;
    static const struct grpc_method method = {.name = "M", .kind = GRPC_UNARY};
    static const struct grpc_service service = {.name = "S", .methods = &method, .n_methods = 1};
    static const struct grpc_service *const services[] = {&service};
    struct grpc_server_options options = {.n_workers = 2, .services = services, .n_services = 1};
    struct net_loop loop;
    int r = -ENOMEM;
    assert_int_equal(net_loop_init(&loop, NULL, NULL), 0);
    for (size_t n = 1; r; n++) {
        struct grpc_server *server = NULL;
        fail_alloc_at(n);
        r = grpc_server_new(&loop, &options, &server);
        fail_alloc_off();
        assert_int_equal(r, server ? 0 : -ENOMEM);
        grpc_server_free(server);
        assert_true(n < 100);
    }
    net_loop_close(&loop);
    net_loop_run(&loop);
    net_loop_fini(&loop);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
#define TEST2(name) cmocka_unit_test_setup_teardown(name, server_setup_two_workers, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_running_call_finishes_and_then_the_server_has_stopped),
        TEST(test_new_connections_are_refused_while_it_drains),
        TEST(test_a_stuck_call_is_cancelled_at_the_limit),
        TEST(test_a_second_order_hurries_the_first),
        TEST(test_a_second_order_does_not_prolong_the_first),
        TEST(test_stopping_needs_no_memory),
        TEST(test_a_call_that_is_kept_does_not_keep_the_server),
        TEST(test_deadlines_pass_while_it_drains),
        TEST(test_tls_settings_outlive_a_socket_on_its_way_to_a_worker),
        TEST2(test_connections_are_spread_over_the_workers),
        TEST2(test_connections_over_the_limit_are_closed),
        TEST2(test_connections_that_come_and_go_while_it_stops_do_not_keep_it),
        cmocka_unit_test(test_a_start_that_fails_leaves_nothing_behind),
        cmocka_unit_test(test_a_server_that_never_started_can_be_freed),
        cmocka_unit_test(test_each_failing_allocation_of_a_new_server_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
