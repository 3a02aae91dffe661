/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "grpc/status.h"
#include "net/loop.h"
#include "otel/settings.h"

/*
 * How one request gets to the receiver and its answer back: over gRPC (sender_grpc.h) or HTTP
 * (sender_http.h). A sender tries once; what follows from an answer is the exporter's business
 * (exporter.h).
 */
/* As the specification of OTLP exporters has it. */
#define OTLP_USER_AGENT "OTel-OTLP-Exporter-C/" THERMOGRAPH_VERSION

enum otlp_answer_kind {
    OTLP_ANSWER_GRPC, /* `code` is a gRPC status */
    OTLP_ANSWER_HTTP, /* `code` is an HTTP status */
    OTLP_NO_ANSWER,   /* not connected, refused by TLS, broken off, too late */
};

/* Borrowed for the time of the call. */
struct otlp_answer {
    enum otlp_answer_kind kind;
    int code;
    /* When it went well an Export...ServiceResponse, otherwise a google.rpc.Status, as far as one
     * came. */
    struct bytes body;
    const char *text;        /* what went wrong, for people; NULL: nothing more is known */
    uint64_t retry_after_ns; /* HTTP's Retry-After; 0: there was none */
};

struct otlp_request {
    struct bytes message; /* borrowed until the answer */
    uint64_t timeout_ns;
    /* Once, from inside `send` or later, unless it was cancelled. */
    void (*answered)(void *user, const struct otlp_answer *answer, uint64_t now_ns);
    void *user;
};

struct otlp_sender;

struct otlp_sender_ops {
    /* Of the exporter (otel.component.type). */
    const char *component_types[OTEL_N_SIGNALS];
    size_t max_request;
    /* One at a time. */
    void (*send)(struct otlp_sender *sender, const struct otlp_request *request);
    /* No answer will come to what is under way. */
    void (*cancel)(struct otlp_sender *sender);
    /* Nothing is under way. The loop has to run on until its handles are closed. */
    void (*free)(struct otlp_sender *sender);
};

/* Embedded at the start of what a sender is. */
struct otlp_sender {
    const struct otlp_sender_ops *ops;
};

/*
 * The sender of the protocol that the settings name; borrows them. 0, -ENOMEM, or another negated
 * errno with words about what is wrong in the settings: the endpoint, a header, a certificate.
 */
MUST_USE int otlp_sender_new(struct net_loop *loop, const struct otel_otlp_settings *settings,
                             enum otel_signal signal, struct otlp_sender **sender,
                             struct err_text *why);
