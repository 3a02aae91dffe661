/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/request.h"

#include "proto/message.h"

ProtobufCMessage *request_unpack(struct grpc_call *call, const ProtobufCMessageDescriptor *type,
                                 struct bytes message) {
    ProtobufCMessage *request = NULL;
    int r = message_unpack(type, message, &request);
    if (r == MESSAGE_E_MALFORMED)
        grpc_call_finish(call, GRPC_INTERNAL, "the message is not a %s", type->short_name);
    else if (r)
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
    return request;
}
