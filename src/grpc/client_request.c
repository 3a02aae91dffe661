/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/client_request.h"

#include <assert.h>

static void add(struct client_request *request, const char *name, struct bytes value) {
    assert(request->n < H2_MAX_HEADER_FIELDS);
    request->fields[request->n++] = (struct h2_field){.name = bytes_str(name), .value = value};
}

static void add_text(struct client_request *request, const char *name, const char *value) {
    add(request, name, bytes_str(value));
}

/* The order is the specification's; the timeout right behind the pseudo-headers. */
void client_request_write(struct client_request *request, const struct grpc_client_call *call,
                          uint64_t timeout_ns) {
    const struct grpc_channel *channel = call->channel;
    request->n = 0;
    add_text(request, ":method", "POST");
    add_text(request, ":scheme", channel->tls ? "https" : "http");
    add(request, ":path", call->path);
    add_text(request, ":authority", channel->authority);
    if (timeout_ns != GRPC_TIMEOUT_NONE) {
        request->timeout = grpc_timeout_format(timeout_ns);
        add_text(request, "grpc-timeout", request->timeout.text);
    }
    add_text(request, "te", "trailers");
    add_text(request, "content-type", "application/grpc");
    if (call->compresses)
        add_text(request, "grpc-encoding", "gzip");
    add_text(request, "grpc-accept-encoding", "identity,gzip");
    add_text(request, "user-agent", channel->user_agent);
    if (channel->authorization) {
        add_text(request, "authorization", channel->authorization);
        request->fields[request->n - 1].is_secret = true;
    }
    for (size_t i = 0; i < call->n_metadata; i++)
        request->fields[request->n++] = call->metadata[i];
}
