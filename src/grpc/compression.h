/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "base/bytes.h"

/* gzip for single messages (grpc/doc/compression.md). Each message has a context of its own. */
enum grpc_encoding {
    GRPC_IDENTITY,
    GRPC_GZIP,
    GRPC_ENCODING_UNKNOWN,
};

/* The value of `grpc-encoding`; none (data NULL) is identity. */
enum grpc_encoding grpc_encoding_parse(struct bytes value);

/* Whether the list of `grpc-accept-encoding` has gzip. */
bool grpc_encoding_accepts_gzip(struct bytes list);

enum {
    GRPC_COMPRESSION_E_CORRUPT = 1,
    GRPC_COMPRESSION_E_TOO_LARGE = 2, /* over GRPC_MAX_MESSAGE or GRPC_MAX_INFLATE_RATIO */
};

/* Appends the message's plain bytes to `out`. 0, an outcome, or -ENOMEM. */
MUST_USE int grpc_gunzip(struct bytes packed, struct buf *out);

/* Appends the message's gzip form to `out`. 0, BUF_E_FULL or -ENOMEM. */
MUST_USE int grpc_gzip(struct bytes plain, struct buf *out);
