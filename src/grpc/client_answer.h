/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/compression.h"
#include "grpc/framing.h"
#include "grpc/metadata.h"
#include "grpc/status.h"
#include "http2/session.h"

/*
 * What a call's stream brings: header blocks, messages, the status. The functions are called by the
 * connection, in the order in which HTTP/2 has them.
 */
struct grpc_client_call;

struct client_answer {
    struct grpc_framing framing;
    struct buf held;     /* bytes that came while the owner held the call */
    struct buf inflated; /* the message that was decompressed last */
    enum grpc_encoding encoding;
    bool is_held;
    char http_status[4];

    struct bytes status;  /* the value of grpc-status; data NULL: none came */
    const char *text;     /* decoded grpc-message */
    struct bytes details; /* of grpc-status-details-bin */
    struct grpc_entry *headers, *trailers;
    size_t n_headers, n_trailers;
};

void client_answer_init(struct client_answer *answer);
void client_answer_fini(struct client_answer *answer);

void client_answer_headers(struct grpc_client_call *call, const struct h2_headers *headers);
void client_answer_data(struct grpc_client_call *call, struct h2_stream *stream,
                        struct bytes piece);
void client_answer_ended(struct grpc_client_call *call);
void client_answer_stream_closed(struct grpc_client_call *call, uint32_t error,
                                 bool is_unprocessed);

/* Gives what a hold had kept back. */
void client_answer_resume(struct grpc_client_call *call);
