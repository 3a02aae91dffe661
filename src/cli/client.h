/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "base/signals.h"
#include "cli/output.h"
#include "cli/telemetry.h"
#include "cli/verb.h"
#include "grpc/channel.h"
#include "net/loop.h"
#include "proto/reading.h"

/* How long a call with one answer may take when nobody says otherwise. */
#define CLIENT_UNARY_TIMEOUT_NS (10 * NS_PER_S)

/* A token file's only line. */
struct client_token {
    char text[1088];
};

/*
 * What all verbs that call a server share: a channel made from the options, a loop to run it, the
 * end by Ctrl-C, and words about failures.
 *
 *     client_open -> the verb starts its calls -> client_run ... client_finish (from a callback)
 */
struct client {
    const struct options *options;
    struct net_loop loop;
    struct grpc_channel *channel;
    struct grpc_channel_options access; /* to the server, as the options say */
    struct client_token token;          /* that `access` may point at */
    uint64_t timeout_ns;                /* of each call; 0: none */
    enum output_format format;

    /* Set by the verb, may stay NULL. On the end: it closes its own handles. */
    void (*closing)(struct client *client);
    /* SIGINT or SIGTERM came. Without it the verb ends with EXIT_INTERRUPTED. */
    void (*interrupted)(struct client *client);

    bool is_finished;
    int exit_status;
    struct signals signals;
    bool may_leave; /* the program ends with it */
    uv_timer_t end; /* after client_finish(): when it is no longer waited for */
    struct telemetry telemetry;
    struct otlp_grpc_client *calls; /* NULL: nobody watches */
};

/*
 * `timeout_ns` is what counts without --timeout; 0 is none. EXIT_OK, or another status after having
 * said why.
 */
MUST_USE int client_open(struct client *client, const struct options *options, uint64_t timeout_ns);

/*
 * The same for calls that are not telemetry: what asks every few seconds, each time as a program of
 * its own, would be most of what there is to see.
 */
MUST_USE int client_open_unwatched(struct client *client, const struct options *options,
                                   uint64_t timeout_ns);

/*
 * The two halves of client_open() for who says itself what is wrong: what the options say, and what
 * is made of it. Its calls are not telemetry. 0 or a negated errno with words; -EINVAL from the
 * first is wrong usage. After a failure there is nothing to free.
 */
MUST_USE int client_read(struct client *client, const struct options *options, uint64_t timeout_ns,
                         struct err_text *why);
MUST_USE int client_start(struct client *client, struct err_text *why);

/*
 * Runs until client_finish() and frees all. Returns the exit status. With a client of client_open()
 * the program may end here: a name that is being looked up cannot be taken back from the resolver.
 */
MUST_USE int client_run(struct client *client);

/* Starts a call with the client's timeout. What goes wrong is said and finishes the client. 0 or
 * -EINVAL. */
MUST_USE int client_call(struct client *client, const char *path, const struct grpc_client_ops *ops,
                         void *user, struct grpc_client_call **call);

/*
 * Sends a reading as it is: protobuf-c's generated code would make -0.0 a 0.0. 0 or a negated
 * errno.
 */
MUST_USE int client_send_reading(struct grpc_client_call *call, const struct reading *reading);

/* Ends the run. Calls that still run are cancelled, and their status comes from inside. The first
 * one counts. */
void client_finish(struct client *client, int exit_status);

/* Says why a call failed and what could be done, and finishes with EXIT_FAILED. Silent once the
 * client is finished. */
void client_fail(struct client *client, enum grpc_status status, const char *text);

/* Says that nothing was sent, where there has never been a connection. Whether it did. Before
 * client_fail(). */
bool client_say_if_unsent(const struct client *client);

/* What could be done about a call that failed, or NULL. */
const char *client_hint(const struct client *client, enum grpc_status status, const char *text);

/* Says `thermograph: VERB: words` on standard error. */
void say_failure(const struct options *options, const char *format, ...) PRINTF(2, 3);

/* The same for wrong usage; returns EXIT_USAGE. */
int say_usage(const struct options *options, const struct err_text *why);

/*
 * At a verb's end: what could not be written to standard output is said and makes EXIT_OK
 * EXIT_FAILED. When whoever was to read it has gone, that is not worth a word.
 */
MUST_USE int finish_output(const struct options *options, int exit_status);

/* 0 or a negated errno with words. */
MUST_USE int client_read_token(FILE *file, const char *name, struct client_token *token,
                               struct err_text *why);
