/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "pair.h"

/*
 * HTTP/2 frames made by hand: for peers that do what no session of ours would.
 */
enum raw_type {
    RAW_DATA,
    RAW_HEADERS,
    RAW_PRIORITY,
    RAW_RST_STREAM,
    RAW_SETTINGS,
    RAW_PUSH_PROMISE,
    RAW_PING,
    RAW_GOAWAY,
    RAW_WINDOW_UPDATE,
    RAW_CONTINUATION,
};

enum {
    RAW_END_STREAM = 0x1,
    RAW_ACK = 0x1,
    RAW_END_HEADERS = 0x4,
    RAW_PADDED = 0x8,
};

void raw_frame(struct record *out, enum raw_type type, uint8_t flags, uint32_t id,
               struct bytes payload);

/* A frame whose payload is one 32-bit number: RST_STREAM, WINDOW_UPDATE. */
void raw_number(struct record *out, enum raw_type type, uint32_t id, uint32_t number);

void raw_goaway(struct record *out, uint32_t last_id, uint32_t error);

/* A client's preface and empty SETTINGS. */
void raw_preface(struct record *out);

/* A field for a header block: literal, not indexed. */
void raw_field(struct record *block, const char *name, struct bytes value);

/* The fields of a usual request. */
void raw_request_block(struct record *block);

/* HEADERS of a usual request; `flags` besides END_HEADERS. */
void raw_request(struct record *out, uint32_t id, uint8_t flags);

/* Sends what was made to one end and empties it; the result of the receive. */
int raw_send(struct record *out, struct end *to);
