/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/connection.h"

/*
 * A request's header block: becomes a call that has been admitted and started, or is answered with
 * what is wrong with it.
 */
void request_open_call(struct grpc_connection *connection, struct h2_stream *stream,
                       const struct h2_headers *headers);
