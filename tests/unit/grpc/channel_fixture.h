/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "channel_peer.h"
#include "grpc/channel.h"
#include "grpc/channel_conn.h"
#include "grpc/channel_impl.h"
#include "grpc/client_call.h"

/*
 * A loop with a peer that listens and a channel to it, and records of what calls were told. The
 * loop is turned by fixture_run(), which ends the test when nothing happens for 20 s.
 */
enum {
    FIXTURE_LAST = 128,
};

struct fixture {
    struct net_loop loop;
    struct peer peer;
    struct grpc_channel *channel;
    uv_timer_t watchdog;
    bool was_in_time;
};

/* What a call was told. `on_*` run inside its callbacks; NULL: nothing. */
struct told {
    struct fixture *fixture;
    struct grpc_client_call *call;
    void (*on_message)(struct told *told);
    void (*on_writable)(struct told *told);
    void (*on_status)(struct told *told);

    unsigned n_messages;
    uint8_t last[FIXTURE_LAST]; /* the last message, cut */
    size_t last_len;
    unsigned n_writable;
    unsigned n_status;
    enum grpc_status status;
    char text[512];
    char head[64], trail[64]; /* the values of x-head and x-trail */
    char details[64];         /* grpc-status-details-bin, decoded */
};

/* For cmocka. The channel is plaintext, without a token. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Replaces the channel; address and port are filled in. */
void fixture_channel(struct fixture *fixture, struct grpc_channel_options options);

/* Turns the loop until `*count` is at least `n`. */
void fixture_run(struct fixture *fixture, const unsigned *count, unsigned n);

/* Turns it until the channel is in that state. */
void fixture_run_to(struct fixture *fixture, enum channel_state state);

/* Turns it once more, without waiting. */
void fixture_turn(struct fixture *fixture);

/* The wait that the channel has set is over. */
void fixture_end_backoff(struct fixture *fixture);

/* What grpc_client_call_start() gives. */
int told_try_start(struct told *told, struct fixture *fixture,
                   const struct grpc_call_options *options);

/* Starts a call; asserts that it works. */
void told_start(struct told *told, struct fixture *fixture, const char *path);
void told_start_with(struct told *told, struct fixture *fixture,
                     const struct grpc_call_options *options);

void told_send(struct told *told, const char *text);

/* A unary call, from start to status. */
void told_call(struct told *told, struct fixture *fixture, const char *path, const char *text);

/* Until the status is there, once. */
void told_wait(struct told *told);

void assert_status(const struct told *told, enum grpc_status status, const char *text);
void assert_last(const struct told *told, const char *text);
