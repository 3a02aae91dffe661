/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/channel_impl.h"
#include "grpc/client_answer.h"
#include "grpc/observing.h"
#include "http2/session.h"

/* The inside of a client's call, for its channel and for what reads its answer (client_answer.c).
 */

enum client_call_state {
    CLIENT_CALL_WAITING,  /* no stream yet; messages are kept in `unsent` */
    CLIENT_CALL_OPEN,     /* has a stream */
    CLIENT_CALL_ANSWERED, /* the answer is complete, but a hold keeps messages back */
    CLIENT_CALL_DONE,     /* the status is decided and is told in the loop's next turn */
    CLIENT_CALL_TOLD,     /* the owner knows */
};

struct grpc_client_call {
    struct list link; /* in the channel's `waiting` or `running` */
    struct list due;  /* in the channel's `due` */
    struct grpc_channel *channel;
    const struct grpc_client_ops *ops;
    void *user;
    enum client_call_state state;
    unsigned n_users; /* who must find it in memory: its life, callbacks on the stack */

    struct arena arena;
    struct bytes path;
    struct h2_field *metadata;
    size_t n_metadata, max_metadata;
    struct deadline deadline; /* at_ns UINT64_MAX: none */
    bool waits_for_ready;
    bool compresses;
    bool has_half_closed;
    bool wants_writable; /* `writable` is due */

    /* OPEN only */
    struct h2_stream *stream;
    struct channel_conn *conn;

    struct buf unsent; /* messages with their prefixes, until there is a stream */
    struct buf plain;  /* a message that is to be compressed */
    struct buf packed; /* the same, compressed */
    size_t n_reserved; /* bytes of the message between reserve and commit */
    uint8_t *room;     /* what was reserved last in the queue */

    struct client_answer answer;

    enum grpc_status status;
    const char *text;

    struct observing observing; /* client_observing.c */
    _Alignas(max_align_t) uint8_t observer_state[];
};

/*
 * Gives it a stream on `conn` and sends what it has. 0 (the call is open, or has ended for lack of
 * memory), or H2_E_NO_STREAM: nothing has changed.
 */
MUST_USE int client_call_open(struct grpc_client_call *call, struct channel_conn *conn);

/* Decides the status on our side; the server is told (RST_STREAM). The first decision counts. */
void client_call_end(struct grpc_client_call *call, enum grpc_status status, const char *format,
                     ...) PRINTF(3, 4);

/* Decides the status as the server gave it; the stream has ended. `text` lives in the arena. */
void client_call_conclude(struct grpc_client_call *call, enum grpc_status status, const char *text);

/* The server has said all: leaves the stream, with RST_STREAM unless our side has ended too. */
void client_call_answered(struct grpc_client_call *call);

/* The stream is about to be freed. */
void client_call_forget_stream(struct grpc_client_call *call);

/* The stream's queue has become short. */
void client_call_queue_is_short(struct grpc_client_call *call);

/* Tells the owner what is due. The call may be gone afterwards. */
void client_call_turn(struct grpc_client_call *call);

/* Between these the call stays in memory. */
void client_call_ref(struct grpc_client_call *call);
void client_call_unref(struct grpc_client_call *call);
