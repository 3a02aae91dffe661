/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

#include "grpc/call_impl.h"
#include "grpc/health.h"
#include "grpc/observer.h"
#include "grpc/reflection.h"
#include "raw_client.h"

/*
 * A server with its workers' threads, on 127.0.0.1, whose accepting loop is the test's own; clients
 * (raw_client.h) live on the same loop. Its service `test.Probe` has a method for each thing that a
 * handler may do; health and reflection are there too. Each call that starts gets a record.
 *
 * Nothing sleeps: a handler's callback wakes the test's loop, server_until() turns it until a
 * condition holds, and server_do() runs something on a worker and waits for it.
 */
enum {
    SERVER_MAX_RECORDS = 1024,
    SERVER_MAX_CALLS = 512,
    SERVER_MAX_CLIENTS = 40,
};

/* What a call's handler was told. Written by its worker, read by the test. */
struct record {
    _Atomic(struct grpc_call *) call; /* may be gone when n_ended is 1 */
    atomic_uint n_offered;            /* times that `message` was called */
    atomic_uint n_messages;           /* those that it took */
    atomic_uint n_half_closed;
    atomic_uint n_writable;
    atomic_uint n_ended;
    atomic_uint worker;
    _Atomic uint64_t n_bytes;
    _Atomic uint64_t hash; /* of the messages taken, hash_message() */
};

struct server_fixture {
    struct net_loop loop;
    uv_async_t wakeup;
    uv_timer_t watchdog;
    bool was_in_time;

    struct grpc_service probe;
    struct grpc_health *health;
    struct grpc_reflection *reflection;
    struct grpc_server *server;
    bool is_running;
    unsigned n_stopped;

    struct record records[SERVER_MAX_RECORDS];
    atomic_uint n_records;
    atomic_uint n_ended_unstarted; /* `ended` of calls that never started */

    /* Here, so that they outlive a test that fails. The first client is connected by the setup. */
    struct raw_client clients[SERVER_MAX_CLIENTS];
    struct raw_call calls[SERVER_MAX_CALLS];
    unsigned n_calls;
};

/* For cmocka. One worker, or two. */
int server_setup(void **state);
int server_setup_two_workers(void **state);
int server_setup_observed(void **state, const struct grpc_server_observer *observer);
int server_teardown(void **state);

/* The first call's record, once it has started. */
struct record *server_record(struct server_fixture *fixture, unsigned n);

/* Runs `job` on the call's worker and waits until it has returned. */
void server_do(struct server_fixture *fixture, const struct record *record,
               void (*job)(struct grpc_call *call));

/* Stops the server and turns the loop until it has. */
void server_stop(struct server_fixture *fixture, uint64_t limit_ns);

/* Gives the order only; n_stopped counts its ends. */
void server_order_stop(struct server_fixture *fixture, uint64_t limit_ns);

/* One turn of the loop, in which it may wait; fails the test when nothing happens for 20 s. */
void server_turn(struct server_fixture *fixture);

#define server_until(fixture, condition) \
    do {                                 \
        while (!(condition))             \
            server_turn(fixture);        \
    } while (0)

/* Connects the n-th client; the first is connected already. */
struct raw_client *server_connect(struct server_fixture *fixture, unsigned n);

/* A whole call on a client: what was sent before it has arrived. */
void server_round_trip(struct server_fixture *fixture, struct raw_client *client);

/* Starts a call of the first client, with another field, or of another client. */
struct raw_call *server_start(struct server_fixture *fixture, const char *path);
struct raw_call *server_start_with(struct server_fixture *fixture, const char *path,
                                   struct h2_field extra);
struct raw_call *server_start_on(struct server_fixture *fixture, struct raw_client *client,
                                 const char *path);

/* For raw_start_with(). */
struct raw_call *server_new_call(struct server_fixture *fixture);

/* A call with one message, up to its end. */
struct raw_call *server_call(struct server_fixture *fixture, const char *path,
                             struct bytes message);

/* Turns the loop until the call is over, and checks its status. */
void server_expect(struct server_fixture *fixture, struct raw_call *call, enum grpc_status status);

/* The same for a call that gets none. */
void server_expect_none(struct server_fixture *fixture, struct raw_call *call);

uint64_t hash_message(uint64_t hash, struct bytes message);
