/* SPDX-License-Identifier: Apache-2.0 */
#include "server_fixture.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "grpc/worker.h"
#include "proto/descriptors.h"
#include "unit.h"

uint64_t hash_message(uint64_t hash, struct bytes message) {
    hash = (hash ^ message.len) * UINT64_C(1099511628211);
    for (size_t i = 0; i < message.len; i++)
        hash = (hash ^ message.data[i]) * UINT64_C(1099511628211);
    return hash;
}

/* ---- handlers ---- */

struct probe {
    struct record *record; /* NULL: never started */
    bool has_refused;      /* the message that is offered now */
    unsigned n_to_send;
};

static struct record *record_of(struct grpc_call *call) {
    return ((struct probe *)grpc_call_state(call))->record;
}

static void tell_test(struct grpc_call *call) {
    struct server_fixture *fixture = grpc_call_user(call);
    uv_async_send(&fixture->wakeup);
}

static void on_started(struct grpc_call *call) {
    struct server_fixture *fixture = grpc_call_user(call);
    struct probe *probe = grpc_call_state(call);
    unsigned n = atomic_load(&fixture->n_records);
    do {
        if (n == SERVER_MAX_RECORDS)
            abort();
        probe->record = &fixture->records[n];
    } while (!atomic_compare_exchange_weak(&fixture->n_records, &n, n + 1));
    atomic_store(&probe->record->worker, call->worker->index);
    atomic_store(&probe->record->call, call);
    tell_test(call);
}

static void on_started_held(struct grpc_call *call) {
    grpc_call_hold(call);
    on_started(call);
}

static void on_started_kept(struct grpc_call *call) {
    grpc_call_ref(call);
    on_started(call);
}

static void on_ended(struct grpc_call *call) {
    struct server_fixture *fixture = grpc_call_user(call);
    struct record *record = record_of(call);
    if (record)
        atomic_fetch_add(&record->n_ended, 1);
    else
        atomic_fetch_add(&fixture->n_ended_unstarted, 1);
    tell_test(call);
}

static void on_writable(struct grpc_call *call) {
    atomic_fetch_add(&record_of(call)->n_writable, 1);
    tell_test(call);
}

static void take(struct grpc_call *call, struct bytes message) {
    struct record *record = record_of(call);
    uint64_t hash = hash_message(atomic_load(&record->hash), message);
    atomic_store(&record->hash, hash);
    atomic_fetch_add(&record->n_bytes, message.len);
    atomic_fetch_add(&record->n_offered, 1);
    atomic_fetch_add(&record->n_messages, 1);
    tell_test(call);
}

static void send_bytes(struct grpc_call *call, struct bytes message) {
    uint8_t *out;
    if (grpc_call_reserve(call, message.len, &out)) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    if (message.len)
        memcpy(out, message.data, message.len);
    grpc_call_commit(call);
}

static int message_take(struct grpc_call *call, struct bytes message) {
    take(call, message);
    return 0;
}

static int message_echo(struct grpc_call *call, struct bytes message) {
    take(call, message);
    send_bytes(call, message);
    if (call->route->method->kind == GRPC_UNARY)
        grpc_call_finish(call, GRPC_OK, "%s", "");
    return 0;
}

/* Refuses each message once. */
static int message_picky(struct grpc_call *call, struct bytes message) {
    struct probe *probe = grpc_call_state(call);
    probe->has_refused = !probe->has_refused;
    if (probe->has_refused) {
        atomic_fetch_add(&probe->record->n_offered, 1);
        tell_test(call);
        return GRPC_E_HOLD;
    }
    message_echo(call, message);
    return 0;
}

static int message_early(struct grpc_call *call, struct bytes message) {
    take(call, message);
    grpc_call_finish(call, GRPC_NOT_FOUND, "50%% of \xc3\xb6 is enough\n");
    return 0;
}

/* Holds behind each message, which the test has to release. */
static int message_one_by_one(struct grpc_call *call, struct bytes message) {
    take(call, message);
    grpc_call_hold(call);
    return 0;
}

