/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * Messages through protobuf-c, made as strict as Google's parsers: a string has to be UTF-8.
 * protobuf-c itself would take anything and cut at a NUL, so a string with a NUL is refused as
 * well.
 */
enum {
    MESSAGE_E_MALFORMED = 1,
};

/*
 * Unpacks into `*message`, which the caller frees with message_free(). 0, MESSAGE_E_MALFORMED or
 * -ENOMEM. Cast the result to the type that belongs to the descriptor.
 */
MUST_USE int message_unpack(const ProtobufCMessageDescriptor *type, struct bytes wire,
                            ProtobufCMessage **message);
void message_free(ProtobufCMessage *message);

/* For CLEANUP; `message_at` points at any message pointer. */
void message_freep(void *message_at);
