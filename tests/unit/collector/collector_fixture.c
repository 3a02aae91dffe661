/* SPDX-License-Identifier: Apache-2.0 */
#include "collector_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/memory.h"
#include "unit.h"

/* ---- the loop ---- */

static void on_watchdog(uv_timer_t *watchdog) {
    struct bench *bench = watchdog->data;
    bench->was_in_time = false;
}

void bench_turn(struct bench *bench) {
    uv_run(&bench->loop.uv, UV_RUN_ONCE);
    if (!bench->was_in_time)
        fail_msg("nothing happened for too long");
}

/* ---- life ---- */

static void make_store(struct bench *bench) {
    struct store_backend *memory;
    assert_int_equal(store_memory_new(&(struct store_memory_options){0}, &memory), 0);
    bench->commits = gate_backend_new(memory);
    assert_non_null(bench->commits);
    bench->reads = read_gate_new(gate_backend_base(bench->commits));
    assert_non_null(bench->reads);
    assert_int_equal(store_new(&bench->store, read_gate_base(bench->reads)), 0);
}

static void make_server(struct bench *bench) {
    struct net_address address = {.host = "127.0.0.1"};
    const struct collector_options options = {
        .store = bench->store,
        .tokens_file = bench->tokens_file[0] ? bench->tokens_file : NULL,
        .max_future_s = 86400,
    };
    struct err_text why;
    assert_int_equal(collector_new(&options, &bench->collector, &why), 0);
    assert_int_equal(grpc_health_new(NULL, 0, &bench->health), 0);
    const struct grpc_service *services[] = {
        collector_services(bench->collector)[0],
        collector_services(bench->collector)[1],
        grpc_health_service(bench->health),
    };
    struct grpc_server_options server = {
        .n_workers = 1,
        .services = services,
        .n_services = ARRAY_LEN(services),
    };
    collector_hooks(bench->collector, &server.hooks);
    assert_int_equal(grpc_server_new(&bench->loop, &server, &bench->server), 0);
    assert_int_equal(grpc_health_attach(bench->health, bench->server), 0);
    assert_int_equal(grpc_server_listen(bench->server, &address, NULL, &why), 0);
    assert_int_equal(grpc_server_start(bench->server), 0);
    assert_int_equal(store_start(bench->store), 0);
    bench->is_running = true;
}

static void add_token(struct tokens *tokens, const char *name, const char *token) {
    const struct token_rights rights = {.write = "boiler*", .read = "boiler*"};
    struct err_text why;
    assert_int_equal(tokens_add(tokens, name, bytes_str(token), &rights, &why), 0);
}

void bench_save_tokens(struct bench *bench, bool has_token) {
    struct tokens *tokens = tokens_new();
    struct err_text why;
    assert_non_null(tokens);
    if (has_token)
        add_token(tokens, "one", BENCH_TOKEN);
    add_token(tokens, "other", BENCH_OTHER_TOKEN);
    assert_int_equal(tokens_save(bench->tokens_file, tokens, &why), 0);
    tokens_free(tokens);
}

static int setup_with(void **state, bool has_tokens) {
    struct bench *bench = test_calloc(1, sizeof(*bench));
    fail_alloc_off();
    if (has_tokens) {
        snprintf(bench->tokens_file, sizeof(bench->tokens_file), "/tmp/tokens-XXXXXX");
        close(mkstemp(bench->tokens_file));
        bench_save_tokens(bench, true);
    }
    assert_int_equal(net_loop_init(&bench->loop, NULL, NULL), 0);
    uv_timer_init(&bench->loop.uv, &bench->watchdog);
    bench->was_in_time = true;
    bench->watchdog.data = bench;
    uv_timer_start(&bench->watchdog, on_watchdog, 20000, 0);
    make_store(bench);
    make_server(bench);
    bench_connect(bench, 0);
    *state = bench;
    return 0;
}

int bench_setup(void **state) {
    return setup_with(state, false);
}

int bench_setup_with_tokens(void **state) {
    return setup_with(state, true);
}

static void on_stopped(void *user) {
    struct bench *bench = user;
    bench->n_stopped++;
}

void bench_order_stop(struct bench *bench, uint64_t limit_ns) {
    bench->is_running = false;
    grpc_server_stop(bench->server, limit_ns, on_stopped, bench);
}

