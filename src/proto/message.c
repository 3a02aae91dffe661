/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf-c tells a bad message and a lack of memory apart in no way, so it is given an allocator
 * that notes its failures. The check of strings walks the wire bytes beside the descriptor before
 * unpacking, because afterwards the length of a string is lost.
 */
#include "proto/message.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/wire.h"

/* Messages of ours nest three deep; what is deeper is not ours. */
enum {
    MESSAGE_MAX_DEPTH = 8
};

static bool string_is_sound(struct bytes text) {
    return utf8_is_valid(text) && !memchr(text.data, 0, text.len);
}

static bool strings_are_sound(const ProtobufCMessageDescriptor *type, struct bytes wire,
                              int depth) {
    struct wire_field field;
    int r;
    if (depth > MESSAGE_MAX_DEPTH)
        return false;
    while ((r = wire_next(&wire, &field)) == 0) {
        if (field.type != WIRE_BYTES)
            continue;
        const ProtobufCFieldDescriptor *known =
            protobuf_c_message_descriptor_get_field(type, field.id);
        if (!known)
            continue;
        if (known->type == PROTOBUF_C_TYPE_STRING && field.bytes.len &&
            !string_is_sound(field.bytes))
            return false;
        if (known->type == PROTOBUF_C_TYPE_MESSAGE &&
            !strings_are_sound(known->descriptor, field.bytes, depth + 1))
            return false;
    }
    return r == WIRE_E_END;
}

static void *noting_alloc(void *failed, size_t size) {
    void *p = mem_alloc(size);
    if (!p)
        *(bool *)failed = true;
    return p;
}

static void noting_free(void *failed, void *p) {
    (void)failed;
    mem_free(p);
}

static ProtobufCAllocator plain_allocator(bool *failed) {
    return (ProtobufCAllocator){noting_alloc, noting_free, failed};
}

int message_unpack(const ProtobufCMessageDescriptor *type, struct bytes wire,
                   ProtobufCMessage **message) {
    bool failed = false;
    ProtobufCAllocator allocator = plain_allocator(&failed);
    if (!strings_are_sound(type, wire, 1))
        return MESSAGE_E_MALFORMED;
    *message = protobuf_c_message_unpack(type, &allocator, wire.len, wire.data);
    if (*message)
        return 0;
    return failed ? -ENOMEM : MESSAGE_E_MALFORMED;
}

void message_free(ProtobufCMessage *message) {
    bool failed;
    ProtobufCAllocator allocator = plain_allocator(&failed);
    if (message)
        protobuf_c_message_free_unpacked(message, &allocator);
}

void message_freep(void *message_at) {
    message_free(*(ProtobufCMessage **)message_at);
}