/* Holds and releases from inside, finishes at the third. */
static int message_nested(struct grpc_call *call, struct bytes message) {
    grpc_call_hold(call);
    grpc_call_release(call);
    message_echo(call, message);
    if (atomic_load(&record_of(call)->n_messages) == 3) {
        grpc_call_finish(call, GRPC_OK, "%s", "");
        grpc_call_finish(call, GRPC_INTERNAL, "the second status does not count");
        grpc_call_release(call);
        send_bytes(call, message);
        return GRPC_E_HOLD; /* on a call that is over */
    }
    return 0;
}

/* The message is the number of messages to send, of 1,000 bytes each, when the client reads. */
static void send_many(struct grpc_call *call) {
    static const uint8_t thousand[1000] = {1};
    struct probe *probe = grpc_call_state(call);
    while (probe->n_to_send > 0 && !grpc_call_is_busy(call)) {
        send_bytes(call, bytes_of(thousand, sizeof(thousand)));
        probe->n_to_send--;
    }
    if (probe->n_to_send == 0)
        grpc_call_finish(call, GRPC_OK, "%s", "");
}

static int message_many(struct grpc_call *call, struct bytes message) {
    char text[16] = "";
    struct probe *probe = grpc_call_state(call);
    take(call, message);
    memcpy(text, message.data, message.len < 15 ? message.len : 15);
    probe->n_to_send = (unsigned)strtoul(text, NULL, 10);
    send_many(call);
    return 0;
}

static void writable_many(struct grpc_call *call) {
    on_writable(call);
    send_many(call);
}

static void half_closed_finish(struct grpc_call *call) {
    atomic_fetch_add(&record_of(call)->n_half_closed, 1);
    grpc_call_finish(call, GRPC_OK, "%s", "");
    tell_test(call);
}

static void half_closed_count(struct grpc_call *call) {
    char text[32];
    int n = snprintf(text, sizeof(text), "%u", atomic_load(&record_of(call)->n_messages));
    atomic_fetch_add(&record_of(call)->n_half_closed, 1);
    send_bytes(call, bytes_of(text, (size_t)n));
    grpc_call_finish(call, GRPC_OK, "%s", "");
}

#define METHOD(method_name, method_kind, ...)                                         \
    {                                                                                 \
        .name = method_name, .kind = method_kind, .state_size = sizeof(struct probe), \
        .ended = on_ended, __VA_ARGS__                                                \
    }

static const struct grpc_method methods[] = {
    METHOD("Echo", GRPC_UNARY, .started = on_started, .message = message_echo),
    METHOD("Count", GRPC_CLIENT_STREAM, .started = on_started, .message = message_take,
           .half_closed = half_closed_count),
    METHOD("Many", GRPC_SERVER_STREAM, .started = on_started, .message = message_many,
           .writable = writable_many),
    METHOD("Chat", GRPC_BIDI_STREAM, .started = on_started, .message = message_echo,
           .half_closed = half_closed_finish),
    METHOD("Held", GRPC_BIDI_STREAM, .started = on_started_held, .message = message_take,
           .half_closed = half_closed_finish),
    METHOD("Picky", GRPC_BIDI_STREAM, .started = on_started, .message = message_picky,
           .half_closed = half_closed_finish),
    METHOD("PickyUnary", GRPC_UNARY, .started = on_started, .message = message_picky),
    METHOD("OneByOne", GRPC_CLIENT_STREAM, .started = on_started, .message = message_one_by_one,
           .half_closed = half_closed_count),
    METHOD("Nested", GRPC_BIDI_STREAM, .started = on_started, .message = message_nested,
           .half_closed = half_closed_finish),
    METHOD("Early", GRPC_CLIENT_STREAM, .started = on_started, .message = message_early),
    METHOD("Silent", GRPC_UNARY, .started = on_started, .message = message_take),
    METHOD("Kept", GRPC_CLIENT_STREAM, .started = on_started_kept, .message = message_take),
};

