/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/client_call.h"

/* What a client's call tells its channel's observer; nothing where there is none. */

/* It has started, and has room for the observer's metadata. */
void client_observe_start(struct grpc_client_call *call);

void client_observe_stream(struct grpc_client_call *call);

/* A message in or out, with its plain size. */
void client_observe_received(struct grpc_client_call *call, const struct grpc_message *message,
                             size_t size);
void client_observe_sent(struct grpc_client_call *call, const struct grpc_message *message,
                         size_t size);

/* `n` whole messages with their prefixes, none of them compressed. */
void client_observe_sent_framed(struct grpc_client_call *call, struct bytes frames, size_t n);

/* The status is decided. */
void client_observe_end(struct grpc_client_call *call);

void channel_hit_limit(const struct grpc_channel *channel, const char *limit);
