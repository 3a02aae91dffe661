/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/unary.h"

#include <string.h>

#include "base/mem.h"
#include "proto/message.h"

struct unary_call {
    struct client *client;
    const struct unary *unary;
    void *user;
    ProtobufCMessage *answer;
    bool is_malformed;
};

static void on_message(struct grpc_client_call *call, struct bytes message) {
    struct unary_call *self = grpc_client_call_user(call);
    message_free(STEAL(self->answer)); /* of several the last would count; servers send one */
    self->is_malformed = message_unpack(self->unary->answer_type, message, &self->answer) != 0;
}

static void on_status(struct grpc_client_call *call, enum grpc_status status, const char *text) {
    struct unary_call *self = grpc_client_call_user(call);
    struct client *client = self->client;
    if (status == GRPC_OK && !self->answer) {
        status = GRPC_INTERNAL;
        text = self->is_malformed ? "the answer is not the message that was expected"
                                  : "the answer has no message";
    }
    if (!client->is_finished)
        self->unary->done(client, self->user, status, text,
                          status == GRPC_OK ? self->answer : NULL);
    message_free(self->answer);
    mem_free(self);
}

static const struct grpc_client_ops ops = {.message = on_message, .status = on_status};

/* The call, or NULL: what cannot be started was said. */
static struct grpc_client_call *start(struct client *client, const struct unary *unary,
                                      void *user) {
    struct unary_call *self = mem_new(struct unary_call);
    struct grpc_client_call *call;
    if (!self) {
        client_fail(client, GRPC_RESOURCE_EXHAUSTED, "memory ran out");
        return NULL;
    }
    *self = (struct unary_call){.client = client, .unary = unary, .user = user};
    if (client_call(client, unary->path, &ops, self, &call)) {
        mem_free(self);
        return NULL;
    }
    return call;
}

/* Behind the request, which was sent with this result. */
static void half_close(struct client *client, struct grpc_client_call *call, int r) {
    if (r)
        client_fail(client, GRPC_INTERNAL, strerror(-r));
    else
        grpc_client_call_half_close(call);
}

void unary_start(struct client *client, const struct unary *unary, const ProtobufCMessage *request,
                 void *user) {
    struct grpc_client_call *call = start(client, unary, user);
    if (call)
        half_close(client, call, grpc_client_call_send(call, request));
}

void unary_start_reading(struct client *client, const struct unary *unary,
                         const struct reading *reading, void *user) {
    struct grpc_client_call *call = start(client, unary, user);
    if (call)
        half_close(client, call, client_send_reading(call, reading));
}