static bool admit(void *user, struct grpc_call *call) {
    (void)user;
    if (!grpc_call_header(call, "x-refuse").data)
        return true;
    grpc_call_finish(call, GRPC_UNAUTHENTICATED, "not you");
    return false;
}

/* ---- the loop ---- */

static void on_wakeup(uv_async_t *wakeup) {
    (void)wakeup; /* the turn that it causes is all it is for */
}

static void on_watchdog(uv_timer_t *watchdog) {
    struct server_fixture *fixture = watchdog->data;
    fixture->was_in_time = false;
}

void server_turn(struct server_fixture *fixture) {
    uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    if (!fixture->was_in_time)
        fail_msg("nothing happened for too long");
}

struct errand {
    struct letter letter;
    struct grpc_call *call;
    void (*job)(struct grpc_call *call);
    sem_t done;
};

static void errand_deliver(struct letter *letter) {
    struct errand *errand = CONTAINER_OF(letter, struct errand, letter);
    errand->job(errand->call);
    sem_post(&errand->done);
}

void server_do(struct server_fixture *fixture, const struct record *record,
               void (*job)(struct grpc_call *call)) {
    struct errand errand = {.call = atomic_load(&record->call), .job = job};
    errand.letter.deliver = errand_deliver;
    sem_init(&errand.done, 0, 0);
    assert_int_equal(
        grpc_server_post(fixture->server, atomic_load(&record->worker), &errand.letter), 0);
    while (sem_wait(&errand.done))
        continue;
    sem_destroy(&errand.done);
}

struct record *server_record(struct server_fixture *fixture, unsigned n) {
    server_until(fixture,
                 atomic_load(&fixture->n_records) > n && atomic_load(&fixture->records[n].call));
    return &fixture->records[n];
}

/* ---- life ---- */

static const char *const service_names[] = {"test.Probe", "grpc.health.v1.Health"};

static void make_server(struct server_fixture *fixture, unsigned n_workers,
                        const struct grpc_server_observer *observer) {
    struct net_address address = {.host = "127.0.0.1"};
    struct err_text why;
    fixture->probe = (struct grpc_service){
        .name = "test.Probe",
        .methods = methods,
        .n_methods = ARRAY_LEN(methods),
        .user = fixture,
    };
    assert_int_equal(grpc_health_new(service_names, ARRAY_LEN(service_names), &fixture->health), 0);
    assert_int_equal(grpc_reflection_new(descriptors_file_set(), service_names,
                                         ARRAY_LEN(service_names), &fixture->reflection),
                     0);
    const struct grpc_service *services[] = {
        &fixture->probe,
        grpc_health_service(fixture->health),
        grpc_reflection_v1(fixture->reflection),
        grpc_reflection_v1alpha(fixture->reflection),
    };
    const struct grpc_server_options options = {
        .n_workers = n_workers,
        .services = services,
        .n_services = ARRAY_LEN(services),
        .hooks = {.admit = admit},
        .observer = observer,
    };
    assert_int_equal(grpc_server_new(&fixture->loop, &options, &fixture->server), 0);
    assert_int_equal(grpc_health_attach(fixture->health, fixture->server), 0);
    assert_int_equal(grpc_server_listen(fixture->server, &address, NULL, &why), 0);
    assert_int_equal(grpc_server_start(fixture->server), 0);
    fixture->is_running = true;
}

static int setup_with(void **state, unsigned n_workers,
                      const struct grpc_server_observer *observer) {
    struct server_fixture *fixture = test_calloc(1, sizeof(*fixture));
    fail_alloc_off();
    assert_int_equal(net_loop_init(&fixture->loop, NULL, NULL), 0);
    uv_async_init(&fixture->loop.uv, &fixture->wakeup, on_wakeup);
    uv_timer_init(&fixture->loop.uv, &fixture->watchdog);
    fixture->was_in_time = true;
    fixture->watchdog.data = fixture;
    uv_timer_start(&fixture->watchdog, on_watchdog, 20000, 0);
    make_server(fixture, n_workers, observer);
    server_connect(fixture, 0);
    *state = fixture;
    return 0;
}

