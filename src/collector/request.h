/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/call.h"

/* The one message of a call that reads, unpacked; NULL when it cannot be: then the call has been
 * finished. message_free() it. */
MUST_USE ProtobufCMessage *request_unpack(struct grpc_call *call,
                                          const ProtobufCMessageDescriptor *type,
                                          struct bytes message);
