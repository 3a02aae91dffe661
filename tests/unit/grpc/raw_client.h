/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "grpc/framing.h"
#include "http2/session.h"
#include "net/conn.h"
#include "net/loop.h"

/*
 * A client for tests of servers: an HTTP/2 session on a socket, which sends what no channel would
 * and keeps what came as it came. On the test's own loop.
 */
struct raw_call {
    struct raw_client *client;
    struct h2_stream *stream; /* NULL once it is closed */
    bool is_holding;          /* what comes is not consumed */
    char head[4096];          /* "name: value\n" each */
    char trailers[4096];
    struct buf body;
    unsigned n_closed;
    uint32_t error; /* with which it was closed */
    bool has_ended; /* the server's side */
};

struct raw_client {
    struct net_loop *loop;
    struct net_conn *net; /* NULL once it is closed */
    struct h2_session *session;
    bool is_ready;
    bool has_goaway;
    unsigned n_closed;
    uint16_t port;
};

void raw_connect(struct raw_client *client, struct net_loop *loop, uint16_t port);
void raw_abort(struct raw_client *client);

/* The fields that a gRPC request has; a test changes what it likes. */
enum {
    RAW_METHOD,
    RAW_SCHEME,
    RAW_PATH,
    RAW_AUTHORITY,
    RAW_TE,
    RAW_TYPE,
    RAW_N_FIELDS
};
struct h2_field raw_field(const char *name, const char *value);
void raw_fields(struct h2_field fields[RAW_N_FIELDS], const char *path);

/* Starts a call; `extra` goes behind the usual fields, its name is NULL where there is none. */
void raw_start(struct raw_call *call, struct raw_client *client, const char *path,
               struct h2_field extra);
void raw_start_plain(struct raw_call *call, struct raw_client *client, const char *path);
void raw_start_with(struct raw_call *call, struct raw_client *client, const struct h2_field *fields,
                    size_t n);

/* Sends bytes of the body as they are, a message with its prefix, the end of our side. */
void raw_send(struct raw_call *call, struct bytes bytes);
void raw_send_message(struct raw_call *call, bool is_compressed, struct bytes message);
void raw_end(struct raw_call *call);
void raw_reset(struct raw_call *call, enum h2_error error);

/* Of a call that is over: frees what it keeps. */
void raw_fini(struct raw_call *call);

/* The status of a call that is over, from its trailers or its only block; -1: none came. */
int raw_status(const struct raw_call *call);

/* Whether the answer's field blocks have that text. */
bool raw_has(const struct raw_call *call, const char *text);

/* The n-th message of the answer; fails the test when it is not there. */
struct grpc_message raw_message(const struct raw_call *call, size_t n);
size_t raw_n_messages(const struct raw_call *call);