int server_setup(void **state) {
    return setup_with(state, 1, NULL);
}

int server_setup_two_workers(void **state) {
    return setup_with(state, 2, NULL);
}

int server_setup_observed(void **state, const struct grpc_server_observer *observer) {
    return setup_with(state, 1, observer);
}

static void on_stopped(void *user) {
    struct server_fixture *fixture = user;
    fixture->n_stopped++;
}

void server_order_stop(struct server_fixture *fixture, uint64_t limit_ns) {
    fixture->is_running = false;
    grpc_server_stop(fixture->server, limit_ns, on_stopped, fixture);
}

void server_stop(struct server_fixture *fixture, uint64_t limit_ns) {
    server_order_stop(fixture, limit_ns);
    server_until(fixture, fixture->n_stopped == 1);
}

int server_teardown(void **state) {
    struct server_fixture *fixture = *state;
    fail_alloc_off();
    if (fixture->is_running)
        server_stop(fixture, 0);
    grpc_server_free(fixture->server);
    grpc_health_free(fixture->health);
    grpc_reflection_free(fixture->reflection);
    uv_close((uv_handle_t *)&fixture->wakeup, NULL);
    uv_close((uv_handle_t *)&fixture->watchdog, NULL);
    net_loop_close(&fixture->loop);
    net_loop_run(&fixture->loop);
    net_loop_fini(&fixture->loop);
    for (unsigned i = 0; i < fixture->n_calls; i++)
        raw_fini(&fixture->calls[i]);
    test_free(fixture);
    return 0;
}

/* ---- clients ---- */

struct raw_client *server_connect(struct server_fixture *fixture, unsigned n) {
    struct raw_client *client = &fixture->clients[n];
    raw_connect(client, &fixture->loop, grpc_server_port(fixture->server, 0));
    server_until(fixture, client->is_ready);
    return client;
}

struct raw_call *server_new_call(struct server_fixture *fixture) {
    assert_true(fixture->n_calls < SERVER_MAX_CALLS);
    return &fixture->calls[fixture->n_calls++];
}

struct raw_call *server_start_with(struct server_fixture *fixture, const char *path,
                                   struct h2_field extra) {
    struct raw_call *call = server_new_call(fixture);
    raw_start(call, &fixture->clients[0], path, extra);
    return call;
}

struct raw_call *server_start_on(struct server_fixture *fixture, struct raw_client *client,
                                 const char *path) {
    struct raw_call *call = server_new_call(fixture);
    raw_start_plain(call, client, path);
    return call;
}

struct raw_call *server_start(struct server_fixture *fixture, const char *path) {
    return server_start_on(fixture, &fixture->clients[0], path);
}

struct raw_call *server_call(struct server_fixture *fixture, const char *path,
                             struct bytes message) {
    struct raw_call *call = server_start(fixture, path);
    raw_send_message(call, false, message);
    raw_end(call);
    server_until(fixture, call->n_closed);
    return call;
}

void server_expect(struct server_fixture *fixture, struct raw_call *call, enum grpc_status status) {
    server_until(fixture, call->n_closed);
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(raw_status(call), (int)status);
}

void server_expect_none(struct server_fixture *fixture, struct raw_call *call) {
    server_until(fixture, call->n_closed);
    assert_int_equal(call->n_closed, 1);
    assert_int_equal(raw_status(call), -1);
}

void server_round_trip(struct server_fixture *fixture, struct raw_client *client) {
    struct raw_call *call = server_start_on(fixture, client, "/test.Probe/Echo");
    raw_send_message(call, false, bytes_str("ping"));
    raw_end(call);
    server_expect(fixture, call, GRPC_OK);
}
