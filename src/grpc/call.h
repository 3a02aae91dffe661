/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "grpc/server.h"

/*
 * A call as its handler sees it. All functions run on the call's worker.
 *
 *     WAITING for messages -> (HELD) -> FINISHING: status queued -> OVER
 *
 * A handler that answers later keeps a reference (grpc_call_ref) as long as something else may come
 * back to the call; when the call is over before, sending and finishing do nothing.
 */

/* The handler's own memory, as large as the method's state_size, zeroed at the start. */
void *grpc_call_state(const struct grpc_call *call);

/* The call whose grpc_call_state() this is. */
struct grpc_call *grpc_call_of_state(const void *state);

/* The service's `user`, the worker's state, the connection's state. */
void *grpc_call_user(const struct grpc_call *call);
void *grpc_call_worker_state(const struct grpc_call *call);
void *grpc_call_connection_state(const struct grpc_call *call);

/* The first value of a header field, data NULL when there is none. Valid until
 * the call is over. */
struct bytes grpc_call_header(const struct grpc_call *call, const char *name);

/* `127.0.0.1:40312` */
const char *grpc_call_peer(const struct grpc_call *call);

/* `/SensorService/SendSingleReading` */
struct bytes grpc_call_path(const struct grpc_call *call);

/*
 * Sends a message: makes room for `size` bytes at `*out`; grpc_call_commit() sends them. 0 or a
 * negated errno (-ENOBUFS: the handler went on although grpc_call_is_busy()). On a call that is
 * over the room is given and the bytes are thrown away.
 */
MUST_USE int grpc_call_reserve(struct grpc_call *call, size_t size, uint8_t **out);
void grpc_call_commit(struct grpc_call *call);

/*
 * Many small messages at once: makes room for `size` bytes at `*out`. The first `used` of them, `n`
 * whole messages that are not compressed, each behind its prefix (grpc/framing.h), are sent by the
 * commit. Otherwise as above.
 */
MUST_USE int grpc_call_reserve_framed(struct grpc_call *call, size_t size, uint8_t **out);
void grpc_call_commit_framed(struct grpc_call *call, size_t used, size_t n);

/* Sends a protobuf-c message. 0 or a negated errno. */
MUST_USE int grpc_call_send(struct grpc_call *call, const ProtobufCMessage *message);

/* So much is queued that the handler should wait for `writable`. */
bool grpc_call_is_busy(const struct grpc_call *call);

/* Ends the call behind what was sent. The first one counts. */
void grpc_call_finish(struct grpc_call *call, enum grpc_status status, const char *format, ...)
    PRINTF(3, 4);

/* For a unary answer: sends and finishes with OK; INTERNAL when there is no memory. */
void grpc_call_answer(struct grpc_call *call, const ProtobufCMessage *message);

/* No message is given until the release; the client's window closes when it sends on. A hold is not
 * counted. */
void grpc_call_hold(struct grpc_call *call);
void grpc_call_release(struct grpc_call *call);

bool grpc_call_is_over(const struct grpc_call *call);

/* Keeps the call and its state in memory. */
void grpc_call_ref(struct grpc_call *call);
void grpc_call_unref(struct grpc_call *call);
