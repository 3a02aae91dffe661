/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/client.h"

/* A call with one message each way. */
struct unary {
    const char *path;
    const ProtobufCMessageDescriptor *answer_type;

    /*
     * The end; `answer` is borrowed, and NULL unless the status is OK. Not called once the client
     * is finished.
     */
    void (*done)(struct client *client, void *user, enum grpc_status status, const char *text,
                 const ProtobufCMessage *answer);
};

/* Borrows `unary`; `request` is sent at once. What cannot be started is said and finishes the
 * client. */
void unary_start(struct client *client, const struct unary *unary, const ProtobufCMessage *request,
                 void *user);

/* The same with a reading as the request. */
void unary_start_reading(struct client *client, const struct unary *unary,
                         const struct reading *reading, void *user);