int bench_teardown(void **state) {
    struct bench *bench = *state;
    fail_alloc_off();
    gate_backend_open(bench->commits);
    read_gate_open(bench->reads);
    if (bench->is_running)
        bench_order_stop(bench, 0);
    bench_until(bench, bench->n_stopped > 0);
    uv_close((uv_handle_t *)&bench->watchdog, NULL);
    net_loop_close(&bench->loop);
    store_stop(bench->store);
    grpc_server_free(bench->server);
    net_loop_run(&bench->loop);
    grpc_health_free(bench->health);
    collector_free(bench->collector);
    store_free(bench->store);
    net_loop_fini(&bench->loop);
    for (unsigned i = 0; i < bench->n_calls; i++)
        raw_fini(&bench->calls[i]);
    if (bench->tokens_file[0])
        unlink(bench->tokens_file);
    test_free(bench);
    return 0;
}

/* ---- calls ---- */

struct raw_client *bench_connect(struct bench *bench, unsigned n) {
    struct raw_client *client = &bench->clients[n];
    raw_connect(client, &bench->loop, grpc_server_port(bench->server, 0));
    bench_until(bench, client->is_ready);
    return client;
}

static struct raw_call *start(struct bench *bench, const char *path, struct h2_field extra) {
    assert_true(bench->n_calls < BENCH_MAX_CALLS);
    struct raw_call *call = &bench->calls[bench->n_calls++];
    raw_start(call, &bench->clients[0], path, extra);
    return call;
}

struct raw_call *bench_start(struct bench *bench, const char *path) {
    return start(bench, path, (struct h2_field){0});
}

struct raw_call *bench_start_with(struct bench *bench, const char *path, const char *token) {
    return start(bench, path, raw_field("authorization", token));
}

static void send_message(struct raw_call *call, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = test_malloc(size + 1);
    protobuf_c_message_pack(message, bytes);
    raw_send_message(call, false, bytes_of(bytes, size));
    test_free(bytes);
}

void bench_send_reading(struct bench *bench, struct raw_call *call, const char *sensor_id) {
    SensorReading reading = SENSOR_READING__INIT;
    reading.sensor_id = (char *)(uintptr_t)sensor_id;
    reading.timestamp = ++bench->clock_s;
    reading.temperature = (double)bench->clock_s;
    send_message(call, &reading.base);
}

void bench_expect(struct bench *bench, struct raw_call *call, enum grpc_status status) {
    bench_until(bench, call->n_closed);
    assert_int_equal(raw_status(call), (int)status);
}

struct raw_call *bench_write(struct bench *bench, const char *sensor_id) {
    struct raw_call *call = bench_start(bench, "/SensorService/SendSingleReading");
    bench_send_reading(bench, call, sensor_id);
    raw_end(call);
    return call;
}

struct raw_call *bench_call(struct bench *bench, const char *path,
                            const ProtobufCMessage *message) {
    struct raw_call *call = bench_start(bench, path);
    send_message(call, message);
    raw_end(call);
    bench_until(bench, call->n_closed);
    return call;
}

void bench_check_health(struct bench *bench) {
    struct raw_call *call = bench_start(bench, "/grpc.health.v1.Health/Check");
    raw_send_message(call, false, (struct bytes){0});
    raw_end(call);
    bench_expect(bench, call, GRPC_OK);
}

uint64_t bench_count(struct bench *bench, const char *pattern) {
    Thermograph__V1__GetStatisticsRequest request = THERMOGRAPH__V1__GET_STATISTICS_REQUEST__INIT;
    request.sensor_id = (char *)(uintptr_t)pattern;
    struct raw_call *call =
        bench_call(bench, "/thermograph.v1.Thermograph/GetStatistics", &request.base);
    if (raw_status(call) == GRPC_NOT_FOUND)
        return 0;
    assert_int_equal(raw_status(call), GRPC_OK);
    struct bytes bytes = raw_message(call, 0).bytes;
    Thermograph__V1__Statistics *answer =
        thermograph__v1__statistics__unpack(NULL, bytes.len, bytes.data);
    assert_non_null(answer);
    uint64_t count = answer->count;
    thermograph__v1__statistics__free_unpacked(answer, NULL);
    return count;
}

void assert_ack(const struct raw_call *call, const char *text, uint64_t accepted) {
    struct bytes bytes = raw_message(call, 0).bytes;
    Ack *ack = ack__unpack(NULL, bytes.len, bytes.data);
    assert_non_null(ack);
    assert_string_equal(ack->message, text);
    assert_int_equal(ack->accepted, accepted);
    ack__free_unpacked(ack, NULL);
}

void assert_answer(const struct raw_call *call, size_t n, const char *text, uint64_t accepted) {
    struct bytes bytes = raw_message(call, n).bytes;
    ServerMessage *answer = server_message__unpack(NULL, bytes.len, bytes.data);
    assert_non_null(answer);
    assert_string_equal(answer->message, text);
    assert_int_equal(answer->accepted, accepted);
    server_message__free_unpacked(answer, NULL);
}
