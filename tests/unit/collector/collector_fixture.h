/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "collector/collector.h"
#include "gate_backend.h"
#include "grpc/health.h"
#include "proto/sensor.pb-c.h"
#include "proto/thermograph.pb-c.h"
#include "raw_client.h"
#include "read_gate.h"

/*
 * The product without its program: the services on a server with one worker, a store in memory
 * whose commits and whose reads can each be held at a gate, and clients on the test's own loop.
 * Nothing sleeps; a test turns the loop until something holds, for at most 20 s.
 */
enum {
    BENCH_MAX_CALLS = 256,
    BENCH_MAX_CLIENTS = 4,
};

struct bench {
    struct net_loop loop;
    uv_timer_t watchdog;
    bool was_in_time;
    struct gate_backend *commits;
    struct read_gate *reads;
    struct store *store;
    struct collector *collector;
    struct grpc_health *health;
    struct grpc_server *server;
    bool is_running;
    unsigned n_stopped;
    char tokens_file[64];                         /* empty: none */
    struct raw_client clients[BENCH_MAX_CLIENTS]; /* the first is connected */
    struct raw_call calls[BENCH_MAX_CALLS];
    unsigned n_calls;
    int64_t clock_s; /* of bench_reading() */
};

/* For cmocka. Both gates are open. */
int bench_setup(void **state);

/* The same, with the tokens BENCH_TOKEN (writes and reads `boiler*`) and BENCH_OTHER_TOKEN. */
#define BENCH_TOKEN       "a-token-with-enough-letters"
#define BENCH_OTHER_TOKEN "another-token-with-letters"
int bench_setup_with_tokens(void **state);

/* Writes the file anew, with BENCH_TOKEN or without it. */
void bench_save_tokens(struct bench *bench, bool has_token);
int bench_teardown(void **state);

void bench_turn(struct bench *bench);

#define bench_until(bench, condition) \
    do {                              \
        while (!(condition))          \
            bench_turn(bench);        \
    } while (0)

struct raw_client *bench_connect(struct bench *bench, unsigned n);
void bench_order_stop(struct bench *bench, uint64_t limit_ns);

/* A call of the first client; with a token. */
struct raw_call *bench_start(struct bench *bench, const char *path);
struct raw_call *bench_start_with(struct bench *bench, const char *path, const char *token);

/* Sends the next reading of that sensor: a second later, a degree more; the first is 1. */
void bench_send_reading(struct bench *bench, struct raw_call *call, const char *sensor_id);

/* The call ends with that status. */
void bench_expect(struct bench *bench, struct raw_call *call, enum grpc_status status);

/* Calls from beginning to end. */
struct raw_call *bench_write(struct bench *bench, const char *sensor_id); /* does not wait */
struct raw_call *bench_call(struct bench *bench, const char *path, const ProtobufCMessage *message);
void bench_check_health(struct bench *bench);

/* Readings of the sensors that match, by GetStatistics. */
uint64_t bench_count(struct bench *bench, const char *pattern);

/* The n-th message is an Ack, or a ServerMessage, with that text and count. */
void assert_ack(const struct raw_call *call, const char *text, uint64_t accepted);
void assert_answer(const struct raw_call *call, size_t n, const char *text, uint64_t accepted);
