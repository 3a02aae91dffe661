/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/call_impl.h"

/* What a server's call tells its observer; nothing where there is none. */

/* It has just been allocated. */
void call_observe_made(struct grpc_call *call);

/* The header block is in. */
void call_observe_start(struct grpc_call *call);

/* Before and after the handler's callbacks run. */
void call_enter(struct grpc_call *call, struct grpc_observer_scope *scope);
void call_leave(struct grpc_call *call, struct grpc_observer_scope *scope);

/* A message that came in, with its plain size. A message that the handler did not take is counted
 * when it is offered for the first time. */
void call_observe_received(struct grpc_call *call, const struct grpc_message *message, size_t size);

/* A message that goes out. */
void call_observe_sent(struct grpc_call *call, const struct grpc_message *message, size_t size);

/* `n` whole messages with their prefixes, none of them compressed. */
void call_observe_sent_framed(struct grpc_call *call, struct bytes frames, size_t n);

void call_observe_end(struct grpc_call *call, enum grpc_status status, struct bytes text);

/* On any thread: a limit was hit. */
void server_hit_limit(const struct grpc_server *server, const char *limit);
