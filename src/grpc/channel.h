/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>
#include <protobuf-c/protobuf-c.h>

#include "grpc/metadata.h"
#include "grpc/status.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * A gRPC client: a channel is one connection that comes up when it is needed and again when it is
 * lost; calls share it.
 *
 *     IDLE -> CONNECTING -> READY -> IDLE (connection ended in order)
 *                 |           `---> BACKING_OFF (connection lost)
 *                 `---------------> BACKING_OFF -> CONNECTING
 *
 * Back-off as in grpc/doc/connection-backoff.md: 1 s, times 1.6, at most 120 s, jitter 0.2; it
 * starts anew when a server's SETTINGS have arrived. A call that comes while BACKING_OFF fails with
 * UNAVAILABLE at once, unless it waits for ready. All on the loop's thread.
 */
struct grpc_channel;
struct grpc_client_call;
struct grpc_client_observer; /* observer.h */

struct grpc_channel_options {
    struct net_address address;
    SSL_CTX *tls;            /* NULL: plaintext. The channel keeps a reference of its own. */
    const char *server_name; /* whom the certificate must name; NULL: the address's host */
    const char *token;       /* sent as `authorization: Bearer ...` with each call; NULL: none */
    const char *user_agent;  /* put before our own; NULL: none */
    const struct grpc_client_observer *observer; /* NULL: nobody watches */
};

/*
 * Copies the options, borrows the observer. Connects at the first call. 0, -EINVAL (a text over
 * GRPC_CHANNEL_MAX_TEXT) or another negated errno.
 */
MUST_USE int grpc_channel_new(struct net_loop *loop, const struct grpc_channel_options *options,
                              struct grpc_channel **channel);

/*
 * Cancels the calls that run (their `status` comes, from inside) and frees the channel once its
 * connection has closed, for which the loop must run on. NULL is fine.
 */
void grpc_channel_close(struct grpc_channel *channel);

/*
 * Connects at once where it is BACKING_OFF, and the back-off starts anew: for an owner that has a
 * pause of its own between its calls, and is about to make the next.
 */
void grpc_channel_reset_backoff(struct grpc_channel *channel);

/* Whether there has ever been a connection: without one nothing of any call has been sent. */
bool grpc_channel_was_ready(const struct grpc_channel *channel);

struct grpc_client_ops {
    /* A message, borrowed. May be NULL. */
    void (*message)(struct grpc_client_call *call, struct bytes message);

    /*
     * There is a connection and the queue is short: send on. Comes once when the call has a stream,
     * and each time after grpc_client_call_is_busy(). May be NULL.
     */
    void (*writable)(struct grpc_client_call *call);

    /* The end, always the last. `text` is the decoded status message. The call is freed after it.
     */
    void (*status)(struct grpc_client_call *call, enum grpc_status status, const char *text);
};

struct grpc_call_options {
    const char *path;    /* `/SensorService/SendSingleReading` */
    uint64_t timeout_ns; /* 0: none */
    bool waits_for_ready;
    bool compresses; /* messages go out with gzip, and the answer may come so */
    const struct grpc_entry *metadata;
    size_t n_metadata;
};

/*
 * Starts a call; copies the options, borrows `ops`. Failures of the connection come through
 * `status`, never from inside this function. 0, -ENOMEM, -EINVAL for metadata that may not be sent,
 * or -ECANCELED inside grpc_channel_close().
 *
 * A token goes out only over TLS or to a loopback address; otherwise the call fails with
 * UNAUTHENTICATED.
 */
MUST_USE int grpc_client_call_start(struct grpc_channel *channel,
                                    const struct grpc_call_options *options,
                                    const struct grpc_client_ops *ops, void *user,
                                    struct grpc_client_call **call);

void *grpc_client_call_user(const struct grpc_client_call *call);

/*
 * Sends a message: room for `size` bytes at `*out`, then commit before the loop turns. 0, -EMSGSIZE
 * (over GRPC_MAX_MESSAGE), -ENOBUFS (over H2_MAX_STREAM_QUEUE) or -ENOMEM. On a call that has ended
 * the room is given and the bytes are thrown away.
 */
MUST_USE int grpc_client_call_reserve(struct grpc_client_call *call, size_t size, uint8_t **out);
void grpc_client_call_commit(struct grpc_client_call *call);
MUST_USE int grpc_client_call_send(struct grpc_client_call *call, const ProtobufCMessage *message);

/*
 * Many messages at once, on a call that does not compress: room for `size` bytes at `*out`, into
 * which the owner writes whole messages, each with its prefix (grpc_framing_write_prefix()); the
 * first `used` bytes, `n` messages, are sent. Errors as above.
 */
MUST_USE int grpc_client_call_reserve_framed(struct grpc_client_call *call, size_t size,
                                             uint8_t **out);
void grpc_client_call_commit_framed(struct grpc_client_call *call, size_t used, size_t n);

/* So much is queued that one should wait for `writable`. */
bool grpc_client_call_is_busy(const struct grpc_client_call *call);

/* We have sent all. */
void grpc_client_call_half_close(struct grpc_client_call *call);

/* Gives no message until the release: the server's window closes. */
void grpc_client_call_hold(struct grpc_client_call *call);
void grpc_client_call_release(struct grpc_client_call *call);

/* Ends it with CANCELLED; `status` comes later, from the loop. */
void grpc_client_call_cancel(struct grpc_client_call *call);

/* Custom metadata of the answer: of its headers, of its trailers (inside `status`). */
const struct grpc_entry *grpc_client_call_headers(const struct grpc_client_call *call, size_t *n);
const struct grpc_entry *grpc_client_call_trailers(const struct grpc_client_call *call, size_t *n);

/* The google.rpc.Status of the answer (`grpc-status-details-bin`), inside `status`; data is NULL
 * when there is none. */
struct bytes grpc_client_call_details(const struct grpc_client_call *call);
