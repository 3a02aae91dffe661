/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "base/bytes.h"

/*
 * Messages in a body: one byte that says whether it is compressed, four with the length, the bytes
 * (gRPC over HTTP/2, "Length-Prefixed-Message"). They have no relation to DATA frames.
 */
#define GRPC_PREFIX_SIZE 5

struct grpc_message {
    bool is_compressed;
    struct bytes bytes;
};

/* Puts messages together again. A message that lies whole in one piece is not copied. */
struct grpc_framing {
    struct buf partial; /* a message that began in an earlier piece, with its prefix */
    bool is_given;      /* that message has been handed out; the next call drops it */
};

enum {
    GRPC_FRAMING_E_MORE = 1,      /* the piece is used up */
    GRPC_FRAMING_E_TOO_LARGE = 2, /* a message over GRPC_MAX_MESSAGE */
    GRPC_FRAMING_E_BAD_FLAG = 3,  /* the first byte is neither 0 nor 1 */
};

void grpc_framing_init(struct grpc_framing *framing);
void grpc_framing_fini(struct grpc_framing *framing);

/*
 * Takes bytes off `piece` up to the end of a message. 0: `*message` is valid until the next call
 * and as long as the piece is. Otherwise an outcome from above, or -ENOMEM. Call again until it
 * says GRPC_FRAMING_E_MORE.
 */
MUST_USE int grpc_framing_next(struct grpc_framing *framing, struct bytes *piece,
                               struct grpc_message *message);

/* Whether a message has begun and is not complete: at the end of a body that is an error. */
bool grpc_framing_is_inside(const struct grpc_framing *framing);

void grpc_framing_write_prefix(uint8_t prefix[GRPC_PREFIX_SIZE], bool is_compressed, size_t len);
